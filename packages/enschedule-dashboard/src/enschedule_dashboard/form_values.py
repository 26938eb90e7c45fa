"""What a form posts, and the values in it that are written as text: JSON, numbers, points in time."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers.zones import zone_of

ABSENT: Final[Any] = object()
"""Stands for "no value": the member is left out of the data."""

_INTEGER = re.compile(r"[+-]?\d{1,400}")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?")
_OFFSET = re.compile(r"[+-]\d\d:\d\d")


class Posted(Protocol):
    """What a form posts: werkzeug's ``request.form`` or anything like it."""

    def get(self, key: str, default: str, /) -> str:
        """Return the first value under ``key``."""

    def getlist(self, key: str) -> list[str]:
        """Return all values under ``key``."""

    def __contains__(self, key: object) -> bool:
        """Return whether anything was posted under ``key``."""


def parse_json(text: str) -> Any:
    """Read JSON as the API does: no NaN, no key twice. A ``ValueError`` says what is wrong, and where."""

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON. Write a number, or null.")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(name for index, (name, _) in enumerate(pairs) if name in dict(pairs[:index]))
            raise ValueError(f'"{twice}" is there twice. Keep one.')
        return found

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"Line {error.lineno}, column {error.colno}: {error.msg.lower()}.") from None
    except RecursionError:
        raise ValueError("This is nested too deeply. At most 30 levels are allowed.") from None


def number(text: str, kind: str) -> int | float:
    """Read a number of the ``kind`` integer or number; a ``ValueError`` shows a valid one."""
    plain = text.strip()
    if _INTEGER.fullmatch(plain):
        return int(plain)
    if kind == "integer":
        raise ValueError(f"“{plain}” is not a whole number. Write for example 10.")
    try:
        value = float(plain)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"“{plain}” is not a number. Write for example 1.5.")
    return value


def is_number(value: Any, kind: str) -> bool:
    """Return whether a value is what :func:`number` makes of its text."""
    return isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)


def split_instant(text: str) -> tuple[str, str] | None:
    """Return a date-time as its local part and its zone (an offset, ``UTC``, or nothing); None if it is none."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return found[1], "UTC" if found[2] == "Z" else found[2] or ""


def join_instant(local: str, zone: str, was: str) -> str:
    """Return a local time in a zone as a date-time; ``was`` is kept where it says the same.

    ``zone`` is a name, an offset such as ``+01:00``, or nothing for a time without a zone. Of two equal times in autumn
    the first is meant. A ``ValueError`` shows a valid form.
    """
    local, zone = local.strip().replace(" ", "T"), zone.strip()
    try:
        at = datetime.fromisoformat(local)
    except ValueError:
        raise ValueError(f"“{local}” is not a date and time. Write for example 2026-03-28 09:30.") from None
    before = split_instant(was)
    if before and before[1] == zone and datetime.fromisoformat(before[0]) == at:
        return was
    if at.tzinfo is not None:  # written with its offset
        return local
    text = at.isoformat(timespec="milliseconds" if at.microsecond else "seconds")
    if not zone or _OFFSET.fullmatch(zone):
        return text + zone
    if zone in ("UTC", "Z"):
        return f"{text}Z"
    try:
        aware = at.replace(tzinfo=zone_of(zone))
    except InvalidTrigger as error:
        raise ValueError(error.errors[0].message if error.errors else error.detail) from None
    return aware.isoformat(timespec="milliseconds" if at.microsecond else "seconds")


def reference(value: Any) -> str | None:
    """Return the name of the stored secret that a value refers to."""
    name = value.get("$secret") if isinstance(value, Mapping) and set(value) == {"$secret"} else None
    return name if isinstance(name, str) else None
