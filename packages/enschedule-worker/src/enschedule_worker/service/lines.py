"""What a run printed, by lines: any stretch of them, those that changed, and those that hold a text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from enschedule_core.actor import Actor
from enschedule_core.clock import format_instant
from enschedule_core.lines import Chunk, Line, Reader
from enschedule_core.printed import plain
from enschedule_core.run import RunStatus
from enschedule_worker.service.access import reading
from enschedule_worker.service.marks import AllMarks, Claim, Marks
from enschedule_worker.service.output import Waiting, existing, waited_for
from enschedule_worker.store import output as store
from enschedule_worker.store.database import Database

CHUNKS = 500
MOST_CHARACTERS = 1_000_000
SEARCH_SECONDS = 2.0
_UNENDED_CHUNKS = 500


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines from ``first`` on (counted from 1; below 0 from the end), at most ``limit``, of one stream or of both."""

    first: int = 1
    limit: int = 200
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Lines that chunks with a seq above ``after`` began or went on with, about ``limit`` of them."""

    after: int
    limit: int = 200
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lines from ``first`` on that hold ``text``, in whichever case; at most ``limit`` of them."""

    text: str
    first: int = 1
    limit: int = 1000
    stream: str | None = None


class Lines:
    """The output of the runs of one database, by lines."""

    def __init__(self, database: Database, marks: AllMarks) -> None:
        self._database = database
        self._marks = marks

    def stretch(self, actor: Actor, run_id: int, wanted: Stretch) -> dict[str, Any]:
        """Return some lines, and how many there are. Raises :class:`NotFound`.

        Fewer than ``limit`` come back where they are long: together they have about a million characters at most.
        """
        claim = self._claim(actor, run_id)
        end = claim.advance()
        count = end.count(wanted.stream)
        first = max(1, wanted.first if wanted.first > 0 else count + 1 + wanted.first)
        found = _within(claim, first, wanted) if first <= count else {}
        if first <= count and not found:  # retention removed what was read before
            self._marks.forget(claim.key)
            end = Reader()
        return claim.answer([found[position] for position in sorted(found)], end, wanted.stream)

    def changes(self, actor: Actor, run_id: int, wanted: Changes) -> dict[str, Any]:
        """Return the lines that changed behind a cursor, each whole. Raises :class:`NotFound`."""
        claim = self._claim(actor, run_id)
        end = claim.advance()
        reader = claim.marks.before_chunk(wanted.after)
        found: dict[int, Line] = {}
        characters = 0
        seq = wanted.after
        is_all = True
        for chunk in claim.after(reader.seq):
            if chunk.seq <= wanted.after:
                reader.skim(chunk)
                continue
            seq, before = chunk.seq, seq
            if wanted.stream not in (None, chunk.stream):
                reader.skim(chunk)
                continue
            if len(found) >= wanted.limit or characters >= MOST_CHARACTERS:
                is_all, seq = False, before
                break
            for line in reader.read(chunk):
                found[line.number] = line
                characters += len(line.text)
        if reader.seq > end.seq:
            end = reader
        lines = [found[number] for number in sorted(found)]
        return claim.answer(lines, end, wanted.stream, next_after=seq, is_all=is_all)

    def changes_waiting(
        self, actor: Actor, run_id: int, wanted: Changes, *, seconds: float, bell: Waiting
    ) -> dict[str, Any]:
        """Do as :meth:`changes`, but wait up to ``seconds`` for a line, the end, or another status."""
        return waited_for(self._database, lambda: self.changes(actor, run_id, wanted), seconds=seconds, bell=bell)

    def matches(self, actor: Actor, run_id: int, wanted: Wanted) -> dict[str, Any]:
        """Return which lines hold a text that can be seen. Raises :class:`NotFound`.

        ``positions`` are counted as :class:`Stretch` counts. After some seconds it stops: ``next_from`` goes on.
        """
        claim = self._claim(actor, run_id)
        needle = wanted.text.lower()
        reader = claim.marks.before_line(wanted.first, wanted.stream)
        until = time.monotonic() + SEARCH_SECONDS
        held: dict[int, bool] = {}
        next_from = None
        for chunk in claim.after(reader.seq):
            if time.monotonic() > until and reader.count(wanted.stream) > wanted.first:
                next_from = reader.count(wanted.stream)
                break
            if wanted.stream not in (None, chunk.stream) or not reader.may_hold(chunk, needle):
                reader.skim(chunk)
                continue
            for line in reader.read(chunk):
                held[_position(line, wanted.stream)] = needle in plain(line.text).lower()
        positions = [
            position
            for position in sorted(held)
            if held[position] and position >= wanted.first and (next_from is None or position < next_from)
        ]
        return {
            "positions": positions[: wanted.limit],
            "count": len(positions),
            "next_from": next_from,
            "lines": reader.count(wanted.stream),
            "complete": claim.has_ended and next_from is None,
            "fence": claim.fence,
        }

    def _claim(self, actor: Actor, run_id: int) -> _Claim:
        with reading(self._database, actor) as tx:
            run = existing(tx, actor, run_id)
        key = (run_id, int(run.fence), int(run.queued_at))
        return _Claim(self._database, actor, run, key, self._marks.of(key))


@dataclass(slots=True)
class _Claim:
    """A run as somebody holds or held it, and its chunks; each piece of them is read in a transaction of its own."""

    database: Database
    actor: Actor
    run: Any
    key: Claim
    marks: Marks

    @property
    def fence(self) -> int:
        return self.key[1]

    @property
    def has_ended(self) -> bool:
        return not RunStatus(self.run.status).is_open

    def after(self, seq: int) -> Iterator[Chunk]:
        while True:
            with reading(self.database, self.actor) as tx:
                rows = store.chunks(tx, self.key[0], self.fence, after=seq, limit=CHUNKS)
            for row in rows:
                yield Chunk(row.seq, row.stream, row.printed_at, row.text)
            if len(rows) < CHUNKS:
                return
            seq = rows[-1].seq

    def advance(self) -> Reader:
        return self.marks.advance(self.after(self.marks.end.seq))

    def answer(
        self, lines: list[Line], end: Reader, stream: str | None, *, next_after: int | None = None, is_all: bool = True
    ) -> dict[str, Any]:
        error = end.error
        first_error = None
        if error is not None and stream in (None, error[1]):
            first_error = error[0] if stream is None else error[2]
        return {
            "items": [_shown(line, stream) for line in lines],
            "lines": end.count(stream),
            "first_error": first_error,
            "next_after": end.seq if next_after is None else next_after,
            # The output of an ended run is there before, or together with, its end: read after the status, it is whole.
            "complete": self.has_ended and is_all,
            "fence": self.fence,
            "status": self.run.status,
            "truncated": bool(self.run.output_truncated),
        }


def _within(claim: _Claim, first: int, wanted: Stretch) -> dict[int, Line]:
    """Return lines by position; a line that is still open at the end of the stretch is followed for a while."""
    reader = claim.marks.before_line(first, wanted.stream)
    last = first + wanted.limit - 1
    found: dict[int, Line] = {}
    characters = beyond = 0
    for chunk in claim.after(reader.seq):
        if (
            wanted.stream not in (None, chunk.stream)
            or reader.count(wanted.stream) + chunk.text.count("\n") + 1 < first
        ):
            reader.skim(chunk)
            continue
        for line in reader.read(chunk):
            position = _position(line, wanted.stream)
            if not first <= position <= last:
                continue
            characters += len(line.text) - (len(found[position].text) if position in found else 0)
            found[position] = line
        if characters >= MOST_CHARACTERS and found:
            last = min(last, max(found))
        if reader.count(wanted.stream) > last or (characters >= MOST_CHARACTERS and found):
            beyond += 1
            if beyond > _UNENDED_CHUNKS or all(line.ended for line in found.values()):
                break
    return found


def _position(line: Line, stream: str | None) -> int:
    return line.number if stream is None else line.position


def _shown(line: Line, stream: str | None) -> dict[str, Any]:
    return {
        "line": line.number,
        "position": _position(line, stream),
        "at": format_instant(line.at),
        "stream": line.stream,
        "text": line.text,
        "left_out": line.left_out,
    }
