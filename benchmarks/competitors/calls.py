"""What a peer's worker calls in this process, and the proof that each call was made once. Standard library only."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from benchmarks.measures import NANOS, MeasureFailed

LINE = "some message"
MOST_SECONDS = 150.0
LEAD_NANOS = 3 * NANOS  # everything is stored, and the worker has looked, before the first slot

_starts: dict[int, int] = {}
_again: list[int] = []
_lock = threading.Lock()


def call(number: int) -> None:
    """Do the work: note when it was called, and print one line."""
    started = time.time_ns()
    with _lock:
        if number in _starts:
            _again.append(number)
        _starts.setdefault(number, started)
    print(LINE)


def first_start() -> float:
    """Return when the first call began, in seconds since 1970."""
    return min(_starts.values()) / NANOS


def starts(count: int) -> list[int]:
    """Return when each call began, after seeing that each of ``count`` was made, and once."""
    check(count)
    return [_starts[number] for number in range(count)]


def check(count: int) -> None:
    """Raise :class:`MeasureFailed` unless each call was made, and once."""
    if len(_starts) != count or set(_starts) != set(range(count)):
        raise MeasureFailed(f"{len(_starts)} of {count} calls were made")
    if _again:
        raise MeasureFailed(f"{len(_again)} of {count} calls were made more than once")


def how_many() -> int:
    """Return how many calls have begun."""
    return len(_starts)


def check_slots(slots: Sequence[int], expected: int) -> list[int]:
    """Return the slots after seeing that there are as many as were asked for."""
    if len(slots) != expected:
        raise MeasureFailed(f"{len(slots)} of {expected} slots are stored")
    return list(slots)
