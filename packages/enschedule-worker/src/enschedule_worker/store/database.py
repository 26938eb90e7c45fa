"""One database and its transactions, on a server or in a SQLite file.

``Database.read()`` sees and never writes. ``Database.write()`` on SQLite holds the write lock from its first
statement (``BEGIN IMMEDIATE``) and queues behind one fair lock per process: an API write beside a busy engine
waits a millisecond there, where ``busy_timeout`` alone let it starve for seconds. On a server both are READ COMMITTED.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from enschedule_core.errors import Unavailable
from enschedule_worker.store import connect, troubles
from enschedule_worker.store.clock import (
    SQLITE_FUNCTION,
    Clock,
    DatabaseClock,
    sqlite_now,
)
from enschedule_worker.store.listen import Announcer
from enschedule_worker.store.seal import Keyring

T = TypeVar("T")
_WRITE = "enschedule_write"
_PATIENCE = "enschedule_patience"
BEGIN_WRITING = "BEGIN IMMEDIATE"
_PATIENCE_SECONDS = 30.0
_AGAIN = "Try again in a few seconds."
_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.02


class Undone(Unavailable):
    """The database undid the transaction, because it met another one; the same again is likely to succeed."""


class Collided(Undone):
    """The transaction made a row that another one made at the same time; the same again will see that one."""


class FairLock:
    """A lock that is handed on in the order of asking; ``threading.Lock`` lets a busy thread overtake for ever.

    Who waits longer than ``patience_seconds`` gets :class:`Unavailable`: behind a database that somebody else keeps
    locked, each waiter would else wait as long again as the one before it.
    """

    def __init__(self, patience_seconds: float = _PATIENCE_SECONDS) -> None:
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
        raise _busy()

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


class Transaction:
    """What every store function takes first: a connection inside BEGIN … COMMIT, the clock, and the keys."""

    def __init__(self, connection: Connection, clock: Clock, keyring: Keyring) -> None:
        self.connection = connection
        self.keyring = keyring
        self._clock = clock
        self._now: int | None = None
        self.wakes_engine = False
        self.wakes_others = False
        self.tells_watchers = False
        self.has_notices = False

    @property
    def now(self) -> int:
        """Microseconds since 1970 by the database's clock, read once, after the lock was taken."""
        if self._now is None:
            self._now = self._clock.read(self.connection)
        return self._now

    @property
    def dialect(self) -> str:
        """The name of the SQL dialect."""
        return self.connection.dialect.name

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run one statement."""
        result: CursorResult[Any] = self.connection.execute(statement, parameters)
        return result

    def wake_engine(self) -> None:
        """Say that after the commit there is something for the engine to do."""
        self.wakes_engine = True

    def wake_others(self) -> None:
        """Say that after the commit there may be something to do for engines of other processes."""
        self.wakes_others = True

    def tell_watchers(self) -> None:
        """Say that after the commit there is something new to see for who waits for a run."""
        self.tells_watchers = True

    def tell_sender(self) -> None:
        """Say that after the commit there is a notice to send."""
        self.has_notices = True


class Database:
    """An engine of SQLAlchemy, with the transactions that Enschedule allows itself.

    ``keyring`` seals and opens what is secret in it.
    """

    def __init__(self, engine: Engine, clock: Clock | None = None, *, keyring: Keyring | None = None) -> None:
        self.engine = engine
        self.keyring = keyring or Keyring()
        self.clock: Clock = clock or DatabaseClock(engine.dialect.name)
        self._writers: AbstractContextManager[None] = nullcontext()
        self._listeners: list[Callable[[], None]] = []
        self._watchers: list[Callable[[], None]] = []
        self._senders: list[Callable[[], None]] = []
        self._of_thread = threading.local()
        self.announcer = Announcer(engine.dialect.name)
        if engine.dialect.name == "sqlite":
            self._writers = FairLock()
            _prepare_sqlite(engine)
        else:
            connect.prepare(engine)
            _prepare_server(engine)

    def on_wake(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each commit that made something due."""
        self._listeners.append(listener)

    def on_change(self, watcher: Callable[[], None]) -> None:
        """Call ``watcher`` after each commit that stored output or the end of a run."""
        self._watchers.append(watcher)

    def heard(self, *, wakes: bool, changed: bool) -> None:
        """Tell the listeners of this process that here or elsewhere something was committed that concerns them."""
        for listener in self._listeners if wakes else ():
            listener()
        for watcher in self._watchers if changed else ():
            watcher()

    def on_notice(self, sender: Callable[[], None]) -> None:
        """Call ``sender`` after each commit that made a notice."""
        self._senders.append(sender)

    @property
    def commits(self) -> int:
        """How many transactions that may write this thread has committed: whether work can be begun again."""
        return getattr(self._of_thread, "commits", 0)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a transaction that cannot write.

        Raises :class:`Unavailable` while the database does not answer.
        """
        with _answering(), self.engine.connect() as connection, connection.begin():
            yield Transaction(connection, self.clock, self.keyring)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a transaction that may write; it is committed at the end of the block, undone on any error.

        Raises :class:`Unavailable` while the database does not answer or stays locked, and :class:`Undone` where the
        whole block may be tried again at once (see :meth:`retrying`).
        """
        with _answering() as answering, self._writers, self.engine.connect() as raw:
            connection = raw.execution_options(**{_WRITE: True})
            with connection.begin():
                transaction = Transaction(connection, self.clock, self.keyring)
                yield transaction
                self.announcer.announce(
                    connection,
                    wakes=transaction.wakes_engine,
                    often=transaction.wakes_others,
                    changed=transaction.tells_watchers,
                )
                answering.committing = True
        self._of_thread.commits = self.commits + 1
        self.heard(wakes=transaction.wakes_engine, changed=transaction.tells_watchers)
        if transaction.has_notices:
            for sender in self._senders:
                sender()

    def retrying(self, work: Callable[[Transaction], T]) -> T:
        """Return what ``work`` returns in a transaction that may write; it is called again where that was undone."""
        return again_if_undone(lambda: self._once(work))

    def _once(self, work: Callable[[Transaction], T]) -> T:
        with self.write() as tx:
            return work(tx)

    def dispose(self) -> None:
        """Close every connection of the pool."""
        self.engine.dispose()


def again_if_undone(work: Callable[[], T], allowed: Callable[[], bool] = lambda: True) -> T:
    """Call ``work`` until its transaction is not undone, up to 6 times within about a second, while ``allowed``."""
    for earlier in range(_TRIES):
        try:
            return work()
        except Undone as problem:
            if earlier == _TRIES - 1 or not allowed():
                # Who collides each time meets no other transaction, but a mistake of this program.
                if isinstance(problem, Collided) and problem.__cause__ is not None:
                    raise problem.__cause__ from None
                raise
            # Apart by chance, or the same two meet again.
            time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**earlier))  # noqa: S311 - no secret
    raise AssertionError  # pragma: no cover - the last try has returned or raised


class _Answering:
    committing = False


@contextmanager
def _answering() -> Iterator[_Answering]:
    """Turn the drivers' errors into ours; mistakes of this program stay as they are."""
    state = _Answering()
    try:
        yield state
    except DBAPIError as problem:
        raise (_meaning(problem, committing=state.committing) or problem) from problem
    except PoolTimeoutError as problem:
        raise Unavailable("Too many requests wait for the database.", hint=_AGAIN) from problem


def _meaning(problem: DBAPIError, *, committing: bool) -> Unavailable | None:
    match troubles.classify(problem):
        case troubles.Trouble.UNDONE:
            return Undone("The database is busy; nothing was changed.", hint=_AGAIN)
        case troubles.Trouble.COLLIDED:
            return Collided("Somebody else made the same at the same time.", hint=_AGAIN)
        case troubles.Trouble.BUSY:
            return _busy()
        case troubles.Trouble.GONE:
            return _gone(problem, committing=committing)
        case _:
            return None


def _gone(problem: DBAPIError, *, committing: bool) -> Unavailable:
    if not problem.connection_invalidated:
        return Unavailable("The database does not answer.", hint=troubles.first_line(problem))
    if committing:
        lost = "The connection to the database was lost; whether the change was made is not known."
        return Unavailable(lost, hint="Look first, then try again.")
    return Undone("The connection to the database was lost.", hint=_AGAIN)


def _busy() -> Unavailable:
    return Unavailable("The database is busy; nothing was changed.", hint=_AGAIN)


def _prepare_server(engine: Engine) -> None:
    """Let the server refuse what a reading transaction would write."""
    if engine.dialect.name == "postgresql":

        @event.listens_for(engine, "begin")
        def begun_postgresql(connection: Connection) -> None:
            raw: Any = connection.connection.dbapi_connection
            reads = not connection.get_execution_options().get(_WRITE)
            if raw.read_only is not reads:  # part of the driver's BEGIN, and so for nothing
                raw.read_only = reads

    elif engine.dialect.name in ("mysql", "mariadb"):

        @event.listens_for(engine, "begin")
        def begun_mysql(connection: Connection) -> None:
            if not connection.get_execution_options().get(_WRITE):
                connection.exec_driver_sql("START TRANSACTION READ ONLY")


def _prepare_sqlite(engine: Engine) -> None:
    """Give every connection its pragmas and the clock, and begin transactions the way each of them needs."""

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _: object) -> None:
        raw.isolation_level = None  # the driver's own BEGIN comes too late and is always deferred
        raw.create_function(SQLITE_FUNCTION, 0, sqlite_now)
        cursor = raw.cursor()
        _switch_to_wal(cursor)
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-16000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = bool(connection.get_execution_options().get(_WRITE))
        if connection.info.get(_WRITE) is not writes:
            patience = _patience(connection)  # asked before it is changed
            connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
            connection.exec_driver_sql(f"PRAGMA busy_timeout={0 if writes else patience}")
            connection.info[_WRITE] = writes
        if writes:
            _begin_writing(connection)
        else:
            connection.exec_driver_sql("BEGIN")


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
