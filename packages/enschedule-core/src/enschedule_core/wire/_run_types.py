"""What the API says about runs and what they printed."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from enschedule_core.wire._shared_types import HandlerRef, Instant, JsonObject, Pause, Ref, Stream


class Outcome(TypedDict):
    """Why a run ended; ``traceback`` only comes with the full run."""

    kind: str
    message: str | None
    exit_code: int | None
    traceback: NotRequired[str | None]


class Origin(TypedDict):
    """What made the run exist (``slot manual chain retry api cli``), and who."""

    kind: str
    actor: str | None


class WorkerRef(TypedDict):
    """The worker that took a run, and which start of it."""

    id: str
    instance_id: str


class Progress(TypedDict):
    """What the handler says about itself; ``fraction`` is 0 to 1."""

    fraction: float | None
    text: str | None


class OutputSize(TypedDict):
    """How much a run has printed."""

    bytes: int
    lines: int
    truncated: bool


class Run(TypedDict):
    """One attempt, as lists show it."""

    id: int
    schedule: Ref | None
    handler: HandlerRef
    status: str
    outcome: Outcome | None
    attempt: int
    max_attempts: int
    retry_of: int | None
    origin: Origin
    slot_at: Instant | None
    queued_at: Instant
    not_before: Instant | None
    started_at: Instant | None
    finished_at: Instant | None
    worker: WorkerRef | None
    progress: Progress | None
    cancel_requested: bool
    output: OutputSize
    revision: int | None
    duration_seconds: float | None
    delay_seconds: float | None


class Attempt(TypedDict):
    """One link of a chain of attempts."""

    id: int
    status: str
    attempt: int
    queued_at: Instant
    not_before: Instant | None
    started_at: Instant | None
    finished_at: Instant | None


class RunDetail(Run):
    """One attempt in full; ``attempts`` is the chain it belongs to, oldest first."""

    data: JsonObject
    result: Any
    attempts: list[Attempt]
    retry_at: Instant | None
    note: str | None


class OutputChunk(TypedDict):
    """A piece of what a run printed; ``seq`` orders the pieces of both streams."""

    seq: int
    at: Instant
    stream: Stream
    text: str


class OutputPage(TypedDict):
    """The chunks after a cursor.

    Ask again with ``after=next_after``. ``complete`` means that the run has ended and nothing follows.
    ``fence`` is the run's current one: where it changes, the cursor starts again at 0.
    """

    items: list[OutputChunk]
    next_after: int
    complete: bool
    fence: int
    status: str
    truncated: bool


class OutputLine(TypedDict):
    """A line of what a run printed, as it stands: what a carriage return had written over is gone.

    ``line`` counts all lines from 1; ``position`` counts those that were asked for, of one stream or of both. ``text``
    has its escape sequences, begins with those that colour it from the lines before, and has no end of line. After
    10,000 characters it is cut; ``left_out`` is how many more there are.
    """

    line: int
    position: int
    at: Instant
    stream: Stream
    text: str
    left_out: int


class OutputLines(TypedDict):
    """Lines of what a run printed, in order.

    ``lines`` is how many there are so far, ``first_error`` the position of the first that reads like an error. Ask
    with ``after=next_after`` for what changes from here on. ``complete`` means that the run has ended and nothing
    follows. Where ``fence`` changes, the output begins again.
    """

    items: list[OutputLine]
    lines: int
    first_error: int | None
    next_after: int
    complete: bool
    fence: int
    status: str
    truncated: bool


class OutputMatches(TypedDict):
    """Which lines hold a text: the positions of the first ones, and how many there are from where it began.

    The first 10,000 characters of a line are searched. ``lines`` is how many there are up to where it looked;
    ``next_from`` goes on there, and is ``None`` where it saw all.
    """

    positions: list[int]
    count: int
    next_from: int | None
    lines: int
    complete: bool
    fence: int


class DoneRun(TypedDict):
    """A run that a bulk action was done to; ``run_id`` is the new run of a retry."""

    id: int
    run_id: NotRequired[int]


class FailedRun(TypedDict):
    """A run that a bulk action was refused for, and why, as a single one would be."""

    id: int
    code: str
    detail: str
    hint: str | None


class RunActions(TypedDict):
    """What a request with a bulk action has done; ``next_cursor`` goes on where it stopped, ``None`` at the end."""

    done: list[DoneRun]
    failed: list[FailedRun]
    next_cursor: str | None


class RunBucket(TypedDict):
    """The runs of one stretch of time, by status."""

    at: Instant
    counts: dict[str, int]
    duration_seconds_mean: float | None
    delay_seconds_mean: float | None


class RunStats(TypedDict):
    """Runs over time; ``totals`` by status over the whole range."""

    bucket_seconds: int
    items: list[RunBucket]
    totals: dict[str, int]
    skipped: int
    start_delay_seconds_p50: float | None


class RunCount(TypedDict):
    """How many runs match; ``is_more`` says that there are more than were counted."""

    count: int
    is_more: bool


class QueueStats(TypedDict):
    """What waits and what runs; ``pause`` is that of everything, ``now`` the database's time.

    ``failing`` and ``broken`` are how many schedules need somebody. ``database_bytes`` is the size of the database, at
    most a minute old.
    """

    queued: int
    running: int
    oldest_queued_at: Instant | None
    start_delay_seconds: float | None
    places: int
    used: int
    pause: Pause | None
    failing: int
    broken: int
    now: Instant
    database_bytes: int


class RetentionPolicy(TypedDict):
    """How long runs are kept: in days, 0 for ever; the newest ``runs`` of a schedule whatever their age."""

    days: int
    runs: int
    failures_days: int


class RetentionCount(TypedDict):
    """How many runs of one schedule; of ``None``, runs without one."""

    schedule: Ref | None
    runs: int


class RetentionPreview(TypedDict):
    """What would be removed now under ``policy``; ``at_least`` where not all runs were looked at."""

    policy: RetentionPolicy
    runs: int
    at_least: bool
    output_bytes: int
    oldest_at: Instant | None
    schedules: list[RetentionCount]
