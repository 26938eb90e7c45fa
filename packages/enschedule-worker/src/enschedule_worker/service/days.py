"""Which slots a stored trigger has on a day: looked up again and again, and a day does not change."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from enschedule_core.clock import from_micros, to_micros
from enschedule_worker.service.present import readable_trigger

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MINUTES_IN_HOUR = 60
MINUTES_IN_DAY = 24 * 60


class Day(NamedTuple):
    """When a trigger has slots on one day: each of them, unless it is too dense for that; then its hours alone.

    ``hours`` are the beginnings of hours with the number of slots in each.
    """

    slots: tuple[int, ...] = ()
    hours: tuple[tuple[int, int], ...] = ()
    is_dense: bool = False

    def between(self, start: int, end: int) -> tuple[int, ...]:
        """Return the slots from ``start`` until before ``end``."""
        return self.slots[bisect_left(self.slots, start) : bisect_left(self.slots, end)]


class Span(NamedTuple):
    """When a trigger has slots on several days.

    ``minutes`` are those that slots lie in, each once; the same as ``slots`` where all of them are at whole minutes.
    Both are empty where a day is too dense for them.
    """

    slots: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    is_dense: bool = False

    def between(self, start: int, end: int) -> tuple[int, ...]:
        """Return the slots from ``start`` until before ``end``."""
        return self.slots[bisect_left(self.slots, start) : bisect_left(self.slots, end)]


_EMPTY = Day()


@lru_cache(maxsize=60_000)
def day(text: str, start: int) -> Day:
    """Return when a stored trigger has slots in the 24 hours from ``start`` on (microseconds)."""
    trigger = readable_trigger(text)
    number = 0 if trigger is None else count(text, start, start + DAY)
    if trigger is None or not number:
        return _EMPTY
    if number >= MINUTES_IN_DAY:
        every = ((hour, count(text, hour, hour + HOUR)) for hour in range(start, start + DAY, HOUR))
        return Day(hours=tuple(one for one in every if one[1]), is_dense=True)
    # As many as there are: to look for one more takes as long as to find one.
    found = islice(trigger.slots_between(from_micros(start - 1), from_micros(start + DAY - 1), number), number)
    slots = tuple(to_micros(slot) for slot in found)
    return Day(slots, tuple(Counter(slot - (slot - start) % HOUR for slot in slots).items()))


@lru_cache(maxsize=30_000)
def span(text: str, first: int, last: int) -> Span:
    """Return when a stored trigger has slots on the days that begin at ``first`` and so on, until before ``last``."""
    days = [day(text, start) for start in range(first, last, DAY)]
    if any(one.is_dense for one in days):
        return Span(is_dense=True)
    slots = tuple(slot for one in days for slot in one.slots)
    minutes = tuple(dict.fromkeys(slot - slot % MINUTE for slot in slots))
    return Span(slots, slots if minutes == slots else minutes)


@lru_cache(maxsize=20_000)
def count(text: str, start: int, end: int) -> int:
    """Return how many slots a stored trigger has from ``start`` until before ``end``."""
    trigger = readable_trigger(text)
    return 0 if trigger is None else trigger.count_between(from_micros(start - 1), from_micros(end - 1))


def hours(text: str, begin: int, end: int, offset: int) -> Iterator[tuple[int, int]]:
    """Yield each hour in which a stored trigger has slots from ``begin`` until before ``end``, and how many.

    Hours begin ``offset`` microseconds after the whole hour of UTC.
    """
    for start in range(begin - (begin - offset) % DAY, end, DAY):
        found = day(text, start)
        for hour, number in found.hours:
            if begin <= hour and hour + HOUR <= end:
                yield hour, number
            elif part := _within(text, found, max(hour, begin), min(hour + HOUR, end)):
                yield hour, part


def _within(text: str, found: Day, start: int, end: int) -> int:
    if start >= end:
        return 0
    return count(text, start, end) if found.is_dense else len(found.between(start, end))


def is_every_minute(text: str, begin: int) -> bool:
    """Return whether a stored trigger has as many slots in the hour from ``begin`` on as that has minutes."""
    end, start = begin + HOUR, begin - begin % DAY
    slots = sum(_within(text, day(text, at), max(at, begin), min(at + DAY, end)) for at in range(start, end, DAY))
    return slots >= MINUTES_IN_HOUR


def minutes(text: str, begin: int, end: int) -> Iterator[int]:
    """Yield the minutes in which a stored trigger has slots from ``begin`` until before ``end``, each once.

    Of a day with more slots than minutes, those that the first slots of each hour are in.
    """
    for start in range(begin - begin % DAY, end, DAY):
        found = day(text, start)
        if found.is_dense:
            yield from (minute for minute in _first_minutes(text, found.hours) if begin - MINUTE < minute < end)
        else:
            yield from dict.fromkeys(slot - slot % MINUTE for slot in found.between(begin, end))


def _first_minutes(text: str, every: Iterable[tuple[int, int]]) -> Iterator[int]:
    trigger = readable_trigger(text)
    if trigger is None:
        return
    for hour, _ in every:
        slots = trigger.slots_between(from_micros(hour - 1), from_micros(hour + HOUR - 1), MINUTES_IN_HOUR)
        yield from dict.fromkeys(at - at % MINUTE for at in map(to_micros, slots))
