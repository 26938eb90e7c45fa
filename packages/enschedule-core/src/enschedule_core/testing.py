"""For the tests of plugin authors: run a handler as a worker would, without one."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enschedule_core.context import Context, Stream
from enschedule_core.handler import Handler
from enschedule_core.outcome import Outcome, perform
from enschedule_core.registry import Registry
from enschedule_core.run import RunStatus
from enschedule_core.schema import check_data


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a handler's run: how it ended, what it wrote (as text), what it returned and reported.

    ``progress`` has each ``context.progress(fraction, text)`` in order.
    """

    outcome: Outcome
    stdout: str
    stderr: str
    progress: tuple[tuple[float, str], ...]

    @property
    def status(self) -> RunStatus:
        """How the run ended."""
        return self.outcome.status

    @property
    def result(self) -> Any:
        """What the handler returned, if it is JSON, else ``None`` (``outcome.note`` says why)."""
        return self.outcome.result


class RecordingChannel:
    """A :class:`enschedule_core.Channel` that keeps what the handler writes and reports."""

    def __init__(self, *, cancelled: bool = False) -> None:
        self.cancelled = cancelled
        self.reports: list[tuple[float, str]] = []
        self._output: dict[Stream, bytearray] = {stream: bytearray() for stream in Stream}
        self._lock = threading.Lock()

    def write(self, stream: Stream, data: bytes) -> None:
        """Append ``data`` to what was written to ``stream``."""
        with self._lock:
            self._output[stream] += data

    def progress(self, fraction: float, text: str) -> None:
        """Append to :attr:`reports`."""
        self.reports.append((fraction, text))

    def text(self, stream: Stream) -> str:
        """Return what was written to ``stream``; bytes that are not UTF-8 become U+FFFD."""
        return self._output[stream].decode(errors="replace")


def run_handler(
    handler: Handler,
    data: Any,
    *,
    version: int | None = None,
    attempt: int = 1,
    run_id: int = 1,
    slot_at: datetime | None = None,
    schedule_id: str | None = None,
    deadline: datetime | None = None,
    cancelled: bool = False,
) -> Ran:
    """Run ``handler`` once with ``data`` and return what became of it.

    The steps are those of a worker: upgrade from ``version`` (default: the handler's own), check and convert the data,
    call, outcome; data that no API would take (not a JSON object, too large) raises :class:`InvalidData` as there.
    What the handler raises is in ``outcome``. ``cancelled`` is what ``context.cancelled`` says from the start.
    Prints are caught by replacing ``sys.stdout`` and ``sys.stderr``, so run one handler at a time.
    """
    registry = Registry()
    registry.register(handler)
    channel = RecordingChannel(cancelled=cancelled)
    context = Context(
        channel, run_id=run_id, attempt=attempt, slot_at=slot_at, schedule_id=schedule_id, deadline=deadline
    )
    with _captured(channel):
        outcome = perform(
            registry,
            handler_id=handler.id,
            version=handler.version if version is None else version,
            data=check_data(data),
            context=context,
        )
    return Ran(outcome, channel.text(Stream.STDOUT), channel.text(Stream.STDERR), tuple(channel.reports))


class _ChannelFile(io.BytesIO):
    """A file for ``sys.stdout.buffer`` whose bytes go into a channel at once."""

    def __init__(self, channel: RecordingChannel, stream: Stream) -> None:
        super().__init__()
        self._channel = channel
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._channel.write(self._stream, bytes(data))
        return len(data)


@contextmanager
def _captured(channel: RecordingChannel) -> Iterator[None]:
    files = [
        io.TextIOWrapper(_ChannelFile(channel, stream), encoding="utf-8", errors="backslashreplace", write_through=True)
        for stream in (Stream.STDOUT, Stream.STDERR)
    ]
    with redirect_stdout(files[0]), redirect_stderr(files[1]):
        yield
    for file in files:
        file.flush()
