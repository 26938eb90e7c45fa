"""Phrases such as ``every weekday at 09:30``: what they compile to, and which of them no schedule can do.

The grammar is small and strict on purpose: a phrase either means one thing, or is refused at the word.
Free-text date libraries were measured and guess (``daily at 02:00`` became 14:00).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from enschedule_core.triggers.cron_fields import check_cron
from enschedule_core.triggers.every import LONGEST_SECONDS
from enschedule_core.triggers.phrase_parser import read_phrase
from enschedule_core.triggers.phrase_plan import LAST, Plan
from enschedule_core.triggers.phrase_times import TimeOfDay
from enschedule_core.triggers.problems import Mistake
from enschedule_core.triggers.words import WEEKDAYS, clock_time, listed

EXAMPLES = (
    "every 15 minutes",
    "every day at 2 am",
    "every weekday at 09:30",
    "mondays and thursdays at 6pm",
    "first day of every month at noon",
    "last friday of the month at 17:00",
    "every 2 hours between 9 and 17",
)
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_DAY_PARTS = ("weekdays", "monthdays", "nths", "months", "of")
_NOON = 12


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a phrase compiles to: a cron ``expression``, or else an interval of ``seconds``."""

    expression: str | None = None
    seconds: int = 0


@lru_cache(maxsize=1024)  # saving a schedule reads its phrase several times, and a thousand files often have the same
def compile_phrase(text: str) -> Meaning:
    """Return what ``text`` means; raise :class:`Mistake` at the place that cannot be understood or done."""
    plan = read_phrase(text)
    meaning = _compile(plan)
    if meaning.expression is not None:
        _check_days(plan, meaning.expression)
    return meaning


def _compile(plan: Plan) -> Meaning:
    if plan.unit == "second":
        return _interval(plan, "Seconds go")
    if plan.unit in ("minute", "hour"):
        return _within_the_day(plan)
    if plan.unit in ("day", "week") and plan.count > 1:
        return _interval(plan, f"Several {plan.unit}s go")
    for part in ("window", "minute"):
        if plan.has(part):
            message = f"“{plan.written(part)}” goes with every hour or every so many minutes."
            raise plan.wrong(part, message, "" if plan.has(*_DAY_PARTS, "unit") else None)
    minute, hour = _times(plan)
    return Meaning(f"{minute} {hour} {_days(plan)}")


def _interval(plan: Plan, what: str) -> Meaning:
    """Return an interval in real time; nothing else can be said about one."""
    extra = next((part for part in plan.spans if part != "unit"), None)
    if extra is not None:
        raise plan.wrong(extra, f"{what} without “{plan.written(extra)}”: an interval is counted in real time.", "")
    seconds = plan.count * _SECONDS[plan.unit or "second"]
    if seconds > LONGEST_SECONDS:
        raise plan.wrong("unit", "An interval is at most 100 years.")
    return Meaning(seconds=seconds)


def _within_the_day(plan: Plan) -> Meaning:
    """Compile every so many minutes or hours, perhaps in a part of the day or on some days."""
    if plan.has("times"):
        first = plan.times[0]
        replacement = f"at minute {first.hour}" if plan.unit == "hour" and first.is_bare else ""
        message = f"“{plan.written('unit')}” goes without a time of day; between two times it can."
        raise plan.wrong("times", message, replacement)
    base = 60 if plan.unit == "minute" else 24
    if base % plan.count and not (plan.unit == "hour" and plan.window and plan.count < base):
        what = f"{plan.count} {plan.unit}s, which do not divide {'an hour' if base == 60 else 'a day'} evenly, go"
        return _interval(plan, what)
    days = _days(plan) if plan.has(*_DAY_PARTS) else "* * *"
    if plan.unit == "minute":
        return Meaning(f"{_step(plan.count, base)} {_minute_hours(plan)} {days}")
    minute = plan.minute if plan.minute is not None else (plan.window[0].minute if plan.window else 0)
    return Meaning(f"{minute} {_hour_hours(plan, minute)} {days}")


def _step(count: int, base: int) -> str:
    if count == base:
        return "0"
    return "*" if count == 1 else f"*/{count}"


def _minute_hours(plan: Plan) -> str:
    """Return the hours of ``every 15 minutes between 9:00 and 17:00``: whole ones, the last one before the end."""
    if plan.has("minute"):
        raise plan.wrong("minute", f"“{plan.written('minute')}” goes with every hour.", "")
    if plan.window is None:
        return "*"
    first, last = _checked_window(plan)
    if first.minute or last.minute:
        hours = f"between {clock_time(first.hour, 0)} and {clock_time(last.hour, 0)}"
        raise plan.wrong("window", "With minutes, the times to run between are full hours.", hours)
    end = last.hour if last.hour > first.hour else last.hour + 24
    return _hour_list(range(first.hour, end))


def _hour_hours(plan: Plan, minute: int) -> str:
    """Return the hours of ``every 2 hours between 9 and 17``, with both ends."""
    if plan.window is None:
        return _step(plan.count, 24)
    first, last = _checked_window(plan)
    start = first.hour + (minute < first.minute)
    end = last.hour - (minute > last.minute) + (24 if last.hour < first.hour else 0)
    hours = range(start, end + 1, plan.count)
    if not hours:
        raise plan.wrong("window", "There is no such minute between these times.")
    return _hour_list(hours)


def _checked_window(plan: Plan) -> tuple[TimeOfDay, TimeOfDay]:
    assert plan.window is not None
    first, last = plan.window
    start, end = (first.hour, first.minute), (last.hour, last.minute)
    if start == end:
        raise plan.wrong("window", "The two times are the same; leave them out to run all day.", "")
    if end < start and end != (0, 0):
        if first.hour < _NOON:
            until = f"between {first} and {clock_time((last.hour + _NOON) % 24, last.minute)}"
            raise plan.wrong("window", "The second time is before the first.", until)
        if plan.has(*_DAY_PARTS):
            message = "Over midnight, “between” cannot be combined with days: it ends on the day after."
            raise plan.wrong("window", message, f"between {first} and 23:00" if first.hour < 23 else "")
    return first, last


def _hour_list(hours: range) -> str:
    """Return cron's hours for a range that may go past midnight."""
    if hours[-1] < 24:
        if len(hours) == 1:
            return str(hours[0])
        whole = f"{hours[0]}-{hours[-1]}"
        return whole if hours.step == 1 else f"{whole}/{hours.step}"
    return ",".join(str(hour) for hour in sorted({hour % 24 for hour in hours}))


def _times(plan: Plan) -> tuple[str, str]:
    """Return cron's minute and hour of the times; midnight without any."""
    if not plan.times:
        return "0", "0"
    wanted = {(time.hour, time.minute) for time in plan.times}
    hours, minutes = sorted({hour for hour, _ in wanted}), sorted({minute for _, minute in wanted})
    extra = sorted({(hour, minute) for hour in hours for minute in minutes} - wanted)
    if extra:
        message = f"One schedule cannot do these times: with them it would also run at {clock_time(*extra[0])}."
        same = listed(clock_time(hour, minutes[0]) for hour in hours)
        raise plan.wrong("times", message, f"at {same}")
    return ",".join(map(str, minutes)), ",".join(map(str, hours))


def _days(plan: Plan) -> str:
    """Return cron's day of the month, month and day of the week."""
    kinds = [part for part in ("weekdays", "monthdays", "nths") if plan.has(part)]
    if len(kinds) > 1:
        raise plan.wrong(kinds[1], f"“{plan.written(kinds[0])}” says the days already; cron would run on both.", "")
    if plan.needs_month and not plan.has("of", "months") and plan.unit != "month":
        raise plan.wrong(kinds[0], "Say of which month.", f"{plan.written(kinds[0])} of the month")
    if plan.has("of") and not plan.has("monthdays", "nths"):
        raise plan.wrong("of", "Say which day of the month.", f"on the 1st {plan.written('of')}")
    _check_unit(plan)
    months = ",".join(str(month) for month in sorted(set(plan.months)))
    if plan.unit == "month" and plan.count > 1:
        months = f"*/{plan.count}"
    if plan.unit == "year":
        months = months or "1"
    if plan.has("nths"):
        return _nth_days(plan, months or "*")
    monthdays = [("L" if day == LAST else str(day)) for day in sorted(set(plan.monthdays), key=lambda day: day or 99)]
    if not plan.has("weekdays", "monthdays"):
        monthdays = ["1"] if plan.unit in ("month", "year") else monthdays
    if plan.unit == "week" and not plan.weekdays:
        plan.weekdays = [0]  # as @weekly
    return f"{','.join(monthdays) or '*'} {months or '*'} {_weekdays(plan.weekdays)}"


def _check_unit(plan: Plan) -> None:
    """Refuse ``every month on mondays`` and the like, where the unit and the days say different things."""
    if plan.unit is None and not plan.has("weekdays", "monthdays", "nths", "months"):
        part = next(iter(plan.spans))
        raise plan.wrong(part, "Say on which days.", f"every day {plan.written(part)}")
    if plan.unit in ("month", "year") and plan.has("weekdays"):
        day = WEEKDAYS[plan.weekdays[0]].lower()
        raise plan.wrong("weekdays", f"Say which one of the {plan.unit}.", f"on the first {day}")
    if plan.unit == "week" and plan.has("monthdays", "nths"):
        raise plan.wrong("unit", "Days of the month do not go with weeks.", "")
    if plan.unit == "month" and plan.count > 1 and (12 % plan.count or plan.months):
        raise plan.wrong("unit", "Months go by 1, 2, 3, 4 or 6, without names of months.", "every 3 months")
    if plan.unit == "year" and plan.count > 1:
        raise plan.wrong("unit", "Years go one by one.", "every year")
    if plan.unit == "year" and plan.has("monthdays", "nths") and not plan.months:
        raise plan.wrong("unit", "Say in which month.", "every year in january")


def _nth_days(plan: Plan, months: str) -> str:
    """Return the days of ``first and last monday of the month``."""
    if len(plan.nth_days) > 1:
        if plan.nths == [LAST]:
            return f"LW {months} *"
        raise plan.wrong("nths", "Of weekdays, only the last one of the month can be said.", "last weekday")
    day = plan.nth_days[0]
    nths = sorted(set(plan.nths), key=lambda nth: nth or 99)
    return f"* {months} {','.join(f'{day}L' if nth == LAST else f'{day}#{nth}' for nth in nths)}"


def _weekdays(days: list[int]) -> str:
    found = sorted(set(days))
    if len(found) in (0, 7):
        return "*"
    if len(found) > 2 and found[-1] - found[0] == len(found) - 1:
        return f"{found[0]}-{found[-1]}"
    return ",".join(map(str, found))


def _check_days(plan: Plan, expression: str) -> None:
    """Refuse days that no month has: every 31st of February."""
    try:
        check_cron(expression)
    except Mistake as mistake:
        start, end = plan.spans.get("monthdays", (0, len(plan.text)))
        raise Mistake(mistake.message, start, end) from None
