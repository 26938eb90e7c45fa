"""How things are said: durations, instants, numbers and statuses as words.

Pure functions. The rules are those of the design's wording table: units with a space, a comma in thousands, ms under
1 s, 24-hour times in the viewer's zone, today without a date, this week with the weekday, anything else with the date.
Month and weekday names are written out here because ``strftime`` follows the process's locale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from enschedule_core.clock import parse_instant

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page: the database's clock at this moment, and the zone to show times in."""

    now: datetime
    zone: ZoneInfo

    def local(self, instant: datetime) -> datetime:
        """Return ``instant`` in the viewer's zone."""
        return instant.astimezone(self.zone)

    @property
    def place(self) -> str:
        """Return the zone as one word for the clock: ``Stockholm`` for ``Europe/Stockholm``."""
        return place(self.zone.key)


def place(zone_name: str) -> str:
    """Return the last part of a zone's name, readable: ``America/New_York`` → ``New York``."""
    return zone_name.rsplit("/", 1)[-1].replace("_", " ")


def as_instant(value: str | datetime) -> datetime:
    """Return an aware instant from the wire form (``…Z``) or from a datetime, unchanged."""
    return value if isinstance(value, datetime) else _parsed(value)


_parsed = lru_cache(maxsize=8192)(parse_instant)  # a page says the same instant in several ways


def number(value: float | None) -> str:
    """Return ``88,214``; a value that is not known is an empty string."""
    return "" if value is None else f"{value:,}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 run``, ``1,204 runs``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def few(names: Sequence[str], most: int = 3) -> str:
    """Return ``web-1, web-2, web-3 and 9 more``."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def brief(text: str, most: int = 40) -> str:
    """Return a text that has to fit into a line, cut where it is longer than ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def times(count: int) -> str:
    """Return ``once``, ``twice``, ``5 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def ordinal_date(local: datetime, *, year: bool) -> str:
    """Return ``23 Nov``, with the year where it matters."""
    return f"{local.day} {MONTHS[local.month - 1]}" + (f" {local.year}" if year else "")


def duration(seconds: float | None, precise: bool = False) -> str:  # noqa: FBT001, FBT002 - a filter's argument
    """Return a length of time in one unit (``840 ms``, ``4.2 s``, ``41 s``, ``17 min``), two from an hour on.

    ``precise`` keeps the seconds under an hour (``12 min 04 s``): for what has been measured or is counting, not
    for what is usual.
    """
    if seconds is None:
        return ""
    seconds = max(0.0, float(seconds))
    if seconds < 59.5:
        return _seconds(seconds, precise=precise)
    if seconds < HOUR - 30:
        return _minutes(seconds, precise=precise)
    if seconds < 2 * DAY:
        hours, minutes = divmod(round(seconds / MINUTE), 60)
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / HOUR), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _seconds(seconds: float, *, precise: bool) -> str:
    if seconds < 0.9995:
        return f"{round(seconds * 1000)} ms"
    if seconds < 9.95:
        text = f"{seconds:.1f}"
        return f"{text if precise else text.removesuffix('.0')} s"
    return f"{round(seconds)} s"


def _minutes(seconds: float, *, precise: bool) -> str:
    whole = round(seconds)
    if not precise:
        return f"{max(1, round(whole / 60))} min"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s"


def span(seconds: float) -> str:
    """Return a distance in time as one unit: ``53 s``, ``3 min``, ``11 h``; used in "in 3 min" and "2 s ago"."""
    if seconds < 59.5:
        return f"{round(seconds)} s"
    if seconds < HOUR - 30:
        return f"{round(seconds / MINUTE)} min"
    return f"{round(seconds / HOUR)} h"


def relative(instant: str | datetime | None, viewer: Viewer) -> str:
    """Return ``in 3 min`` or ``2 s ago`` for less than a day, else the day and time; ``now`` within half a second."""
    if instant is None:
        return ""
    at = as_instant(instant)
    seconds = (at - viewer.now).total_seconds()
    if abs(seconds) < 0.5:
        return "now"
    if abs(seconds) >= DAY:
        return day_time(at, viewer)
    return f"in {span(seconds)}" if seconds > 0 else f"{span(-seconds)} ago"


def clock_time(instant: str | datetime | None, viewer: Viewer) -> str:
    """Return ``14:32:07`` in the viewer's zone."""
    return "" if instant is None else f"{viewer.local(as_instant(instant)):%H:%M:%S}"


def day_time(instant: str | datetime | None, viewer: Viewer) -> str:
    """Return ``14:35`` today, ``Fri 08:00`` within six days, ``1 Dec 12:00``, ``1 Dec 2027 12:00``; no seconds."""
    if instant is None:
        return ""
    local = viewer.local(as_instant(instant))
    time = f"{local:%H:%M}"
    prefix = day(local, viewer)
    return f"{prefix} {time}" if prefix else time


def slot_time(instant: str | datetime, viewer: Viewer) -> str:
    """Return a planned instant as :func:`day_time` does, with its seconds where it has some: ``Fri 08:00:20``."""
    seconds = viewer.local(as_instant(instant)).second
    return day_time(instant, viewer) + (f":{seconds:02d}" if seconds else "")


def day(instant: str | datetime, viewer: Viewer) -> str:
    """Return the day as :func:`day_time` writes it; today is an empty string."""
    local, today = viewer.local(as_instant(instant)), viewer.local(viewer.now)
    days = (local.date() - today.date()).days
    if days == 0:
        return ""
    if abs(days) <= 6:
        return DAYS[local.weekday()]
    return ordinal_date(local, year=local.year != today.year)


def day_name(instant: str | datetime, viewer: Viewer) -> str:
    """Return a day as a heading: ``Today``, ``Yesterday``, ``Mon 23 Nov``, ``Mon 23 Nov 2025``."""
    local, today = viewer.local(as_instant(instant)), viewer.local(viewer.now)
    days = (local.date() - today.date()).days
    near = {0: "Today", -1: "Yesterday", 1: "Tomorrow"}.get(days)
    return near or f"{DAYS[local.weekday()]} {ordinal_date(local, year=local.year != today.year)}"


def exact(instant: str | datetime | None, viewer: Viewer, zone: str | None = None) -> str:
    """Return all of it, for a title: ``Mon 23 Nov 2026 14:32:07.114, Europe/Stockholm``."""
    if instant is None:
        return ""
    there = ZoneInfo(zone) if zone else viewer.zone
    local = as_instant(instant).astimezone(there)
    fraction = f".{local.microsecond // 1000:03d}" if local.microsecond else ""
    return f"{DAYS[local.weekday()]} {ordinal_date(local, year=True)} {local:%H:%M:%S}{fraction}, {there.key}"


def today(viewer: Viewer) -> str:
    """Return the line under the clock: ``Mon 23 Nov``."""
    local = viewer.local(viewer.now)
    return f"{DAYS[local.weekday()]} {ordinal_date(local, year=False)}"


def since(instant: str | datetime | None, viewer: Viewer) -> str:
    """Return how long ago an instant was, without "ago": ``12 min``."""
    if instant is None:
        return ""
    seconds = max(0.0, (viewer.now - as_instant(instant)).total_seconds())
    return duration(seconds) if seconds < 9.5 else span(seconds)


def size(count: int | None) -> str:
    """Return an amount of bytes: ``412 bytes``, ``9.4 kB``, ``1.2 MB`` (powers of 1,000)."""
    if count is None:
        return ""
    if count < 1000:
        return plural(count, "byte")
    for unit, step in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < step * 999.5 or unit == "GB":
            value = count / step
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    raise AssertionError("unreachable: the last unit takes everything")


def joined(words: list[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
