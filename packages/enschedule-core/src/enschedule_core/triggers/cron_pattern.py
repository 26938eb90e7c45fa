"""Matching wall-clock times, and what becomes of them where clocks change: the rules of Debian's cron(8)."""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import product
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from enschedule_core.triggers.cron_fields import for_cronsim
from enschedule_core.triggers.problems import refuse
from enschedule_core.triggers.zones import change_within, changes, offset_at

HOURS_OF_A_DAY = 24
MICROSECOND = timedelta(microseconds=1)
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


class Pattern:
    """A parsed expression. Its matching is cronsim's; what happens where clocks change is decided here.

    cronsim itself is only asked about naive wall-clock times: asked about a zone, from inside the
    repeated hour, it answers with an instant in the past.
    """

    def __init__(self, expression: str) -> None:
        self._sim = CronSim(for_cronsim(expression), datetime(2000, 1, 1))  # noqa: DTZ001 - a wall clock, not an instant
        timed = expression.split()[:-3]
        self.is_fixed = not any(part.startswith("*") for part in timed)
        """True for what cron(8) calls jobs that run at a specific time."""
        self._hours, self._minutes = sorted(self._sim.hours), sorted(self._sim.minutes)
        self._seconds = sorted(self._sim.seconds)
        self._times_a_day = len(self._hours) * len(self._minutes) * len(self._seconds)
        self.is_hourly = not self.is_fixed and len(self._hours) == HOURS_OF_A_DAY
        """True for what runs in every hour alike, so that a change of clocks leaves its pace as it is."""

    def wall_after(self, wall: datetime) -> datetime | None:
        """Return the first matching wall-clock time strictly later than ``wall`` (both naive)."""
        sim = copy.copy(self._sim)
        sim.dt = wall.replace(microsecond=0)
        return next(sim, None)

    def next_after(self, instant: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the first slot strictly later than ``instant`` (aware UTC) by the clocks of ``zone``."""
        wall = instant.astimezone(zone).replace(tzinfo=None)
        repeat = _repeat_at(instant, zone)
        if repeat is not None and not self.is_fixed and not wall.fold:
            again, left = repeat
            found = self.wall_after(wall)
            if found is None or found >= left:
                wall = again - _SECOND  # what is next may lie in the second pass
        return self._settle(instant, wall.replace(fold=0), zone)

    def _settle(self, instant: datetime, wall: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the instant of the first matching wall time after ``wall`` that lies after ``instant``."""
        while (found := self.wall_after(wall)) is not None:
            first = found.replace(tzinfo=zone).astimezone(UTC)
            second = found.replace(tzinfo=zone, fold=1).astimezone(UTC)
            wall = found
            if second < first:  # in a gap, the two readings lie on either side of it
                gap = change_within(zone, second, first)
                if self.is_fixed and gap.at > instant:
                    return gap.at
                wall = gap.wall_after - _SECOND
            elif first > instant:
                return first
            elif second > instant and not self.is_fixed:
                return second
        return None

    def walk(self, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield the slots in ``(start, end]`` (aware UTC), oldest first: by arithmetic on days of one offset.

        Several times as fast as one slot after the other, for a span in which most days have slots.
        """
        while start < end:
            until = min(start + _DAY, end)
            offset = offset_at(zone, start)
            if offset == offset_at(zone, until) and _repeat_at(start, zone) is None:
                yield from self._evenly(start, until, offset)
            else:
                slot = self.next_after(start, zone)
                while slot is not None and slot <= until:
                    yield slot
                    slot = self.next_after(slot, zone)
            start = until

    def _evenly(self, start: datetime, end: datetime, offset: timedelta) -> Iterator[datetime]:
        after, until = (instant.replace(tzinfo=None) + offset for instant in (start, end))
        for number in range((until.date() - after.date()).days + 1):
            day = after.date() + timedelta(days=number)
            if not self._matches_day(day):
                continue
            for hour, minute, second in product(self._hours, self._minutes, self._seconds):
                wall = datetime(day.year, day.month, day.day, hour, minute, second)  # noqa: DTZ001 - a wall clock
                if after < wall <= until:
                    yield (wall - offset).replace(tzinfo=UTC)

    def count(self, start: datetime, end: datetime, zone: ZoneInfo) -> int:
        """Return how many slots lie in ``(start, end]`` (aware UTC), by arithmetic.

        Between two changes of clocks the wall clock runs evenly, so slots are matching wall times there.
        """
        wall = start.astimezone(zone).replace(tzinfo=None)
        repeat = _repeat_at(start, zone) if self.is_fixed and wall.fold else None
        if repeat is not None:
            wall = repeat[1] - MICROSECOND
        total = 0
        for change in changes(zone, start, end):
            total += self.count_walls(wall, change.wall_before - MICROSECOND)
            wall = change.wall_after - MICROSECOND
            if self.is_fixed and change.is_gap:
                left_out = self.count_walls(change.wall_before - MICROSECOND, wall)
                total += bool(left_out) and not self.count_walls(wall, change.wall_after)
            elif self.is_fixed:
                wall = change.wall_before - MICROSECOND
        return total + self.count_walls(wall, end.astimezone(zone).replace(tzinfo=None))

    def count_walls(self, after: datetime, until: datetime) -> int:
        """Return how many matching wall-clock times lie in ``(after, until]`` (both naive)."""
        if until <= after:
            return 0
        first, last = after.date(), until.date()
        days = sum(self._matches_day(first + timedelta(days=number)) for number in range((last - first).days))
        return days * self._times_a_day + self._times_until(until) - self._times_until(after)

    def _matches_day(self, day: date) -> bool:
        return day.month in self._sim.months and self._sim.match_day(day)

    def _times_until(self, wall: datetime) -> int:
        """Return how many matching times its own day has up to ``wall``."""
        if not self._matches_day(wall.date()):
            return 0
        count = bisect_left(self._hours, wall.hour) * len(self._minutes)
        if wall.hour in self._sim.hours:
            count += bisect_left(self._minutes, wall.minute)
        count *= len(self._seconds)
        if wall.hour in self._sim.hours and wall.minute in self._sim.minutes:
            count += bisect_right(self._seconds, wall.second)
        return count


@lru_cache(maxsize=4096)
def pattern_of(expression: str) -> Pattern:
    """Return the parsed form of a checked expression, from a cache."""
    try:
        return Pattern(expression)
    except CronSimError as error:  # our own check is stricter; this is for what a newer cronsim may refuse
        raise refuse("expression", f"“{expression}” is not a cron expression: {error}.") from None


def _repeat_at(instant: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """Return the wall times between which the clock runs twice, if ``instant`` lies in either pass of it."""
    local = instant.astimezone(zone)
    other = local.replace(fold=1 - local.fold).astimezone(UTC)
    if other == instant:
        return None
    change = change_within(zone, min(instant, other), max(instant, other))
    return change.wall_after, change.wall_before
