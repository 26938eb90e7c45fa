"""How many requests may wait for something at once: each takes a thread of the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PLACES = 6
_places = threading.BoundedSemaphore(PLACES)


@contextmanager
def place(seconds: float) -> Iterator[float]:
    """Give the seconds that this request may wait: what it asks for, or 0 while as many wait as may.

    Who gets an empty answer at once asks again after a pause.
    """
    if seconds <= 0 or not _places.acquire(blocking=False):
        yield 0.0
        return
    try:
        yield seconds
    finally:
        _places.release()
