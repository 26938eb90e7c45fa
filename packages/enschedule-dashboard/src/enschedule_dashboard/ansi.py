"""What a program printed, as text that is safe to show: ANSI colours become classes, the rest is dropped.

Program output is hostile text. Only the "select graphic rendition" sequences of ECMA-48 (``ESC [ … m``)
have an effect, and only through the classes of :data:`CLASSES`; every other escape sequence (cursor
movement, window titles, hyperlinks) and every control character is taken out. Colours map to the
palette of the pages, so that no program can print unreadable text; backgrounds are ignored.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache

from enschedule_core.printed import ESCAPE, clean, has_escapes

CLASSES = frozenset(
    {
        *("ansi-bad", "ansi-ok", "ansi-warn", "ansi-accent", "ansi-magenta", "ansi-cyan", "ansi-faint", "ansi-text"),
        *("ansi-bold", "ansi-italic", "ansi-underline", "ansi-strike"),
    }
)

_NAMES = ("faint", "bad", "ok", "warn", "accent", "magenta", "cyan", "text")
"""The palette's tones for black, red, green, yellow, blue, magenta, cyan, white: ANSI's order."""

_HUES = ((0, "bad"), (52, "warn"), (120, "ok"), (182, "cyan"), (228, "accent"), (300, "magenta"), (360, "bad"))


@dataclass(frozen=True, slots=True)
class Style:
    """How text is drawn from here on; ``tone`` is one of the palette's names, or None for the page's own ink."""

    tone: str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes that draw it, all of them in :data:`CLASSES`."""
        return _classes_of(self)


@cache
def _classes_of(style: Style) -> tuple[str, ...]:
    tone = style.tone or ("faint" if style.dim else None)
    found = [f"ansi-{tone}"] if tone else []
    found += [f"ansi-{name}" for name in ("bold", "italic", "underline", "strike") if getattr(style, name)]
    return tuple(found)


PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text in one style."""

    text: str
    classes: tuple[str, ...] = ()


def paint(text: str, style: Style = PLAIN) -> tuple[list[Segment], Style]:
    """Turn one line's text into segments, starting in ``style``; also return the style after it."""
    segments: list[Segment] = []
    position = 0
    if not has_escapes(text):  # as most lines are
        _append(segments, text, style)
        return segments, style
    for found in ESCAPE.finditer(text):
        _append(segments, text[position : found.start()], style)
        position = found.end()
        if found["final"] == "m":
            style = _rendition(style, found["parameters"])
    _append(segments, text[position:], style)
    return segments, style


def _append(segments: list[Segment], text: str, style: Style) -> None:
    text = clean(text) if text else text
    if not text:
        return
    if segments and segments[-1].classes == style.classes:
        segments[-1] = Segment(segments[-1].text + text, style.classes)
    else:
        segments.append(Segment(text, style.classes))


@lru_cache(maxsize=1024)  # a program that colours its lines does so in few ways
def _rendition(style: Style, parameters: str) -> Style:
    """Apply the numbers of one ``ESC [ … m`` (ECMA-48 8.3.117; 38 and 48 as in ISO 8613-6)."""
    numbers = iter([int(part) if part.isdigit() else 0 for part in parameters.replace(":", ";").split(";")])
    for number in numbers:
        style = _apply(style, number, numbers)
    return style


_SWITCHES: dict[int, tuple[tuple[str, ...], bool]] = {
    1: (("bold",), True),
    2: (("dim",), True),
    3: (("italic",), True),
    4: (("underline",), True),
    9: (("strike",), True),
    22: (("bold", "dim"), False),
    23: (("italic",), False),
    24: (("underline",), False),
    29: (("strike",), False),
}
_TONES: dict[int, str | None] = {
    39: None,
    **{30 + index: name for index, name in enumerate(_NAMES)},
    **{90 + index: name for index, name in enumerate(_NAMES)},
}


def _apply(style: Style, number: int, rest: Iterator[int]) -> Style:
    if number == 0:
        return PLAIN
    if number in _SWITCHES:
        names, on = _SWITCHES[number]
        changed = asdict(style) | dict.fromkeys(names, on)
        return Style(**changed)
    if number in _TONES:
        return replace(style, tone=_TONES[number], bold=style.bold or number >= 90)
    if number in (38, 48):
        tone = _extended(rest)
        return replace(style, tone=tone) if number == 38 and tone else style
    return style


def _extended(rest: Iterator[int]) -> str | None:
    """Read ``5;n`` or ``2;r;g;b`` and return the nearest tone."""
    kind = next(rest, None)
    if kind == 5:
        return _indexed(next(rest, 0))
    if kind == 2:
        return _nearest(next(rest, 0), next(rest, 0), next(rest, 0))
    return None


def _indexed(number: int) -> str:
    """Return the tone of one of xterm's 256 colours: 16 named, a cube of 6 × 6 × 6, 24 greys."""
    if number < 16:
        return _NAMES[number % 8]
    if number >= 232:
        return "faint" if number < 250 else "text"
    levels = (0, 95, 135, 175, 215, 255)
    index = number - 16
    return _nearest(levels[index // 36 % 6], levels[index // 6 % 6], levels[index % 6])


def _nearest(red: int, green: int, blue: int) -> str:
    """Return the tone whose hue is nearest; what has little colour is faint or plain by its lightness."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(min(part, 255) / 255 for part in (red, green, blue)))
    if saturation < 0.2 or lightness < 0.08 or lightness > 0.95:
        return "text" if lightness > 0.7 else "faint"
    return min(_HUES, key=lambda known: abs(known[0] - hue * 360))[1]
