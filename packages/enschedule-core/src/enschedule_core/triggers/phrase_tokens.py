"""The words and figures of a phrase, each with its place in the text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Container
from dataclasses import dataclass

from enschedule_core.triggers.problems import Mistake
from enschedule_core.triggers.words import MONTHS, WEEKDAYS

UNITS = {
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), "second"),
    **dict.fromkeys(("minute", "minutes", "min", "mins", "m"), "minute"),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), "hour"),
    **dict.fromkeys(("day", "days", "d"), "day"),
    **dict.fromkeys(("week", "weeks"), "week"),
    **dict.fromkeys(("month", "months"), "month"),
    **dict.fromkeys(("year", "years"), "year"),
}
ADVERBS = {
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "yearly": "year",
    "annually": "year",
}
_ONE_TO_TWELVE = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"
)  # fmt: skip
NUMBERS = {
    **{word: number for number, word in enumerate(_ONE_TO_TWELVE, 1)},
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "other": 2,
}
NTHS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
NOONS = {"noon": 12, "midday": 12, "midnight": 0}
HALVES = {"am": "am", "a.m.": "am", "a.m": "am", "pm": "pm", "p.m.": "pm", "p.m": "pm"}
SUFFIXES = frozenset({"st", "nd", "rd", "th"})
WORKDAYS = frozenset({"weekday", "weekdays", "workday", "workdays"})
WEEKENDS = frozenset({"weekend", "weekends"})
DAYS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(WORKDAYS, (1, 2, 3, 4, 5)),
    **dict.fromkeys(WEEKENDS, (0, 6)),
    **{form: (number,) for number, name in enumerate(WEEKDAYS) for form in (name.lower(), f"{name.lower()}s")},
    **{name[:3].lower(): (number,) for number, name in enumerate(WEEKDAYS)},
    "tues": (2,),
    "thur": (4,),
    "thurs": (4,),
}
MONTH_NUMBERS = {form: number for number, name in enumerate(MONTHS, 1) for form in (name.lower(), name[:3].lower())} | {
    "sept": 9
}
EVERY = frozenset({"every", "each"})
JOINTS = frozenset({",", "and", "&"})
RANGES = frozenset({"to", "through", "until", "till", "-", "–"})
GLUE = frozenset({"on", "at", "the", "of", "in", "between", "from", "last"})

_TABLES = (UNITS, ADVERBS, NUMBERS, NTHS, NOONS, DAYS, MONTH_NUMBERS, EVERY, GLUE, RANGES)
VOCABULARY = sorted({word for words in _TABLES for word in words} | {"and"})
_TOKEN = re.compile(r"\d+:\d+(?::\d+)*|:\d+|\d+(?:\.\d+)?|[ap]\.m\.?(?![a-z])|[^\W\d_]+|\S")
_SHORTEST_GUESS = 3


@dataclass(frozen=True, slots=True)
class Token:
    """One word, figure or sign in lower case; ``start`` and ``end`` are its characters in the text."""

    text: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """Cut a phrase into tokens; nothing but white space is left out."""
    return [Token(found.group(), found.start(), found.end()) for found in _TOKEN.finditer(text.lower())]


class Cursor:
    """A place in the tokens of a phrase that moves forward as they are taken."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.at = 0

    def peek(self, ahead: int = 0) -> Token | None:
        """Return the next token, or the one ``ahead`` of it, without taking it."""
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def word(self, ahead: int = 0) -> str:
        """Return the text of the next token, or of the one ``ahead`` of it; empty behind the end."""
        token = self.peek(ahead)
        return token.text if token else ""

    def take(self, words: Container[str]) -> bool:
        """Take the next token if it is one of ``words``, and say whether it was."""
        if self.word() and self.word() in words:
            self.at += 1
            return True
        return False

    def next(self, what: str, example: str) -> Token:
        """Take the next token; at the end, say that ``what`` is missing and mend it with ``example``."""
        token = self.peek()
        if token is None:
            behind = self.tokens[-1] if self.tokens else Token("", 0, len(self.text))
            message = f"{what} is missing after “{behind.text}”." if behind.text else "There is nothing here."
            raise Mistake(message, behind.start, behind.end, f"{' '.join(self.text.split())} {example}".strip())
        self.at += 1
        return token

    def joint(self) -> int:
        """Return how many tokens a joint (``,`` ``and`` ``&``, or ``, and``) takes here; 0 if there is none."""
        if self.word() not in JOINTS:
            return 0
        return 2 if self.word() == "," and self.word(1) in JOINTS - {","} else 1

    def lost(self, token: Token) -> Mistake:
        """Return the mistake for a word nobody knows, or one that does not belong where it stands."""
        if token.text in VOCABULARY or token.text[0].isdigit():
            return Mistake(f"“{token.text[:40]}” does not belong here.", token.start, token.end)
        near = _nearest_word(token.text)
        mended = mend(self.text, token.start, token.end, near) if near else None
        return Mistake(f"“{token.text[:40]}” is not understood.", token.start, token.end, mended)

    def wrong(self, first: Token, last: Token, message: str, replacement: str | None = None) -> Mistake:
        """Return the mistake from ``first`` to ``last``; the phrase is mended by putting ``replacement`` there."""
        mended = None if replacement is None else mend(self.text, first.start, last.end, replacement)
        return Mistake(message, first.start, last.end, mended)


def mend(text: str, start: int, end: int, replacement: str) -> str:
    """Return ``text`` with the characters from ``start`` to ``end`` replaced, without double spaces."""
    return " ".join(f"{text[:start]}{replacement}{text[end:]}".split())


def _nearest_word(word: str) -> str | None:
    if len(word) < _SHORTEST_GUESS:
        return None
    options = [known for known in VOCABULARY if len(known) >= _SHORTEST_GUESS]
    return next(iter(difflib.get_close_matches(word, options, n=1, cutoff=0.66)), None)
