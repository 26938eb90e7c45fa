"""``sys.stdout``, ``sys.stderr`` and logging, split by run: what a handler prints in its thread is its run's output.

The proxies look at a context variable. In the context of a run they write to its channel, everywhere else to the
stream that was there before; so nobody else's output is taken, and none is lost. A thread that a handler starts has a
context of its own and writes past it, and so does C code: that is what the process executor is for.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

from enschedule_core.context import Channel, Stream
from enschedule_core.masking import Mask, recent

_channel: ContextVar[Channel | None] = ContextVar("enschedule_channel", default=None)


def current() -> Channel | None:
    """Return the channel of the run in whose context this is called."""
    return _channel.get()


@contextmanager
def captured(channel: Channel) -> Iterator[None]:
    """Send everything that is printed and logged in this context to ``channel``."""
    token = _channel.set(channel)
    try:
        yield
    finally:
        _channel.reset(token)


class _Bytes(io.RawIOBase):
    """The ``buffer`` of a proxy, for programs that print bytes."""

    def __init__(self, stream: Stream, original: TextIO) -> None:
        self._stream = stream
        self._original = original

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raw = bytes(data)
        channel = _channel.get()
        if channel is None:
            return int(self._original.buffer.write(raw))
        channel.write(self._stream, raw)
        return len(raw)


class ContextStream(io.TextIOBase):
    """A text stream that belongs to whichever run is current."""

    def __init__(self, stream: Stream, original: TextIO) -> None:
        self._stream = stream
        self.original = original
        self._bytes = _Bytes(stream, original)

    @property
    def buffer(self) -> _Bytes:
        """The same stream, for bytes."""
        return self._bytes

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8 for a run; what the terminal has for everybody else."""
        return "utf-8" if _channel.get() is not None else getattr(self.original, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """How characters that cannot be encoded are written."""
        return "backslashreplace"

    def write(self, text: str) -> int:
        """Write to the current run, else to the original stream."""
        channel = _channel.get()
        if channel is None:
            return self.original.write(text)
        channel.write(self._stream, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Flush the original; a run's output needs none."""
        if _channel.get() is None:
            self.original.flush()

    def close(self) -> None:
        """Do nothing: the stream is everybody's, and one handler that closes it must not take it from the others."""

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False for a run: there is no terminal behind it."""
        return _channel.get() is None and self.original.isatty()

    def fileno(self) -> int:
        """Return the original's descriptor; a run has none."""
        if _channel.get() is not None:
            raise io.UnsupportedOperation("the output of a run in a thread has no file descriptor")
        return self.original.fileno()


class RunLog(logging.Handler):
    """Sends log records made in a run's context to its stderr, as ``LEVEL name: message``."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, if a run is current."""
        channel = _channel.get()
        if channel is not None:
            try:
                channel.write(Stream.STDERR, (self.format(record) + "\n").encode("utf-8", "backslashreplace"))
            except Exception:  # noqa: BLE001 - logging must not break what logs
                self.handleError(record)


_formatter = logging.Formatter()


def is_server_record(record: logging.LogRecord) -> bool:
    """Return whether a record belongs to the server's own log, not to a run: a filter for its handlers.

    What it lets pass has the secrets masked that this process has handled last.
    """
    if _channel.get() is not None:
        return False
    mask = recent.mask
    if mask:
        _hide(record, mask)
    return True


def _hide(record: logging.LogRecord, mask: Mask) -> None:
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # arguments that do not fit are the handler's to complain about
        return
    shown = mask.text(message)
    if shown != message:
        record.msg, record.args = shown, None
    if record.exc_info and not record.exc_text:
        record.exc_text = _formatter.formatException(record.exc_info)
    if record.exc_text:
        record.exc_text = mask.text(record.exc_text)


_installing = threading.Lock()


def install() -> None:
    """Put the proxies in place; again is harmless."""
    if isinstance(sys.stdout, ContextStream) and isinstance(sys.stderr, ContextStream):
        return
    with _installing:
        if not isinstance(sys.stdout, ContextStream):
            sys.stdout = ContextStream(Stream.STDOUT, sys.stdout)
        if not isinstance(sys.stderr, ContextStream):
            sys.stderr = ContextStream(Stream.STDERR, sys.stderr)
        root = logging.getLogger()
        if not any(isinstance(handler, RunLog) for handler in root.handlers):
            root.addHandler(RunLog())


def uninstall() -> None:
    """Put the original streams back."""
    if isinstance(sys.stdout, ContextStream):
        sys.stdout = sys.stdout.original
    if isinstance(sys.stderr, ContextStream):
        sys.stderr = sys.stderr.original
    root = logging.getLogger()
    for handler in [found for found in root.handlers if isinstance(found, RunLog)]:
        root.removeHandler(handler)
