"""HANDLERS_DIR while a worker runs: what is edited, added or dropped is live without a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from enschedule_core.errors import EnscheduleError
from enschedule_core.folder import HandlersFolder
from enschedule_worker.engine.loop import Engine

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.25


class FolderWatch:
    """Looks at the folder four times a second, in a thread of its own. ``look`` is the whole of it.

    ``register`` enters in the database what this worker offers.
    """

    def __init__(self, folder: HandlersFolder, engine: Engine, register: Callable[[], None]) -> None:
        self._folder = folder
        self._engine = engine
        self._register = register
        self._is_to_register = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="enschedule-handlers-dir", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def look(self) -> None:
        """Load what has changed, have runs that begin from now on use it, and tell others what is offered."""
        if self._folder.refresh():
            self._engine.executor.refresh()
            offered = ", ".join(f"{one.id}@{one.version}" for one in self._engine.registry.handlers())
            logger.info("HANDLERS_DIR has changed; handlers %s", offered or "none")
            self._is_to_register = True
        if self._is_to_register:
            self._register()
            self._is_to_register = False
            self._engine.wake()

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except EnscheduleError as problem:  # the database; again the next time
                logger.warning("what has changed in HANDLERS_DIR could not be registered: %s", problem)
            except Exception:
                logger.exception("HANDLERS_DIR could not be looked at")
