"""A past that nobody lived through: runs that are over when they are put there, for a demonstration or a measurement.

No status changes here, so nothing has to be guarded: each row is inserted as it would stand today. How the schedules
stand, the rail and the hourly counters are kept by the same functions as for real runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import func, insert, select

from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_worker.store import counters, recent, schedules, skips, standing
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Output, Run, RunDetail
from enschedule_worker.store.models.schedules import Schedule, Skip
from enschedule_worker.store.new_runs import NewRun
from enschedule_worker.store.tables import table_of

_RUNS = table_of(Run)
_INSERT_RUN = insert(_RUNS)
_INSERT_DETAIL = insert(table_of(RunDetail))
_INSERT_OUTPUT = insert(table_of(Output))
_CHUNK_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Printed:
    """A piece of what a run printed; ``at`` in microseconds."""

    stream: str
    at: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that is over. ``new`` says how it began, with its own ids already in place; instants in microseconds.

    ``retry_at`` is when the next attempt of its chain was allowed to start, ``None`` for the last one.
    """

    id: int
    new: NewRun
    status: RunStatus
    finished_at: int
    started_at: int | None = None
    worker_id: str | None = None
    worker_instance: str | None = None
    retry_at: int | None = None
    outcome_kind: OutcomeKind | None = None
    message: str | None = None
    exit_code: int | None = None
    result: str | None = None
    traceback: str | None = None
    printed: tuple[Printed, ...] = ()
    cancelled_by: str | None = None

    def row(self) -> dict[str, Any]:
        """Return the columns of ``runs``."""
        text = "".join(piece.text for piece in self.printed)
        return {
            **self.new.row(),
            "id": self.id,
            "status": self.status,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "worker_id": self.worker_id,
            "worker_instance": self.worker_instance,
            "fence": 0 if self.started_at is None else 1,
            "outcome_kind": self.outcome_kind,
            "message": self.message,
            "exit_code": self.exit_code,
            "output_bytes": len(text.encode()),
            "output_lines": text.count("\n"),
            "output_truncated": False,
            "cancel_requested_at": None if self.cancelled_by is None else self.finished_at,
            "cancel_requested_by": self.cancelled_by,
        }

    def end(self) -> standing.End:
        """Return the end of this run, as it counts for its schedule."""
        return standing.End(
            schedule_key=self.new.schedule_key,
            run_id=self.id,
            root_id=self.new.root_id or self.id,
            place_at=self.new.slot_at or self.new.queued_at,
            status=self.status,
            finished_at=self.finished_at,
            duration=None if self.started_at is None else self.finished_at - self.started_at,
            was_running=self.started_at is not None,
            retry_at=self.retry_at,
            depth=self.new.depth,
        )

    def counted(self) -> counters.Counted:
        """Return what this run adds to the counters of its hour; of one that was lost nobody knows how long it took."""
        if self.started_at is None or self.status is RunStatus.LOST:
            return counters.Counted(self.worker_id or "", self.status, self.finished_at)
        return counters.Counted(
            self.worker_id or "",
            self.status,
            self.finished_at,
            duration=self.finished_at - self.started_at,
            delay=self.started_at - self.new.not_before,
        )


def next_id(tx: Transaction) -> int:
    """Return an id above those of all runs."""
    return int(tx.execute(select(func.coalesce(func.max(Run.id), 0))).scalar_one()) + 1


def is_blank(tx: Transaction) -> bool:
    """Return whether the database holds no schedule and no run, not even a deleted one."""
    return not any(tx.execute(select(column).limit(1)).first() for column in (Schedule.key, Run.id, Skip.id))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that is still queued, with the id that it is to have."""

    id: int
    new: NewRun


def add(tx: Transaction, runs: Sequence[PastRun], waiting: Sequence[Waiting] = ()) -> None:
    """Insert runs that are over, with what they printed, and others that wait; how their schedules stand follows.

    They are not in the hourly counters yet, see :func:`count`.
    Only for ids from :func:`next_id` on, and for ends that are newer than those their schedules have.
    """
    began = [run.new for run in runs] + [one.new for one in waiting]
    rows = [run.row() for run in runs] + [_queued(one) for one in waiting]
    _insert(tx, _INSERT_RUN, sorted(rows, key=itemgetter("id")))
    _insert(tx, _INSERT_DETAIL, [row for run in runs if (row := _detail(run)) is not None])
    _insert(tx, _INSERT_OUTPUT, [row for run in runs for row in _chunks(run)])
    _move_sequence(tx)
    ordered = sorted(runs, key=lambda run: (run.finished_at, run.id))
    # A retry takes the place of the run that it repeats, so a chain is one open run, however many attempts it has.
    standing.opened(tx, standing.tally(new.schedule_key for new in began if new.attempt == 1))
    standing.ended(tx, [run.end() for run in ordered])
    # After the ends, because a start says that no retry is ahead any more; what is ahead comes last.
    standing.claimed(tx, standing.tally(run.new.schedule_key for run in runs if run.started_at is not None))
    for one in waiting:
        if one.new.attempt > 1 and one.new.schedule_key is not None:
            schedules.change(tx, one.new.schedule_key, {"retry_at": one.new.not_before})


def count(tx: Transaction, runs: Iterable[PastRun]) -> None:
    """Add runs that were put there to the counters of their hours; all at once, since each hour is a statement."""
    counters.add(tx, [run.counted() for run in runs])


def skip(tx: Transaction, schedule_key: int, skipped: skips.Skipped, next_after: Callable[[int], int | None]) -> None:
    """Record slots that did not run, with their place on the schedule's rail; see :func:`store.skips.record`."""
    skips.record(tx, schedule_key, skipped, next_after)
    rail = tx.execute(select(Schedule.recent).where(Schedule.key == schedule_key)).scalar_one()
    place = recent.Place(0, skipped.first, RunStatus.SKIPPED, count=skipped.count)
    schedules.change(tx, schedule_key, {"recent": recent.add(rail, place)})


def _queued(one: Waiting) -> dict[str, Any]:
    """Return the columns of a run that waits: those of one that is over, as far as they are set from the beginning."""
    blank = dict.fromkeys(PastRun(id=one.id, new=one.new, status=RunStatus.QUEUED, finished_at=0).row())
    none = {"fence": 0, "output_bytes": 0, "output_lines": 0, "output_truncated": False}
    return {**blank, **none, **one.new.row(), "id": one.id}


def _detail(run: PastRun) -> dict[str, Any] | None:
    if run.new.data is None and run.result is None and run.traceback is None:
        return None
    return {"run_id": run.id, "data": run.new.data, "result": run.result, "traceback": run.traceback, "note": None}


def _chunks(run: PastRun) -> list[dict[str, Any]]:
    return [
        {"run_id": run.id, "fence": 1, "seq": seq, "stream": piece.stream, "printed_at": piece.at, "text": piece.text}
        for seq, piece in enumerate(run.printed, 1)
    ]


def _insert(tx: Transaction, statement: Any, rows: list[dict[str, Any]]) -> None:
    for at in range(0, len(rows), _CHUNK_ROWS):
        tx.execute(statement, rows[at : at + _CHUNK_ROWS])


def _move_sequence(tx: Transaction) -> None:
    """Let PostgreSQL go on behind the ids that were given; the others look at the table themselves."""
    if tx.dialect == "postgresql":
        sequence = func.pg_get_serial_sequence(Run.__tablename__, "id")
        tx.execute(select(func.setval(sequence, select(func.max(Run.id)).scalar_subquery())))
