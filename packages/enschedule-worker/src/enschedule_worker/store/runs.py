"""Every statement that changes the status of a run.

Each change of status is one guarded UPDATE, named after its transition in :mod:`enschedule_core.run`; what follows
from it is done only for the rows that the guard let through.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Executable, Row, and_, bindparam, null, select, update

from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_worker.store import bulk, counters, queue, run_details, standing
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.holding import Ending, Holder
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.status import has_status
from enschedule_worker.store.tables import table_of

_RUNS = table_of(Run)
_R = _RUNS.c


# ---------------------------------------------------------------- claim


def claim(tx: Transaction, holder: Holder, chosen: Collection[int], *, lease: int) -> Sequence[Row[Any]]:
    """Take the runs that :func:`enschedule_worker.store.picking.choose` has locked, and return their rows.

    Each gets a new fence and a lease of ``lease`` microseconds.
    """
    if not chosen:
        return []
    holding = {"worker": holder.worker_id, "instance": holder.instance_id}
    ids = [(run_id,) for run_id in chosen]
    made = _CLAIM.run(tx, ids, now=tx.now, lease_until=tx.now + lease, **holding)
    rows = queue.in_order(made.all()) if made.returns_rows else queue.taken(tx, ids)
    changed = len(rows) if made.returns_rows else made.rowcount
    if changed != len(ids):
        raise RuntimeError(f"claimed {changed} of {len(ids)} locked runs")
    standing.claimed(tx, standing.tally(row.schedule_key for row in rows))
    return rows


def _claim_statement(dialect: str) -> Executable:
    found = bulk.rows(dialect, id=bulk.NUMBER).c
    statement = (
        update(_RUNS)
        .where(_R.id == found.v_id, _R.status == RunStatus.QUEUED)
        .values(
            status=RunStatus.RUNNING,
            worker_id=bindparam("worker"),
            worker_instance=bindparam("instance"),
            fence=_R.fence + 1,
            lease_until=bindparam("lease_until"),
            started_at=bindparam("now"),
        )
    )
    return statement.returning(*(_R[name] for name in queue.TAKEN)) if bulk.returns(dialect) else statement


_CLAIM = bulk.Statement(_claim_statement)


# ---------------------------------------------------------------- the holder's transitions


def renew(tx: Transaction, holder: Holder, run_ids: Collection[int], *, lease: int) -> set[int]:
    """Heartbeat: prolong the leases of these runs of this holder and return their ids; what is missing was lost.

    Only of these: a run that the holder has given up must not be kept alive by a row that still names it.
    """
    mine = and_(Run.id.in_(sorted(run_ids)), Run.status == RunStatus.RUNNING, Run.worker_instance == holder.instance_id)
    tx.execute(update(Run).where(mine).values(lease_until=tx.now + lease))
    return set(tx.execute(select(Run.id).where(mine)).scalars())


def report_progress(tx: Transaction, holder: Holder, reports: dict[tuple[int, int], tuple[float, str]]) -> None:
    """Store the last progress of running runs, keyed by (run id, fence)."""
    for (run_id, fence), (fraction, text) in sorted(reports.items()):
        tx.execute(
            update(Run).where(*_held(run_id, fence, holder)).values(progress=fraction, progress_text=text[:200] or None)
        )


def _held(run_id: int, fence: int, holder: Holder) -> tuple[Any, ...]:
    return (
        Run.id == run_id,
        Run.fence == fence,
        Run.worker_instance == holder.instance_id,
        Run.status == RunStatus.RUNNING,
    )


def held(tx: Transaction, holder: Holder, fences: dict[int, int]) -> dict[int, Row[Any]]:
    """Return, and lock, those of ``fences`` (run id → fence) that this holder still holds."""
    if not fences:
        return {}
    rows = _HELD.run(tx, [(run_id,) for run_id in sorted(fences)], instance=holder.instance_id).all()
    return {row.id: row for row in rows if row.fence == fences[row.id]}


_LASTING = ("id", "fence", "schedule_key", "root_id", "slot_at", "queued_at", "not_before", "depth")
"""What the end of a run does not change."""


def _held_statement(dialect: str) -> Executable:
    found = bulk.rows(dialect, id=bulk.NUMBER).c
    return (
        select(*(_R[name] for name in _LASTING))
        .where(
            _R.id.in_(select(found.v_id)), _R.status == RunStatus.RUNNING, _R.worker_instance == bindparam("instance")
        )
        .order_by(_R.id)
        .with_for_update()
    )


_HELD = bulk.Statement(_held_statement)


def finish(tx: Transaction, holder: Holder, endings: Sequence[Ending]) -> dict[int, Row[Any]]:
    """Write the endings of those runs that this holder still holds, and return these runs: what lasts of their rows."""
    values = [_finish_values(ending) for ending in sorted(endings, key=attrgetter("run_id"))]
    if bulk.returns(tx.dialect):
        rows = {row.id: row for row in _FINISH.run(tx, values, instance=holder.instance_id).all()}
    else:
        rows = held(tx, holder, {ending.run_id: ending.fence for ending in endings})
        values = [one for one in values if one[0] in rows]
        done = _FINISH.changed(tx, values, instance=holder.instance_id)
        if done != len(values):
            raise RuntimeError(f"finished {done} of {len(values)} locked runs")
    run_details.store_ends(tx, [ending for ending in endings if ending.run_id in rows])
    return rows


_FINISH_COLUMNS = {
    "status": bulk.TEXT,
    "started_at": bulk.NUMBER,
    "finished_at": bulk.NUMBER,
    "outcome_kind": bulk.TEXT,
    "message": bulk.TEXT,
    "exit_code": bulk.NUMBER,
    "output_bytes": bulk.NUMBER,
    "output_lines": bulk.NUMBER,
    "output_truncated": bulk.FLAG,
}
_finish_values = attrgetter("run_id", "fence", *_FINISH_COLUMNS)


def _finish_statement(dialect: str) -> Executable:
    found = bulk.rows(dialect, run_id=bulk.NUMBER, fence=bulk.NUMBER, **_FINISH_COLUMNS).c
    statement = (
        update(_RUNS)
        .where(
            _R.id == found.v_run_id,
            _R.fence == found.v_fence,
            _R.worker_instance == bindparam("instance"),
            _R.status == RunStatus.RUNNING,
        )
        .values(lease_until=null(), **{name: found[f"v_{name}"] for name in _FINISH_COLUMNS})
    )
    return statement.returning(*(_R[name] for name in _LASTING)) if bulk.returns(dialect) else statement


_FINISH = bulk.Statement(_finish_statement)


def give_back(tx: Transaction, holder: Holder, fences: dict[int, int]) -> int:
    """Drain: put runs whose handler was not called back into the queue; returns how many there were."""
    rows = held(tx, holder, fences)
    for run_id, row in sorted(rows.items()):
        tx.execute(
            update(Run)
            .where(*_held(run_id, row.fence, holder))
            .values(
                status=RunStatus.QUEUED,
                worker_id=None,
                worker_instance=None,
                lease_until=None,
                started_at=None,
            )
        )
    standing.released(tx, standing.tally(row.schedule_key for row in rows.values()))
    return len(rows)


# ---------------------------------------------------------------- anybody's transitions


def reap(tx: Transaction, *, limit: int = 256) -> list[Row[Any]]:
    """Declare running runs whose lease is over lost, and return their rows as they were."""
    overdue = list(
        tx.execute(
            select(*_R)
            .where(has_status(Run.status, RunStatus.RUNNING), Run.lease_until < tx.now)
            .order_by(Run.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    reaped = []
    for row in overdue:
        changed = tx.execute(
            update(Run)
            .where(
                Run.id == row.id,
                Run.status == RunStatus.RUNNING,
                Run.lease_until < tx.now,
                Run.fence == row.fence,
            )
            .values(
                status=RunStatus.LOST,
                finished_at=tx.now,
                lease_until=None,
                outcome_kind=OutcomeKind.LOST,
                message=f"Worker {row.worker_id} was not heard of again.",
            )
        )
        if changed.rowcount == 1:
            reaped.append(row)
    return reaped


def expire(tx: Transaction, *, limit: int = 256) -> list[Row[Any]]:
    """Skip queued runs that did not start in time, and return their rows."""
    late = list(
        tx.execute(
            select(*_R)
            .where(has_status(Run.status, RunStatus.QUEUED), Run.expires_at <= tx.now)
            .order_by(Run.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    gone = []
    for row in late:
        changed = tx.execute(
            update(Run)
            .where(Run.id == row.id, Run.status == RunStatus.QUEUED)
            .values(
                status=RunStatus.SKIPPED,
                finished_at=tx.now,
                message="Expired: every place was taken until it was too late.",
            )
        )
        if changed.rowcount == 1:
            gone.append(row)
    return gone


def request_cancel(tx: Transaction, run_id: int, actor_name: str) -> RunStatus | None:
    """Cancel a queued run, or ask the holder of a running one; return the status then, ``None`` if it had ended."""
    row = tx.execute(select(*_R).where(Run.id == run_id).with_for_update()).first()
    if row is None:
        return None
    changed = tx.execute(
        update(Run)
        .where(Run.id == run_id, Run.status == RunStatus.QUEUED)
        .values(
            status=RunStatus.CANCELLED,
            finished_at=tx.now,
            outcome_kind=OutcomeKind.CANCELLED,
            message=f"Cancelled by {actor_name} before it started.",
            cancel_requested_at=tx.now,
            cancel_requested_by=actor_name,
        )
    )
    if changed.rowcount == 1:
        standing.ended(tx, [standing.End.of(row, RunStatus.CANCELLED, finished_at=tx.now)])
        counters.add(tx, [counters.Counted("", RunStatus.CANCELLED, tx.now)])
        tx.wake_engine()
        return RunStatus.CANCELLED
    asked = tx.execute(
        update(Run)
        .where(
            Run.id == run_id,
            Run.status == RunStatus.RUNNING,
            Run.cancel_requested_at.is_(None),
        )
        .values(cancel_requested_at=tx.now, cancel_requested_by=actor_name)
    )
    if asked.rowcount == 1:
        tx.wake_engine()
        return RunStatus.RUNNING
    return RunStatus.RUNNING if row.status == RunStatus.RUNNING else None


def cancel_queued_of(tx: Transaction, schedule_key: int, actor_name: str) -> int:
    """Cancel the queued runs of a schedule and return how many there were."""
    queued = queue.open_of(tx, schedule_key, [RunStatus.QUEUED])
    return sum(request_cancel(tx, run_id, actor_name) is RunStatus.CANCELLED for run_id in queued)
