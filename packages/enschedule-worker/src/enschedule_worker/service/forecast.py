"""What is planned: the coming slots of all schedules."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Row

from enschedule_core.actor import Actor
from enschedule_core.clock import format_instant, from_micros, to_micros
from enschedule_worker.service.access import reading
from enschedule_worker.service.present import readable_trigger, ref
from enschedule_worker.store import halt, schedule_lists
from enschedule_worker.store.database import Database

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MINUTES_IN_HOUR = 60
MINUTES_IN_DAY = 24 * 60
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
        now = tx.now
        start = since if since is not None else now
        end = min(before if before is not None else start + HORIZON, start + LONGEST)
        pause = halt.current(tx)
        if pause is not None:  # its slots are skipped
            start = end if pause.until is None else min(max(start, pause.until), end)
        # The first slots from now on belong to the schedules that go on first; some more, as pauses end between.
        first = schedule_lists.earliest(tx, actor.scope, end, limit + 200 if start <= now else KINDS_READ)
        kinds = schedule_lists.planned(tx, actor.scope, end, KINDS_READ + 1)
        minutes = _fullest(kinds[:KINDS_READ], start, end, fullest) if fullest else []
        names = schedule_lists.names(tx, {key for _, _, keys in minutes for key in keys})
    if start > now:  # most of so many have no slot in what is mostly a short time
        first = [row for row in first if _has_slots(row.trigger, max(row.goes_on_at, start), end)]
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


def _has_slots(text: str, begin: int, end: int) -> bool:
    """Return whether a stored trigger has a slot from ``begin`` until before ``end``."""
    days = range(begin - begin % DAY, end, DAY)
    return any(_day(text, day).within(text, max(day, begin), min(day + DAY, end)) for day in days)


def _hours(kinds: list[Row[Any]], start: int, end: int, offset: int) -> list[tuple[int, int]]:
    """Return each hour that has slots, and how many there are within ``start`` and ``end``."""
    hours: dict[int, int] = {}
    for row in kinds:
        begin, number = max(row.goes_on_at, start), int(row.number)
        for hour, count in _limited(_counts(row.trigger, begin, end, offset), _left(row)):
            hours[hour] = hours.get(hour, 0) + count * number
    return sorted(hours.items())


def _is_unlimited(text: str) -> bool:
    """Return whether a stored trigger says that it has no limit, without reading all of it."""
    return '"max_runs":null' in text


def _left(row: Row[Any]) -> int | None:
    """Return how many slots a schedule still has, ``None`` where there is no limit."""
    trigger = None if _is_unlimited(row.trigger) else readable_trigger(row.trigger)
    if trigger is None or trigger.max_runs is None:
        return None
    return max(trigger.max_runs - int(row.slots_fired), 0)


def _limited(counts: Iterable[tuple[int, int]], left: int | None) -> Iterable[tuple[int, int]]:
    """Return the counts, the later ones cut down so that all of them are ``left`` at most."""
    if left is None:
        return counts
    found = []
    for hour, count in counts:
        found.append((hour, min(count, left)))
        left -= found[-1][1]
    return [one for one in found if one[1]]


def _counts(text: str, begin: int, end: int, offset: int) -> Iterator[tuple[int, int]]:
    """Yield each hour in which a stored trigger has slots from ``begin`` until before ``end``, and how many."""
    for day in range(begin - (begin - offset) % DAY, end, DAY):
        found = _day(text, day)
        if begin <= day and day + DAY <= end:
            yield from found.hours
            continue
        for hour, count in found.hours:  # the first day, and the last one, of which only a part is asked for
            if begin <= hour and hour + HOUR <= end:
                yield hour, count
            elif (
                hour < end
                and hour + HOUR > begin
                and (part := found.within(text, max(hour, begin), min(hour + HOUR, end)))
            ):
                yield hour, part


def _fullest(kinds: list[Row[Any]], start: int, end: int, most: int) -> list[tuple[int, int, list[int]]]:
    """Return the minutes in which the most schedules start, two at least: the minute, how many, and keys of some."""
    counts: dict[int, int] = {}
    examples: dict[int, list[int]] = {}
    for row in kinds:
        begin, number, key = max(row.goes_on_at, start), int(row.number), int(row.key)
        if _is_every_minute(row.trigger, begin, end):
            continue
        for minute in islice(_minutes(row.trigger, begin, end), _left(row)):
            before = counts.get(minute)
            if before is None:
                counts[minute], examples[minute] = number, [key]
                continue
            counts[minute] = before + number
            if len(some := examples[minute]) < EXAMPLES:
                some.append(key)
    fullest = heapq.nsmallest(most, counts.items(), key=lambda item: (-item[1], item[0]))
    return [(minute, count, examples[minute]) for minute, count in fullest if count > 1]


def _is_every_minute(text: str, begin: int, end: int) -> bool:
    """Return whether a stored trigger has as many slots in its first hour as that has minutes."""
    day = begin - begin % DAY
    # An hour that begins at any minute lies within two whole ones, and a half of it in one of them.
    busiest = max(_day(text, day).busiest, _day(text, day + DAY).busiest)
    return 2 * busiest >= MINUTES_IN_HOUR and _count(text, begin, min(begin + HOUR, end)) >= MINUTES_IN_HOUR


def _minutes(text: str, begin: int, end: int) -> list[int]:
    """Return the minutes in which a stored trigger has slots from ``begin`` until before ``end``, each once.

    Of a trigger with more slots than minutes, those that the first slots of each hour are in.
    """
    found: list[int] = []
    for at in range(begin - begin % DAY, end, DAY):
        day = _day(text, at)
        if day.is_dense:
            found += [minute for minute in _minutes_of_hours(text, day.hours) if begin - MINUTE < minute < end]
        elif begin <= at and at + DAY <= end:
            found += day.minutes
        else:
            found += dict.fromkeys([slot - slot % MINUTE for slot in day.slots if begin <= slot < end])
    return found


def _minutes_of_hours(text: str, hours: Iterable[tuple[int, int]]) -> Iterator[int]:
    trigger = readable_trigger(text)
    if trigger is None:
        return
    for hour, _ in hours:
        slots = trigger.slots_between(from_micros(hour - 1), from_micros(hour + HOUR - 1), MINUTES_IN_HOUR)
        yield from dict.fromkeys(at - at % MINUTE for at in map(to_micros, slots))


class _Day(NamedTuple):
    """When a trigger has slots on one day: hours with their counts, and each slot, unless it is too dense for that."""

    hours: tuple[tuple[int, int], ...] = ()
    slots: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    busiest: int = 0  # slots of the fullest hour
    is_dense: bool = False

    def within(self, text: str, start: int, end: int) -> int:
        """Return how many slots of the trigger ``text`` a part of this day has, from ``start`` until before ``end``."""
        if self.is_dense:
            return _count(text, start, end)
        return bisect_left(self.slots, end) - bisect_left(self.slots, start)


_EMPTY = _Day()


@lru_cache(maxsize=60_000)
def _day(text: str, start: int) -> _Day:
    """Return when a stored trigger has slots in the 24 hours from ``start`` on, whose hours begin as it does.

    Kept, because a week of thousands of schedules is asked for again and again, and a day does not change.
    """
    trigger = readable_trigger(text)
    count = 0 if trigger is None else _count(text, start, start + DAY)
    if trigger is None or not count:
        return _EMPTY
    if count >= MINUTES_IN_DAY:
        every = ((hour, _count(text, hour, hour + HOUR)) for hour in range(start, start + DAY, HOUR))
        hours = tuple(one for one in every if one[1])
        return _Day(hours, busiest=max(count for _, count in hours), is_dense=True)
    # As many as there are: to look for one more takes as long as to find one.
    found = islice(trigger.slots_between(from_micros(start - 1), from_micros(start + DAY - 1), count), count)
    slots = tuple(to_micros(slot) for slot in found)
    tally = Counter(slot - (slot - start) % HOUR for slot in slots)
    minutes = tuple(dict.fromkeys(slot - slot % MINUTE for slot in slots))
    return _Day(tuple(tally.items()), slots, minutes, max(tally.values()))


@lru_cache(maxsize=20_000)
def _count(text: str, start: int, end: int) -> int:
    """Return how many slots a stored trigger has from ``start`` until before ``end``."""
    trigger = readable_trigger(text)
    return 0 if trigger is None else trigger.count_between(from_micros(start - 1), from_micros(end - 1))
