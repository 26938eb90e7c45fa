"""What is planned: the coming slots of all schedules."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor
from enschedule_core.clock import format_instant, from_micros, to_micros
from enschedule_worker.service.access import reading
from enschedule_worker.service.present import readable_trigger, ref
from enschedule_worker.store import halt, schedule_lists
from enschedule_worker.store.database import Database

MINUTE = 60_000_000
HOUR = 60 * MINUTE
MINUTES_IN_HOUR = 60
EXAMPLES = 3  # of schedules that start in a full minute
HORIZON = 12 * HOUR
LONGEST = 32 * 24 * HOUR
KINDS_READ = 5_000  # of schedules: those with the same trigger and next slot are one kind


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
        start = since if since is not None else tx.now
        end = min(before if before is not None else start + HORIZON, start + LONGEST)
        pause = halt.current(tx)
        if pause is not None:  # its slots are skipped
            start = end if pause.until is None else min(max(start, pause.until), end)
        # The first slots from now on belong to the schedules that go on first; some more, as pauses end between.
        first = schedule_lists.earliest(tx, actor.scope, end, limit + 200 if start <= tx.now else KINDS_READ)
        kinds = schedule_lists.planned(tx, actor.scope, end, KINDS_READ + 1)
        minutes = _fullest(kinds[:KINDS_READ], start, end, fullest) if fullest else []
        names = schedule_lists.names(tx, {key for _, _, keys in minutes for key in keys})
    upcoming = heapq.merge(*(_slots(at, row, start, end) for at, row in enumerate(first)), key=lambda found: found[:3])
    return {
        "items": [
            {"at": format_instant(at), "schedule": ref(row.id, row.title)} for at, _, _, row in islice(upcoming, limit)
        ],
        "buckets": [
            {"at": format_instant(at), "count": count} for at, count in _hours(kinds[:KINDS_READ], start, end, offset)
        ],
        "fullest": [
            {
                "at": format_instant(minute),
                "count": count,
                "schedules": [ref(names[key].id, names[key].title) for key in keys if key in names],
            }
            for minute, count, keys in minutes
        ],
        "truncated": len(kinds) > KINDS_READ,
    }


def _slots(order: int, row: Row[Any], start: int, end: int) -> Iterator[tuple[int, str, int, Row[Any]]]:
    """Yield the slots of a schedule from ``start`` until before ``end``, with what orders it among others."""
    trigger = readable_trigger(row.trigger)
    if trigger is None:
        return
    left = None if trigger.max_runs is None else max(trigger.max_runs - row.slots_fired, 0)
    begin = from_micros(max(row.goes_on_at, start) - 1)
    for slot in islice(trigger.slots_between(begin, from_micros(end - 1), 2**62), left):
        yield to_micros(slot), row.title, order, row


def _hours(kinds: list[Row[Any]], start: int, end: int, offset: int) -> list[tuple[int, int]]:
    """Return each hour that has slots, and how many there are within ``start`` and ``end``."""
    hours: dict[int, int] = {}
    for row in kinds:
        trigger = readable_trigger(row.trigger)
        if trigger is None:
            continue
        left = None if trigger.max_runs is None else max(trigger.max_runs - row.slots_fired, 0)
        begin = max(row.goes_on_at, start)
        for hour in range(begin - (begin - offset) % HOUR, end, HOUR):
            count = _count(row.trigger, max(hour, begin), min(hour + HOUR, end))
            if left is not None:
                count = min(count, left)
                left -= count
            if count:
                hours[hour] = hours.get(hour, 0) + count * int(row.number)
    return sorted(hours.items())


def _fullest(kinds: list[Row[Any]], start: int, end: int, most: int) -> list[tuple[int, int, list[int]]]:
    """Return the minutes in which the most schedules start, two at least: the minute, how many, and keys of some."""
    counts: dict[int, int] = {}
    examples: dict[int, list[int]] = {}
    for row in kinds:
        trigger = readable_trigger(row.trigger)
        begin = max(row.goes_on_at, start)
        if trigger is None or _count(row.trigger, begin, min(begin + HOUR, end)) >= MINUTES_IN_HOUR:
            continue
        left = None if trigger.max_runs is None else max(trigger.max_runs - row.slots_fired, 0)
        hours = range(begin - begin % HOUR, end, HOUR)
        slots = (slot for hour in hours for slot in _minutes(row.trigger, max(hour, begin), min(hour + HOUR, end)))
        for minute in islice(slots, left):
            counts[minute] = counts.get(minute, 0) + int(row.number)
            found = examples.setdefault(minute, [])
            if len(found) < EXAMPLES:
                found.append(int(row.key))
    fullest = heapq.nsmallest(most, counts.items(), key=lambda item: (-item[1], item[0]))
    return [(minute, count, examples[minute]) for minute, count in fullest if count > 1]


@lru_cache(maxsize=200_000)
def _minutes(text: str, start: int, end: int) -> tuple[int, ...]:
    """Return the minutes in which a stored trigger has slots, from ``start`` until before ``end``."""
    trigger = readable_trigger(text)
    if trigger is None:
        return ()
    slots = trigger.slots_between(from_micros(start - 1), from_micros(end - 1), MINUTES_IN_HOUR)
    return tuple(dict.fromkeys(at - at % MINUTE for at in map(to_micros, slots)))


@lru_cache(maxsize=200_000)
def _count(text: str, start: int, end: int) -> int:
    """Return how many slots a stored trigger has from ``start`` until before ``end``."""
    trigger = readable_trigger(text)
    return 0 if trigger is None else trigger.latest_and_count(from_micros(start - 1), from_micros(end - 1))[1]
