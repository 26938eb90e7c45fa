"""One database and its transactions, on a server or in a SQLite file.

``Database.read()`` sees the database as of one moment and never writes; within ``Database.together()``, all reading of
a thread is one transaction. ``Database.write()`` on SQLite holds the write lock from its first statement (``BEGIN
IMMEDIATE``) and queues behind one fair lock per process: an API write beside a busy engine waits a millisecond there,
where ``busy_timeout`` alone let it starve for seconds. On a server it is READ COMMITTED.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable

from enschedule_worker.store import connect, sqlite_file
from enschedule_worker.store.answering import again_if_undone, answering
from enschedule_worker.store.clock import Clock, DatabaseClock
from enschedule_worker.store.listen import Announcer
from enschedule_worker.store.seal import Keyring
from enschedule_worker.store.sqlite_file import GLANCES, WRITES, FairLock
from enschedule_worker.store.together import OfThread, Shared

T = TypeVar("T")


class Transaction:
    """What every store function takes first: a connection inside BEGIN … COMMIT, the clock, and the keys."""

    def __init__(self, connection: Connection, clock: Clock, keyring: Keyring, *, reads: bool = False) -> None:
        self.connection = connection
        self.keyring = keyring
        self._reads = reads
        self._clock = clock
        self._now: int | None = None
        self._once: dict[tuple[str, Hashable], Any] = {}
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

    def once(self, what: str, of: Hashable, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns, asked once in this transaction.

        For what many rows of one request have in common and the transaction itself does not change.
        """
        if (what, of) not in self._once:
            self._once[what, of] = ask()
        found: T = self._once[what, of]
        return found

    def seen(self, what: str, of: Hashable, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns, asked once in a transaction that reads, and each time in one that may write."""
        return self.once(what, of, ask) if self._reads else ask()

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
        self._of_thread = OfThread()
        self.announcer = Announcer(engine.dialect.name)
        if engine.dialect.name == "sqlite":
            self._writers = FairLock()
            sqlite_file.prepare(engine)
        else:
            connect.prepare(engine)

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
        return self._of_thread.commits

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a transaction that cannot write, or go on with that of :meth:`together`.

        Raises :class:`Unavailable` while the database does not answer.
        """
        shared = self._of_thread.shared
        if shared is None:
            with answering(), self._reading() as transaction:
                yield transaction
        else:
            with answering(), shared.used(self._reading) as transaction:
                yield transaction

    @contextmanager
    def _reading(self) -> Iterator[Transaction]:
        with self.engine.connect() as connection, connection.begin():
            yield Transaction(connection, self.clock, self.keyring, reads=True)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let this thread read everything within in one transaction, which begins with the first look.

        What several parts of one answer have in common (who asks, what time it is, which workers there are) is then
        read once, and a round trip for each BEGIN and COMMIT is saved. It begins anew behind whatever fails, behind
        each change of this thread, and behind :meth:`look_anew`. Within another one, it is the outer one.
        """
        if self._of_thread.shared is not None:
            yield
            return
        self._of_thread.shared = shared = Shared()
        try:
            yield
        finally:
            self._of_thread.shared = None
            shared.end()

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Let this thread read in a transaction each time, also in :meth:`together`: as what changes something does."""
        self.look_anew()
        shared, self._of_thread.shared = self._of_thread.shared, None
        try:
            yield
        finally:
            self._of_thread.shared = shared

    def look_anew(self) -> None:
        """Let the next look of this thread see what has been committed since the last one, also in :meth:`together`."""
        if self._of_thread.shared is not None:
            self._of_thread.shared.end_unless_used()

    @contextmanager
    def glance(self) -> Iterator[Transaction]:
        """Open a transaction for a few SELECTs of the engine, between two that may write.

        As :meth:`read`, but nothing keeps it from writing: on SQLite, its connection stays prepared for the next turn.
        """
        if self._of_thread.shared is not None:
            with self.read() as tx:
                yield tx
            return
        with answering(), self.engine.connect() as raw:
            connection = raw.execution_options(**{GLANCES: True})
            with connection.begin():
                yield Transaction(connection, self.clock, self.keyring)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a transaction that may write; it is committed at the end of the block, undone on any error.

        Raises :class:`Unavailable` while the database does not answer or stays locked, and :class:`Undone` where the
        whole block may be tried again at once (see :meth:`retrying`).
        """
        self.look_anew()  # what was read before the change is over, and its connection free
        with answering() as state, self._writers, self.engine.connect() as raw:
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
                state.committing = True
        self._of_thread.commits += 1
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
