"""Cron expressions in English: our words for the usual shapes, cronsim's explanation for all others."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from cronsim import CronSim

from enschedule_core.triggers.cron_fields import for_cronsim
from enschedule_core.triggers.words import MONTHS, NTH, WEEKDAYS, clock_time, listed, ordinal

_MOST_TIMES = 6
_NAMES = {name[:3].upper(): str(number) for number, name in enumerate(MONTHS, 1)} | {
    name[:3].upper(): str(number) for number, name in enumerate(WEEKDAYS)
}
_RANGE = re.compile(r"(\d+)-(\d+)(?:/(\d+))?")


@lru_cache(maxsize=4096)
def describe_cron(expression: str) -> str:
    """Return what a valid expression means, without a full stop: ``Every weekday at 09:30``."""
    fields = [_numbers(part) for part in for_cronsim(expression).upper().split()]
    if len(fields) == 6 and fields[0] == "0":
        fields = fields[1:]
    found = _in_seconds(fields) if len(fields) == 6 else _in_words(*fields)
    return found[0].upper() + found[1:] if found else _explained(expression)


def _numbers(part: str) -> str:
    """Return a field with numbers for names."""
    return re.sub(r"[A-Z]{3}", lambda found: _NAMES[found.group()], part)


def _explained(expression: str) -> str:
    """Return cronsim's own explanation, which is right, with its ordinals mended (``21th``)."""
    text = CronSim(for_cronsim(expression), datetime(2000, 1, 1)).explain()  # noqa: DTZ001 - its start does not matter
    return re.sub(r"\b(\d+)th\b", lambda found: ordinal(int(found[1])), text)


def _in_seconds(fields: list[str]) -> str | None:
    if fields[1:] != ["*"] * 5:
        return None
    step = _step(fields[0], 60)
    return f"every {_several(step, 'second')}" if step else None


def _in_words(minute: str, hour: str, monthday: str, month: str, weekday: str) -> str | None:
    """Return the sentence, or ``None`` where no short one says exactly this."""
    days = _days(monthday, month, weekday)
    if days is None:
        return None
    start, behind = days
    times = _clock_times(minute, hour)
    if times:
        return f"{start} at {listed(times)}"
    night = _over_midnight(hour) if not behind else None
    often = _how_often(minute, night or hour)
    return f"{often}{behind}" if often else None


def _clock_times(minute: str, hour: str) -> list[str]:
    """Return the times of day, if they are few enough to be listed."""
    minutes, hours = _singles(minute), _singles(hour)
    if not minutes or not hours or len(minutes) * len(hours) > _MOST_TIMES:
        return []
    return [clock_time(one, other) for one in hours for other in minutes]


def _how_often(minute: str, hour: str) -> str | None:
    """Return ``every 15 minutes``, ``every 2 hours from 09:00 to 17:00``, ``every hour at minute 15``."""
    step, at = _step(minute, 60), _singles(minute)
    every = f"every {_several(step, 'minute')}" if step else None
    if every and hour == "*":
        return every
    found = _RANGE.fullmatch(f"{hour}-{hour}" if every and hour.isdigit() else hour)
    if every and found and found[3] is None and step is not None:
        return f"{every} from {clock_time(int(found[1]), 0)} to {clock_time(int(found[2]), 60 - step)}"
    if len(at) == 1 and found:
        first, last, hours = int(found[1]), int(found[2]), int(found[3] or 1)
        last -= (last - first) % hours if last > first else 0
        return f"every {_several(hours, 'hour')} from {clock_time(first, at[0])} to {clock_time(last, at[0])}"
    hours_step = _step(hour, 24)
    if not at or hours_step is None or len(at) > _MOST_TIMES:
        return None
    behind = "" if at == [0] else f" at minute{'s' if len(at) > 1 else ''} {listed(map(str, at))}"
    return f"every {_several(hours_step, 'hour')}{behind}"


def _over_midnight(hour: str) -> str | None:
    """Return ``22-5`` for the hours 0 to 5, 22 and 23: a range that cron cannot write, but people can read."""
    hours = _singles(hour)
    if len(hours) <= 2 or hours[0] != 0 or hours[-1] != 23:
        return None
    breaks = [place for place in range(1, len(hours)) if hours[place] != hours[place - 1] + 1]
    return f"{hours[breaks[0]]}-{hours[breaks[0] - 1]}" if len(breaks) == 1 else None


def _days(monthday: str, month: str, weekday: str) -> tuple[str, str] | None:
    """Return the days as the start of a sentence, and as its end (``every weekday``, `` on weekdays``)."""
    months = _months(month)
    if months is None:
        return None
    within = f" in {months}" if months else ""
    if monthday == weekday == "*":
        return f"every day{within}", within
    if weekday == "*":
        return _monthdays(monthday, month, months)
    if monthday == "*":
        return _weekdays(weekday, months)
    return None


def _weekdays(weekday: str, months: str) -> tuple[str, str] | None:
    within = f" in {months}" if months else ""
    if weekday == "1-5":
        return f"every weekday{within}", f" on weekdays{within}"
    days = _singles(weekday) or _run(weekday)
    if days:
        names = [WEEKDAYS[day % 7] for day in sorted(set(days), key=lambda day: (day - 1) % 7)]
        return f"every {listed(names)}{within}", f" on {listed(f'{name}s' for name in names)}{within}"
    nths = [_nth(part) for part in weekday.split(",")]
    if None in nths:
        return None
    days_of = {day for nth in nths if nth for day in nth[1:]}
    if len(days_of) != 1:
        return None
    which = f"on the {listed(nth[0] for nth in nths if nth)} {days_of.pop()} of {months or 'every month'}"
    return which, f" {which}"


def _nth(part: str) -> tuple[str, str] | None:
    """Return which one of the month, and the day of the week: ``5L`` is the last Friday."""
    if found := re.fullmatch(r"(\d)L", part):
        return "last", WEEKDAYS[int(found[1]) % 7]
    if found := re.fullmatch(r"(\d)#(\d)", part):
        return NTH[int(found[2])], WEEKDAYS[int(found[1]) % 7]
    return None


def _monthdays(monthday: str, month: str, months: str) -> tuple[str, str] | None:
    days, in_months = _singles(monthday), _singles(month)
    if len(days) == 1 and len(in_months) == 1:
        date = f"{days[0]} {MONTHS[in_months[0] - 1]}"
        return f"every year on {date}", f" on {date}"
    if monthday == "L":
        which = "on the last day"
    elif monthday == "LW":
        which = "on the last weekday"
    elif days:
        which = f"on the {listed(ordinal(day) for day in days)}"
    else:
        return None
    whole = f"{which} of {months or 'every month'}"
    return whole, f" {whole}"


def _months(month: str) -> str | None:
    """Return the months by name; empty for all of them, ``None`` where they cannot be listed."""
    if month == "*":
        return ""
    step = _step(month, 12)
    numbers = list(range(1, 13, step)) if step else _singles(month) or _run(month)
    return listed(MONTHS[number - 1] for number in numbers) if numbers else None


def _several(count: int, unit: str) -> str:
    return unit if count == 1 else f"{count} {unit}s"


def _step(part: str, base: int) -> int | None:
    """Return ``n`` of ``*/n`` where it divides the whole evenly, 1 for ``*``; else ``None``."""
    if part == "*":
        return 1
    found = re.fullmatch(r"\*/(\d+)", part)
    if found is None or int(found[1]) >= base or base % int(found[1]):
        return None
    return int(found[1])


def _singles(part: str) -> list[int]:
    """Return the values of a list of plain numbers, in order; empty if it is anything else."""
    values = part.split(",")
    return sorted({int(value) for value in values}) if all(value.isdigit() for value in values) else []


def _run(part: str) -> list[int]:
    """Return the values of a plain range such as ``1-3``; empty if it is anything else."""
    found = _RANGE.fullmatch(part)
    return list(range(int(found[1]), int(found[2]) + 1)) if found and found[3] is None else []
