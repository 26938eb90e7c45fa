"""What is planned: the coming slots of all schedules."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias

from sqlalchemy import Row

from enschedule_core.actor import Actor, Scope
from enschedule_core.clock import format_instant, from_micros, to_micros
from enschedule_worker.service import agendas, days
from enschedule_worker.service.access import reading
from enschedule_worker.service.days import DAY, HOUR
from enschedule_worker.service.present import readable_trigger, ref
from enschedule_worker.service.tally import Tally
from enschedule_worker.store import halt, planned
from enschedule_worker.store.database import Database, Transaction

HORIZON = 12 * HOUR
LONGEST = 32 * DAY
MORE = (20, 200)
Slot: TypeAlias = tuple[int, str, int, Row[Any]]
"""A slot: its instant, and what orders it among those of the same, title and place; the schedule."""


def forecast(
    database: Database,
    actor: Actor,
    *,
    since: int | None = None,
    before: int | None = None,
    limit: int = 20,
    fullest: int = 0,
    offset: int = 0,
) -> dict[str, Any]:
    """Return the earliest ``limit`` slots, and how many there are in each hour (microseconds in, at most 32 days).

    Hours begin ``offset`` microseconds after the whole hour of UTC. ``fullest`` is how many of the minutes to return in
    which the most schedules start; those that start in every minute are left out of that.

    While everything is paused nothing is planned, until the pause has an end. ``truncated`` says that there are more
    different schedules than were looked at: then the counts are too low.
    """
    with reading(database, actor) as tx:
        now = tx.now
        start = since if since is not None else now
        end = min(before if before is not None else start + HORIZON, start + LONGEST)
        pause = halt.current(tx)
        if pause is not None:  # its slots are skipped
            start = end if pause.until is None else min(max(start, pause.until), end)
        upcoming = _first(tx, actor.scope, start, end, limit)
        agenda = agendas.of(database, tx, actor.scope, end)
        tally = Tally(agenda, start, end, offset)
        minutes = tally.fullest(fullest) if fullest else []
        names = planned.names(tx, {key for _, _, keys in minutes for key in keys}) if minutes else {}
    return {
        "items": [{"at": format_instant(at), "schedule": ref(row.id, row.title)} for at, _, _, row in upcoming],
        "buckets": [{"at": format_instant(at), "count": count} for at, count in tally.hours()],
        "fullest": [
            {
                "at": format_instant(minute),
                "count": count,
                "schedules": [ref(names[key].id, names[key].title) for key in keys if key in names],
            }
            for minute, count, keys in minutes
        ],
        "truncated": not agenda.is_whole,
    }


def _first(tx: Transaction, scope: Scope, start: int, end: int, limit: int) -> list[Slot]:
    """Return the first ``limit`` slots from ``start`` until before ``end``."""
    if start > tx.now:  # most of so many have no slot in what is mostly a short time
        rows = planned.earliest(tx, scope, end, agendas.MOST)
        rows = [row for row in rows if _has_slots(row.trigger, max(row.goes_on_at, start), end)]
        return list(islice(_merged(rows, start, end), limit))
    # From now on they belong to the schedules that go on first, and to some more where one is late, or its pause ends.
    # Where no worker has run anything for long, all are late: then a slot of one further behind may be left out.
    found: list[Slot] = []
    for more in MORE:
        rows = planned.earliest(tx, scope, end, limit + more)
        found = list(islice(_merged(rows, start, end), limit))
        is_reached = len(found) == limit and (not found or found[-1][0] <= rows[-1].goes_on_at)
        if is_reached or len(rows) < limit + more:
            break
    return found


def _merged(rows: Sequence[Row[Any]], start: int, end: int) -> Iterator[Slot]:
    """Yield the slots of all, the earliest first; ``rows`` are in the order in which they go on.

    The slots of a schedule are worked out once nothing comes before it goes on.
    """
    waiting = deque(enumerate(rows))
    heap: list[tuple[Slot, Iterator[Slot]]] = []
    while True:
        while waiting and (not heap or waiting[0][1].goes_on_at <= heap[0][0][0]):
            slots = _slots(*waiting.popleft(), start, end)
            first = next(slots, None)
            if first is not None:
                heapq.heappush(heap, (first, slots))
        if not heap:
            return
        slot, slots = heap[0]
        yield slot
        following = next(slots, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following, slots))


def _slots(order: int, row: Row[Any], start: int, end: int) -> Iterator[Slot]:
    """Yield the slots of a schedule from ``start`` until before ``end``."""
    trigger = readable_trigger(row.trigger)
    if trigger is None:
        return
    left = None if trigger.max_runs is None else max(trigger.max_runs - row.slots_fired, 0)
    begin = from_micros(max(row.goes_on_at, start) - 1)
    for slot in islice(trigger.slots_between(begin, from_micros(end - 1), 2**62), left):
        yield to_micros(slot), row.title, order, row


def _has_slots(text: str, begin: int, end: int) -> bool:
    """Return whether a stored trigger has a slot from ``begin`` until before ``end``."""
    return any(True for _ in days.hours(text, begin, end, 0))
