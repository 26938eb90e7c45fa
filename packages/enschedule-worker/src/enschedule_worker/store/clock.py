"""The one clock: the database decides what is due and what has expired.

A worker's own clock may be wrong by a minute; with it, live runs were declared lost and others started
early. So every statement that compares instants takes its ``now`` from here, inside its transaction and
after the lock is held.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from sqlalchemy import BigInteger, Connection, cast, func, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

SQLITE_FUNCTION = "enschedule_now"


def sqlite_now() -> int:
    """Return microseconds since 1970; registered on every SQLite connection as ``enschedule_now()``."""
    return time.time_ns() // 1000


class Clock(Protocol):
    """Where ``now`` comes from."""

    def read(self, connection: Connection) -> int:
        """Return microseconds since 1970-01-01T00:00Z, evaluated on ``connection``."""
        ...


def _expression(dialect: str) -> ColumnElement[Any]:
    """Return the dialect's own SQL for the present instant in microseconds."""
    if dialect == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
    if dialect in ("mysql", "mariadb"):
        return literal_column("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))")
    if dialect == "mssql":
        # DATEDIFF_BIG counts boundaries crossed, which for microseconds is the difference itself.
        return literal_column("DATEDIFF_BIG(MICROSECOND, '1970-01-01', SYSUTCDATETIME())")
    return literal_column(f"{SQLITE_FUNCTION}()")


class DatabaseClock:
    """The clock of the database server (on SQLite, of this process through a registered function)."""

    def __init__(self, dialect: str) -> None:
        self._is_ours = dialect == "sqlite"
        self._statement = select(_expression(dialect))
        self._sql: str | None = None  # compiled at the first look: this is asked in every transaction

    def read(self, connection: Connection) -> int:
        """Ask the database; SQLite would only ask this process again."""
        if self._is_ours:
            return sqlite_now()
        if self._sql is None:
            self._sql = str(self._statement.compile(connection, compile_kwargs={"literal_binds": True}))
        return int(connection.exec_driver_sql(self._sql).scalar_one())


class ManualClock:
    """A clock that tests move by hand."""

    def __init__(self, now: int) -> None:
        self.now = now

    def read(self, connection: Connection) -> int:  # noqa: ARG002 - the interface
        """Return the instant that was set."""
        return self.now

    def advance(self, *, seconds: float) -> None:
        """Move on."""
        self.now += round(seconds * 1_000_000)
