"""Instants and durations for people: how long ago, how soon, how long."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import cast
from zoneinfo import ZoneInfo

import click

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)(?:m|min))?(?:(\d+)s)?", re.ASCII)
_SHORT_SECONDS = 10


def span(seconds: float | None) -> str:
    """Return a duration with its two largest units (``2 h 5 min``); under 10 s with a fraction (``0.3 s``)."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < _SHORT_SECONDS:
        return f"{seconds:.1f} s".replace(".0", "")
    rest = round(seconds)
    parts: list[str] = []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part)


def relative(instant: str | None, now: datetime) -> str:
    """Return how far an instant of the API is from ``now``: ``in 2 h 5 min``, ``3 min ago``; empty for none."""
    if instant is None:
        return ""
    seconds = (read(instant) - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    said = span(max(1, round(abs(seconds))))
    return f"in {said}" if seconds > 0 else f"{said} ago"


def in_zone(instant: str, timezone: str) -> str:
    """Return an instant as its zone's clocks show it: ``Fri 27 Nov 2026 02:00:00 CET``; in UTC for a zone not known."""
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    local = read(instant).astimezone(zone)
    # Not by %a and %b, which follow the locale, while everything else here is English.
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[local.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[local.month - 1]
    return f"{day} {local.day:2} {month} {local.year} {local:%H:%M:%S} {local.tzname()}"


def read(instant: str) -> datetime:
    """Return an instant of the API as an aware ``datetime``."""
    return datetime.fromisoformat(instant)


def now() -> datetime:
    """Return this machine's time: only to say how far something is, never to decide."""
    return datetime.now(UTC)


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """``30s``, ``15m``, ``2h``, ``1d12h``, or a number of seconds; becomes a ``timedelta``."""

    name = "DURATION"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it; anything else is a usage error that shows a valid one."""
        if isinstance(value, timedelta):
            return value
        text = str(value).strip().replace(" ", "")
        found = _DURATION.fullmatch(text)
        try:
            if found is not None and any(found.groups()):
                days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
                return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
            if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text):
                return timedelta(seconds=float(text))
        except (OverflowError, ValueError):  # Python reads no number of more than 4,300 digits
            self.fail(f"{text[:20]} is too long; write for example 15m.", param, ctx)
        return self.fail(f"{value!r} is not a duration; write for example 30s, 15m, 2h or 1d12h.", param, ctx)


class Seconds(click.FloatRange):
    """A number of seconds within bounds; click itself takes ``nan`` for one."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it; anything else is a usage error that says the bounds."""
        found = float(super().convert(cast("float", value), param, ctx))
        return found if isfinite(found) else self.fail(f"{value!r} is not a number of seconds.", param, ctx)


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """An instant with an offset, or a duration: so long ago, or so long from now; becomes an aware ``datetime``."""

    name = "INSTANT"

    def __init__(self, *, ahead: bool) -> None:
        self._ahead = ahead

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it; anything else is a usage error that shows valid ones."""
        if isinstance(value, datetime):
            return value
        text = str(value)
        if text[:1].isdigit() and "T" not in text.upper() and "-" not in text:
            length = Duration().convert(text, param, ctx)
            try:
                return now() + length if self._ahead else now() - length
            except OverflowError:
                self.fail(f"{text} is too long; write for example 2h.", param, ctx)
        from enschedule_core.clock import parse_instant  # noqa: PLC0415 - the command line starts fast without the core

        try:
            return parse_instant(text)
        except ValueError as problem:
            return self.fail(f"{problem}, or a duration such as 2h.", param, ctx)
