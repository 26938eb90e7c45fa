"""English for numbers, lists, dates and durations, the same on every machine whatever its locale."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
"""By cron's numbers: 0 is Sunday."""

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}

_UNITS = ((604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def ordinal(number: int) -> str:
    """Return ``1st``, ``22nd``, ``13th``."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(number % 10, 'th')}"


def listed(parts: Iterable[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    *head, last = parts
    return f"{', '.join(head)} and {last}" if head else last


def clock_time(hour: int, minute: int) -> str:
    """Return ``02:30``."""
    return f"{hour:02d}:{minute:02d}"


def time_of_day(moment: datetime) -> str:
    """Return ``02:30``, with seconds where there are any."""
    seconds = f":{moment.second:02d}" if moment.second else ""
    return clock_time(moment.hour, moment.minute) + seconds


def short_date(moment: datetime) -> str:
    """Return ``28 Mar 2027``."""
    return f"{moment.day} {MONTHS[moment.month - 1][:3]} {moment.year}"


def long_date(moment: datetime) -> str:
    """Return ``Sun 28 Mar 2027``."""
    return f"{WEEKDAYS[moment.isoweekday() % 7][:3]} {short_date(moment)}"


def interval(seconds: float) -> str:
    """Return ``hour``, ``90 minutes``, ``1.5 seconds``: the largest unit that divides it, without the number 1."""
    for size, unit in _UNITS:
        if seconds % size == 0:
            number = round(seconds / size)
            return unit if number == 1 else f"{number} {unit}s"
    return f"{seconds:.6f}".rstrip("0") + " seconds"
