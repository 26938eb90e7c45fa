"""Durations as people write them: ``15m``, ``1h30m``, ``90``."""

from __future__ import annotations

import re
from typing import Any

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])")
_WHOLE = re.compile(rf"(?:{_PART.pattern}\s*)+")
EXAMPLE = "15m, 1h30m, 90s or a number of seconds"


def parse(value: Any) -> float:
    """Return the seconds of a duration; a number is one already. Raises ``ValueError``."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"Must be a duration: {EXAMPLE}.")
    parts = [(float(number), unit) for number, unit in _PART.findall(text)]
    seconds = sum(number / 1000 if unit == "ms" else number * UNITS[unit] for number, unit in parts)
    return int(seconds) if seconds == int(seconds) else seconds


def shown(seconds: float) -> str:
    """Return the duration as :func:`parse` reads it back to the same number."""
    if seconds != int(seconds):
        return f"{seconds!r}s" if "e" not in repr(seconds) else f"{seconds:.12f}s"
    rest, parts = int(seconds), ""
    for unit in ("d", "h", "m", "s"):
        number, rest = divmod(rest, int(UNITS[unit]))
        parts += f"{number}{unit}" if number else ""
    return parts or "0s"
