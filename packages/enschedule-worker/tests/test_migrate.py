"""The tables: the migration makes what the models say, on every database, once."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import URL, create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from enschedule_core.errors import ConfigurationError, Unavailable
from enschedule_worker.store import migrate
from enschedule_worker.store.database import Database
from enschedule_worker.store.migrations import steps
from enschedule_worker.store.models.base import Base

DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb", "mssql")


def open_database(url: Any) -> Database:
    return Database(create_engine(url))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    made = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    yield made
    made.dispose()


def difference(database: Database) -> list[Any]:
    """Return what autogenerate would still change."""
    with database.engine.connect() as connection:
        options = {"version_table": migrate.VERSION_TABLE, "compare_type": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)


def test_the_migration_makes_what_the_models_say(empty: Database) -> None:
    assert migrate.upgrade(empty) == migrate.head()
    assert difference(empty) == []
    tables = set(inspect(empty.engine).get_table_names())
    assert tables == {*Base.metadata.tables, migrate.VERSION_TABLE}


def test_the_names_of_the_files_are_the_revisions() -> None:
    scripts = ScriptDirectory.from_config(steps.config())
    assert migrate.revisions() == tuple(script.revision for script in reversed(list(scripts.walk_revisions())))
    assert migrate.head() == scripts.get_current_head()


def test_a_start_with_nothing_to_migrate_does_without_alembic(empty: Database) -> None:
    migrate.upgrade(empty)
    look = (
        "import sys; from sqlalchemy import create_engine; from enschedule_worker.store import database, migrate;"
        f"migrate.upgrade(database.Database(create_engine({str(empty.engine.url)!r}))); print('alembic' in sys.modules)"
    )
    seen = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "False"


def test_the_difference_would_be_seen(empty: Database) -> None:
    migrate.upgrade(empty)
    with empty.write() as tx:
        tx.execute(text("ALTER TABLE runs DROP COLUMN progress"))
        tx.execute(text("DROP INDEX ix_runs_queue"))
    assert {change[0] if isinstance(change, tuple) else change[0][0] for change in difference(empty)} >= {"add_index"}


def test_again_changes_nothing(empty: Database) -> None:
    migrate.upgrade(empty)
    with empty.write() as tx:
        tx.execute(text("INSERT INTO state (name, value) VALUES ('a', 'b')"))
    assert migrate.upgrade(empty) == migrate.head()
    with empty.read() as tx:
        assert tx.execute(text("SELECT value FROM state")).scalar() == "b"
        assert migrate.current(tx) == migrate.head()


def test_many_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    together, problems = threading.Barrier(6, timeout=60), []

    def start() -> None:
        database = open_database(f"sqlite:///{tmp_path / 'shared.db'}")
        together.wait()
        try:
            migrate.upgrade(database)
        except Exception as problem:  # noqa: BLE001 - the assertion below shows it
            problems.append(problem)
        database.dispose()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Which SQLite refused in one of thirty tries."""
    for number in range(60):
        together, problems = threading.Barrier(8, timeout=60), []

        def start(
            url: str = f"sqlite:///{tmp_path / f'{number}.db'}", together: Any = together, problems: Any = problems
        ) -> None:
            database = open_database(url)
            together.wait()
            try:
                with database.write() as tx:
                    tx.execute(text("CREATE TABLE IF NOT EXISTS made (by INTEGER)"))
            except Exception as problem:  # noqa: BLE001 - the assertion below shows it
                problems.append(problem)
            database.dispose()

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert problems == []


def test_a_database_of_a_newer_program_is_refused_naming_both(empty: Database) -> None:
    migrate.upgrade(empty)
    with empty.write() as tx:
        tx.execute(text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = 'v9999'"))
    with pytest.raises(ConfigurationError) as refused:
        migrate.upgrade(empty)
    assert "v9999" in refused.value.detail
    assert migrate.head() in refused.value.detail
    assert "newer version" in (refused.value.hint or "")


def test_a_migration_that_fails_leaves_nothing_behind(empty: Database) -> None:
    with empty.write() as tx:
        tx.execute(text("CREATE TABLE state (other INTEGER)"))  # the last table of the migration is in its way
    with pytest.raises(Exception, match="state"):
        migrate.upgrade(empty)
    assert inspect(empty.engine).get_table_names() == ["state"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_migration_compiles_for_every_dialect(dialect: str) -> None:
    buffer = io.StringIO()
    context = MigrationContext.configure(dialect_name=dialect, opts={"as_sql": True, "output_buffer": buffer})
    scripts = ScriptDirectory.from_config(steps.config())
    with Operations.context(context):
        for script in reversed(list(scripts.walk_revisions())):
            script.module.upgrade()
    sql = buffer.getvalue()
    for table in Base.metadata.tables:
        assert f"CREATE TABLE {table} " in sql or f"CREATE TABLE `{table}` " in sql or f"CREATE TABLE [{table}] " in sql
    if dialect in ("mysql", "mariadb"):
        assert sql.replace("=", " ").count("COLLATE utf8mb4_bin") == len(Base.metadata.tables)
        assert "LONGTEXT" in sql
    if dialect == "mssql":
        assert "Latin1_General_100_BIN2" in sql


# ---------------------------------------------------------------- on real servers

SERVERS = {
    "postgresql": URL.create("postgresql+psycopg", "postgres", host="127.0.0.1", port=5432, database="postgres"),
    "mariadb": URL.create("mariadb+pymysql", "root", "", host="127.0.0.1", port=3306),
}


@pytest.fixture(params=list(SERVERS))
def server_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database on a server, dropped afterwards."""
    pytest.importorskip({"postgresql": "psycopg", "mariadb": "pymysql"}[request.param])
    url, name = SERVERS[request.param], f"enschedule_test_{uuid.uuid4().hex[:12]}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as problem:
        pytest.skip(f"needs {request.param} on {url.host}:{url.port}: {problem.orig}")
    made = open_database(url.set(database=name))
    yield made
    made.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()


@pytest.mark.database
def test_the_migration_makes_what_the_models_say_on_a_server(server_database: Database) -> None:
    assert migrate.upgrade(server_database) == migrate.head()
    assert migrate.upgrade(server_database) == migrate.head()
    assert difference(server_database) == []


@pytest.mark.database
def test_text_is_compared_exactly_on_a_server(server_database: Database) -> None:
    migrate.upgrade(server_database)
    with server_database.write() as tx:
        for name in ("Job", "job", "jöb", "job \U0001f600"):
            tx.execute(text("INSERT INTO state (name, value) VALUES (:name, 'x')"), {"name": name})
    with server_database.read() as tx:
        assert tx.execute(text("SELECT name FROM state WHERE name = 'job'")).scalars().all() == ["job"]


@pytest.mark.database
def test_many_that_start_at_once_on_a_server_migrate_once(server_database: Database) -> None:
    problems: list[Exception] = []

    def start() -> None:
        try:
            migrate.upgrade(server_database)
        except Exception as problem:  # noqa: BLE001 - the assertion below shows it
            problems.append(problem)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []


@pytest.mark.database
@pytest.mark.parametrize("server_database", ["mariadb"], indirect=True)
def test_a_server_that_is_gone_before_the_lock_is_given_back_is_said_to_be_away(
    server_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(tx: Any) -> None:
        holder = tx.execute(text("SELECT IS_USED_LOCK('enschedule-migrate')")).scalar_one()
        tx.execute(text(f"KILL {holder}"))

    monkeypatch.setattr(migrate, "_upgrade", interrupted)
    with pytest.raises(Unavailable):
        migrate.upgrade(server_database)


@pytest.mark.database
def test_the_clock_of_a_server_is_the_time(server_database: Database) -> None:
    before = time.time_ns() // 1000
    with server_database.read() as tx:
        assert before <= tx.now <= time.time_ns() // 1000


# ---------------------------------------------------------------- not by itself


def test_a_program_that_only_checks_says_what_to_run(empty: Database) -> None:
    with pytest.raises(ConfigurationError, match="at revision none, not") as refused:
        migrate.check(empty)
    assert "enschedule migrate" in str(refused.value.hint)
    assert inspect(empty.engine).get_table_names() == []
    migrate.upgrade(empty)
    migrate.check(empty)
