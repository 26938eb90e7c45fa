"""Wake-ups between processes, on PostgreSQL: LISTEN on a connection of its own, NOTIFY within the transaction.

A message is lost while nobody listens, so it only ever brings forward what the poll would find. On other databases
there is nothing to listen to, and the poll interval says how long it takes.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

CHANNEL = "enschedule"
WAKES, CHANGED = "w", "c"
REST_SECONDS = 0.05
"""How far apart the messages of a busy engine are at least, because PostgreSQL commits who sends one by one."""
_LISTENS_SECONDS = 1.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0

logger = logging.getLogger(__name__)


class Announcer:
    """Says in a transaction, once, what others may want to know when it is committed."""

    def __init__(self, dialect: str) -> None:
        self._is_spoken = dialect == "postgresql"
        self._origin = uuid.uuid4().hex[:16]
        self._said_at = 0.0
        self.is_alone = False
        """True while no other worker is up, who would listen: then nothing is sent."""

    def announce(self, connection: Connection, *, wakes: bool, often: bool, changed: bool) -> None:
        """Send one message: ``wakes`` always, ``often`` (others may have work) and ``changed`` not too often."""
        if not self._is_spoken or self.is_alone or not (wakes or often or changed):
            return
        now = time.monotonic()
        if not wakes and now - self._said_at < REST_SECONDS:
            return
        self._said_at = now
        said = (WAKES if wakes or often else "") + (CHANGED if changed else "")
        connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (CHANNEL, f"{self._origin}:{said}"))

    def understand(self, message: str) -> str:
        """Return what a message of another process says; nothing of an own one, which has been acted upon."""
        origin, _, said = message.partition(":")
        return "" if origin == self._origin else said


class Listener:
    """A thread that hears what other processes announce, and tells this process's engine and waiting requests.

    ``database`` is a :class:`enschedule_worker.store.database.Database`.
    """

    def __init__(self, database: Any) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.listening = threading.Event()

    def start(self) -> bool:
        """Begin to listen; ``False`` where the database has nothing to listen to."""
        if self._database.engine.dialect.name != "postgresql":
            return False
        self._thread = threading.Thread(target=self._loop, name="enschedule-listen", daemon=True)
        self._thread.start()
        return True

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _loop(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._listen()
            except (DBAPIError, PoolTimeoutError, self._database.engine.dialect.loaded_dbapi.Error) as problem:
                logger.warning("wake-ups of other workers are not heard for now: %s", type(problem).__name__)
            self.listening.clear()
            pause = _FIRST_PAUSE_SECONDS if time.monotonic() - began > _LONGEST_PAUSE_SECONDS else pause * 2
            self._stopping.wait(min(pause, _LONGEST_PAUSE_SECONDS))

    def _listen(self) -> None:
        fairy = self._database.engine.raw_connection()
        fairy.detach()  # the pool makes another one for its threads
        connection: Any = fairy.dbapi_connection
        try:
            connection.rollback()
            connection.read_only = None
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
            self.listening.set()
            self._database.heard(wakes=True, changed=True)  # something may have been said before
            while not self._stopping.is_set():
                for message in connection.notifies(timeout=_LISTENS_SECONDS, stop_after=1):
                    said = self._database.announcer.understand(message.payload)
                    self._database.heard(wakes=WAKES in said, changed=CHANGED in said)
        finally:
            connection.close()
