"""One claimed run while this worker holds it: its output, its deadline, and the way it is told to stop."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from enschedule_core.context import Stream
from enschedule_core.executor import Call
from enschedule_core.masking import NOTHING, Mask, MaskedStream
from enschedule_core.outcome import Outcome
from enschedule_worker.engine.capture import Capture
from enschedule_worker.engine.echo import Echo
from enschedule_worker.service.claiming import ClaimedRun
from enschedule_worker.service.opening import Opened


class Stage(Enum):
    """How far a held run is."""

    WAITING = "waiting"  # claimed, handler not called yet
    CALLED = "called"
    ENDED = "ended"  # its outcome is known and waits to be stored, or was stored


class HeldRun:
    """The engine's and the executor's common view of a run; also the channel that its handler talks through.

    ``monotonic`` is a clock in seconds. ``deadline`` is on that clock and set when the handler is called. ``opened`` is
    what the handler gets; the secret values in it are taken out of all that comes back.
    """

    def __init__(
        self,
        claimed: ClaimedRun,
        capture: Capture,
        *,
        timeout_seconds: float,
        monotonic: Callable[[], float],
        echo: Echo | None = None,
        opened: Opened | None = None,
    ) -> None:
        self.claimed = claimed
        self._opened = opened or Opened(claimed.data, claimed.env)
        self._mask = Mask(self._opened.values) if self._opened.values else NOTHING
        self._streams = {stream: MaskedStream(self._mask) for stream in Stream} if self._mask else {}
        self._writing = threading.Lock()
        self.capture = capture
        self._echo = echo
        self.timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self.stage = Stage.WAITING
        self.held_at = monotonic()
        self.called_at: float | None = None
        self.ended_at: float | None = None
        self.deadline: float | None = None
        self.cancelled_by: str | None = None
        self.stop_by: float | None = None
        self.is_overdue = False
        self.stop_within_seconds = 0.0
        self.killed_at: float | None = None
        self._told_to_stop = False
        self._progress: tuple[float, str] | None = None
        self.next_seq = 1
        #: microseconds to the next attempt, unless handler or schedule say it themselves
        self.default_delay: int | None = None

    @property
    def run_id(self) -> int:
        """The id of the run."""
        return self.claimed.run_id

    # ------------------------------------------------------------ the executor's side

    def begin(self) -> bool:
        """Say that the handler is called now; False if the run was taken back meanwhile."""
        with self._lock:
            if self.stage is not Stage.WAITING:
                return False
            self.stage = Stage.CALLED
            self.called_at = self._monotonic()
            self.deadline = self.called_at + self.timeout_seconds
            return True

    def begin_late(self, *, seconds_ago: float = 0.0) -> None:
        """Say that the handler was called only now, or so long ago, and not when :meth:`begin` was asked."""
        with self._lock:
            if self.stage is Stage.CALLED:
                self.called_at = self._monotonic() - seconds_ago
                self.deadline = self.called_at + self.timeout_seconds

    def put_back(self) -> bool:
        """Take :meth:`begin` back: the handler was not called; False if the engine has ended the run meanwhile."""
        with self._lock:
            if self.stage is not Stage.CALLED:
                return False
            self.stage = Stage.WAITING
            self.called_at = self.deadline = None
            if self.cancelled_by is None:
                self.is_overdue = self._told_to_stop = False
                self.stop_by = self.killed_at = None
            return True

    def end(self) -> bool:
        """Say that the outcome is known; False if the engine has decided over the run before."""
        with self._lock:
            if self.stage is Stage.ENDED:
                return False
            self.stage = Stage.ENDED
            self.ended_at = self._monotonic()
        for stream in self._streams:
            self._write(stream, b"", last=True)
        if self._echo is not None:
            self._echo.close()
        return True

    def call(self) -> Call:
        """Return what to call; the instant of the deadline is by the database's clock."""
        claimed = self.claimed
        return Call(
            run_id=claimed.run_id,
            handler_id=claimed.handler_id,
            version=claimed.handler_version,
            data=self._opened.data,
            attempt=claimed.attempt,
            slot_at=claimed.slot_at,
            schedule_id=claimed.schedule_id,
            deadline=self.capture.now() + round(self.timeout_seconds * 1_000_000),
            idempotency_key=claimed.idempotency_key,
            env=self._opened.env,
            secrets=json.dumps(self._opened.values) if self._mask else None,
        )

    # ------------------------------------------------------------ the engine's side

    def withdraw(self) -> bool:
        """Take the run back unless its handler was called; returns whether it was taken back."""
        with self._lock:
            if self.stage is not Stage.WAITING:
                return False
            self.stage = Stage.ENDED
            return True

    def ask_to_stop(self, *, by: str | None = None, within_seconds: float | None = None) -> None:
        """Set ``context.cancelled``; after ``within_seconds`` the engine stops waiting for the handler."""
        if by is not None and self.cancelled_by is None:
            self.cancelled_by = by
        if within_seconds is not None and self.stop_by is None:
            self.stop_by = self._monotonic() + within_seconds
            self.stop_within_seconds = within_seconds
        self._told_to_stop = True

    def next_instant(self) -> float | None:
        """Return when, by the monotonic clock, something about this run is to be decided next."""
        if self.killed_at is not None:
            return None
        instants = (None if self.is_overdue else self.deadline, self.stop_by)
        return min((at for at in instants if at is not None), default=None)

    def take_progress(self) -> tuple[float, str] | None:
        """Return what was reported since the last time."""
        found, self._progress = self._progress, None
        return found

    # ------------------------------------------------------------ enschedule_core.context.Channel

    def write(self, stream: Stream, data: bytes) -> None:
        """Capture output, with its secrets masked."""
        self._write(stream, data)

    def _write(self, stream: Stream, data: bytes, *, last: bool = False) -> None:
        if not self._streams:
            self._pass_on(stream, data)
            return
        with self._writing:
            self._pass_on(stream, self._streams[stream].feed(data, last=last))

    def _pass_on(self, stream: Stream, data: bytes) -> None:
        self.capture.write(stream, data)
        if self._echo is not None:
            self._echo.write(stream, data)

    def masked(self, outcome: Outcome) -> Outcome:
        """Return how the handler ended without its secrets, whatever its executor has made of them."""
        if not self._mask:
            return outcome
        text = self._mask.text
        return replace(
            outcome,
            message=None if outcome.message is None else text(outcome.message),
            traceback=None if outcome.traceback is None else text(outcome.traceback),
            note=None if outcome.note is None else text(outcome.note),
            result=self._mask.value(outcome.result),
        )

    def progress(self, fraction: float, text: str) -> None:
        """Note progress; the last one wins."""
        self._progress = (fraction, self._mask.text(text))

    @property
    def cancelled(self) -> bool:
        """True once the handler should stop."""
        return self._told_to_stop
