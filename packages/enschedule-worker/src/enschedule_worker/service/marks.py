"""How the lines of a run's output stood after every so many chunks, so that its far end is found without reading all.

Chunks are only ever added to a claim of a run, so what was noted once stays true. Without the notes everything answers
the same, only slower; they live in the memory of one process.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable

from enschedule_core.lines import Chunk, Reader

#: A run's id, its fence, and its ``queued_at``: a database may give the id of a deleted run again.
Claim = tuple[int, int, int]

_CHUNKS = 256
_CHARACTERS = 256 * 1024
_CLAIMS = 64


class Marks:
    """Those of one claim of a run; ``end`` is how far anybody has read."""

    def __init__(self) -> None:
        self.end = Reader()
        self._lock = threading.Lock()
        self._marks = [Reader()]
        self._chunks = self._characters = 0

    def advance(self, chunks: Iterable[Chunk]) -> Reader:
        """Read on from ``end``, and return how it stands then; ``chunks`` are those behind it."""
        with self._lock:
            reader = self.end.copy()
            for chunk in chunks:
                if chunk.seq <= reader.seq:  # somebody else has read it meanwhile
                    continue
                reader.skim(chunk)
                self._note(reader, chunk)
            self.end = reader
            return reader.copy()

    def _note(self, reader: Reader, chunk: Chunk) -> None:
        self._chunks += 1
        self._characters += len(chunk.text)
        if self._chunks >= _CHUNKS or self._characters >= _CHARACTERS:
            self._marks.append(reader.copy())
            self._chunks = self._characters = 0

    def before_line(self, number: int, stream: str | None) -> Reader:
        """Return the last mark before the line ``number`` (of one stream or of both) began."""
        with self._lock:
            at = bisect_left(self._marks, number, key=lambda mark: mark.count(stream))
            return self._marks[max(0, at - 1)].copy()

    def before_chunk(self, seq: int) -> Reader:
        """Return the last mark that has read nothing behind the chunk ``seq``."""
        with self._lock:
            if self.end.seq == seq:
                return self.end.copy()
            at = bisect_right(self._marks, seq, key=lambda mark: mark.seq)
            return self._marks[at - 1].copy()


class AllMarks:
    """The marks of the claims that were read last in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Claim, Marks] = OrderedDict()

    def of(self, claim: Claim) -> Marks:
        """Return those of one claim of a run."""
        with self._lock:
            found = self._found.setdefault(claim, Marks())
            self._found.move_to_end(claim)
            while len(self._found) > _CLAIMS:
                self._found.popitem(last=False)
            return found

    def forget(self, claim: Claim) -> None:
        """Drop them: the output was removed."""
        with self._lock:
            self._found.pop(claim, None)
