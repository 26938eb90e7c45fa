"""What one run prints, from bytes to chunks that can be stored: in order, with stream and time, and capped."""

from __future__ import annotations

import codecs
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from enschedule_core.context import Stream

MERGE_MICROS = 5_000
CHUNK_BYTES = 8_192
_new_decoder = codecs.getincrementaldecoder("utf-8")


@dataclass(slots=True)
class _Piece:
    stream: Stream
    at: int
    data: bytearray


@dataclass(frozen=True, slots=True)
class Printed:
    """Text of one stream, ready to store; ``at`` is microseconds by the database's clock."""

    stream: Stream
    at: int
    text: str


class Capture:
    """The output of one run. ``write`` may be called by any thread; ``take`` by the engine.

    At most ``limit`` bytes are kept: the first half as they come, and of the rest the last half, which is added at the
    end after a line, on each stream that lost something, that says how much was left out. ``bytes`` and ``lines`` count
    all that was printed, also what was left out.
    """

    def __init__(self, now: Callable[[], int], *, limit: int) -> None:
        self.now = now
        self._lock = threading.Lock()
        self._pieces: deque[_Piece] = deque()
        self._head_left = limit // 2
        self._tail_limit = limit - limit // 2
        self._tail: deque[_Piece] = deque()
        self._tail_bytes = 0
        self._after_head: dict[Stream, int] = {}
        self._closed = False
        self._decoders: dict[Stream, codecs.IncrementalDecoder] = {}
        self._open_line: set[Stream] = set()
        self.bytes = 0
        self.lines = 0
        self.truncated = False

    def write(self, stream: Stream, data: bytes) -> None:
        """Add ``data``; after :meth:`close` it is dropped."""
        if not data:
            return
        with self._lock:
            if self._closed:
                return
            self.bytes += len(data)
            self._count_lines(stream, data)
            head, tail = data[: self._head_left], data[self._head_left :]
            self._head_left -= len(head)
            if head:
                _extend(self._pieces, stream, self.now(), head)
            if tail:
                self._keep_tail(stream, tail)

    def _count_lines(self, stream: Stream, data: bytes) -> None:
        """Count the lines that have begun: one without its newline counts, and its newline then no more."""
        self.lines += data.count(b"\n") - (stream in self._open_line)
        self._open_line.discard(stream)
        if not data.endswith(b"\n"):
            self._open_line.add(stream)
            self.lines += 1

    def _keep_tail(self, stream: Stream, data: bytes) -> None:
        self._after_head[stream] = self._after_head.get(stream, 0) + len(data)
        data = data[-self._tail_limit :]
        _extend(self._tail, stream, self.now(), data)
        self._tail_bytes += len(data)
        while self._tail_bytes - len(self._tail[0].data) >= self._tail_limit:
            gone = self._tail.popleft()
            self._tail_bytes -= len(gone.data)

    def close(self) -> None:
        """Take nothing more: the run has ended, or its worker lost it."""
        with self._lock:
            self._closed = True

    @property
    def pending(self) -> bool:
        """True while there is something to take."""
        return bool(self._pieces)

    def take(self, *, last: bool = False) -> list[Printed]:
        """Return what was printed since the last time. ``last`` closes, and adds the tail and unfinished characters."""
        with self._lock:
            pieces, self._pieces = self._pieces, deque()
            self._closed = self._closed or last
        if last and not self._tail and not self._decoders and len(pieces) == 1:
            return self._all_of(pieces[0])
        printed = [Printed(piece.stream, piece.at, self._text(piece)) for piece in pieces]
        if last:
            printed += self._take_tail() + self._rest()
        return [found for found in printed if found.text]

    def _all_of(self, piece: _Piece) -> list[Printed]:
        """Return the only thing that a run has printed, as most do: all at once, without what is kept for the rest."""
        text = piece.data.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
        return [Printed(piece.stream, piece.at, text)] if text else []

    def _take_tail(self) -> list[Printed]:
        """Return the tail, after what ends the head and says how much is missing between the two."""
        tail, self._tail = self._tail, deque()
        left_out = dict(self._after_head)
        for piece in tail:
            left_out[piece.stream] -= len(piece.data)
        gaps = {stream: count for stream, count in left_out.items() if count > 0}
        printed = []
        if gaps:
            self.truncated = True
            # The rest first: a character cut by the gap must not be completed from its other side.
            printed = [*self._rest(), *self._notes(gaps)]
        return printed + [Printed(piece.stream, piece.at, self._text(piece)) for piece in tail]

    def _notes(self, gaps: dict[Stream, int]) -> list[Printed]:
        """Say on each stream what is missing of it, so that who reads only one of them knows too."""
        at = self.now()
        return [
            Printed(stream, at, f"\n[{count:,} bytes of {'output' if len(gaps) == 1 else stream} were left out here]\n")
            for stream, count in gaps.items()
        ]

    def _text(self, piece: _Piece, *, final: bool = False) -> str:
        decoder = self._decoders.get(piece.stream)
        if decoder is None:
            decoder = self._decoders[piece.stream] = _new_decoder("backslashreplace")
        return decoder.decode(bytes(piece.data), final).replace("\x00", "\\x00")

    def _rest(self) -> list[Printed]:
        """Return the characters that were begun and never finished."""
        at = self.now()
        open_streams = list(self._decoders)
        return [Printed(stream, at, self._text(_Piece(stream, at, bytearray()), final=True)) for stream in open_streams]


def _extend(pieces: deque[_Piece], stream: Stream, at: int, data: bytes) -> None:
    """Append to the last piece where that has the same stream and nearly the same time, else begin new ones.

    No piece is longer than ``CHUNK_BYTES``, however much is written at once: it becomes a row, and a line of a page.
    """
    last = pieces[-1] if pieces else None
    if (
        last is not None
        and last.stream is stream
        and at - last.at < MERGE_MICROS
        and len(last.data) + len(data) <= CHUNK_BYTES
    ):
        last.data += data
        return
    for start in range(0, len(data), CHUNK_BYTES):
        pieces.append(_Piece(stream, at, bytearray(data[start : start + CHUNK_BYTES])))
