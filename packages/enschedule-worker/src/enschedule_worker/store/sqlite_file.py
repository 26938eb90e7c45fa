"""What a SQLite file needs of its connections: pragmas, the clock, how a transaction begins, and who is next."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import deque
from typing import Any

from sqlalchemy import Connection, Engine, event

from enschedule_core.errors import Unavailable
from enschedule_worker.store.clock import SQLITE_FUNCTION, sqlite_now

WRITES, GLANCES = "enschedule_writes", "enschedule_glances"
"""Options of a connection whose transaction may write, or is one of a few SELECTs between two that may."""
_PATIENCE = "enschedule_patience"
LOWER_FUNCTION = "enschedule_lower"
BEGIN_WRITING = "BEGIN IMMEDIATE"
PATIENCE_SECONDS = 30.0
AGAIN = "Try again in a few seconds."


def busy() -> Unavailable:
    """Return the error of who has waited long enough."""
    return Unavailable("The database is busy; nothing was changed.", hint=AGAIN)


class FairLock:
    """A lock that is handed on in the order of asking; ``threading.Lock`` lets a busy thread overtake for ever.

    Who waits longer than ``patience_seconds`` gets :class:`Unavailable`: behind a database that somebody else keeps
    locked, each waiter would else wait as long again as the one before it.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=self._patience_seconds):
            return
        with self._guard:
            if turn not in self._waiting:  # it was handed on at the last moment
                return
            self._waiting.remove(turn)
        raise busy()

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


def prepare(engine: Engine) -> None:
    """Give every connection its pragmas and the clock, and begin transactions the way each of them needs."""

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _: object) -> None:
        raw.isolation_level = None  # the driver's own BEGIN comes too late and is always deferred
        raw.create_function(SQLITE_FUNCTION, 0, sqlite_now)
        raw.create_function(LOWER_FUNCTION, 1, _lower, deterministic=True)
        cursor = raw.cursor()
        _switch_to_wal(cursor)
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-4000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(GLANCES):
            connection.exec_driver_sql("BEGIN")
            return
        writes = bool(options.get(WRITES))
        if connection.info.get(WRITES) is not writes:
            patience = _patience(connection)  # asked before it is changed
            raw: Any = connection.connection.dbapi_connection
            raw.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
            raw.execute(f"PRAGMA busy_timeout={0 if writes else patience}")
            connection.info[WRITES] = writes
        if writes:
            _begin_writing(connection)
        else:
            connection.exec_driver_sql("BEGIN")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Let readers and the writer go on beside each other.

    Of several programs that open a new file at once, SQLite refuses all but one without waiting as it was told to.
    """
    until = time.monotonic() + cursor.execute("PRAGMA busy_timeout").fetchone()[0] / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem) or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.001, 0.005))  # noqa: S311 - no secret
        else:
            return


def _patience(connection: Connection) -> int:
    """Return for how many milliseconds this connection was told to wait for others, before it was told otherwise."""
    if _PATIENCE not in connection.info:
        connection.info[_PATIENCE] = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    return int(connection.info[_PATIENCE])


def _begin_writing(connection: Connection) -> None:
    """Take the write lock of the file, looking for it every millisecond.

    SQLite itself waits longer and longer between two looks, so a process that writes all the time would never be met
    in one of its short pauses by another one, whose heartbeats then come too late.
    """
    raw: Any = connection.connection.dbapi_connection
    until = time.monotonic() + _patience(connection) / 1000
    while time.monotonic() < until:
        try:
            raw.execute(BEGIN_WRITING)
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem):
                raise
            time.sleep(random.uniform(0.0005, 0.0015))  # noqa: S311 - no secret
        else:
            return
    connection.exec_driver_sql(BEGIN_WRITING)
