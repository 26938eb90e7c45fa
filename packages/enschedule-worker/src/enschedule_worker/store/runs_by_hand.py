"""Making runs that no slot asked for: of a schedule, of a handler alone, and as a repetition."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row, select

from enschedule_core.run import OriginKind
from enschedule_worker.store import limits
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Run, RunDetail
from enschedule_worker.store.new_runs import NewRun, claim_columns, insert_one, policy_columns
from enschedule_worker.store.occurrence import manual_key


def _once(tx: Transaction, new: NewRun) -> tuple[int, bool]:
    """Insert ``new`` unless a run with its occurrence key is there; return the id and whether it was made now."""
    found: int | None = tx.execute(select(Run.id).where(Run.occurrence_key == new.occurrence_key)).scalar()
    return (found, False) if found is not None else (insert_one(tx, new), True)


def new_manual(
    tx: Transaction,
    schedule: Row[Any],
    *,
    data: str | None,
    actor_name: str,
    origin_kind: OriginKind = OriginKind.MANUAL,
    idempotency: str | None = None,
    retry_of: int | None = None,
) -> tuple[int, bool]:
    """Make a run of ``schedule`` now, its ``due_at`` untouched; return its id and whether it was made now.

    ``schedule`` is a row of ``schedules``; ``data`` is own data as stored JSON, ``None`` that of the revision.
    """
    policies = json.loads(schedule.policies)
    new = NewRun(
        occurrence_key=manual_key(actor_name, idempotency),
        schedule_key=schedule.key,
        revision=schedule.revision,
        group_id=schedule.group_id,
        handler_id=schedule.handler_id,
        handler_version=schedule.handler_version,
        data=data,
        origin_kind=origin_kind,
        origin_actor=actor_name,
        queued_at=tx.now,
        not_before=tx.now,
        retry_of=retry_of,
        **claim_columns(schedule, limits.of_handler(tx, schedule.handler_id, schedule.handler_version)),
        **policy_columns(policies),
    )
    return _once(tx, new)


def new_direct(
    tx: Transaction,
    handler_id: str,
    handler_version: int,
    *,
    data: str,
    actor_name: str,
    group_id: int | None = None,
    origin_kind: OriginKind = OriginKind.API,
    idempotency: str | None = None,
) -> tuple[int, bool]:
    """Make a run of a handler without a schedule; return its id and whether it was made now."""
    new = NewRun(
        occurrence_key=manual_key(actor_name, idempotency),
        group_id=group_id,
        handler_id=handler_id,
        handler_version=handler_version,
        data=data,
        origin_kind=origin_kind,
        origin_actor=actor_name,
        queued_at=tx.now,
        not_before=tx.now,
        limited=limits.of_handler(tx, handler_id, handler_version) is not None,
    )
    return _once(tx, new)


def retry_by_hand(
    tx: Transaction,
    run: Row[Any],
    *,
    actor_name: str,
    with_today: Row[Any] | None = None,
    idempotency: str | None = None,
) -> int:
    """Make a run that repeats ``run`` (a row of ``runs``), starting again at attempt 1; return its id.

    As then: the same handler version and data. With ``with_today``, the schedule's row, as it is defined now.
    """
    if with_today is not None:
        return new_manual(
            tx,
            with_today,
            data=None,
            actor_name=actor_name,
            origin_kind=OriginKind.RETRY,
            idempotency=idempotency,
            retry_of=run.id,
        )[0]
    own = tx.execute(select(RunDetail.data).where(RunDetail.run_id == run.id)).scalar() if run.has_data else None
    new = NewRun(
        occurrence_key=manual_key(actor_name, idempotency),
        schedule_key=run.schedule_key,
        revision=run.revision,
        group_id=run.group_id,
        handler_id=run.handler_id,
        handler_version=run.handler_version,
        data=own,
        origin_kind=OriginKind.RETRY,
        origin_actor=actor_name,
        queued_at=tx.now,
        not_before=tx.now,
        rank=run.rank,
        retry=run.retry,
        on_lost=run.on_lost,
        timeout=run.timeout,
        retry_of=run.id,
        binding=run.binding,
        limited=run.limited,
        concurrency_group=run.concurrency_group,
    )
    return _once(tx, new)[0]
