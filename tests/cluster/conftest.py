"""Starts programs on each kind of database, and sees to it that none is left behind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pymysql
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))  # what the fault suite is made of lies there
sys.path.insert(0, str(Path(__file__).parent))  # the kit is a module beside the tests

from faults.databases import Database, shared
from faults.programs import Program
from faults.servers import Server, own_server


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Make an empty database of the kind that the test is for; see ``cluster_kit.on_each``."""
    kind = getattr(request, "param", "sqlite")
    try:
        made = shared(kind, tmp_path)
        found = made.__enter__()
    except (psycopg.OperationalError, pymysql.err.OperationalError) as problem:
        pytest.skip(f"needs {kind}, as tools/start_servers.sh starts it: {problem}")
    try:
        yield found
    finally:
        made.__exit__(None, None, None)


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a database server of the module's own, to stop and kill."""
    with own_server(request.param) as found:
        yield found


@pytest.fixture
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Return a function that starts a program: ``start("up")``, ``start("worker", API_ENDPOINT="true")``.

    It uses the test's database, where the test takes one, and else a file in the folder.
    """
    chosen = request.getfixturevalue("database") if "database" in request.fixturenames else None
    started: list[Program] = []

    def begin(
        program: str,
        *arguments: str,
        folder: Path = tmp_path,
        database: Database | None = chosen,
        **environ: str,
    ) -> Program:
        started.append(Program(folder, program, *arguments, database=database, **environ))
        return started[-1]

    yield begin
    for program in started:
        program.kill()
