"""Who holds a run, and what that worker says of its end."""

from __future__ import annotations

from dataclasses import dataclass

from enschedule_core.run import OutcomeKind, RunStatus


@dataclass(frozen=True, slots=True)
class Holder:
    """The worker process that claims and finishes: its chosen id, the id of this start, and its tags."""

    worker_id: str
    instance_id: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run that ``fence`` was given for has ended. Instants are microseconds by the database's clock."""

    run_id: int
    fence: int
    status: RunStatus
    started_at: int
    finished_at: int
    outcome_kind: OutcomeKind | None = None
    message: str | None = None
    exit_code: int | None = None
    result: str | None = None
    traceback: str | None = None
    note: str | None = None
    retry: bool = True  # False: the handler said that another attempt is useless
    retry_delay: int | None = None  # microseconds that the handler asked for
    default_delay: int | None = None  # microseconds, for a schedule that says nothing of its own about the delay
    output_bytes: int = 0
    output_lines: int = 0
    output_truncated: bool = False
