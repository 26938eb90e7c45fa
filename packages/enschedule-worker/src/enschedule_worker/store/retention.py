"""What is old: found by walking along keys in transactions that read, removed by key in short ones that write.

No statement here looks at more than a batch of rows by an index, or removes more than about 500 of them. What a
schedule keeps is decided by :mod:`enschedule_worker.service.retention`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, and_, delete, or_, select

from enschedule_core.actor import Scope
from enschedule_core.run import OPEN
from enschedule_worker.store import counters, secrets, state
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Output, Run, RunDetail
from enschedule_worker.store.models.schedules import Revision, Schedule, ScheduleTag, Skip
from enschedule_worker.store.models.sharing import Notice
from enschedule_worker.store.models.workers import Worker
from enschedule_worker.store.run_reads import visible

WALK = 500
PIECE = 500
_OPEN = tuple(sorted(OPEN))
_LEFTOVER = "retention:output:"
_NO_POLICY = '"retention":{"days":null,"runs":null,"failures_days":null}'

# ---------------------------------------------------------------- who keeps what


def with_policy(tx: Transaction, after: int, limit: int = WALK) -> list[Row[Any]]:
    """Return key and policies of schedules that may say themselves what they keep, by key; deleted ones too."""
    own = and_(Schedule.policies.contains('"retention"'), ~Schedule.policies.contains(_NO_POLICY))
    return list(
        tx.execute(
            select(Schedule.key, Schedule.policies).where(Schedule.key > after, own).order_by(Schedule.key).limit(limit)
        )
    )


def protected_from(
    tx: Transaction, schedule_keys: Collection[int], runs: int, *, deleted_before: int
) -> dict[int, int]:
    """Return by schedule from which id on its runs stay: the newest ``runs`` of them; 0 where that is all.

    Nothing protects the runs of schedules that were deleted before that instant: those are not in the answer.
    """
    nth = (
        select(Run.id)
        .where(Run.schedule_key == Schedule.key)
        .order_by(Run.id.desc())
        .limit(1)
        .offset(max(runs - 1, 0))
        .scalar_subquery()
    )
    alive = or_(Schedule.deleted_at.is_(None), Schedule.deleted_at >= deleted_before)
    rows = tx.execute(select(Schedule.key, nth.label("nth")).where(Schedule.key.in_(sorted(schedule_keys)), alive))
    return {row.key: row.nth or 0 for row in rows}


# ---------------------------------------------------------------- runs


def walk(
    tx: Transaction, after: int, *, schedule_key: int | None = None, scope: Scope | None = None, limit: int = WALK
) -> list[Row[Any]]:
    """Return the next runs by id, of all or of one schedule.

    Columns: id, schedule_key, status, queued_at, finished_at, output_bytes, and chunks, the rows of its output.
    """
    last_chunk = select(Output.seq).where(Output.run_id == Run.id, Output.fence == Run.fence)
    chunks = last_chunk.order_by(Output.seq.desc()).limit(1).scalar_subquery().label("chunks")
    statement = select(
        Run.id, Run.schedule_key, Run.status, Run.queued_at, Run.finished_at, Run.output_bytes, chunks
    ).where(Run.id > after)
    if schedule_key is not None:
        statement = statement.where(Run.schedule_key == schedule_key)
    inside = None if scope is None else visible(scope)
    if inside is not None:
        statement = statement.where(inside)
    return list(tx.execute(statement.order_by(Run.id).limit(limit)))


def remove_runs(tx: Transaction, ids: Sequence[int]) -> int:
    """Remove runs that have ended, with their details and output, and return how many."""
    if not ids:
        return 0
    gone = tx.execute(delete(Run).where(Run.id.in_(ids), Run.status.not_in(_OPEN))).rowcount
    tx.execute(delete(RunDetail).where(RunDetail.run_id.in_(ids)))
    tx.execute(delete(Output).where(Output.run_id.in_(ids)))
    return gone


def remove_run_before_output(tx: Transaction, run_id: int) -> int:
    """Remove a run and note that its output, too much for one transaction, is still to go."""
    gone = tx.execute(delete(Run).where(Run.id == run_id, Run.status.not_in(_OPEN))).rowcount
    if gone:
        tx.execute(delete(RunDetail).where(RunDetail.run_id == run_id))
        state.put(tx, f"{_LEFTOVER}{run_id}", "")
    return gone


def leftovers(tx: Transaction) -> list[int]:
    """Return the ids of removed runs whose output is still to go."""
    names = state.names(tx, _LEFTOVER)
    return [int(name.removeprefix(_LEFTOVER)) for name in names]


def remove_output_piece(tx: Transaction, run_id: int) -> bool:
    """Remove the next piece of the output of a removed run; ``False`` once all of it is gone."""
    of_run = Output.run_id == run_id
    last = tx.execute(
        select(Output.fence, Output.seq).where(of_run).order_by(Output.fence, Output.seq).limit(1).offset(PIECE - 1)
    ).first()
    if last is None:
        tx.execute(delete(Output).where(of_run))
        state.remove(tx, f"{_LEFTOVER}{run_id}")
        return False
    upto = or_(Output.fence < last.fence, and_(Output.fence == last.fence, Output.seq <= last.seq))
    tx.execute(delete(Output).where(of_run, upto))
    return True


# ---------------------------------------------------------------- what stands around runs


def walk_skips(tx: Transaction, after: int, *, schedule_key: int | None = None) -> list[Row[Any]]:
    """Return id, schedule_key, last_slot_at, recorded_at of the next skips by id, of all or of one schedule."""
    statement = select(Skip.id, Skip.schedule_key, Skip.last_slot_at, Skip.recorded_at).where(Skip.id > after)
    if schedule_key is not None:
        statement = statement.where(Skip.schedule_key == schedule_key)
    return list(tx.execute(statement.order_by(Skip.id).limit(WALK)))


def remove_skips(tx: Transaction, ids: Sequence[int], *, before: int) -> int:
    """Remove those of these skips that were not extended since they were seen."""
    return tx.execute(delete(Skip).where(Skip.id.in_(ids), Skip.last_slot_at < before)).rowcount if ids else 0


def old_revisions(tx: Transaction, after: tuple[int, int], *, before: int) -> list[Row[Any]]:
    """Return schedule_key and revision of the next definitions saved before then that are no longer needed.

    The present ones are, and those that the owner of a schedule has said, which an override can be undone to.
    """
    place = or_(Revision.schedule_key > after[0], and_(Revision.schedule_key == after[0], Revision.revision > after[1]))
    return list(
        tx.execute(
            select(Revision.schedule_key, Revision.revision)
            .join(Schedule, Schedule.key == Revision.schedule_key)
            .where(place, Revision.saved_at < before, Revision.revision < Schedule.revision)
            .where(or_(Schedule.file_revision.is_(None), Revision.revision != Schedule.file_revision))
            .order_by(Revision.schedule_key, Revision.revision)
            .limit(WALK)
        )
    )


def revisions_of_runs(tx: Transaction, schedule_key: int) -> set[int]:
    """Return the revisions that runs of a schedule were made from."""
    return set(tx.execute(select(Run.revision).where(Run.schedule_key == schedule_key).distinct()).scalars())


def remove_revisions(tx: Transaction, schedule_key: int, revisions: Sequence[int]) -> int:
    """Remove definitions of a schedule."""
    where = (Revision.schedule_key == schedule_key, Revision.revision.in_(revisions))
    return tx.execute(delete(Revision).where(*where)).rowcount


def deleted_schedules(tx: Transaction, after: int, *, before: int) -> list[int]:
    """Return the keys of the next schedules that were deleted before then and of which no run is left."""
    some_run = select(Run.id).where(Run.schedule_key == Schedule.key).limit(1).scalar_subquery()
    return list(
        tx.execute(
            select(Schedule.key)
            .where(Schedule.key > after, Schedule.deleted_at < before, some_run.is_(None))
            .order_by(Schedule.key)
            .limit(WALK)
        ).scalars()
    )


def remove_history_piece(tx: Transaction, key: int) -> int:
    """Remove the next definitions and skips of a deleted schedule, and return how many."""
    revisions = list(tx.execute(select(Revision.revision).where(Revision.schedule_key == key).limit(50)).scalars())
    skips = list(tx.execute(select(Skip.id).where(Skip.schedule_key == key).limit(PIECE)).scalars())
    if revisions:
        remove_revisions(tx, key, revisions)
    if skips:
        tx.execute(delete(Skip).where(Skip.id.in_(skips)))
    return len(revisions) + len(skips)


def remove_schedule(tx: Transaction, key: int) -> int:
    """Remove the row of a deleted schedule, with its tags."""
    gone = tx.execute(delete(Schedule).where(Schedule.key == key, Schedule.deleted_at.is_not(None))).rowcount
    if gone:
        tx.execute(delete(ScheduleTag).where(ScheduleTag.schedule_key == key))
        secrets.forget_uses(tx, key)
    return gone


def remove_notices(tx: Transaction, *, before: int) -> int:
    """Remove the oldest notices, if they were made before then and wait for nothing; return how many."""
    oldest = tx.execute(select(Notice.id, Notice.created_at, Notice.send_at).order_by(Notice.id).limit(PIECE))
    ids = [row.id for row in oldest if row.created_at < before and row.send_at is None]
    return tx.execute(delete(Notice).where(Notice.id.in_(ids))).rowcount if ids else 0


def remove_counters(tx: Transaction, *, before: int) -> int:
    """Remove the oldest hourly counters made before then, keeping their sum; return how many."""
    return counters.fold(tx, before=before, most=PIECE)


def silent_workers(tx: Transaction, *, before: int) -> list[str]:
    """Return the instance ids of workers that were not heard of since then."""
    return list(tx.execute(select(Worker.instance_id).where(Worker.heartbeat_at < before).limit(PIECE)).scalars())


# ---------------------------------------------------------------- for the preview


def schedule(tx: Transaction, key: int) -> Row[Any] | None:
    """Return key and policies of a schedule, deleted or not."""
    return tx.execute(select(Schedule.key, Schedule.policies).where(Schedule.key == key)).first()


def names_of(tx: Transaction, keys: Sequence[int]) -> dict[int, Row[Any]]:
    """Return key, id, title and deleted_at of schedules, by key."""
    columns = (Schedule.key, Schedule.id, Schedule.title, Schedule.deleted_at)
    return {row.key: row for row in tx.execute(select(*columns).where(Schedule.key.in_(keys)))}
