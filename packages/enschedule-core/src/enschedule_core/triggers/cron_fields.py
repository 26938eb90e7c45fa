"""The syntax of a cron expression: which characters are wrong, and what was most likely meant.

The rules are crontab(5) of Debian: five fields, names, ranges, steps, lists, 0 and 7 both Sunday, and the
macros. Added to that: a sixth field for seconds in front, ``L`` and ``LW`` as day of the month, ``5L`` and
``5#2`` as day of the week. Left out on purpose, because readers disagree about them: ``5/10``, ``15W``, ``?``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache

from enschedule_core.triggers.problems import Mistake
from enschedule_core.triggers.words import MONTHS, listed, ordinal

LONGEST = 256
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TERM = re.compile(r"(?P<low>\*|[A-Za-z0-9]+)(?:-(?P<high>[A-Za-z0-9]+))?(?:/(?P<step>[A-Za-z0-9]+))?")
_LONGEST_NUMBER = 4


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of an expression: what its values are called and which there are."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    """Three-letter names; the first stands for ``low``."""


_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHDAY = FieldRule("Days of the month", 1, 31)
_MONTH = FieldRule("Months", 1, 12, _MONTH_NAMES)
_WEEKDAY = FieldRule("Days of the week", 0, 7, _DAY_NAMES)
_RULES = (
    FieldRule("Seconds", 0, 59),
    FieldRule("Minutes", 0, 59),
    FieldRule("Hours", 0, 23),
    _MONTHDAY,
    _MONTH,
    _WEEKDAY,
)


@dataclass(frozen=True, slots=True)
class _Term:
    """One item of a list inside a field, and where it stands in the whole text."""

    text: str
    start: int
    whole: str

    def wrong(self, message: str, mended: str | None = None, at: tuple[int, int] | None = None) -> Mistake:
        """Return the mistake at this term, or at the characters ``at`` within it, mended by replacing them."""
        first, last = at or (0, len(self.text))
        start, end = self.start + first, self.start + last
        whole = None if mended is None else self.whole[:start] + mended + self.whole[end:]
        return Mistake(message, start, end, whole)


def expand(text: str) -> str:
    """Return the fields that a macro such as ``@daily`` stands for, or ``text`` with single spaces."""
    return MACROS.get(text.strip().lower(), " ".join(text.split()))


def for_cronsim(expression: str) -> str:
    """Return a valid expression so that cronsim reads it as cron does: it takes ``5-5/2`` for ``5/2``."""
    return re.sub(r"\b(\w+)-\1/\d+", r"\1", expression)


@lru_cache(maxsize=4096)  # what is right is remembered: saving a schedule makes its trigger several times
def check_cron(text: str) -> None:
    """Raise :class:`Mistake` at the first wrong place of the cron expression ``text``, unless it is valid."""
    if len(text) > LONGEST:
        raise Mistake(
            f"A cron expression has at most {LONGEST} characters; this has {len(text):,}.", LONGEST, len(text)
        )
    if text.strip().startswith("@"):
        _check_macro(text)
        return
    fields = list(re.finditer(r"\S+", text))
    if len(fields) not in (5, 6):
        raise _wrong_count(text, len(fields))
    for rule, found in zip(_RULES[-len(fields) :], fields, strict=True):
        offset = found.start()
        for part in found.group().split(","):
            _check_term(rule, _Term(part, offset, text))
            offset += len(part) + 1
    _check_calendar(text, *fields[-3:])


def _check_macro(text: str) -> None:
    macro = text.strip().lower()
    if macro in MACROS:
        return
    start = text.index("@")
    end = start + len(macro)
    if macro == "@reboot":
        raise Mistake(
            "@reboot has no instant, so there is nothing to plan; start it by hand or over the API.", start, end
        )
    every = re.fullmatch(r"@every\s+(\d+)\s*([smhd])", macro)
    if every:
        raise Mistake("Intervals are written without the @.", start, end, f"every {every[1]}{every[2]}")
    near = difflib.get_close_matches(macro, MACROS, n=1)
    names = ", ".join(MACROS)
    raise Mistake(f"{text.strip()[:40]} is not a macro; there are {names}.", start, end, near[0] if near else None)


def _wrong_count(text: str, count: int) -> Mistake:
    message = (
        "A cron expression has 5 fields (minute, hour, day of the month, month, day of the week),"
        f" or 6 with seconds in front; this has {count}."
    )
    mended = f"{text.strip()} {' '.join('*' * (5 - count))}" if 2 <= count < 5 else None
    if count == 7:  # the year of Quartz comes last
        mended = " ".join(text.split()[:-1])
    return Mistake(message, 0, len(text), mended)


def _check_term(rule: FieldRule, term: _Term) -> None:
    upper = term.text.upper()
    if not upper:
        raise term.wrong("There is nothing between, before or after these commas.")
    if upper == "?":
        raise term.wrong("“?” is not part of cron here; “*” means the same.", "*")
    if (rule is _MONTHDAY and upper in ("L", "LW")) or (rule is _WEEKDAY and _is_special_weekday(term)):
        return
    if rule is _MONTHDAY and re.fullmatch(r"\d+W|L-\d+", upper):
        raise term.wrong(f"“{term.text}” is not supported; L (last day) and LW (last weekday) are.")
    found = _TERM.fullmatch(term.text)
    if found is None:
        raise term.wrong(f"“{term.text}” cannot be read: write a value, a range like 1-5, or a step like */10.")
    _check_range(rule, term, found)


def _is_special_weekday(term: _Term) -> bool:
    """Return whether this is a right ``5L`` (the last Friday) or ``5#2`` (the second); raise if it is nearly one."""
    last = re.fullmatch(r"([A-Za-z0-9]+)L", term.text, re.IGNORECASE)
    if last and (last[1].isdigit() or last[1].upper() in _DAY_NAMES):
        day = _value(_WEEKDAY, term, last.span(1))
        if not last[1].isdigit():
            raise term.wrong("The last one of a month is written with the day's number.", f"{day}L")
        return True
    if "#" not in term.text:
        return False
    name, _, nth = term.text.partition("#")
    _value(_WEEKDAY, term, (0, len(name)))
    if not re.fullmatch(r"[1-5]", nth):
        message = "Behind “#” stands which one of the month it is, 1 to 5."
        raise term.wrong(message, "5" if nth.isdigit() and int(nth[:4]) > 5 else "1", (len(name) + 1, len(term.text)))
    return True


def _check_range(rule: FieldRule, term: _Term, found: re.Match[str]) -> None:
    star = found["low"] == "*"
    low = rule.low if star else _value(rule, term, found.span("low"))
    high = _value(rule, term, found.span("high")) if found["high"] else None
    if star and high is not None:
        raise term.wrong("“*” is the whole range already.", "*", (0, found.end("high")))
    if found["step"] is not None:
        step = _number(term, found.span("step"))
        if step == 0:
            raise term.wrong("A step is at least 1.", "1", found.span("step"))
        if not star and high is None:
            message = f"“{term.text}” means different things to different crons; say where it ends."
            raise term.wrong(message, f"{low}-{_top(rule)}/{step}")
    if high is not None and high < low:
        raise _reversed(rule, term, low, high, found["step"])


def _reversed(rule: FieldRule, term: _Term, low: int, high: int, step: str | None) -> Mistake:
    message = f"The range “{term.text}” ends before it starts."
    if step is not None:
        return term.wrong(message)
    if rule is _WEEKDAY and high == 0:
        return term.wrong(message, f"{low}-7")
    head = f"{low}-{_top(rule)}" if low < _top(rule) else str(low)
    tail = f"{rule.low}-{high}" if high > rule.low else str(high)
    return term.wrong(message, f"{head},{tail}")


def _top(rule: FieldRule) -> int:
    return 6 if rule is _WEEKDAY else rule.high


def _value(rule: FieldRule, term: _Term, span: tuple[int, int]) -> int:
    """Return the number that a value of this field stands for."""
    text = term.text[slice(*span)]
    if not text.isdigit():
        if text.upper() in rule.names:
            return rule.names.index(text.upper()) + rule.low
        near = difflib.get_close_matches(text.upper()[:3], rule.names, n=1)
        known = f"{rule.low} to {rule.high}" + (f" or {rule.names[0]} to {rule.names[-1]}" if rule.names else "")
        raise term.wrong(f"{rule.title} are {known}, not “{text}”.", near[0] if near else None, span)
    number = _number(term, span)
    if not rule.low <= number <= rule.high:
        nearest = min(max(number, rule.low), _top(rule))
        raise term.wrong(f"{rule.title} go from {rule.low} to {rule.high}.", str(nearest), span)
    return number


def _number(term: _Term, span: tuple[int, int]) -> int:
    text = term.text[slice(*span)]
    if not text.isdigit():
        raise term.wrong(f"“{text}” is not a number.", None, span)
    if len(text) > _LONGEST_NUMBER:
        raise term.wrong(f"A number has at most {_LONGEST_NUMBER} digits.", None, span)
    return int(text)


def _check_calendar(text: str, monthday: re.Match[str], month: re.Match[str], weekday: re.Match[str]) -> None:
    """Refuse days that none of the months has; with a day of the week besides, either of them is enough."""
    days = [int(first) for first in re.findall(r"(?:^|,)(\d+)", monthday.group())]
    if len(days) != monthday.group().count(",") + 1 or not weekday.group().startswith("*"):
        return
    months = [_month(name) for name in month.group().split(",")]
    if None in months:
        return
    numbers = [number for number in months if number is not None]
    longest = max(_DAYS_IN_MONTH[number - 1] for number in numbers)
    if min(days) <= longest:
        return
    names = listed(MONTHS[number - 1] for number in numbers)
    verb = "has" if len(numbers) == 1 else "have"
    start, end = monthday.span()
    mended = text[:start] + str(longest) + text[end:]
    raise Mistake(f"Never fires: {names} {verb} no {ordinal(min(days))}.", start, end, mended)


def _month(name: str) -> int | None:
    if name.isdigit():
        return int(name)
    return _MONTH_NAMES.index(name.upper()) + 1 if name.upper() in _MONTH_NAMES else None
