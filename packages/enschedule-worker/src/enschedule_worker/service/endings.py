"""A run has ended: its row, the schedule's standing, the counters and the next attempt, in one transaction."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, select

from enschedule_core.run import OriginKind, RunStatus
from enschedule_core.schedule import OnLost, Retry
from enschedule_worker.service import chains
from enschedule_worker.store import counters, new_runs, notices, occurrence, queue, run_reads, runs, standing
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.holding import Ending, Holder
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.models.workers import Handler

logger = logging.getLogger(__name__)
MAX_LOSSES = 3
"""A chain is tried again after a loss this often, whatever max_attempts says: what kills its worker must stop."""


@lru_cache(maxsize=2_000)
def _retry_of(text: str) -> Retry:
    return Retry.from_wire(json.loads(text)) if text else Retry()


def finish(tx: Transaction, holder: Holder, endings: Sequence[Ending], *, notify_url: str | None = None) -> set[int]:
    """Store the endings of runs that this holder still has and return their ids; others were lost, and are dropped.

    ``notify_url`` is told of schedules that begin to fail or recover and that name nobody themselves.
    """
    rows = runs.finish(tx, holder, endings)
    accepted = [ending for ending in endings if ending.run_id in rows]
    for ending in endings:
        if ending.run_id not in rows:
            message = "run %s was lost meanwhile; its result is dropped"
            logger.warning(message, ending.run_id, extra={"run_id": ending.run_id})
    if not accepted:
        return set()
    whole = run_reads.whole(tx, [ending.run_id for ending in accepted if ending.status.is_trouble and ending.retry])
    again = [_next_attempt(tx, whole.get(ending.run_id), ending) for ending in accepted]
    new_runs.insert_many(tx, [new for new in again if new is not None])
    standings = standing.ended(
        tx, [_end(rows[ending.run_id], ending, new) for ending, new in zip(accepted, again, strict=True)]
    )
    _consequences(tx, standings, notify_url)
    counters.add(tx, [_counted(holder, rows[ending.run_id], ending) for ending in accepted])
    return set(rows)


def _end(row: Row[Any], ending: Ending, retry: new_runs.NewRun | None) -> standing.End:
    return standing.End.of(
        row,
        ending.status,
        started_at=ending.started_at,
        finished_at=ending.finished_at,
        was_running=True,
        retry_at=None if retry is None else retry.not_before,
    )


def _counted(holder: Holder, row: Row[Any], ending: Ending) -> counters.Counted:
    return counters.Counted(
        holder.worker_id,
        ending.status,
        ending.finished_at,
        duration=ending.finished_at - ending.started_at,
        delay=ending.started_at - row.not_before,
    )


def reap(tx: Transaction, *, notify_url: str | None = None) -> int:
    """Declare runs lost whose lease is over, follow their ``on_lost``, and return how many there were."""
    rows = runs.reap(tx)
    again = [_after_loss(tx, row) for row in rows]
    new_runs.insert_many(tx, [new for new in again if new is not None])
    standings = standing.ended(
        tx,
        [
            standing.End.of(row, RunStatus.LOST, finished_at=tx.now, retry_at=None if new is None else new.not_before)
            for row, new in zip(rows, again, strict=True)
        ],
    )
    _consequences(tx, standings, notify_url)
    counters.add(tx, [counters.Counted(row.worker_id or "", RunStatus.LOST, tx.now) for row in rows])
    for row in rows:
        message = "run %s is lost: worker %s let its lease pass"
        logger.warning(message, row.id, row.worker_id, extra={"run_id": row.id})
    return len(rows)


def _consequences(tx: Transaction, standings: Sequence[standing.Standing], notify_url: str | None) -> None:
    """Do what follows from how schedules stand now: the runs of other schedules, and notices."""
    chains.follow(tx, standings)
    notices.queue(tx, [one.turn for one in standings if one.turn is not None], notify_url)


def expire(tx: Transaction) -> int:
    """Skip queued runs that came too late, and return how many there were."""
    rows = runs.expire(tx)
    standing.ended(tx, [standing.End.of(row, RunStatus.SKIPPED, finished_at=tx.now) for row in rows])
    counters.add(tx, [counters.Counted("", RunStatus.SKIPPED, tx.now) for _ in rows])
    return len(rows)


def _next_attempt(tx: Transaction, row: Row[Any] | None, ending: Ending) -> new_runs.NewRun | None:
    """Return the attempt that follows a failure, as the policy the run was made with says.

    ``row`` is the whole row of a run that may be tried again, ``None`` where there is no question of it.
    """
    if row is None:
        return None
    if ending.status is RunStatus.LOST:
        return _after_loss(tx, row)
    if _is_deleted(tx, row):
        return None
    policy = _retry_of(row.retry)
    # Attempts that were lost have a limit of their own and do not use up these.
    if row.attempt - row.losses >= policy.max_attempts:
        return None
    delay = ending.retry_delay
    if delay is None and policy.has_default_delay:
        delay = ending.default_delay
    if delay is None:
        delay = round(policy.delay_after(row.attempt - row.losses).total_seconds() * 1_000_000)
    return _again(tx, row, not_before=tx.now + delay, losses=row.losses)


def _after_loss(tx: Transaction, row: Row[Any]) -> new_runs.NewRun | None:
    unwanted = row.cancel_requested_at is not None or _is_deleted(tx, row)
    if unwanted or row.losses >= MAX_LOSSES or _on_lost(tx, row) is OnLost.LEAVE:
        return None
    return _again(tx, row, not_before=tx.now, losses=row.losses + 1)


def _on_lost(tx: Transaction, row: Row[Any]) -> OnLost:
    """Return the run's policy; without one, only a handler that is idempotent is repeated."""
    if row.on_lost:
        return OnLost(row.on_lost)
    idempotent = tx.execute(
        select(Handler.idempotent).where(Handler.id == row.handler_id, Handler.version == row.handler_version)
    ).scalar()
    return OnLost.RETRY if idempotent else OnLost.LEAVE


def _is_deleted(tx: Transaction, row: Row[Any]) -> bool:
    """A schedule that was deleted meanwhile lets its runs end, and starts no more."""
    if row.schedule_key is None:
        return False
    return tx.execute(select(Schedule.deleted_at).where(Schedule.key == row.schedule_key)).scalar() is not None


def _again(tx: Transaction, row: Row[Any], *, not_before: int, losses: int) -> new_runs.NewRun:
    attempt = row.attempt + 1
    own = queue.data_of(tx, [row.id]).get(row.id) if row.has_data else None
    return new_runs.NewRun(
        occurrence_key=occurrence.next_attempt_key(row.occurrence_key, attempt),
        schedule_key=row.schedule_key,
        revision=row.revision,
        group_id=row.group_id,
        handler_id=row.handler_id,
        handler_version=row.handler_version,
        slot_at=row.slot_at,
        attempt=attempt,
        losses=losses,
        origin_kind=OriginKind(row.origin_kind),
        origin_actor=row.origin_actor,
        queued_at=tx.now,
        not_before=not_before,
        rank=row.rank,
        retry=row.retry,
        on_lost=row.on_lost,
        timeout=row.timeout,
        root_id=row.root_id or row.id,
        retry_of=row.id,
        depth=row.depth,
        expires_at=row.expires_at,
        binding=row.binding,
        limited=row.limited,
        concurrency_group=row.concurrency_group,
        data=own,
    )
