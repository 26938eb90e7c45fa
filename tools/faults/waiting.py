"""Waiting for what must come, and ports that nobody has."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 45.0
T = TypeVar("T")


def wait_for(
    what: str, look: Callable[[], T], seconds: float = PATIENCE_SECONDS, tell: Callable[[], str] = lambda: ""
) -> T:
    """Return the first true answer of ``look``.

    Raises :class:`AssertionError` where none comes, with ``what`` and the end of what ``tell`` says.
    """
    until = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > until:
            raise AssertionError(f"not seen within {seconds:g} s: {what}\n{tell()[-3000:]}")
        time.sleep(0.05)
    return seen


def free_port() -> int:
    """Return a port that is free, below those that outgoing connections take."""
    for port in random.sample(range(10_000, 20_000), 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port found")
