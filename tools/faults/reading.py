"""Somebody who looks at the pages of a dashboard, one after the other."""

from __future__ import annotations

import threading
import time
from itertools import cycle

from faults.programs import Program

_REST_SECONDS = 0.1
PAGES = (
    *("/", "/schedules", "/schedules?q=north", "/schedules/often-0", "/runs", "/runs?status=failed", "/calendar"),
    *("/workers", "/handlers", "/schedules/often-0/edit", "/readyz"),
)


class Reader(threading.Thread):
    """Somebody who looks at one page after the other, on one dashboard."""

    def __init__(self, dashboard: Program) -> None:
        super().__init__(name="reader", daemon=True)
        self._dashboard = dashboard
        self._enough = threading.Event()
        self.took: list[float] = []
        self.refused: list[str] = []

    def run(self) -> None:
        """Read until :meth:`stop`."""
        for path in cycle(PAGES):
            began = time.monotonic()
            status, text = self._dashboard.ask("GET", path)
            self.took.append(time.monotonic() - began)
            if status != 200:
                self.refused.append(f"{path}: {status} {text[:200]}")
            if self._enough.wait(_REST_SECONDS):
                return

    def stop(self) -> None:
        """Look at no further page."""
        self._enough.set()
        self.join(60)
