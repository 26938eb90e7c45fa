"""Which slots a stored trigger has on a day: looked up again and again, and a day does not change."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
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


_EMPTY = Day()


def expanded(text: str, start: int) -> Day:
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


day = lru_cache(maxsize=10_000)(expanded)
"""The same, kept for who asks again."""


def fills_an_hour(slots: Sequence[int]) -> bool:
    """Return whether there are as many slots within an hour as that has minutes."""
    return len(slots) >= MINUTES_IN_HOUR and slots[MINUTES_IN_HOUR - 1] < slots[0] + HOUR


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
