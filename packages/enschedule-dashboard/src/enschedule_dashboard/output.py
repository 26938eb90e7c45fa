"""Lines from output chunks: numbered, timed, coloured; the page and the live update share this one reading.

Chunks are not lines: a line may come in many chunks, a chunk may hold many lines, and the two streams
interleave. An :class:`Assembler` therefore returns *pieces*: text that starts a line or goes on with an
open one. What it must remember between two answers travels as a short opaque text (:meth:`Assembler.state`),
so that the server holds nothing for a page that follows a run.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from enschedule_dashboard import ansi

STREAMS = ("stdout", "stderr")
_STATE_MAX = 2_000
_PENDING_MAX = 320
_ERROR = re.compile(
    r"^\s*(?:[\w.]*(?:Error|Exception|Fault|Interrupt|Exit)\b(?!\w)"
    r"|(?i:error|fatal(?: error)?|panic|critical)\b\s*[:\[(!])"
    r"|\b(?:ERROR|FATAL|CRITICAL|PANIC)\b"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one line: the whole of it, its start, or (``new`` is False) what follows.

    ``reset``: the line so far is replaced (the program returned the carriage). ``is_error``: this is the
    first line of the run that reads like an error.
    """

    line: int
    at: str
    stream: str
    segments: tuple[ansi.Segment, ...]
    new: bool = True
    reset: bool = False
    is_error: bool = False

    @property
    def text(self) -> str:
        """Return its text without styles."""
        return "".join(segment.text for segment in self.segments)


@dataclass(slots=True)
class _Open:
    """One stream's unfinished business: the open line (0: none), the style, and what a chunk's end cut off."""

    line: int = 0
    pending: str = ""
    style: ansi.Style = ansi.PLAIN


@dataclass(slots=True)
class Assembler:
    """Reads chunks in order and gives pieces; ``lines`` is how many lines have begun."""

    lines: int = 0
    error_seen: bool = False
    second: str = ""
    _open: dict[str, _Open] = field(default_factory=lambda: {name: _Open() for name in STREAMS})

    def feed(self, items: Iterable[Mapping[str, Any]]) -> list[Piece]:
        """Return the pieces of chunks ``{seq, at, stream, text}``, oldest first."""
        pieces: list[Piece] = []
        for item in items:
            stream = item["stream"] if item["stream"] in STREAMS else "stdout"
            pieces.extend(self._chunk(stream, str(item["at"]), str(item["text"])))
        return pieces

    def _chunk(self, stream: str, at: str, text: str) -> Iterable[Piece]:
        found = self._open[stream]
        parts = (found.pending + text).split("\n")
        found.pending = ""
        for index, part in enumerate(parts):
            ended = index < len(parts) - 1
            if part or ended:
                yield from self._part(found, stream, at, part, ended=ended)

    def _part(self, found: _Open, stream: str, at: str, part: str, *, ended: bool) -> Iterable[Piece]:
        if ended:
            part = part.removesuffix("\r")
        else:
            part, found.pending = ansi.split_unfinished(part)
            if part.endswith("\r"):  # what follows decides: an end of line, or a line that is written anew
                part, found.pending = part[:-1], "\r" + found.pending
        reset = "\r" in part
        segments: list[ansi.Segment] = []
        for stretch in part.split("\r"):
            painted, found.style = ansi.paint(stretch, found.style)
            segments = painted or segments
        new = found.line == 0
        if new and (segments or ended):
            self.lines += 1
            found.line = self.lines
        if segments or (ended and new):
            piece = Piece(found.line, at, stream, tuple(segments), new=new, reset=reset and not new)
            yield self._judge(piece)
        if ended:
            found.line = 0

    def _judge(self, piece: Piece) -> Piece:
        if self.error_seen or not piece.new or _ERROR.search(piece.text) is None:
            return piece
        self.error_seen = True
        return replace(piece, is_error=True)

    def stamp(self, clock: str) -> str:
        """Shorten ``14:32:02.114`` to ``.114`` where the line before has the same second."""
        second, dot, fraction = clock.partition(".")
        shown = clock if second != self.second else dot + fraction
        self.second = second
        return shown

    def state(self) -> str:
        """Return what the next answer needs, as a short text that is safe in an address."""
        streams = {
            name: [found.line, found.pending[-_PENDING_MAX:], asdict(found.style)] for name, found in self._open.items()
        }
        packed = json.dumps([self.lines, int(self.error_seen), self.second, streams], separators=(",", ":"))
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")

    @classmethod
    def resume(cls, state: str) -> Assembler:
        """Return the assembler that gave ``state``; what cannot be read counts as the start."""
        if not state or len(state) > _STATE_MAX:
            return cls()
        try:
            packed = base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))
            lines, error_seen, second, streams = json.loads(packed)
            opened = {name: _opened(streams[name]) for name in STREAMS}
            return cls(int(lines), bool(error_seen), str(second)[:20], opened)
        except (binascii.Error, ValueError, TypeError, KeyError, RecursionError):
            return cls()


def _opened(raw: Any) -> _Open:
    line, pending, style = raw
    switches = {name: bool(style[name]) for name in ("bold", "dim", "italic", "underline", "strike")}
    tone = style["tone"] if f"ansi-{style['tone']}" in ansi.CLASSES else None
    return _Open(int(line), str(pending)[-_PENDING_MAX:], ansi.Style(tone=tone, **switches))


def merge(pieces: Iterable[Piece]) -> list[Piece]:
    """Join the pieces of each line, for a page that is drawn at once; lines stay in the order they began."""
    lines: dict[int, Piece] = {}
    for piece in pieces:
        before = lines.get(piece.line)
        if before is None or piece.reset:
            lines[piece.line] = replace(piece, new=before is None or before.new, at=before.at if before else piece.at)
        else:
            lines[piece.line] = replace(before, segments=before.segments + piece.segments)
    return list(lines.values())
