"""What can be done with runs: start, list, cancel, run again, delete."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.errors import Conflict, NotFound
from enschedule_core.registry import Registry
from enschedule_core.run import OriginKind, RunStatus
from enschedule_core.schema import check_data, encode_json
from enschedule_worker.service import halting, handler_access, present, secret_data
from enschedule_worker.service.access import allow, changing, reading
from enschedule_worker.service.finding import existing as existing_schedule
from enschedule_worker.service.handlers import settle_version
from enschedule_worker.store import audit, run_details, run_reads, runs_by_hand
from enschedule_worker.store import runs as store
from enschedule_worker.store import schedules as schedule_store
from enschedule_worker.store.database import Database, Transaction

COUNTED_MOST = 10_000


def _existing(tx: Transaction, actor: Actor, run_id: int, permission: Permission) -> Row[Any]:
    row = run_reads.get(tx, run_id, actor.scope)
    if row is None:
        raise NotFound(f"There is no run {run_id:,}.")
    allow(actor, permission, row.group_id)
    return row


def _brief(tx: Transaction, actor: Actor, run_id: int) -> dict[str, Any]:
    return present.run(_existing(tx, actor, run_id, Permission.READ))


def listing(
    database: Database,
    actor: Actor,
    filters: run_reads.RunFilters,
    *,
    schedule_id: str | None = None,
    limit: int = 50,
    before_id: int | None = None,
) -> tuple[list[dict[str, Any]], int | None]:
    """Return a page of runs, newest first, and the id that the next page begins below (``None`` after the last).

    ``schedule_id`` means the schedule that has it, else the one deleted last that had it; no such one has no runs.
    """
    with reading(database, actor) as tx:
        if schedule_id is not None:
            key = schedule_store.find_key(tx, schedule_id, actor.scope)
            if key is None:
                return [], None
            filters = run_reads.of_schedule(filters, key)
        rows = run_reads.page(tx, actor.scope, filters, limit=limit + 1, before_id=before_id)
    shown = rows[:limit]
    return [present.run(row) for row in shown], shown[-1].id if len(rows) > limit else None


def get(database: Database, actor: Actor, run_id: int) -> dict[str, Any]:
    """Return one run in full."""
    with reading(database, actor) as tx:
        row = _existing(tx, actor, run_id, Permission.READ)
        attempts = run_reads.attempts(tx, row)
    return present.run_detail(row, attempts)


@dataclass(frozen=True, slots=True)
class Start:
    """How a run is started by hand: what made it exist, and by which key a repeated request finds it."""

    origin: OriginKind = OriginKind.API
    idempotency: str | None = None

    def key(self, what: str) -> str | None:
        """Return the key of one run among those that a request starts."""
        return None if self.idempotency is None else f"{what}\n{self.idempotency}"


BY_PROGRAM = Start()


def run_now(
    database: Database,
    registry: Registry,
    actor: Actor,
    schedule_id: str,
    *,
    data: Any = None,
    start: Start = BY_PROGRAM,
) -> tuple[dict[str, Any], bool]:
    """Run a schedule once, now, with its own data or with ``data``; its ``due_at`` stays, a pause does not matter.

    Returns the run and whether it was made now: the same idempotency key of the same actor gives the same run.
    Raises :class:`InvalidData` if ``data`` does not fit the handler, :class:`Conflict` while everything is paused.
    """
    with changing(database, actor, Permission.OPERATE) as tx:
        row = existing_schedule(tx, actor, schedule_id, Permission.OPERATE, lock=True)
        halting.refuse(tx)
        own = None
        if data is not None:
            handler = settle_version(tx, row.handler_id, row.handler_version)
            stored = json.loads(row.data)
            given = secret_data.with_kept(check_data(data), stored)
            checked = secret_data.checked(tx, registry, handler, given, stored=stored, group=row.group_id)
            own = encode_json(checked)
        run_id, made = run_row(tx, actor, row, own, start)
        return _brief(tx, actor, run_id), made


def run_row(tx: Transaction, actor: Actor, row: Row[Any], own: str | None, start: Start) -> tuple[int, bool]:
    """Run a locked schedule with its own data or with ``own`` (stored JSON); return the run, and whether it is new."""
    handler_access.check(tx, actor, row.handler_id, row.group_id)
    run_id, made = runs_by_hand.new_manual(
        tx,
        row,
        data=own,
        actor_name=actor.name,
        origin_kind=start.origin,
        idempotency=start.key(f"schedule {row.key}"),
    )
    if made:
        detail = {"run": run_id, "own_data": own is not None}
        audit.record(tx, actor, "schedule.run", "schedule", row.id, group_id=row.group_id, detail=detail)
    return run_id, made


def run_handler(
    database: Database,
    registry: Registry,
    actor: Actor,
    handler_id: str,
    version: int | None,
    data: Any,
    *,
    start: Start = BY_PROGRAM,
) -> tuple[dict[str, Any], bool]:
    """Run a handler once without a schedule. Raises :class:`UnknownHandler`, :class:`InvalidData`."""
    checked = check_data(data)
    with changing(database, actor, Permission.OPERATE) as tx:
        halting.refuse(tx)
        handler = settle_version(tx, handler_id, version)
        group = handler_access.place(tx, actor, handler.id)
        given = secret_data.with_kept(checked, None)
        stored = secret_data.checked(tx, registry, handler, given, stored=None, group=group)
        run_id, made = runs_by_hand.new_direct(
            tx,
            handler.id,
            handler.version,
            data=encode_json(stored),
            group_id=group,
            actor_name=actor.name,
            origin_kind=start.origin,
            idempotency=start.key(f"handler {handler.id}"),
        )
        if made:
            detail = {"handler": f"{handler.id}@{handler.version}"}
            audit.record(tx, actor, "run.create", "run", run_id, group_id=group, detail=detail)
        return _brief(tx, actor, run_id), made


def number(
    database: Database, actor: Actor, filters: run_reads.RunFilters, *, schedule_id: str | None = None
) -> dict[str, Any]:
    """Return how many runs match, counted up to :data:`COUNTED_MOST`, and whether there are more."""
    with reading(database, actor) as tx:
        if schedule_id is not None:
            key = schedule_store.find_key(tx, schedule_id, actor.scope)
            if key is None:
                return {"count": 0, "is_more": False}
            filters = run_reads.of_schedule(filters, key)
        found = run_reads.number(tx, actor.scope, filters, most=COUNTED_MOST + 1)
    return {"count": min(found, COUNTED_MOST), "is_more": found > COUNTED_MOST}


def cancel(database: Database, actor: Actor, run_id: int) -> dict[str, Any]:
    """Cancel a queued run at once, or ask the worker of a running one. Raises :class:`Conflict` if it has ended."""
    with changing(database, actor, Permission.OPERATE) as tx:
        cancel_one(tx, actor, run_id)
        return _brief(tx, actor, run_id)


def cancel_one(tx: Transaction, actor: Actor, run_id: int) -> None:
    """Do what :func:`cancel` does, in a transaction."""
    row = _existing(tx, actor, run_id, Permission.OPERATE)
    if store.request_cancel(tx, run_id, actor.name) is None:
        raise Conflict(f"Run {run_id:,} has ended already: {row.status}.")
    audit.record(tx, actor, "run.cancel", "run", run_id, group_id=row.group_id)


def retry(
    database: Database, actor: Actor, run_id: int, *, with_today: bool = False, start: Start = BY_PROGRAM
) -> dict[str, Any]:
    """Run a run again: as it was then, or as its schedule is defined today. Returns the new run.

    Raises :class:`Conflict` while the run is open, and if today's definition is wanted and there is none.
    """
    with changing(database, actor, Permission.OPERATE) as tx:
        return _brief(tx, actor, retry_one(tx, actor, run_id, with_today=with_today, start=start))


def retry_one(tx: Transaction, actor: Actor, run_id: int, *, with_today: bool, start: Start) -> int:
    """Do what :func:`retry` does, in a transaction, and return the new run's id."""
    row = _existing(tx, actor, run_id, Permission.OPERATE)
    if RunStatus(row.status).is_open:
        raise Conflict(f"Run {run_id:,} is still {row.status}.", hint="Cancel it first, or wait for its end.")
    halting.refuse(tx)
    today = None
    if with_today:
        if row.schedule_id is None or row.schedule_deleted_at is not None:
            raise Conflict(f"Run {run_id:,} has no schedule any more, so there is no data of today.")
        today = existing_schedule(tx, actor, row.schedule_id, Permission.OPERATE)
    handler_access.check(tx, actor, (today or row).handler_id, row.group_id)
    new_id = runs_by_hand.retry_by_hand(
        tx, row, actor_name=actor.name, with_today=today, idempotency=start.key(f"retry {run_id}")
    )
    audit.record(tx, actor, "run.retry", "run", run_id, group_id=row.group_id, detail={"run": new_id})
    return new_id


def delete(database: Database, actor: Actor, run_id: int) -> None:
    """Delete a run that has ended, with its output. Raises :class:`Conflict` while it is open."""
    with changing(database, actor, Permission.EDIT) as tx:
        delete_one(tx, actor, run_id)


def delete_one(tx: Transaction, actor: Actor, run_id: int) -> None:
    """Do what :func:`delete` does, in a transaction."""
    row = _existing(tx, actor, run_id, Permission.EDIT)
    if not run_details.delete(tx, run_id):
        raise Conflict(f"Run {run_id:,} is still {row.status}.", hint="Cancel it first, or wait for its end.")
    audit.record(tx, actor, "run.delete", "run", run_id, group_id=row.group_id)
