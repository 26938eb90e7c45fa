"""When an engine that has nothing to do has to look again."""

from __future__ import annotations

from collections.abc import Callable

from enschedule_core import triggers
from enschedule_core.registry import Registry
from enschedule_worker.service import halting
from enschedule_worker.store import due_schedules, halt, queue
from enschedule_worker.store.database import Database


def next_look(database: Database, registry: Registry, poll_seconds: float, monotonic: Callable[[], float]) -> float:
    """Return when the next thing is due, by the clock ``monotonic``; at most ``poll_seconds`` from now.

    Asked after the claimed runs were handed on, so that they do not wait for it. What is committed meanwhile
    sets the engine's flag. An instant and no duration, because the rest of this takes time, too.
    """
    with database.glance() as tx:
        now, here = tx.now, monotonic()
        pause = halt.current(tx)
        if pause is None:
            instants = [due_schedules.next_fire_at(tx, triggers.KINDS), queue.next_at(tx, registry.offers())]
        else:
            instants = [pause.until]
        waits = [poll_seconds, *((at - now) / 1_000_000 for at in instants if at is not None)]
        over = pause is not None and pause.until is not None and pause.until <= now
    if over:
        halting.end_if_over(database)
    return here + min(waits)
