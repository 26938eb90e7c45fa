"""Times of day in phrases: ``2 am``, ``14:30``, ``9``, ``noon``."""

from __future__ import annotations

from dataclasses import dataclass

from enschedule_core.triggers.phrase_tokens import HALVES, NOONS, Token, mend
from enschedule_core.triggers.problems import Mistake
from enschedule_core.triggers.words import clock_time

_HOURS, _MINUTES, _HALF = 24, 60, 12


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A time as written: hour 0 to 23, minute 0 to 59, and its place."""

    hour: int
    minute: int
    start: int
    end: int
    is_bare: bool = False
    """A number alone, as in ``at 9``."""
    half: str | None = None
    """``am`` or ``pm``, where it says so."""

    def __str__(self) -> str:
        return clock_time(self.hour, self.minute)


def read_time(text: str, token: Token, half: Token | None) -> TimeOfDay | None:
    """Return the time that ``token`` writes, with its ``am`` or ``pm`` if one follows; ``None`` if it is none.

    Raises :class:`Mistake` for what is meant as a time but is not one, such as 25:00.
    """
    if token.text in NOONS:
        return TimeOfDay(NOONS[token.text], 0, token.start, token.end, half="pm")
    if not token.text[0].isdecimal():
        return None
    reading = _Reading(text, token, half)
    hour, minute = reading.figures()
    if half is None:
        return TimeOfDay(reading.hour_of_day(hour, minute), minute, token.start, token.end, ":" not in token.text)
    name = HALVES[half.text]
    return TimeOfDay(reading.hour_of_half(hour, minute, name), minute, token.start, half.end, half=name)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One time as it stands in a phrase, and what to say where it is not one."""

    text: str
    token: Token
    half: Token | None

    def _wrong(self, message: str, mended: str) -> Mistake:
        start, end = self.token.start, self.half.end if self.half else self.token.end
        return Mistake(message, start, end, mend(self.text, start, end, mended))

    def figures(self) -> tuple[int, int]:
        """Return hour and minute as written; a bare number is an hour."""
        written = self.token.text
        if "." in written:
            raise self._wrong("Hours and minutes are written with a colon.", written.replace(".", ":"))
        parts = written.split(":")
        if len(parts) > 2:
            message = "A time of day has hours and minutes; seconds need a cron expression."
            raise self._wrong(message, self._with_half(":".join(parts[:2])))
        if any(len(part) > 2 for part in parts):
            raise self._wrong("A time of day is written like 9, 14:30 or 2 pm.", _from_digits(parts[0]))
        if len(parts) == 1:
            return int(written), 0
        if len(parts[1]) == 1:
            raise self._wrong("Minutes have two digits.", self._with_half(f"{parts[0]}:0{parts[1]}"))
        if int(parts[1]) >= _MINUTES:
            raise self._wrong("Minutes go from 0 to 59.", self._with_half(f"{parts[0]}:59"))
        return int(parts[0]), int(parts[1])

    def hour_of_day(self, hour: int, minute: int) -> int:
        """Return the hour of a time without am or pm."""
        if hour >= _HOURS:
            nearest = 0 if hour == _HOURS else _HOURS - 1
            raise self._wrong("Hours go from 0 to 23.", clock_time(nearest, minute))
        return hour

    def hour_of_half(self, hour: int, minute: int, half: str) -> int:
        """Return the hour of the day for an hour with am or pm: 12 am is 0, 12 pm is 12."""
        if not 1 <= hour <= _HALF:
            meant = clock_time(hour, minute) if hour < _HOURS else "11 pm"
            raise self._wrong("With am or pm, hours go from 1 to 12.", meant)
        return hour % _HALF + (_HALF if half == "pm" else 0)

    def _with_half(self, time: str) -> str:
        return f"{time} {self.half.text}" if self.half else time


def check_halves(text: str, times: list[TimeOfDay]) -> None:
    """Refuse ``2 and 4 pm``: whether the bare 2 is in the afternoon too, people read differently."""
    halves = {time.half for time in times if time.half}
    for time in times:
        if time.is_bare and halves and time.hour <= _HALF:
            written = text[time.start : time.end]
            half = "am" if time is times[0] and len(times) == 2 and time.hour > times[1].hour - _HALF else max(halves)
            message = f"Is {written} in the morning or in the afternoon? Write am or pm behind each."
            raise Mistake(message, time.start, time.end, mend(text, time.start, time.end, f"{written} {half}"))


def _from_digits(digits: str) -> str:
    """Return what ``1430`` was meant to be."""
    return f"{digits[:-2][-2:]}:{digits[-2:]}" if len(digits) in (3, 4) else "09:00"
