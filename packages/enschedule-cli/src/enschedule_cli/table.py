"""Tables for terminals: columns as wide as their text, and together no wider than the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from enschedule_cli.terminal import clean, paint

_GAP = 2
_LEAST_WIDTH = 8
_ELLIPSIS = "…"
_WITHOUT_WIDTH = frozenset({"Mn", "Me", "Cf"})


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and its tone."""

    text: str
    tone: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A heading. Where the terminal is too narrow, columns that give way get narrower, the widest first."""

    heading: str
    gives_way: bool = False
    right: bool = False


def width_of(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes: East Asian wide characters two, accents none."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.category(character) in _WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def cut(text: str, width: int) -> str:
    """Return ``text``, or as much of its beginning as fits with “…” behind it."""
    if width_of(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += _width(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + _ELLIPSIS if width > 0 else ""


def draw(columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]], *, width: int | None = None) -> list[str]:
    """Return the lines of a table: headings, then rows, whose cells are cleaned here.

    ``width`` is the terminal's; ``None`` makes each column as wide as it needs. Where it is too narrow, columns with
    nothing in them are left out first.
    """
    cells = [[_cell(one) for one in row] for row in rows]
    headings = [Cell(column.heading, "dim") for column in columns]
    widths = _widths([headings, *cells])
    if width is not None and _excess(widths, width) > 0:
        filled = [index for index in range(len(columns)) if any(row[index].text for row in cells)]
        columns = [columns[index] for index in filled]
        headings, *cells = [[row[index] for index in filled] for row in (headings, *cells)]
        widths = _fitted(columns, _widths([headings, *cells]), width)
    return [_line(columns, row, widths, width) for row in (headings, *cells)]


def _widths(grid: Sequence[Sequence[Cell]]) -> list[int]:
    return [max(width_of(cell.text) for cell in column) for column in zip(*grid, strict=True)]


def _excess(widths: Sequence[int], width: int) -> int:
    return sum(widths) + _GAP * (len(widths) - 1) - width


def _cell(given: Cell | str) -> Cell:
    return Cell(clean(given)) if isinstance(given, str) else Cell(clean(given.text), given.tone)


def _fitted(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    fitted = list(widths)
    excess = _excess(fitted, width)
    while excess > 0:
        soft = [
            index
            for index, column in enumerate(columns)
            if column.gives_way and fitted[index] > max(_LEAST_WIDTH, width_of(column.heading))
        ]
        if not soft:
            break
        widest = max(soft, key=lambda index: fitted[index])
        fitted[widest] -= 1
        excess -= 1
    return fitted


def _line(columns: Sequence[Column], row: Sequence[Cell], widths: Sequence[int], width: int | None) -> str:
    parts: list[str] = []
    left = width
    for column, cell, wanted in zip(columns, row, widths, strict=True):
        room = wanted if left is None else min(wanted, left)
        if room <= 0:
            break
        text = cut(cell.text, room)
        padding = " " * (room - width_of(text))
        parts.append(f"{padding}{paint(text, cell.tone)}" if column.right else f"{paint(text, cell.tone)}{padding}")
        left = None if left is None else left - room - _GAP
    return (" " * _GAP).join(parts).rstrip()
