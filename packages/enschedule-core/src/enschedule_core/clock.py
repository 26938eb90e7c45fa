"""Instants: aware ``datetime`` in UTC in Python, integer microseconds since 1970 in the database.

The wire form is ISO 8601 with ``Z``. On the way in an offset is required, because an instant without
one means something else on every machine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

FIRST_YEAR, LAST_YEAR = 2, 9998  # datetime knows 1 to 9999: a year is left for zones, and for a slot after the last
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(instant: datetime) -> int:
    """Return whole microseconds since 1970-01-01T00:00Z; a naive ``instant`` is a ``ValueError``."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs an offset: {instant.isoformat()}")
    return (instant - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the aware UTC instant of whole microseconds since 1970-01-01T00:00Z."""
    return EPOCH + timedelta(microseconds=micros)


def format_instant(instant: datetime | int | None) -> str | None:
    """Return ``2026-03-28T01:00:00Z`` (with microseconds where there are any); ``None`` stays ``None``."""
    if instant is None:
        return None
    if not isinstance(instant, int):
        return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    # A list of schedules has thousands: put together from pieces, in a quarter of the time.
    seconds, micros = divmod(instant, 1_000_000)
    days, second = divmod(seconds, 86_400)
    minute, second = divmod(second, 60)
    fraction = f".{micros:06}" if micros else ""
    return f"{_date(days)}{_MINUTES[minute]}{_SECONDS[second]}{fraction}Z"


_MINUTES = tuple(f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(1440))
_SECONDS = tuple(f"{second:02}" for second in range(60))


@lru_cache(maxsize=4096)
def _date(days: int) -> str:
    """Return the date so many days after 1970-01-01."""
    return (EPOCH + timedelta(days=days)).date().isoformat()


def parse_instant(text: str) -> datetime:
    """Read ISO 8601 with an offset into aware UTC; ``ValueError`` says what is missing and shows a valid value."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not an instant; write for example 2026-03-28T09:30:00Z") from None
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write {instant.isoformat()}Z or {instant.isoformat()}+01:00")
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError(f"{text!r} is outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return instant.astimezone(UTC)
