"""The coming week as a heat map: one row a day, one cell an hour, in the viewer's zone. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import log2
from statistics import median
from typing import Any

from enschedule_core.clock import format_instant
from enschedule_dashboard.present import DAYS, Viewer, as_instant, joined, ordinal_date, plural

DAYS_SHOWN = 7
HOURS = tuple(range(24))
HOTTEST = 4
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of one day. ``at`` is when it begins in UTC, ``None`` for one that is over or that the day has not."""

    hour: int
    at: str | None
    count: int = 0
    heat: int = 0
    label: str = ""
    quarter: int | None = None  # of the present hour: how many quarters of it are over

    @property
    def short(self) -> str:
        """The count in few characters: ``12``, ``3.6k``, ``12k``."""
        if self.count < 1000:
            return str(self.count) if self.count else ""
        thousands = self.count / 1000
        return f"{thousands:.1f}k" if thousands < 9.95 else f"{thousands:.0f}k"


@dataclass(frozen=True, slots=True)
class Day:
    """One row."""

    name: str
    is_today: bool
    cells: tuple[Cell, ...]


def week_range(viewer: Viewer) -> tuple[datetime, datetime]:
    """Return from when to when the week goes, in UTC: from now to the midnight that ends its seventh day."""
    last = viewer.local(viewer.now).date() + timedelta(days=DAYS_SHOWN)
    return viewer.now, datetime.combine(last, time(), viewer.zone).astimezone(UTC)


def offset_minutes(viewer: Viewer) -> int:
    """Return by how many minutes the viewer's hours are off the hours of UTC: 30 in India, 0 nearly everywhere."""
    offset = viewer.local(viewer.now).utcoffset() or timedelta()
    return -int(offset.total_seconds() // 60) % 60


def week(buckets: Iterable[Mapping[str, Any]], viewer: Viewer) -> tuple[Day, ...]:
    """Draw the slots that are planned; ``buckets`` are ``{at, count}`` of the viewer's hours.

    The hour that a day has twice is one cell with the slots of both; the one that a day does not have is empty.
    """
    counts: dict[tuple[date, int], int] = {}
    for bucket in buckets:
        local = viewer.local(as_instant(bucket["at"]))
        counts[local.date(), local.hour] = counts.get((local.date(), local.hour), 0) + int(bucket["count"])
    usual = median(counts.values()) if counts else 0.0
    first = viewer.local(viewer.now).date()
    return tuple(_day(first + timedelta(days=index), counts, usual, viewer) for index in range(DAYS_SHOWN))


def _day(day: date, counts: Mapping[tuple[date, int], int], usual: float, viewer: Viewer) -> Day:
    today = viewer.local(viewer.now)
    name = f"{DAYS[day.weekday()]} {ordinal_date(datetime.combine(day, time()), year=False)}"
    cells = tuple(_cell(day, hour, counts.get((day, hour), 0), usual, viewer) for hour in HOURS)
    return Day(name, day == today.date(), cells)


def _cell(day: date, hour: int, count: int, usual: float, viewer: Viewer) -> Cell:
    begins = datetime.combine(day, time(hour), viewer.zone)
    at, now = begins.astimezone(UTC), viewer.now
    ends = (begins.replace(fold=1)).astimezone(UTC) + _HOUR
    is_missing = viewer.local(at).hour != hour
    if is_missing or ends <= now:
        return Cell(hour, None, label="the clock skips this hour" if is_missing else "over")
    label = f"{DAYS[day.weekday()]} {hour:02d}:00: {plural(count, 'slot')}"
    if ends - at > _HOUR:
        label += ", in an hour that comes twice"
    quarter = int((now - at) / _HOUR * 4) % 4 if at <= now else None
    return Cell(hour, format_instant(at), count, _heat(count, usual), label, quarter)


def _heat(count: int, usual: float) -> int:
    """Return how far an hour stands out: 1 is as full as usual, one more for each half doubling above that."""
    if count == 0:
        return 0
    return min(HOTTEST, 1 + max(0, int(2 * log2(count / usual))))


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute of the day in which several schedules start, on one or several days."""

    clock: str
    days: str
    count: int
    schedules: tuple[Mapping[str, Any], ...]


def minutes(fullest: Iterable[Mapping[str, Any]], viewer: Viewer, *, most: int) -> list[Minute]:
    """Return the fullest minutes ``{at, count, schedules}``, those that come on several days as one."""
    found: dict[tuple[str, int, tuple[str, ...]], list[Mapping[str, Any]]] = {}
    for minute in fullest:
        ids = tuple(one["id"] for one in minute["schedules"])
        clock = f"{viewer.local(as_instant(minute['at'])):%H:%M}"
        found.setdefault((clock, minute["count"], ids), []).append(minute)
    return [
        Minute(clock, _days([as_instant(one["at"]) for one in group], viewer), count, tuple(group[0]["schedules"]))
        for (clock, count, _), group in list(found.items())[:most]
    ]


def _days(instants: list[datetime], viewer: Viewer) -> str:
    """Return ``today``, ``Fri and Sun``, or ``every day`` where at most one of the seven is missing: today, mostly."""
    days = sorted({viewer.local(at).date() for at in instants})
    if len(days) >= DAYS_SHOWN - 1:
        return "every day"
    today = viewer.local(viewer.now).date()
    return joined(["today" if day == today else DAYS[day.weekday()] for day in days])


def hour_range(at: datetime, viewer: Viewer) -> tuple[datetime, datetime]:
    """Return begin and end of the viewer's hour that begins at ``at``; two hours long where the day has it twice."""
    local = viewer.local(at)
    ends = local.replace(fold=1).astimezone(UTC) + _HOUR
    return at, max(ends, at + _HOUR)


def sentence(days: Iterable[Day], *, halted: bool) -> str:
    """Return what the week is like, as one sentence."""
    if halted:
        return "Everything is paused: nothing is planned until it is resumed."
    cells = [(day, cell) for day in days for cell in day.cells]
    total = sum(cell.count for _, cell in cells)
    if not total:
        return "Nothing is planned in the coming week."
    day, fullest = max(cells, key=lambda pair: pair[1].count)
    when = f"{'today' if day.is_today else day.name} from {fullest.hour:02d}:00 to {(fullest.hour + 1) % 24:02d}:00"
    return f"{plural(total, 'slot')} in the coming week; the fullest hour is {when}, with {fullest.count:,}."
