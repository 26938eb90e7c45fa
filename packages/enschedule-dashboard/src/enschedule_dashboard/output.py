"""Lines of output as they are drawn: coloured, with what was looked for marked; the page and the script share this.

The worker reads chunks into lines (:mod:`enschedule_core.lines`). Here the escape sequences of a line become classes,
once, for the page that is drawn at once and for the lines that the script asks for later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from enschedule_core.wire.types import OutputLine, OutputLines
from enschedule_dashboard import ansi, present
from enschedule_dashboard.present import Viewer, as_instant

HIT = "sought"
_GAP = re.compile(r"\[[\d,]+ bytes of (?:output|stdout|stderr) were left out here\]")

Part = tuple[str, str]
"""Text, and the classes that draw it, apart by spaces."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line as it is drawn. ``kind``: ``error`` (the first that reads like one), ``gap`` (some is missing), or ""."""

    line: int
    position: int
    at: datetime
    stream: str
    parts: tuple[Part, ...]
    left_out: int = 0
    kind: str = ""

    def wire(self) -> dict[str, Any]:
        """Return it for the script; ``at`` in milliseconds."""
        return {
            "line": self.line,
            "position": self.position,
            "at": round(self.at.timestamp() * 1000),
            "stream": self.stream,
            "parts": self.parts,
            "left_out": self.left_out,
            "kind": self.kind,
        }


def rows(page: OutputLines, find: str = "") -> list[Row]:
    """Return the lines of an answer as they are drawn; ``find`` is marked wherever it stands, in whichever case."""
    sought = re.compile(re.escape(find), re.IGNORECASE) if find else None
    return [_row(line, page, sought) for line in page["items"]]


def _row(line: OutputLine, page: OutputLines, sought: re.Pattern[str] | None) -> Row:
    segments, _ = ansi.paint(line["text"])
    parts = [(segment.text, " ".join(segment.classes)) for segment in segments]
    kind = "error" if line["position"] == page["first_error"] else ""
    if page["truncated"] and _GAP.fullmatch("".join(text for text, _ in parts)):
        kind = "gap"
    return Row(
        line=line["line"],
        position=line["position"],
        at=as_instant(line["at"]),
        stream=line["stream"],
        parts=tuple(_marked(parts, sought) if sought else parts),
        left_out=line["left_out"],
        kind=kind,
    )


def _marked(parts: list[Part], sought: re.Pattern[str]) -> list[Part]:
    """Split parts where a hit begins and ends, which may be in the middle of a colour."""
    text = "".join(part for part, _ in parts)
    hits = [found.span() for found in sought.finditer(text)]
    if not hits:
        return parts
    edges = sorted({edge for hit in hits for edge in hit})
    found, start = [], 0
    for part, classes in parts:
        end = start + len(part)
        cuts = [start, *(edge for edge in edges if start < edge < end), end]
        for left, right in pairwise(cuts):
            is_hit = any(begin <= left < stop for begin, stop in hits)
            found.append((text[left:right], f"{classes} {HIT}".strip() if is_hit else classes))
        start = end
    return found


def since(start: datetime | None, at: datetime) -> str:
    """Return the time since a run's start: ``+0.131``, ``+1:02.131``, ``+1:02:03.131``; "" where it never started."""
    if start is None:
        return ""
    whole = max(0, round((at - start).total_seconds() * 1000))
    minutes, milliseconds = divmod(whole, 60_000)
    seconds = f"{milliseconds / 1000:06.3f}"
    if not minutes:
        return f"+{milliseconds / 1000:.3f}"
    hours, minutes = divmod(minutes, 60)
    return f"+{hours}:{minutes:02d}:{seconds}" if hours else f"+{minutes}:{seconds}"


@dataclass(frozen=True, slots=True)
class Times:
    """When a line was printed: as its column says it, in words, and for machines."""

    shown: str
    exact: str
    wire: str


def times(found: Iterable[Row], viewer: Viewer, start: datetime | None, *, since_start: bool = False) -> list[Times]:
    """Return the times of lines: the time of day, without the second where the line before has the same one.

    With ``since_start``, the time since ``start`` instead, when the run began. Lines of one chunk have one time.
    """
    told, second = [], ""
    at, said = None, Times("", "", "")
    for row in found:
        if row.at != at:
            at = row.at
            local, after = viewer.local(at), since(start, at)
            clock, fraction = f"{local:%H:%M:%S}", f".{local.microsecond // 1000:03d}"
            shown = after if since_start else fraction if clock == second else clock + fraction
            second = clock
            exact = present.exact(at, viewer) + (f", {after} since the start" if after else "")
            said = Times(shown, exact, at.isoformat(timespec="milliseconds"))
            told.append(said)
            if not since_start:
                said = Times(fraction, exact, said.wire)
        else:
            told.append(said)
    return told
