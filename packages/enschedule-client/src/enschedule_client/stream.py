"""Following the output of a run by its cursor, across lost connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import inf

from enschedule_core.errors import Unavailable
from enschedule_core.wire.types import OutputChunk, OutputPage

LONGEST_WAIT_SECONDS = 20.0
_QUICK_SECONDS = 0.5
_PAUSE_SECONDS = 1.0


def follow(
    ask: Callable[[int, float], OutputPage],
    *,
    after: int = 0,
    give_up_after_seconds: float = 60.0,
    timeout_seconds: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[OutputChunk]:
    """Yield chunks from the cursor ``after`` on until the run is complete, or ``timeout_seconds`` are over.

    ``ask(after, wait_seconds)`` fetches a page. Each chunk comes once and in order: the cursor only
    moves past what was yielded, so a worker that goes away (restart, broken connection, 503) costs a
    pause, and nothing of the output. Its last error is raised after ``give_up_after_seconds`` without
    an answer. Where the run's fence changes, it is held by somebody else and prints from its beginning.
    """
    fence: int | None = None
    lost_at: float | None = None
    until = inf if timeout_seconds is None else monotonic() + timeout_seconds
    while True:
        asked_at = monotonic()
        try:
            page = ask(after, max(0.0, min(LONGEST_WAIT_SECONDS, until - asked_at)))
        except Unavailable:
            lost_at = asked_at if lost_at is None else lost_at
            if monotonic() - lost_at >= give_up_after_seconds or monotonic() >= until:
                raise
            sleep(_PAUSE_SECONDS)
            continue
        lost_at = None
        if fence is not None and page["fence"] != fence and after > 0:
            fence, after = page["fence"], 0
            continue
        fence = page["fence"]
        yield from page["items"]
        if page["complete"] or monotonic() >= until:
            return
        after = page["next_after"]
        if not page["items"] and monotonic() - asked_at < _QUICK_SECONDS:
            # The worker did not hold its answer back (too many wait already): do not ask in a hot loop.
            sleep(_PAUSE_SECONDS)
