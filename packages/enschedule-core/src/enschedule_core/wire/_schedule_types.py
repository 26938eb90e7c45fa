"""What the API says about schedules: the thing itself, its future and its past."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from enschedule_core.wire._shared_types import Change, HandlerRef, Instant, JsonObject, Pause


class Trigger(TypedDict):
    """When a schedule is due.

    ``expression`` is there for ``cron``, ``seconds`` and ``anchor`` for ``every``, ``at`` for ``once``.
    """

    kind: str
    timezone: str
    starts_at: Instant | None
    ends_at: Instant | None
    max_runs: int | None
    phrase: str | None
    description: str
    expression: NotRequired[str]
    seconds: NotRequired[float]
    anchor: NotRequired[Instant | None]
    at: NotRequired[Instant]


class Retry(TypedDict):
    """How often (``max_attempts`` counts the first) and how soon a failed run is tried again."""

    max_attempts: int
    delay_seconds: float
    backoff: str
    max_delay_seconds: float
    jitter: float


class CatchUp(TypedDict):
    """Which missed slots run."""

    mode: str
    window_seconds: float | None
    max: int


class Retention(TypedDict):
    """How long runs are kept; ``None`` is the worker's setting."""

    days: int | None
    runs: int | None
    failures_days: int | None


class Binding(TypedDict):
    """Which workers may run a schedule: the one with the id, and only with all the tags."""

    id: str | None
    tags: list[str]


class PauseOfAll(TypedDict):
    """Whether everything is paused; ``slots`` have passed since, ``None`` where they are too many to count.

    ``revision`` goes up whenever such a pause begins, changes or ends.
    """

    paused: bool
    reason: str | None
    until: Instant | None
    by: str | None
    at: Instant | None
    slots: int | None
    revision: int


class ConcurrencyGroup(TypedDict):
    """A limit that schedules share: how many of them there are, and how many of their runs go on and wait now.

    ``updated_at`` and ``updated_by`` are ``None`` where nobody has defined it: then one runs at a time.
    """

    name: str
    max_running: int
    schedules: int
    running: int
    queued: int
    updated_at: Instant | None
    updated_by: str | None


class LastRun(TypedDict):
    """How the newest run of a schedule went."""

    id: int
    status: str
    finished_at: Instant | None
    duration_seconds: float | None
    message: str | None


class Recent(TypedDict):
    """One mark of a schedule's rail: a run's last attempt, or ``count`` skipped slots (then without ``run_id``)."""

    run_id: int | None
    at: Instant
    status: str
    duration_seconds: float | None
    message: NotRequired[str | None]
    count: NotRequired[int]


class Schedule(TypedDict):
    """A schedule: what runs, with which data, when, under which policies, and how it has been going."""

    id: str
    title: str
    description: str
    handler: HandlerRef
    data: JsonObject
    trigger: Trigger
    due_at: Instant | None
    status: str
    paused: bool
    pause: Pause | None
    broken_reason: str | None
    retry: Retry
    timeout_seconds: float | None
    overlap: str
    catch_up: CatchUp
    on_lost: str | None
    tags: list[str]
    priority: int
    max_running: int | None
    concurrency_group: str | None
    worker: Binding
    on_success: str | None
    on_failure: str | None
    retention: Retention
    notify: str | None
    env: dict[str, str | JsonObject]
    runbook: str | None
    managed_by: str | None
    group: str | None
    overridden: bool
    revision: int
    last_run: LastRun | None
    last_status: str | None
    failing_since: Instant | None
    failures_in_row: int
    open_runs: int
    recent: list[Recent]
    usual_seconds: float | None
    next: list[Instant]
    retry_at: Instant | None
    created_at: Instant
    updated_at: Instant


class ChangedSchedule(Schedule):
    """The answer to a create, replace or edit: the schedule, and what that did to it."""

    change: Change


class PreviewedSchedule(TypedDict):
    """What a PUT of one definition would do: nothing but ``problem`` (problem+json) where it would be refused.

    ``before`` and ``after`` are definitions in their long form, ``changes`` the dotted paths that differ;
    ``overridden`` says that the schedule was edited since its owner spoke, ``due_at`` when it would be due next.
    """

    id: str | None
    change: Change | None
    before: JsonObject | None
    after: JsonObject | None
    changes: list[str]
    overridden: bool
    due_at: Instant | None
    problem: JsonObject | None


class PreviewedSchedules(TypedDict):
    """The answer to a preview: one entry for each definition, in their order."""

    items: list[PreviewedSchedule]


class DoneSchedule(TypedDict):
    """A schedule that a bulk action was done to; ``run_id`` is the run that it started.

    Of pause and resume, ``pause_before`` is the pause that it had before, and ``pause`` the one that it has now.
    """

    id: str
    run_id: NotRequired[int]
    pause_before: NotRequired[Pause | None]
    pause: NotRequired[Pause | None]


class FailedSchedule(TypedDict):
    """A schedule that a bulk action was refused for, and why, as a single one would be."""

    id: str
    code: str
    detail: str
    hint: str | None


class ScheduleActions(TypedDict):
    """What a request with a bulk action has done; ``next_cursor`` goes on where it stopped, ``None`` at the end."""

    done: list[DoneSchedule]
    failed: list[FailedSchedule]
    next_cursor: str | None


class ScheduleGroup(TypedDict):
    """A group on a page of schedules; ``name`` is ``None`` for those without a tag.

    ``count`` schedules that match are in it; the next ``shown`` of the page's items are, and it ``continues`` where the
    page before has its beginning.
    """

    name: str | None
    count: int
    shown: int
    continues: bool


class SchedulePage(TypedDict):
    """One page of schedules, with ``groups`` where they are asked for; ``next_cursor`` fetches the page after it.

    In groups by tag, a schedule is among the items once for each of its tags.
    """

    items: list[Schedule]
    next_cursor: str | None
    groups: NotRequired[list[ScheduleGroup]]


class TagCount(TypedDict):
    """A tag, and how many schedules have it."""

    tag: str
    schedules: int


class DiagnosisAction(TypedDict):
    """What would cure a failed check."""

    label: str
    kind: Literal["resume", "resume_all", "run", "edit", "open_run"]
    run_id: NotRequired[int]


class DiagnosisCheck(TypedDict):
    """One condition for running; ``ok`` is ``None`` where it cannot be known."""

    code: str
    ok: bool | None
    text: str
    action: DiagnosisAction | None


class Diagnosis(TypedDict):
    """Why a schedule is not running, or that it is.

    ``missed_slots`` have passed since it was paused; 0 where it is not, ``None`` where they cannot be counted.
    """

    sentence: str
    checks: list[DiagnosisCheck]
    missed_slots: int | None


class Skip(TypedDict):
    """Adjoining slots that did not run, for one reason."""

    id: int
    reason: str
    first_slot_at: Instant
    last_slot_at: Instant
    count: int


class HistoryEntry(TypedDict):
    """One edit of a schedule; ``changes`` are dotted paths (``data.url``)."""

    revision: int
    at: Instant
    by: str
    changes: list[str]


class ScheduleCounts(TypedDict):
    """How many schedules stand how; the first that fail (longest first) or are broken are ``…_items``."""

    total: int
    failing: int
    running: int
    waiting: int
    paused: int
    broken: int
    retrying: int
    failing_items: list[Schedule]
    broken_items: list[Schedule]
    overdue: int
