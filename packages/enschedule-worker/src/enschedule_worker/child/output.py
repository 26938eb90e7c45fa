"""``sys.stdout`` and ``sys.stderr`` of a child: unbuffered, UTF-8, with marks (see ``engine/marks``)."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import select
import sys
from collections.abc import Callable
from typing import Any

from enschedule_core.context import Stream
from enschedule_worker.child.tether import libc
from enschedule_worker.engine.marks import END, STREAMS, SWITCH


class _Output(io.RawIOBase):
    """Descriptor 1 or 2, unbuffered, so that nothing is missing if the process dies."""

    def __init__(self, number: int, outputs: Outputs) -> None:
        self._fd = number + 1
        self._number = number
        self._outputs = outputs

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def write(self, data: Any) -> int:
        if self._outputs.current != self._number:
            self._outputs.switch(self._number)
        written = write_all(self._fd, data)
        self._outputs.after_write()
        return written

    def close(self) -> None:
        """Do nothing: the next run prints too."""


class _Text(io.TextIOWrapper):
    """The text of a descriptor; a handler that closes it has the next one print all the same."""

    def close(self) -> None:
        """Do nothing."""


class Outputs:
    """Both outputs. Keeps descriptors of its own of the pipes, so that a handler may do with 1 and 2 what it wants.

    ``after_write`` is called after each complete write of the handler's, and may raise in it.
    """

    def __init__(self, token: bytes) -> None:
        self.after_write: Callable[[], None] = lambda: None
        self._switch, self._end = token + SWITCH, token + END
        self._pipes = tuple(os.dup(fd) for fd in (1, 2))
        self._identities = tuple(_identity(fd) for fd in (1, 2))
        self.current: int | None = None
        self.streams = tuple(
            _Text(
                _Output(number, self),  # type: ignore[arg-type]  # written through, a raw stream is enough
                encoding="utf-8",
                errors="backslashreplace",
                newline="\n",
                write_through=True,
            )
            for number in (0, 1)
        )
        self.install()

    def install(self) -> None:
        """Make these the streams of Python; again is harmless."""
        out, err = self.streams
        if sys.stdout is not out or sys.stderr is not err:
            for replaced in (sys.stdout, sys.stderr):
                if replaced is not None and replaced not in self.streams:
                    _flush(replaced)
            sys.stdout, sys.stderr = self.streams
        sys.__stdout__, sys.__stderr__ = self.streams  # type: ignore[misc]  # final for everybody else

    def write(self, stream: Stream, data: bytes) -> None:
        """Write for the context: past whatever ``sys.stdout`` and the descriptors are now."""
        number = STREAMS.index(stream)
        if self.current != number:
            self.switch(number)
        write_all(self._pipes[number], data)
        self.after_write()

    def switch(self, number: int) -> None:
        """Mark on both pipes that Python goes on with the other one."""
        if self.current is not None:
            for pipe in self._pipes:
                write_all(pipe, self._switch)
        self.current = number

    def end(self) -> bool:
        """Mark the end of a run on both pipes; False if that cannot be. What C code has buffered comes before it."""
        libc.fflush(None)
        self.install()
        self.current = None
        try:
            for pipe in self._pipes:
                write_all(pipe, self._end)
            for fd, identity in zip((1, 2), self._identities, strict=True):
                if _identity(fd) != identity:
                    os.dup2(self._pipes[fd - 1], fd)
        except OSError:
            return False
        return True


class RunLog(logging.Handler):
    """Sends all log records to stderr as ``LEVEL name: message``, as in a thread."""

    def __init__(self, outputs: Outputs) -> None:
        super().__init__()
        self._outputs = outputs
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        try:
            self._outputs.write(Stream.STDERR, (self.format(record) + "\n").encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001 - logging must not break what logs
            self.handleError(record)


def _flush(replaced: Any) -> None:
    with contextlib.suppress(Exception):  # the handler's own stream, which it may have closed
        replaced.flush()


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def write_all(fd: int, data: Any) -> int:
    """Write all of ``data``, also to a descriptor that somebody has made non-blocking."""
    size = written = len(data)
    try:
        written = os.write(fd, data)
    except BlockingIOError:
        written = 0
    while written < size:
        try:
            written += os.write(fd, memoryview(data)[written:])
        except BlockingIOError:
            select.select([], [fd], [])
    return size
