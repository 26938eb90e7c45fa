"""The grammar of phrases: from words to the parts of a plan.

A phrase is a row of clauses in any order, each at most once, a comma between them allowed::

    every [N] UNIT | UNITly | every DAYS | every ORDINALS DAY
    [on] DAYS | [on] [the] ORDINALS [DAY] | [on] DATE
    of [the | every] month | of MONTHS | in MONTHS
    at TIMES | at minute N | between TIME and TIME | from TIME to TIME

What a word or a figure means depends on its clause alone, and no word is skipped.
"""

from __future__ import annotations

from enschedule_core.triggers.phrase_plan import LAST, Plan
from enschedule_core.triggers.phrase_times import TimeOfDay, check_halves, read_time
from enschedule_core.triggers.phrase_tokens import (
    ADVERBS,
    DAYS,
    EVERY,
    HALVES,
    MONTH_NUMBERS,
    NOONS,
    NTHS,
    NUMBERS,
    RANGES,
    SUFFIXES,
    UNITS,
    WEEKENDS,
    Cursor,
    Token,
)

_LONGEST_COUNT = 9
_LAST_DAY, _LAST_MINUTE = 31, 59


def read_phrase(text: str) -> Plan:
    """Return the plan that a phrase says; raise :class:`Mistake` at the first word that cannot be read."""
    return _Parser(text).read()


class _Parser:
    def __init__(self, text: str) -> None:
        self._words = Cursor(text)
        self.plan = Plan(text)

    def read(self) -> Plan:
        """Read clause after clause to the end."""
        words = self._words
        while True:
            start = words.at
            first = words.peek() or words.next("A schedule", "every day")
            part = self._clause()
            last = words.tokens[words.at - 1]
            if part in self.plan.spans:
                raise words.wrong(first, last, f"“{self.plan.written(part)}” says this already.", "")
            self.plan.spans[part] = (words.tokens[start].start, last.end)
            if words.peek() is None:
                return self.plan
            words.take({","})

    # Each clause takes its words, fills its part of the plan, and returns the name of that part.

    def _clause(self) -> str:
        words = self._words
        if words.take(EVERY):
            return self._after_every()
        if words.word() in ADVERBS:
            self.plan.unit = ADVERBS[words.next("A unit", "day").text]
            return "unit"
        if words.take({"at"}):
            return self._at()
        if words.word() in {"between", "from"}:
            return self._between()
        if words.take({"of", "in"}):
            return self._of()
        return self._times() if self._is_clear_time() else self._on()

    def _on(self) -> str:
        self._words.take({"on"})
        self._words.take({"the"})
        return self._day()

    def _after_every(self) -> str:
        words = self._words
        word, following = words.word(), words.word(1)
        counts_days = word == "second" and (following in DAYS or following == "day")
        if word in UNITS and not counts_days:
            self.plan.unit = UNITS[words.next("A unit", "day").text]
            return "unit"
        if word in MONTH_NUMBERS and not self._is_date():
            return self._months()
        is_number = word in NUMBERS or word[:1].isdigit()
        if is_number and not self._is_ordinal() and not self._is_date():
            return self._interval()
        return self._day()

    def _interval(self) -> str:
        words = self._words
        number = words.next("A number", "15 minutes")
        unit = words.next("A unit", "minutes")
        if unit.text not in UNITS:
            raise words.lost(unit)
        self.plan.unit = UNITS[unit.text]
        if "." in number.text:
            smaller = {"hour": "minutes", "minute": "seconds"}.get(self.plan.unit)
            parts = float(number.text) * 60
            mended = f"{parts:.0f} {smaller}" if smaller and parts.is_integer() and parts else None
            raise words.wrong(number, unit, "Intervals are whole numbers.", mended)
        if not (number.text in NUMBERS or (number.text.isdecimal() and len(number.text) <= _LONGEST_COUNT)):
            raise words.wrong(number, number, f"“{number.text[:40]}” is not a number of {unit.text}.")
        self.plan.count = NUMBERS.get(number.text) or int(number.text)
        if self.plan.count == 0:
            raise words.wrong(number, number, "An interval is at least 1.", "1")
        return "unit"

    def _day(self) -> str:
        words = self._words
        if words.word() in DAYS:
            return self._weekdays()
        if self._is_date():
            return self._date()
        if self._is_ordinal():
            return self._ordinals()
        raise words.lost(words.next("A day", "monday"))

    def _weekdays(self) -> str:
        words = self._words
        while True:
            days = self._weekday()
            if len(days) == 1 and words.take(RANGES):
                last = self._weekday()
                length = (last[0] - days[0]) % 7 + 1
                days = tuple((days[0] + step) % 7 for step in range(length))
            self.plan.weekdays.extend(days)
            joint = words.joint()
            if not joint or words.word(joint) not in DAYS:
                return "weekdays"
            words.at += joint

    def _weekday(self) -> tuple[int, ...]:
        token = self._words.next("A day of the week", "friday")
        if token.text not in DAYS:
            raise self._words.lost(token)
        return DAYS[token.text]

    def _is_date(self) -> bool:
        word, following = self._words.word(), self._words.word(1)
        return (word.isdecimal() and following in MONTH_NUMBERS) or (
            word in MONTH_NUMBERS and following[:1].isdecimal()
        )

    def _date(self) -> str:
        """Read ``24 december`` or ``december 24th``."""
        words = self._words
        first = words.next("A date", "24 december")
        second = words.next("A day", "24")
        day, month = (first, second) if first.text.isdecimal() else (second, first)
        self._add_monthday(day, ordinal=words.take(SUFFIXES))
        if "months" in self.plan.spans:
            raise words.wrong(first, second, f"“{self.plan.written('months')}” says the month already.")
        self.plan.months = [MONTH_NUMBERS[month.text]]
        self.plan.spans["months"] = (month.start, month.end)
        return "monthdays"

    def _add_monthday(self, token: Token, *, ordinal: bool) -> None:
        number = int(token.text) if token.text.isdecimal() and len(token.text) <= _LONGEST_COUNT else 0
        if not 1 <= number <= _LAST_DAY:
            last = self._words.tokens[self._words.at - 1] if ordinal else token
            nearest = ("31st" if number else "1st") if ordinal else str(min(max(number, 1), _LAST_DAY))
            raise self._words.wrong(token, last, f"Days of the month go from 1 to {_LAST_DAY}.", nearest)
        self.plan.monthdays.append(number)

    def _is_ordinal(self, ahead: int = 0) -> bool:
        word, following = self._words.word(ahead), self._words.word(ahead + 1)
        return word == "last" or word in NTHS or (word.isdecimal() and following in SUFFIXES)

    def _ordinals(self) -> str:
        """Read ``1st and 15th``, ``first day``, ``second and last friday``."""
        words = self._words
        first = words.tokens[words.at]
        in_words: list[int] = []
        while True:
            token = words.next("A day", "first day")
            if words.take(SUFFIXES):
                self._add_monthday(token, ordinal=True)
            else:
                in_words.append(LAST if token.text == "last" else NTHS[token.text])
            joint = words.joint()
            ahead = joint + (words.word(joint) == "the")
            if not joint or not self._is_ordinal(ahead):
                break
            words.at += ahead
        return self._what_counts(first, in_words)

    def _what_counts(self, first: Token, in_words: list[int]) -> str:
        """Read what the ordinals count: days of the month, or some day of the week."""
        words, plan = self._words, self.plan
        last = words.tokens[words.at - 1]
        plan.needs_month = bool(in_words)
        if words.word() in DAYS and words.word() not in WEEKENDS:
            plan.nth_days = DAYS[words.next("A day", "monday").text]
            plan.nths, plan.monthdays = in_words + plan.monthdays, []
            plan.needs_month = True
            if max(plan.nths) > max(NTHS.values()):
                raise words.wrong(first, last, "A month has at most five of each day of the week.", "last")
            return "nths"
        if not words.take({"day"}) and in_words:
            message = "Say which day, for example the last day of the month."
            raise words.wrong(first, last, message, f"{words.text[first.start : last.end]} day")
        plan.monthdays = in_words + plan.monthdays
        return "monthdays"

    def _of(self) -> str:
        words = self._words
        words.take({"the"}) or words.take(EVERY)
        if words.word() in MONTH_NUMBERS:
            return self._months()
        token = words.next("A month", "every month")
        if UNITS.get(token.text) != "month" or token.text == "m":
            raise words.lost(token)
        return "of"

    def _months(self) -> str:
        words = self._words
        while True:
            first = words.next("A month", "june")
            if first.text not in MONTH_NUMBERS:
                raise words.lost(first)
            months = [MONTH_NUMBERS[first.text]]
            if words.take(RANGES):
                last = words.next("A month", "december")
                if last.text not in MONTH_NUMBERS:
                    raise words.lost(last)
                length = (MONTH_NUMBERS[last.text] - months[0]) % 12 + 1
                months = [(months[0] - 1 + step) % 12 + 1 for step in range(length)]
            self.plan.months.extend(months)
            joint = words.joint()
            if not joint or words.word(joint) not in MONTH_NUMBERS:
                return "months"
            words.at += joint

    def _at(self) -> str:
        words = self._words
        has_colon = words.word().startswith(":") and words.word()[1:].isdecimal()
        if not has_colon and UNITS.get(words.word()) != "minute":
            return self._times()
        if not has_colon:
            words.at += 1
        token = words.next("A number", "15")
        digits = token.text.lstrip(":")
        if not digits.isdecimal():
            raise words.lost(token)
        if len(digits) > 2 or int(digits) > _LAST_MINUTE:
            raise words.wrong(token, token, "Minutes go from 0 to 59.", token.text[: -len(digits)] + "59")
        self.plan.minute = int(digits)
        return "minute"

    def _is_clear_time(self) -> bool:
        """Return whether a time stands here that needs no ``at``: noon, 9:30, 2 pm, but not a bare 9."""
        word = self._words.word()
        return word in NOONS or (word[:1].isdecimal() and (":" in word or self._words.word(1) in HALVES))

    def _times(self) -> str:
        words = self._words
        times = [self._time()]
        while joint := words.joint():
            following = words.word(joint)
            if following not in NOONS and not following[:1].isdecimal():
                break
            words.at += joint
            times.append(self._time())
        check_halves(words.text, times)
        self.plan.times = times
        return "times"

    def _time(self) -> TimeOfDay:
        words = self._words
        token = words.next("A time", "09:00")
        half = words.peek()
        found = read_time(words.text, token, half if half and half.text in HALVES else None)
        if found is None:
            raise words.lost(token)
        if token.text not in NOONS:
            words.take(HALVES)
        return found

    def _between(self) -> str:
        words = self._words
        joints = {"and", *RANGES} if words.next("A time", "09:00").text == "between" else RANGES
        if words.word() in DAYS:
            return self._weekdays()
        first = self._time()
        joint = words.next("A second time", "and 17:00")
        if joint.text not in joints:
            raise words.lost(joint)
        last = self._time()
        check_halves(words.text, [first, last])
        self.plan.window = (first, last)
        return "window"
