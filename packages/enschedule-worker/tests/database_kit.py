"""The databases of the tests: SQLite files, and on each server one database a test process, emptied each time.

Tests that take a database run on SQLite, and those of the files in ``ON_SERVERS`` on the servers too, there with the
marker ``database``. A test that can only be about a SQLite file takes the fixture ``sqlite_only``, one that can only be
about PostgreSQL ``postgresql_only``.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

from enschedule_worker.store import connect, migrate
from enschedule_worker.store.clock import Clock
from enschedule_worker.store.database import Database
from enschedule_worker.store.location import Location, locate
from enschedule_worker.store.models.base import Base

ON_SERVERS = re.compile(
    r"test_(engine|housekeeping|store|service|slots_missed|listen|notices|people"
    r"|api_(runs|lines|lists|schedules|resources|actions|metrics|views))"
)
KINDS = ("sqlite", "postgresql", "mariadb")
_NAMED = {
    "postgresql": ("POSTGRES", "postgres://postgres@127.0.0.1:5432/{}"),
    "mariadb": ("MARIADB", "mariadb://root@127.0.0.1:3306/{}"),
}
_FIRST = {"postgresql": "postgres", "mariadb": "mysql"}


def params(module_name: str, fixtures: Collection[str]) -> list[Any]:
    """Return the kinds of database that a test of a module runs on, as values for a parameter."""
    servers = [pytest.param(kind, marks=pytest.mark.database) for kind in KINDS[1:]]
    if "postgresql_only" in fixtures:
        return servers[:1]
    on_servers = ON_SERVERS.match(module_name.rpartition(".")[2]) and "sqlite_only" not in fixtures
    return ["sqlite", *(servers if on_servers else ())]


def variables(kind: str, name: str) -> dict[str, str]:
    """Return the environment that names a database on a server."""
    variable, uri = _NAMED[kind]
    return {variable: uri.format(name)}


def location_of(kind: str, name: str) -> Location:
    """Return the location of a database on a server."""
    found = locate(variables(kind, name), folder=Path())
    assert found is not None
    return found


@contextmanager
def made_on_server(kind: str) -> Iterator[str]:
    """Make an empty database on a server and yield its name; it is dropped in the end. Skips without that server."""
    server = create_engine(location_of(kind, _FIRST[kind]).url, isolation_level="AUTOCOMMIT")
    name = f"enschedule_test_{uuid.uuid4().hex[:12]}"
    try:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as problem:
        pytest.skip(f"needs {kind}, as tools/start_servers.sh starts it: {problem.orig}")
    try:
        yield name
    finally:
        force = " WITH (FORCE)" if kind == "postgresql" and server.dialect.server_version_info >= (13,) else ""
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}{force}"))
        server.dispose()


def _survive_no_power_cut(raw: Any, _: Any) -> None:
    """Do not wait for the disk: tests need the order of commits, not their permanence."""
    raw.execute("PRAGMA synchronous=OFF")


@dataclass
class Place:
    """A database that has its tables, for one test; every ``open`` is another program that uses it."""

    kind: str
    location: Location
    variables: dict[str, str]
    _opened: list[Database] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The file of SQLite."""
        assert self.kind == "sqlite"
        return Path(self.location.database)

    def engine(self, *, busy_seconds: float = 5.0) -> Engine:
        """Return an engine as a program has it."""
        options = connect.engine_options(self.location, 4)
        if self.kind == "sqlite":
            options["connect_args"]["timeout"] = busy_seconds
        made = create_engine(self.location.url, **options)
        if self.kind == "sqlite":
            event.listen(made, "connect", _survive_no_power_cut)
        return made

    def open(self, clock: Clock | None = None, *, busy_seconds: float = 5.0) -> Database:
        """Open the database; it is closed when the test ends."""
        self._opened.append(Database(self.engine(busy_seconds=busy_seconds), clock))
        return self._opened[-1]

    def close(self) -> None:
        """Close every connection."""
        for database in self._opened:
            database.dispose()


class Places:
    """The places of one test process: a migrated SQLite file to copy, and a migrated database on each server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, tuple[str, Database]] = {}
        self._closers: list[Callable[[], Any]] = []

    def take(self, kind: str, folder: Path) -> Place:
        """Return an empty database for a test; ``folder`` is where its file is, if it is one."""
        if kind == "sqlite":
            path = Path(shutil.copy(self._template(), folder / "enschedule.db"))
            return Place(kind, Location("sqlite", str(path), "SQLite", "SQLITE"), {"SQLITE": str(path)})
        if kind not in self._made:
            made = made_on_server(kind)
            name = made.__enter__()
            self._closers.append(lambda: made.__exit__(None, None, None))
            location = location_of(kind, name)
            with_tables = Database(create_engine(location.url, **connect.engine_options(location, 1)))
            self._closers.append(with_tables.dispose)
            migrate.upgrade(with_tables)
            self._made[kind] = name, with_tables
        name, with_tables = self._made[kind]
        _empty(with_tables)
        return Place(kind, location_of(kind, name), variables(kind, name))

    def _template(self) -> Path:
        path = self._folder / "empty.db"
        if not path.exists():
            made = Database(create_engine(f"sqlite:///{path}"))
            migrate.upgrade(made)
            made.dispose()
        return path

    def close(self) -> None:
        """Drop what was made on servers."""
        for close in reversed(self._closers):
            close()


_NUMBERED = ("runs", "schedules")  # also when they are empty: a transaction that was undone has used up numbers


def _empty(database: Database) -> None:
    """Delete every row, and let keys begin at 1 again."""
    tables = sorted(Base.metadata.tables)
    with database.write() as tx:
        asked = " UNION ALL ".join(f"SELECT '{name}' FROM (SELECT 1 FROM {name} LIMIT 1) AS {name}_" for name in tables)
        full = sorted({*tx.execute(text(asked)).scalars(), *_NUMBERED})
        if full and tx.dialect == "postgresql":
            tx.execute(text(f"TRUNCATE {', '.join(full)} RESTART IDENTITY"))
        for name in full if tx.dialect in ("mysql", "mariadb") else ():
            tx.execute(text(f"TRUNCATE {name}"))
