"""The life of a run: its states, the only table of transitions, and how a run ended.

One row is one attempt. Terminal rows never change. Every change of a status is a guarded UPDATE in
the worker's ``store/runs.py``, and each of them is one :class:`Transition` here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunStatus(StrEnum):
    """Where one attempt stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"

    @property
    def is_open(self) -> bool:
        """True while the run can still change."""
        return self in OPEN

    @property
    def is_trouble(self) -> bool:
        """True for the ends that count as a failure of the schedule."""
        return self in TROUBLE


OPEN = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})
TROUBLE = frozenset({RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.LOST})
RETRYABLE = TROUBLE
TERMINAL = frozenset(RunStatus) - OPEN


class OutcomeKind(StrEnum):
    """Why a run ended other than well."""

    EXCEPTION = "exception"
    EXIT = "exit"
    SIGNAL = "signal"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    LOST = "lost"
    INVALID_DATA = "invalid_data"
    NO_HANDLER = "no_handler"


class OriginKind(StrEnum):
    """What made a run exist."""

    SLOT = "slot"
    MANUAL = "manual"
    CHAIN = "chain"
    RETRY = "retry"
    API = "api"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed change of status: its name, from which status, to which, and who makes it."""

    name: str
    source: RunStatus
    target: RunStatus
    who: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition("claim", RunStatus.QUEUED, RunStatus.RUNNING, "a worker that offers the handler"),
    Transition("cancel", RunStatus.QUEUED, RunStatus.CANCELLED, "an actor with permission"),
    Transition("expire", RunStatus.QUEUED, RunStatus.SKIPPED, "any worker"),
    Transition("finish", RunStatus.RUNNING, RunStatus.SUCCEEDED, "the holder"),
    Transition("finish", RunStatus.RUNNING, RunStatus.FAILED, "the holder"),
    Transition("finish", RunStatus.RUNNING, RunStatus.TIMED_OUT, "the holder"),
    Transition("finish", RunStatus.RUNNING, RunStatus.CANCELLED, "the holder"),
    Transition("finish", RunStatus.RUNNING, RunStatus.LOST, "the holder, stopping after its grace"),
    Transition("reap", RunStatus.RUNNING, RunStatus.LOST, "any worker, when the lease is over"),
    Transition("drain", RunStatus.RUNNING, RunStatus.QUEUED, "the holder, handler not yet called"),
)


def allowed(source: RunStatus, target: RunStatus) -> bool:
    """Return whether the table has a transition from ``source`` to ``target``."""
    return any(step.source is source and step.target is target for step in TRANSITIONS)
