"""What a handler is told about its run, and how it answers while it runs."""

from __future__ import annotations

import logging
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from enschedule_core.schema import clean_text

PROGRESS_TEXT_MAX = 200


class Stream(StrEnum):
    """Which of a run's two outputs a piece of it belongs to."""

    STDOUT = "stdout"
    STDERR = "stderr"


class Channel(Protocol):
    """The way from a running handler to its executor: the same process, or a socket."""

    def write(self, stream: Stream, data: bytes) -> None:
        """Append ``data`` (any bytes, mostly UTF-8) to the run's output."""

    def progress(self, fraction: float, text: str) -> None:
        """Note how far the run is: ``fraction`` from 0 to 1, ``text`` of at most 200 characters."""

    @property
    def cancelled(self) -> bool:
        """True once the run should end: somebody cancelled it, or its deadline has passed."""


class Context:
    """What a handler is told about its run; passed to a handler that takes ``context``."""

    def __init__(
        self,
        channel: Channel,
        *,
        run_id: int,
        attempt: int = 1,
        slot_at: datetime | None = None,
        schedule_id: str | None = None,
        deadline: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        self._channel = channel
        self.run_id = run_id
        #: 1 for the first try of a slot
        self.attempt = attempt
        #: the planned instant (aware, UTC); ``None`` for a run by hand or by another run
        self.slot_at = slot_at
        #: ``None`` for a run without a schedule
        self.schedule_id = schedule_id
        #: when the run is ended, whatever it does (aware, UTC); ``None`` if never
        self.deadline = deadline
        #: the same for every attempt of one slot: send it along with effects that must not happen twice
        self.idempotency_key = idempotency_key or f"run-{run_id}"

    @property
    def cancelled(self) -> bool:
        """True once the run should end; a long loop looks here and stops, for example by raising ``Cancel``."""
        return self._channel.cancelled

    def progress(self, fraction: float, text: str = "") -> None:
        """Show how far the run is: ``fraction`` from 0 to 1 (kept inside that range), and what it does now."""
        inside = min(1.0, max(0.0, float(fraction)))  # max(0.0, nan) is 0.0
        self._channel.progress(inside, clean_text(" ".join(text.split()))[:PROGRESS_TEXT_MAX])

    @cached_property
    def log(self) -> logging.Logger:
        """A logger that writes ``LEVEL message`` lines of every level to the run's stderr, and nowhere else."""
        # not in logging's tree: nobody's configuration reaches it, and it reaches nobody's log
        logger = logging.Logger("enschedule.run", logging.DEBUG)  # noqa: LOG001
        logger.addHandler(_ChannelLog(self._channel))
        return logger


class _ChannelLog(logging.Handler):
    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n"
            self._channel.write(Stream.STDERR, line.encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001 - logging's own rule: a message that cannot be formatted is not the run's end
            self.handleError(record)
