"""One database and its transactions, on a server or in a SQLite file.

``Database.read()`` sees and never writes. ``Database.write()`` on SQLite holds the write lock from its first
statement (``BEGIN IMMEDIATE``) and queues behind one fair lock per process: an API write beside a busy engine
waits a millisecond there, where ``busy_timeout`` alone let it starve for seconds. On a server both are READ COMMITTED.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from enschedule_core.errors import Unavailable
from enschedule_worker.store import connect, sqlite_file, troubles
from enschedule_worker.store.clock import Clock, DatabaseClock
from enschedule_worker.store.listen import Announcer
from enschedule_worker.store.seal import Keyring
from enschedule_worker.store.sqlite_file import AGAIN, GLANCES, WRITES, FairLock, busy

T = TypeVar("T")
_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.02


class Undone(Unavailable):
    """The database undid the transaction, because it met another one; the same again is likely to succeed."""


class Collided(Undone):
    """The transaction made a row that another one made at the same time; the same again will see that one."""


class Transaction:
    """What every store function takes first: a connection inside BEGIN … COMMIT, the clock, and the keys."""

    def __init__(self, connection: Connection, clock: Clock, keyring: Keyring) -> None:
        self.connection = connection
        self.keyring = keyring
        self._clock = clock
        self._now: int | None = None
        self._once: dict[tuple[str, str], Any] = {}
        self.wakes_engine = False
        self.wakes_in_seconds = math.inf
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

    def once(self, what: str, of: str, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns, asked once in this transaction.

        For what many rows of one request have in common and the transaction itself does not change.
        """
        if (what, of) not in self._once:
            self._once[what, of] = ask()
        found: T = self._once[what, of]
        return found

    def wake_engine(self, *, at: int | None = None) -> None:
        """Say that after the commit there is something for the engine to do, at once or from the instant ``at`` on."""
        self.wakes_engine = True
        self.wakes_in_seconds = min(self.wakes_in_seconds, 0.0 if at is None else (at - self.now) / 1_000_000)

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
        self._listeners: list[tuple[Callable[[], None], float]] = []
        self._watchers: list[Callable[[], None]] = []
        self._senders: list[Callable[[], None]] = []
        self._of_thread = threading.local()
        self.announcer = Announcer(engine.dialect.name)
        if engine.dialect.name == "sqlite":
            self._writers = FairLock()
            sqlite_file.prepare(engine)
        else:
            connect.prepare(engine)
            _prepare_server(engine)

    def on_wake(self, listener: Callable[[], None], *, within_seconds: float = math.inf) -> None:
        """Call ``listener`` after each commit that made something due; not where that is later than it looks itself."""
        self._listeners.append((listener, within_seconds))

    def on_change(self, watcher: Callable[[], None]) -> None:
        """Call ``watcher`` after each commit that stored output or the end of a run."""
        self._watchers.append(watcher)

    def heard(self, *, wakes: bool, changed: bool, in_seconds: float = 0.0) -> None:
        """Tell the listeners of this process that here or elsewhere something was committed that concerns them."""
        for listener, within_seconds in self._listeners if wakes else ():
            if in_seconds <= within_seconds:
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
    def glance(self) -> Iterator[Transaction]:
        """Open a transaction for a few SELECTs of the engine, between two that may write.

        As :meth:`read`, but nothing keeps it from writing: on SQLite, its connection stays prepared for the next turn.
        """
        with _answering(), self.engine.connect() as raw:
            connection = raw.execution_options(**{GLANCES: True})
            with connection.begin():
                yield Transaction(connection, self.clock, self.keyring)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a transaction that may write; it is committed at the end of the block, undone on any error.

        Raises :class:`Unavailable` while the database does not answer or stays locked, and :class:`Undone` where the
        whole block may be tried again at once (see :meth:`retrying`).
        """
        with _answering() as answering, self._writers, self.engine.connect() as raw:
            connection = raw.execution_options(**{WRITES: True})
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
        self.heard(
            wakes=transaction.wakes_engine,
            changed=transaction.tells_watchers,
            in_seconds=transaction.wakes_in_seconds,
        )
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
        raise Unavailable("Too many requests wait for the database.", hint=AGAIN) from problem


def _meaning(problem: DBAPIError, *, committing: bool) -> Unavailable | None:
    match troubles.classify(problem):
        case troubles.Trouble.UNDONE:
            return Undone("The database is busy; nothing was changed.", hint=AGAIN)
        case troubles.Trouble.COLLIDED:
            return Collided("Somebody else made the same at the same time.", hint=AGAIN)
        case troubles.Trouble.BUSY:
            return busy()
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
    return Undone("The connection to the database was lost.", hint=AGAIN)


def _prepare_server(engine: Engine) -> None:
    """Let the server refuse what a reading transaction would write."""
    if engine.dialect.name == "postgresql":

        @event.listens_for(engine, "begin")
        def begun_postgresql(connection: Connection) -> None:
            raw: Any = connection.connection.dbapi_connection
            reads = not connection.get_execution_options().get(WRITES)
            if raw.read_only is not reads:  # part of the driver's BEGIN, and so for nothing
                raw.read_only = reads

    elif engine.dialect.name in ("mysql", "mariadb"):

        @event.listens_for(engine, "begin")
        def begun_mysql(connection: Connection) -> None:
            if not connection.get_execution_options().get(WRITES):
                connection.exec_driver_sql("START TRANSACTION READ ONLY")
