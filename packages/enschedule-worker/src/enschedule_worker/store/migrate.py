"""Bring the tables to what this program needs, exactly once, however many programs start together.

Alembic is imported only where there is something to migrate: it would take a fifth of every other start.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import inspect, text

from enschedule_core.errors import ConfigurationError, Unavailable
from enschedule_worker.store.database import Database, Transaction
from enschedule_worker.store.models.base import Base

logger = logging.getLogger(__name__)
VERSION_TABLE = "enschedule_version"
_LOCK_SECONDS, _LOCK_TRIES = 20, 30
_LOCK = 7_230_941_155  # any number, as long as all versions of Enschedule use the same


@cache
def revisions() -> tuple[str, ...]:
    """Return all revisions that this program knows, the oldest first. Each one's file begins with it."""
    return tuple(sorted(path.name[1:5] for path in (Path(__file__).parent / "migrations" / "versions").glob("v*_*.py")))


def head() -> str:
    """Return the newest revision that this program knows."""
    return revisions()[-1]


def current(tx: Transaction) -> str | None:
    """Return the revision of the database, ``None`` for an empty one."""
    if not inspect(tx.connection).has_table(VERSION_TABLE):
        return None
    return tx.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant


def check(database: Database) -> None:
    """Raise :class:`ConfigurationError` unless the tables are those that this program needs."""
    with database.read() as tx:
        found = current(tx)
    if found != head():
        raise ConfigurationError(
            f"ENSCHEDULE_MIGRATE is check, and the database is at revision {found or 'none'}, not {head()}.",
            hint="Run enschedule migrate, or set ENSCHEDULE_MIGRATE=auto",
        )


def upgrade(database: Database) -> str:
    """Run the missing migrations and return the revision; others that start meanwhile wait and find it done.

    Raises :class:`ConfigurationError` where the database was made by a newer program, :class:`Unavailable` where
    another program is still migrating after 10 minutes.
    """
    with _alone(database), database.write() as tx:
        for statement in _BEFORE.get(tx.dialect, ()):
            tx.execute(text(statement), {"lock": _LOCK} if ":lock" in statement else {})
        _upgrade(tx)
        return head()


def _upgrade(tx: Transaction) -> None:
    found = current(tx)
    if found is not None and found not in revisions():
        raise ConfigurationError(
            f"The database is at revision {found}, which is newer than this program, which knows up to {head()}.",
            hint="Install the newer version of Enschedule, or restore the backup made before the upgrade.",
        )
    if found is None:
        _refuse_tables_of_others(tx)
    if found != head():
        logger.info("migrating the database from %s to %s", found or "empty", head())
        from enschedule_worker.store.migrations import steps  # noqa: PLC0415 - see above

        steps.upgrade(tx.connection)


def _refuse_tables_of_others(tx: Transaction) -> None:
    """Raise :class:`ConfigurationError` where a database that is new to us has a table of a name that we need.

    Our own version table comes first: where that is, an earlier start was interrupted, and this one goes on.
    """
    there = set(inspect(tx.connection).get_table_names())
    taken = sorted(there & Base.metadata.tables.keys())
    if taken and VERSION_TABLE not in there:
        raise ConfigurationError(
            f"The database has a table {taken[0]!r} already, which is not of Enschedule.",
            hint="Give Enschedule a database of its own.",
        )


_BEFORE: dict[str, tuple[str, ...]] = {
    # No limit of a session of ours counts here: who waits for the lock waits for a whole migration.
    "postgresql": (
        "SET LOCAL lock_timeout = 0",
        "SET LOCAL statement_timeout = 0",
        "SET LOCAL idle_in_transaction_session_timeout = 0",
        "SELECT pg_advisory_xact_lock(:lock)",
    ),
    "mssql": (
        "SET LOCK_TIMEOUT -1",
        "EXEC sp_getapplock @Resource='enschedule-migrate', @LockMode='Exclusive', @LockOwner='Transaction'",
    ),
}
"""What makes a transaction the only one that migrates; on SQLite BEGIN IMMEDIATE is that already."""


_GET_LOCK = text("SELECT GET_LOCK('enschedule-migrate', :seconds)")


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Hold the lock of MySQL and MariaDB on a connection of its own, until the transaction is committed.

    It belongs to a session there and not to a transaction, and each statement that makes a table commits.
    """
    if database.engine.dialect.name not in ("mysql", "mariadb"):
        yield
        return
    with database.read() as guard:
        for _ in range(_LOCK_TRIES):
            if guard.execute(_GET_LOCK, {"seconds": _LOCK_SECONDS}).scalar():
                break
        else:
            raise Unavailable("Another program is migrating the database, and does not come to an end.")
        try:
            yield
        finally:
            guard.execute(text("SELECT RELEASE_LOCK('enschedule-migrate')"))
