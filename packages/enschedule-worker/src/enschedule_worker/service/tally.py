"""How many slots there are in each hour, and which minutes are the fullest."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from enschedule_worker.service import days
from enschedule_worker.service.days import DAY, HOUR, MINUTE, MINUTES_IN_HOUR
from enschedule_worker.service.plans import Kind

EXAMPLES = 3  # of schedules that start in a full minute


class Tally:
    """Counts the slots of many schedules from ``start`` until before ``end`` (microseconds).

    Hours begin ``offset`` microseconds after the whole hour of UTC. Minutes are only counted where they are asked for;
    those that start in every minute are in none of them.
    """

    def __init__(self, start: int, end: int, offset: int = 0, *, minutes: bool = False) -> None:
        self._start, self._end, self._offset, self._wants_minutes = start, end, offset, minutes
        self._first, self._last = start - (start - offset) % DAY, end + (offset - end) % DAY
        self._hours: Counter[int] = Counter()
        # By the number of schedules of a kind, because to count a list at once is several times as fast.
        self._slots: defaultdict[int, list[int]] = defaultdict(list)
        self._minutes: defaultdict[int, list[int]] = defaultdict(list)
        self._in_few: list[tuple[Kind, Sequence[int]]] = []

    def add(self, kinds: Iterable[Kind]) -> None:
        """Count kinds of schedules, what goes on first at the front."""
        for kind in kinds:
            if kind.goes_on_at >= self._end:
                break
            span = days.span(kind.trigger, self._first, self._last)
            if span.is_dense:
                self._add_dense(kind)
            elif slots := span.between(max(kind.goes_on_at, self._start), self._end)[: kind.left]:
                self._add_slots(kind, slots, are_minutes=span.minutes is span.slots)

    def _add_slots(self, kind: Kind, slots: Sequence[int], *, are_minutes: bool) -> None:
        self._slots[kind.number] += slots
        if self._wants_minutes and not _fill_an_hour(slots):
            self._add_minutes(kind, slots if are_minutes else list(dict.fromkeys(at - at % MINUTE for at in slots)))

    def _add_dense(self, kind: Kind) -> None:
        text, begin = kind.trigger, max(kind.goes_on_at, self._start)
        for hour, number in _limited(days.hours(text, begin, self._end, self._offset), kind.left):
            self._hours[hour] += number * kind.number
        if self._wants_minutes and not days.is_every_minute(text, begin):
            self._add_minutes(kind, list(islice(days.minutes(text, begin, self._end), kind.left)))

    def _add_minutes(self, kind: Kind, minutes: Sequence[int]) -> None:
        self._in_few.append((kind, minutes))
        self._minutes[kind.number] += minutes

    def hours(self) -> list[tuple[int, int]]:
        """Return each hour that has slots, in order, and how many."""
        found = self._hours.copy()
        for slot, count in _counted(self._slots):
            found[slot - (slot - self._offset) % HOUR] += count
        return sorted(found.items())

    def fullest(self, most: int) -> list[tuple[int, int, list[int]]]:
        """Return the minutes in which the most schedules start, two at least: the minute, how many, keys of some."""
        counts: Counter[int] = Counter()
        for minute, count in _counted(self._minutes):
            counts[minute] += count
        best = heapq.nsmallest(most, counts.items(), key=lambda item: (-item[1], item[0]))
        wanted = {minute for minute, count in best if count > 1}
        keys: defaultdict[int, list[int]] = defaultdict(list)
        for kind, minutes in self._in_few:
            for minute in wanted.intersection(minutes):
                if len(keys[minute]) < EXAMPLES:
                    keys[minute].append(kind.key)
        return [(minute, count, keys[minute]) for minute, count in best if count > 1]


def _counted(by_number: Mapping[int, Iterable[int]]) -> Iterator[tuple[int, int]]:
    """Yield each instant, and how many schedules have it, once for each number of schedules alike."""
    for number, instants in by_number.items():
        for instant, count in Counter(instants).items():
            yield instant, count * number


def _fill_an_hour(slots: Sequence[int]) -> bool:
    return len(slots) >= MINUTES_IN_HOUR and slots[MINUTES_IN_HOUR - 1] < slots[0] + HOUR


def _limited(counts: Iterable[tuple[int, int]], left: int | None) -> Iterator[tuple[int, int]]:
    """Yield the counts, the later ones cut down so that all of them are ``left`` at most."""
    for hour, count in counts:
        if left is None:
            yield hour, count
        elif left > 0:
            yield hour, min(count, left)
            left -= count
