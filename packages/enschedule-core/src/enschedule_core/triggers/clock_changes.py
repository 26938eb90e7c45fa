"""Sentences about the days on which clocks change, true to what the trigger then does.

Every sentence is found by asking the trigger itself, not by repeating its rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from enschedule_core.triggers.base import MICROSECOND, Trigger
from enschedule_core.triggers.cron import Cron
from enschedule_core.triggers.cron_pattern import Pattern, pattern_of
from enschedule_core.triggers.every import Every
from enschedule_core.triggers.words import interval, listed, short_date, time_of_day
from enschedule_core.triggers.zones import Change, changes, zone_of

_AHEAD = timedelta(days=400)
_DAY_SECONDS = 86_400
_MOST_TIMES = 4


def clock_change_notes(trigger: Trigger, after: datetime) -> list[str]:
    """Return two sentences for each change of clocks in the 400 days after ``after`` that touches ``trigger``."""
    zone = zone_of(trigger.timezone)
    try:
        end = after.astimezone(UTC) + _AHEAD
    except OverflowError:
        return []
    start, end = trigger.clip(after, end)
    if isinstance(trigger, Cron) and not pattern_of(trigger.expression).is_hourly:
        notes = (_note(trigger, zone, change) for change in changes(zone, start, end))
        return [note for note in notes if note]
    if isinstance(trigger, Every) and trigger.seconds % _DAY_SECONDS == 0:
        return [_moved(change) for change in changes(zone, start, end)]
    return []


def _note(trigger: Cron, zone: ZoneInfo, change: Change) -> str | None:
    early, late = sorted((change.wall_before, change.wall_after))
    pattern = pattern_of(trigger.expression)
    count = pattern.count_walls(early - MICROSECOND, late - MICROSECOND)
    if count == 0:
        return None
    walls = list(_walls(pattern, early, min(count, _MOST_TIMES)))
    when = f"{short_date(early)}: {_times(walls, count)}"
    if change.is_gap:
        runs = pattern.is_fixed and _is_slot(trigger, change.at)
        does = f"It runs at {time_of_day(change.wall_after)}." if runs else "It does not run then."
        return f"{when} {'does' if count == 1 else 'do'} not exist. {does}"
    passes = [any(_is_slot(trigger, _at(wall, zone, fold)) for wall in walls) for fold in (0, 1)]
    if not any(passes):
        return None
    does = "It runs both times." if all(passes) else f"It runs once, the {'first' if passes[0] else 'second'} time."
    return f"{when} {'comes' if count == 1 else 'come'} twice. {does}"


def _times(walls: list[datetime], count: int) -> str:
    """Return ``02:00, 02:15, 02:30 and 57 more times``."""
    if count <= len(walls):
        return listed(time_of_day(wall) for wall in walls)
    shown = walls[:-1]
    return listed([*map(time_of_day, shown), f"{count - len(shown)} more times"])


def _moved(change: Change) -> str:
    shift = interval(abs((change.wall_after - change.wall_before).total_seconds()))
    shift = "an hour" if shift == "hour" else shift
    way = "later" if change.is_gap else "earlier"
    day = short_date(change.wall_before)
    return f"{day}: the clocks change, and an interval is real time. From then on it runs {shift} {way} by the clock."


def _walls(pattern: Pattern, early: datetime, count: int) -> Iterator[datetime]:
    """Yield the first ``count`` wall-clock times from ``early`` on that the pattern asks for."""
    wall = pattern.wall_after(early - timedelta(seconds=1))
    for _ in range(count):
        if wall is None:
            return
        yield wall
        wall = pattern.wall_after(wall)


def _at(wall: datetime, zone: ZoneInfo, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _is_slot(trigger: Trigger, instant: datetime) -> bool:
    return trigger.next_after(instant - MICROSECOND) == instant
