"""Time zones: their names, and the days on which their clocks change."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers.problems import refuse


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a zone's offset: the instant in UTC, and the wall clock just before and at it (naive)."""

    at: datetime
    wall_before: datetime
    wall_after: datetime

    @property
    def is_gap(self) -> bool:
        """True where wall times are left out, False where they come twice."""
        return self.wall_after > self.wall_before


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return the zone called ``name``; an unknown one is an :class:`InvalidTrigger` about ``timezone``.

    Only names of the IANA list are known; the machine's own zone (``localtime``) never is.
    """
    if name in _names():
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError, ValueError):  # listed, but its data cannot be read
            pass
    raise _unknown(name)


def check_timezone(name: str) -> None:
    """Raise :class:`InvalidTrigger` about ``timezone`` unless ``name`` is an IANA time zone."""
    zone_of(name)


@cache
def data_version() -> str:
    """Return which zone data this process uses, for example ``2026b``; ``unknown`` where it does not say."""
    for folder in map(Path, zoneinfo.TZPATH):
        if (folder / "Europe").is_dir():
            try:
                with (folder / "tzdata.zi").open(encoding="utf-8") as data:
                    return data.readline().rpartition(" ")[2].strip()[:20] or "unknown"
            except OSError:
                return "unknown"
    try:
        return metadata.version("tzdata")[:20]
    except metadata.PackageNotFoundError:
        return "unknown"


def changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Change]:
    """Yield the changes of ``zone`` after ``start`` up to ``end`` (aware UTC), to the second, oldest first."""
    before = start
    while before < end:
        after = min(before + timedelta(days=1), end)
        if offset_at(zone, before) != offset_at(zone, after):
            yield change_within(zone, before, after)
        before = after


def change_within(zone: ZoneInfo, before: datetime, after: datetime) -> Change:
    """Return the change of offset between two instants that have different offsets (binary search)."""
    old = offset_at(zone, before)
    early, late = before.replace(microsecond=0), after
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle <= early:
            break
        if offset_at(zone, middle) == old:
            early = middle
        else:
            late = middle
    late = late.replace(microsecond=0)
    naive = late.replace(tzinfo=None)
    return Change(at=late, wall_before=naive + old, wall_after=naive + offset_at(zone, late))


def offset_at(zone: ZoneInfo, instant: datetime) -> timedelta:
    """Return how far the clocks of ``zone`` are ahead of UTC at an instant."""
    found = instant.astimezone(zone).utcoffset()
    return found if found is not None else timedelta(0)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def _unknown(name: str) -> InvalidTrigger:
    shown = name if len(name) <= 64 else name[:61] + "…"
    near = _nearest(name) if len(name) <= 64 else None
    message = f"“{shown}” is not a time zone."
    message += f" Did you mean {near}?" if near else " Write for example Europe/Stockholm or UTC."
    return refuse("timezone", message, span=(0, len(name)), suggestion=near)


def _nearest(name: str) -> str | None:
    """Return the zone somebody most likely meant: the same letters, the same city, or one close by spelling."""
    wanted = name.strip().replace(" ", "_").lower()
    if not wanted:
        return None
    by_letters = {zone.lower(): zone for zone in sorted(_names())}
    if wanted in by_letters:
        return by_letters[wanted]
    by_city = {zone.rpartition("/")[2].lower(): zone for zone in sorted(_names(), reverse=True) if "/" in zone}
    if wanted in by_city:
        return by_city[wanted]
    for options in (by_letters, by_city):
        close = difflib.get_close_matches(wanted, options, n=1, cutoff=0.7)
        if close:
            return options[close[0]]
    return None
