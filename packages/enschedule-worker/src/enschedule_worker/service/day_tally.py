"""How many schedules start in each minute of a day: counted once, and changed by what changes."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from enschedule_core.clock import from_micros, to_micros
from enschedule_worker.service import days
from enschedule_worker.service.days import DAY, MINUTE, MINUTES_IN_DAY
from enschedule_worker.service.present import readable_trigger

EXAMPLES = 3  # of schedules that start in a minute


class Kind(NamedTuple):
    """Schedules that are planned alike: how many, and the lowest and the highest of their keys.

    ``goes_on_at`` is the instant from which their slots run. ``left`` is how many slots they still have, ``None`` where
    there is no limit.
    """

    trigger: str
    goes_on_at: int
    number: int
    key: int
    last_key: int
    left: int | None = None

    def slots(self, end: int) -> Iterator[int]:
        """Yield the slots before ``end``, one by one: for those that have a limit."""
        trigger = readable_trigger(self.trigger)
        if trigger is not None and self.left:
            found = trigger.slots_between(from_micros(self.goes_on_at - 1), from_micros(end - 1), self.left)
            yield from map(to_micros, found)


class DayTally:
    """How many schedules without a limit start in each minute of the 24 hours from ``start`` on.

    ``whole`` are those at its first moment, ``odd`` those at other seconds of it. ``few`` are all of them but those
    that start in every minute of an hour. ``dense`` are the kinds that have more slots than there are minutes: they
    are in none of the counts.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.whole, self.odd, self.few = (array("q", bytes(8 * MINUTES_IN_DAY)) for _ in range(3))
        self.dense: list[Kind] = []
        self._examples: dict[int, list[Kind]] = {}

    @classmethod
    def of(cls, start: int, kinds: Iterable[Kind]) -> DayTally:
        """Count kinds of schedules."""
        found = cls(start)
        for kind in kinds:
            found._add(found._of_day(kind), days.expanded(kind.trigger, start))
        return found

    def changed(self, gone: Iterable[Kind], new: Iterable[Kind]) -> DayTally:
        """Return the tally without the kinds that are ``gone`` and with ``new`` ones."""
        found = DayTally(self.start)
        found.whole, found.odd, found.few = self.whole[:], self.odd[:], self.few[:]
        found.dense = list(self.dense)
        found._examples = {minute: list(kinds) for minute, kinds in self._examples.items()}
        before, after = Counter(map(self._of_day, gone)), Counter(map(self._of_day, new))
        for kind in before - after:
            found._add(kind, days.day(kind.trigger, self.start), sign=-1)
        for kind in after - before:
            found._add(kind, days.day(kind.trigger, self.start))
        return found

    def examples(self, minute: int) -> Sequence[Kind]:
        """Return up to three of the kinds that the number of the ``few`` is made of; none where they have gone."""
        return self._examples.get(minute, ())

    def _of_day(self, kind: Kind) -> Kind:
        """Return the kind as far as it matters to this day: not since when it has been going on."""
        return kind if kind.goes_on_at > self.start else kind._replace(goes_on_at=self.start)

    def _add(self, kind: Kind, found: days.Day, *, sign: int = 1) -> None:
        if found.is_dense:
            (self.dense.append if sign > 0 else self.dense.remove)(kind)
            return
        number, is_one_of_few = sign * kind.number, not days.fills_an_hour(found.slots)
        last = -1
        for slot in found.between(kind.goes_on_at, self.start + DAY):
            minute, rest = divmod(slot - self.start, MINUTE)
            if rest:
                self.odd[minute] += number
            else:
                self.whole[minute] += number
            if is_one_of_few and minute != last:
                self.few[minute] += number
                self._note(minute, kind, sign)
            last = minute

    def _note(self, minute: int, kind: Kind, sign: int) -> None:
        """Keep some of those that start in a minute."""
        kept = self._examples.setdefault(minute, [])
        if sign < 0:
            if kind in kept:
                kept.remove(kind)
        elif len(kept) < EXAMPLES:
            kept.append(kind)
