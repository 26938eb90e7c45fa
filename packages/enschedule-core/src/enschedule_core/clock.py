"""Instants: aware ``datetime`` in UTC in Python, integer microseconds since 1970 in the database.

The wire form is ISO 8601 with ``Z``. On the way in an offset is required, because an instant without
one means something else on every machine.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
    aware = from_micros(instant) if isinstance(instant, int) else instant.astimezone(UTC)
    return aware.replace(tzinfo=None).isoformat() + "Z"


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
