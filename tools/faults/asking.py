"""A place for a worker, and somebody who asks it for runs again and again."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass

from faults.programs import Program


@dataclass
class Worker:
    """One place for a worker process: the process comes and goes, its id, port and clock stay."""

    name: str
    environ: dict[str, str]
    program: Program | None = None
    starts: int = 0
    busy_until: float = 0.0  # something is being done to it
    harmed: bool = False


class ByHand(threading.Thread):
    """Somebody who asks for runs, and asks again with the same key until there is an answer."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(name="by-hand", daemon=True)
        self._worker = worker
        self._enough = threading.Event()
        self.keys = 0
        self.answered = 0
        self.slowest = 0.0

    def run(self) -> None:
        """Ask until :meth:`stop`."""
        while not self._enough.wait(0.7):
            self.keys += 1
            key = uuid.uuid4().hex
            while not self._ask(key):
                if self._enough.wait(0.5):
                    return
            self.answered += 1

    def _ask(self, key: str) -> bool:
        program = self._worker.program
        assert program is not None
        began = time.monotonic()
        status, _ = program.ask("POST", "/api/v1/schedules/by-hand/runs", {}, Idempotency_Key=key)
        self.slowest = max(self.slowest, time.monotonic() - began)
        return 200 <= status < 300

    def stop(self) -> None:
        """Ask no more."""
        self._enough.set()
        if self.is_alive():
            self.join(60)
