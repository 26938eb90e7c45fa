"""Marks in the two outputs of a child process: where a run's output ends, and where Python goes from one to the other.

A child writes a mark on *both* of its pipes, at each change between ``sys.stdout`` and ``sys.stderr`` before it goes
on, and at the end of each run before it reports that. So the parent can put the two outputs into the order in which
they were written, and knows that nothing of a run is missing. A mark begins with a secret token, which no handler
prints by accident. What C code and subprocesses write stands between the marks where it was written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from enschedule_core.context import Stream

STREAMS = (Stream.STDOUT, Stream.STDERR)
SWITCH, END = b"S", b"E"
_NUL = b"\x00"


def new_token() -> bytes:
    """Return a token: a NUL, which is rare in output and so quickly searched for, and random letters."""
    import secrets  # noqa: PLC0415 - for the worker; a child starts faster without

    return _NUL + secrets.token_urlsafe(12).encode()


class _Lane:
    """What was read of one pipe: pieces and marks in their order."""

    def __init__(self, token: bytes) -> None:
        self._token = token
        self._rest = b""
        self.items: deque[bytes | None] = deque()  # None is the end of a run
        self.switches = 0  # how many marks were passed of this run
        self.ended = False

    def feed(self, data: bytes) -> None:
        token = self._token
        if self._rest:
            data, self._rest = self._rest + data, b""
        size, start = len(token), 0
        while (at := data.find(token, start)) >= 0 and at + size < len(data):
            if at > start:
                self.items.append(data[start:at])
            self.items.append(b"" if data[at + size : at + size + 1] == SWITCH else None)
            start = at + size + 1
        # Is the end of this the beginning of a mark? The token has its only NUL in front.
        at = data.rfind(_NUL, max(start, len(data) - size))
        end = at if at >= 0 and token.startswith(data[at:]) else len(data)
        if end > start:
            self.items.append(data[start:end] if start or end < len(data) else data)
        self._rest = data[end:]

    def flush(self) -> None:
        if self._rest:
            self.items.append(self._rest)
            self._rest = b""


class MarkedOutput:
    """The output of one child, run after run."""

    def __init__(self, token: bytes) -> None:
        self._lanes = (_Lane(token), _Lane(token))

    @property
    def ended(self) -> bool:
        """True if all output of the present run was passed on."""
        return self._lanes[0].ended and self._lanes[1].ended

    def has_ended(self, number: int) -> bool:
        """Return whether pipe ``number`` (0 or 1) has nothing more of the present run."""
        return self._lanes[number].ended

    def feed(self, number: int, data: bytes) -> None:
        """Take what was read from pipe ``number``."""
        self._lanes[number].feed(data)

    def emit(self, write: Callable[[Stream, bytes], None]) -> None:
        """Pass on what is in order now; the rest waits for what was written before it on the other pipe."""
        moved = True
        while moved:
            moved = False
            for number in (0, 1):
                moved = self._emit_from(number, write) or moved

    def _emit_from(self, number: int, write: Callable[[Stream, bytes], None]) -> bool:
        lane, other = self._lanes[number], self._lanes[1 - number]
        moved = False
        while lane.items and not lane.ended:
            item = lane.items[0]
            if item and lane.switches > other.switches and not other.ended:
                break
            lane.items.popleft()
            moved = True
            if item is None:
                lane.ended = True
            elif item:
                write(STREAMS[number], item)
            else:
                lane.switches += 1
        return moved

    def waits_for(self, number: int) -> bool:
        """Return whether output of the other pipe is held back until more is read from pipe ``number``."""
        lane, other = self._lanes[number], self._lanes[1 - number]
        return bool(other.items) and not other.ended and not lane.ended

    def give_up(self, write: Callable[[Stream, bytes], None]) -> None:
        """Pass on all that there is: the child is dead, or cannot write its marks any more."""
        for lane in self._lanes:
            lane.flush()
        self.emit(write)
        for number, lane in enumerate(self._lanes):
            while lane.items and not lane.ended:
                item = lane.items.popleft()
                if item is None:
                    lane.ended = True
                elif item:
                    write(STREAMS[number], item)
            lane.ended = True

    def next_run(self) -> None:
        """Begin with the next run's output; raises if the present one's is not complete."""
        assert self.ended
        for lane in self._lanes:
            lane.switches, lane.ended = 0, False
