"""From how a handler ended to what is stored: a pure rule, shared by all executors."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from enschedule_core.outcome import Outcome
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_core.schema import clean_text
from enschedule_worker.engine.running import HeldRun
from enschedule_worker.store.holding import Ending

_LONGEST_DELAY = timedelta(days=366)


def ending(run: HeldRun, outcome: Outcome, *, started_at: int, finished_at: int) -> Ending:
    """Return what to store. Instants are microseconds, database time."""
    return Ending(
        run_id=run.run_id,
        fence=run.claimed.fence,
        status=outcome.status,
        started_at=started_at,
        finished_at=max(finished_at, started_at),
        outcome_kind=outcome.kind,
        message=_clean(outcome.message, 2_000),
        exit_code=None if outcome.exit_code is None else outcome.exit_code & 0xFF,  # as exit(3) does
        result=None if outcome.result is None else json.dumps(outcome.result, ensure_ascii=False),
        traceback=_clean(outcome.traceback, 100_000),
        note=_clean(outcome.note, 500),
        retry=outcome.retry != "never",
        retry_delay=_micros(min(outcome.retry, _LONGEST_DELAY)) if isinstance(outcome.retry, timedelta) else None,
        default_delay=run.default_delay,
        output_bytes=run.capture.bytes,
        output_lines=run.capture.lines,
        output_truncated=run.capture.truncated,
    )


def _micros(span: timedelta) -> int:
    return round(span.total_seconds() * 1_000_000)


def _clean(text: str | None, most: int) -> str | None:
    """Keep what some database would refuse, and with it the whole batch, out of the row."""
    return None if text is None else clean_text(text)[:most]


def handler_ended(run: HeldRun, outcome: Outcome) -> Outcome:
    """Return the outcome of a handler that has ended: one that was told to stop is cancelled, or out of time."""
    if run.cancelled_by is not None and outcome.status is not RunStatus.SUCCEEDED:
        return cancelled(run)
    if run.is_overdue:
        how = _killed(run) if run.killed_at is not None else " It stopped when it was told to."
        text = f"Timed out after {_span(run.timeout_seconds)}.{how}"
        ended = replace(outcome, status=RunStatus.TIMED_OUT, kind=OutcomeKind.TIMEOUT, message=text)
        return replace(ended, result=None, note=None, exit_code=None, retry="policy")
    return outcome


def decided(run: HeldRun, outcome: Outcome, *, kills: bool) -> Outcome:
    """Return ``outcome`` for a run that the engine ends without its handler; one that somebody cancelled is that."""
    if run.cancelled_by is None or outcome.status is RunStatus.CANCELLED:
        return outcome
    return cancelled(run) if kills else did_not_stop(run)


def cannot_open(problem: str) -> Outcome:
    """Return the outcome of a run one of whose secrets is not there; a later attempt finds what is there then."""
    return Outcome(RunStatus.FAILED, OutcomeKind.INVALID_DATA, problem)


def cancelled(run: HeldRun) -> Outcome:
    """Return the outcome of a run that somebody cancelled and that did stop, or was killed."""
    how = _killed(run) if run.killed_at is not None else ""
    text = f"Cancelled by {run.cancelled_by or 'somebody'}.{how}"
    return Outcome(RunStatus.CANCELLED, OutcomeKind.CANCELLED, text, retry="never")


def _killed(run: HeldRun) -> str:
    if not run.stop_within_seconds:
        return " It was killed."
    return f" It ignored the request to stop for {_span(run.stop_within_seconds)} and was killed."


def _span(seconds: float) -> str:
    """Return ``1 h``, ``15 min`` or ``2.5 s``."""
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def could_not_be_killed(run: HeldRun) -> Outcome:
    """Return the outcome of a run whose process was killed and does not die."""
    tail = "It was killed, but its process does not end: it may wait for a device. Its place is taken until then."
    if run.cancelled_by is not None:
        text = f"Cancelled by {run.cancelled_by}. {tail}"
        return Outcome(RunStatus.CANCELLED, OutcomeKind.CANCELLED, text, retry="never")
    return Outcome(RunStatus.TIMED_OUT, OutcomeKind.TIMEOUT, f"Timed out after {_span(run.timeout_seconds)}. {tail}")


def did_not_stop(run: HeldRun) -> Outcome:
    """Return the outcome of a run that was told to stop and goes on: a thread cannot be killed."""
    tail = "The handler still runs: a thread cannot be killed. Its place is taken until it ends."
    return Outcome(
        RunStatus.CANCELLED, OutcomeKind.CANCELLED, f"Cancelled by {run.cancelled_by}. {tail}", retry="never"
    )


def timed_out(run: HeldRun) -> Outcome:
    """Return the outcome of a run whose deadline has passed."""
    return Outcome(
        RunStatus.TIMED_OUT,
        OutcomeKind.TIMEOUT,
        f"Told to stop after {run.timeout_seconds:g} s and still going: a thread cannot be killed. "
        "Its place is taken until it ends.",
    )


def worker_stopped() -> Outcome:
    """Return the outcome of a run that outlived the grace of a worker that stops."""
    return Outcome(
        RunStatus.LOST,
        OutcomeKind.LOST,
        "The worker stopped while the run was going on; whether it finished is not known.",
    )
