"""How many slots there are in each hour of a stretch of time, and which minutes of it are the fullest."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain

from enschedule_worker.service import days
from enschedule_worker.service.agendas import Agenda
from enschedule_worker.service.day_tally import EXAMPLES, DayTally, Kind
from enschedule_worker.service.days import DAY, HOUR, MINUTE


class Tally:
    """Counts what is planned from ``start`` until before ``end`` (microseconds).

    Hours begin ``offset`` microseconds, which are whole minutes, after the whole hour of UTC. A slot that is not at a
    whole minute counts as if it were at the end of its minute: so what is ahead is right within the minute.
    """

    def __init__(self, agenda: Agenda, start: int, end: int, offset: int = 0) -> None:
        self._agenda, self._start, self._end, self._offset = agenda, start, end, offset % HOUR

    def hours(self) -> list[tuple[int, int]]:
        """Return each hour that has slots, in order, and how many."""
        found: Counter[int] = Counter()
        for day in self._days():
            first, last = self._start - day.start, self._end - day.start
            self._add(found, day, day.whole, -(-first // MINUTE), -(-last // MINUTE))
            self._add(found, day, day.odd, first // MINUTE, last // MINUTE)
            for kind in day.dense:
                begin, end = max(kind.goes_on_at, self._start, day.start), min(self._end, day.start + DAY)
                for hour, number in days.hours(kind.trigger, begin, end, self._offset):
                    found[hour] += number * kind.number
        for kind in self._agenda.limited:
            for slot in kind.slots(self._end):
                at = slot if slot % MINUTE == 0 else slot - slot % MINUTE + MINUTE - 1
                if self._start <= at < self._end:
                    found[self._hour(slot)] += kind.number
        return sorted((hour, count) for hour, count in found.items() if count)

    def _days(self) -> Iterator[DayTally]:
        for start in range(self._start - self._start % DAY, self._end, DAY):
            yield self._agenda.day(start)

    def _hour(self, at: int) -> int:
        return at - (at - self._offset) % HOUR

    def _add(self, found: Counter[int], day: DayTally, counts: array[int], first: int, last: int) -> None:
        """Add the minutes ``first`` to ``last`` of a day, without the last, to their hours."""
        minute, last = max(first, 0), min(last, len(counts))
        while minute < last:
            hour = self._hour(day.start + minute * MINUTE)
            following = min((hour + HOUR - day.start) // MINUTE, last)
            found[hour] += sum(counts[minute:following])
            minute = following

    def fullest(self, most: int) -> list[tuple[int, int, list[int]]]:
        """Return the minutes in which the most schedules start, two at least: the minute, how many, keys of some.

        Those that start in every minute of an hour are in none. The minute that ``start`` lies in has begun, and is
        none of them either.
        """
        limited = {kind: self._minutes(kind) for kind in self._agenda.limited}
        pieces = []
        for day in self._days():
            first = max(-((day.start - self._start) // MINUTE), 0)
            counts = day.few[first : max(-((day.start - self._end) // MINUTE), 0)]
            begin = day.start + first * MINUTE
            for kind, minutes in limited.items():
                for minute in minutes.intersection(range(begin, begin + len(counts) * MINUTE, MINUTE)):
                    counts[(minute - begin) // MINUTE] += kind.number
            pieces.append((begin, counts))
        every = sorted(chain.from_iterable(counts for _, counts in pieces))
        least = max(2, *every[-most:][:1])
        best = [
            (-count, begin + number * MINUTE)
            for begin, counts in pieces
            for number, count in enumerate(counts)
            if count >= least
        ]
        return [(minute, -count, self._examples(minute, limited)) for count, minute in sorted(best)[:most]]

    def _minutes(self, kind: Kind) -> set[int]:
        """Return the minutes that a kind with a limit starts in; none for what starts in every minute of an hour."""
        slots = [slot for slot in kind.slots(self._end) if slot >= self._start]
        return set() if days.fills_an_hour(slots) else {slot - slot % MINUTE for slot in slots}

    def _examples(self, minute: int, limited: Mapping[Kind, set[int]]) -> list[int]:
        """Return keys of some that start in a minute."""
        day = minute - minute % DAY
        found = [kind.key for kind in self._agenda.examples(day, (minute - day) // MINUTE)]
        found += [kind.key for kind, minutes in limited.items() if minute in minutes]
        return found[:EXAMPLES]
