"""Lines from the chunks of a run's output: numbered in the order in which they began.

Chunks are not lines: a line may come in many chunks, a chunk may hold many lines, and the two streams interleave. This
is the one definition of what a line is; whoever shows or searches output by lines reads it here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from enschedule_core.printed import carried, has_escapes, may_hold, plain, split_unfinished

LONGEST = 10_000
"""So many characters of a line are kept; how many more it has is counted."""

_PENDING_MAX = 320
_ERROR = re.compile(
    r"^\s*(?:[\w.]*(?:Error|Exception|Fault|Interrupt|Exit)\b(?!\w)"
    r"|(?i:error|fatal(?: error)?|panic|critical)\b\s*[:\[(!])"
    r"|\b(?:ERROR|FATAL|CRITICAL|PANIC)\b"
)
_ERROR_WORDS = ("error", "exception", "fault", "interrupt", "exit", "fatal", "panic", "critical")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one stream, as it is stored; ``at`` is microseconds."""

    seq: int
    stream: str
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands so far: what was written over by a carriage return is gone.

    ``number`` counts all lines from 1, ``position`` those of its stream. ``at`` is when it began, in microseconds.
    ``text`` still has its escape sequences, and begins with those that colour it from before, so that it can be shown
    alone; it is cut after :data:`LONGEST` characters, and ``left_out`` says how many follow.
    """

    number: int
    position: int
    stream: str
    at: int
    text: str
    left_out: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Open:
    """The unfinished line of one stream (``number`` 0: nothing of it can be seen yet), and the colours in force."""

    number: int = 0
    at: int = 0
    text: str = ""
    left_out: int = 0
    has_returned: bool = False
    pending: str = ""
    colours: str = ""
    lines: int = 0

    def end(self) -> None:
        """Begin with nothing: the line has ended. The colours stay."""
        self.number, self.at, self.text, self.left_out, self.has_returned, self.pending = 0, 0, "", 0, False, ""


@dataclass(slots=True)
class Reader:
    """Reads chunks in order. ``lines`` have begun so far; ``seq`` is that of the last chunk.

    ``error`` is the first line that reads like an error: (number, stream, position), or None.
    """

    lines: int = 0
    seq: int = 0
    error: tuple[int, str, int] | None = None
    _streams: dict[str, _Open] = field(default_factory=dict)

    def copy(self) -> Reader:
        """Return a reader that goes on from here, independent of this one."""
        return Reader(self.lines, self.seq, self.error, {name: replace(found) for name, found in self._streams.items()})

    def count(self, stream: str | None = None) -> int:
        """Return how many lines have begun, of one stream or of both."""
        return self.lines if stream is None else self._of(stream).lines

    def _of(self, stream: str) -> _Open:
        found = self._streams.get(stream)
        if found is None:
            found = self._streams[stream] = _Open()
        return found

    def read(self, chunk: Chunk) -> list[Line]:
        """Return the lines that ``chunk`` begins or goes on with, each as it stands after it."""
        found = self._of(chunk.stream)
        parts = (found.pending + chunk.text).split("\n")
        found.pending = ""
        read = [self._end(found, chunk, part) for part in parts[:-1]]
        if parts[-1]:
            self._go_on(found, chunk, parts[-1])
            if found.number:
                read.append(self._line(found, chunk, ended=False))
        self.seq = chunk.seq
        return read

    def skim(self, chunk: Chunk) -> None:
        """Do as :meth:`read`, faster, for who does not want the lines."""
        found = self._of(chunk.stream)
        text = found.pending + chunk.text
        body, newline, rest = text.rpartition("\n")
        if not newline or (self.error is None and _may_be_an_error(found.text + body)):
            self.read(chunk)
            return
        begun = body.count("\n") + (0 if found.number else 1)
        self.lines += begun
        found.lines += begun
        colours = carried(found.colours, body) if has_escapes(body) else found.colours
        found.end()
        found.colours = colours
        if rest:
            self._go_on(found, chunk, rest)
            if found.number and self.error is None:
                self._judge(found, chunk.stream)
        self.seq = chunk.seq

    def may_hold(self, chunk: Chunk, needle: str) -> bool:
        """Return whether a line that ``chunk`` begins or goes on with may hold ``needle`` (in lower case)."""
        found = self._of(chunk.stream)
        return may_hold(found.text + found.pending + chunk.text, needle)

    def _end(self, found: _Open, chunk: Chunk, part: str) -> Line:
        self._write(found, part)
        if not found.number:
            self._begin(found, chunk)
        line = self._line(found, chunk, ended=True)
        found.end()
        return line

    def _go_on(self, found: _Open, chunk: Chunk, part: str) -> None:
        part, pending = split_unfinished(part)
        found.pending = pending[-_PENDING_MAX:]
        self._write(found, part)
        if not found.number and _is_visible(found.text):
            self._begin(found, chunk)

    def _begin(self, found: _Open, chunk: Chunk) -> None:
        self.lines += 1
        found.lines += 1
        found.number, found.at = self.lines, chunk.at

    def _write(self, found: _Open, part: str) -> None:
        """Add to the open line; each carriage return starts it again, once something follows that can be seen."""
        for index, stretch in enumerate(part.split("\r")):
            found.has_returned = found.has_returned or index > 0
            if found.has_returned and _is_visible(stretch):
                found.text, found.left_out, found.has_returned = "", 0, False
            if not found.text:
                found.text = found.colours
            found.colours = carried(found.colours, stretch)
            room = LONGEST - len(found.text)
            if len(stretch) <= room:
                found.text += stretch
            else:
                kept = split_unfinished(stretch[: max(0, room)])[0] if not found.left_out else ""
                found.text += kept
                found.left_out += len(plain(stretch[len(kept) :]))

    def _line(self, found: _Open, chunk: Chunk, *, ended: bool) -> Line:
        if self.error is None:
            self._judge(found, chunk.stream)
        return Line(found.number, found.lines, chunk.stream, found.at, found.text, found.left_out, ended)

    def _judge(self, found: _Open, stream: str) -> None:
        if _may_be_an_error(found.text) and _ERROR.search(plain(found.text)):
            self.error = (found.number, stream, found.lines)


def _may_be_an_error(text: str) -> bool:
    lower = text.lower()
    for word in _ERROR_WORDS:  # noqa: SIM110 - each line is looked at, and a loop takes half the time of any()
        if word in lower:
            return True
    return False


def _is_visible(text: str) -> bool:
    return text != "" and plain(text) != ""
