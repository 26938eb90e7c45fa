"""Lengths of time as people write them in a form."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]*)", re.IGNORECASE)
_UNITS = {
    **dict.fromkeys(("ms",), 0.001),
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
}


def parse_duration(text: str) -> float:
    """Read ``90``, ``90 s``, ``5 min``, ``1 h 30 min`` into seconds; a ``ValueError`` shows a valid form."""
    position, seconds = 0, 0.0
    for found in _DURATION.finditer(text):
        if text[position : found.start()].strip(" ,\u00a0") or found[2].lower() not in _UNITS:
            break
        seconds += float(found[1]) * _UNITS[found[2].lower()]
        position = found.end()
    if position == 0 or text[position:].strip():
        raise ValueError(f"“{text}” is not a length of time. Write for example 90 s, 5 min or 1 h 30 min.")
    return seconds


def duration_text(seconds: float | None) -> str:
    """Write seconds exactly, as :func:`parse_duration` reads them: ``1 h 30 min``; nothing for None."""
    if seconds is None:
        return ""
    said, rest = [], float(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        count, rest = divmod(rest, size)
        said += [f"{count:.0f} {unit}"] if count else []
    if rest or not said:
        said.append(f"{rest:.6f}".rstrip("0").rstrip(".") + " s")
    return " ".join(said)
