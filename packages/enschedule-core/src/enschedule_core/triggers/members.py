"""Reading single members of a trigger's wire form."""

from __future__ import annotations

from datetime import datetime

from enschedule_core.clock import parse_instant
from enschedule_core.triggers.problems import refuse, type_of


def read_instant(value: object, name: str) -> datetime | None:
    """Return the aware UTC instant of ISO 8601 text with an offset, or of a ``datetime``; ``None`` stays ``None``.

    Raises :class:`~enschedule_core.errors.InvalidTrigger` about ``name``.
    """
    return None if value is None else instant_of(value, name)


def instant_of(value: object, name: str) -> datetime:
    """Return what :func:`read_instant` does, where there must be a value."""
    if isinstance(value, datetime):
        text = value.isoformat()
    elif isinstance(value, str):
        text = value
    else:
        raise refuse(name, f"{name} must be an instant like 2027-03-28T09:30:00Z; this is {type_of(value)}.")
    try:
        return parse_instant(text)
    except ValueError as error:
        raise refuse(name, f"{error}.") from None


def read_text(value: object, name: str, example: str) -> str:
    """Return ``value`` if it is text; else raise about ``name``, showing ``example``."""
    if isinstance(value, str):
        return value
    found = f"this is {type_of(value)}" if value is not None else "it is missing"
    raise refuse(name, f"{name} must be text, for example {example}; {found}.")
