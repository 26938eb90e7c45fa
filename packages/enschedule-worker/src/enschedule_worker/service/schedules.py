"""What can be done with schedules: make, change, list, delete, bring back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.errors import Conflict, FieldError, InvalidInput, NotFound, StaleRevision
from enschedule_core.registry import Registry
from enschedule_core.wire.definition import Definition, merged
from enschedule_worker.service import ownership, pausing, present
from enschedule_worker.service.access import allow, changing, reading
from enschedule_worker.service.finding import check_revision, existing
from enschedule_worker.service.saving import AUDITED, CREATED, Changed, insert, update
from enschedule_worker.service.settling import refuse_taken
from enschedule_worker.store import audit, runs
from enschedule_worker.store import schedule_lists as lists
from enschedule_worker.store import schedules as store
from enschedule_worker.store.database import Database, Transaction


def listing(
    database: Database,
    actor: Actor,
    filters: lists.Filters,
    *,
    sort: str = "due_at",
    limit: int = 50,
    after: lists.Place | None = None,
) -> tuple[list[dict[str, Any]], lists.Place | None]:
    """Return a page of schedules, and where the next one begins (``None`` after the last)."""
    with reading(database, actor) as tx:
        rows = lists.page(tx, actor.scope, filters, sort=sort, limit=limit + 1, after=after)
    shown = rows[:limit]
    following = lists.place_of(shown[-1], sort) if len(rows) > limit else None
    return [present.schedule(row) for row in shown], following


def get(database: Database, actor: Actor, schedule_id: str) -> dict[str, Any]:
    """Return one schedule."""
    with reading(database, actor) as tx:
        row = existing(tx, actor, schedule_id, Permission.READ)
    return present.schedule(row)


def create(database: Database, registry: Registry, actor: Actor, definition: Definition) -> Changed:
    """Make a schedule; without an id it gets one from its title.

    Raises :class:`Conflict` if the id is taken, :class:`InvalidTrigger`, :class:`UnknownHandler`, :class:`InvalidData`.
    """
    with changing(database, actor, Permission.EDIT) as tx:
        if definition.id is not None and store.id_taken(tx, definition.id):
            raise Conflict(
                f"There is a schedule {definition.id} already.",
                hint=f"PUT /api/v1/schedules/{definition.id} replaces it; another id makes a new one.",
                errors=[FieldError("id", f"There is a schedule {definition.id} already.")],
            )
        row = insert(tx, registry, actor, definition)
    return present.schedule(row), CREATED


def replace_or_create(
    database: Database, registry: Registry, actor: Actor, definition: Definition, *, if_match: str | None = None
) -> Changed:
    """Make the schedule with the id of ``definition``, or give it this definition.

    ``paused``, ``due_at`` and the history stay unless ``paused`` is said; ``due_at`` moves only if the trigger
    changes; its owner stays unless ``managed_by`` is said. ``if_match`` is the revision that the asker has seen.
    Raises what :func:`create` raises, and :class:`StaleRevision` with the ``current`` schedule.
    """
    if definition.id is None:
        raise InvalidInput("id: Is missing.", errors=[FieldError("id", "Is missing.")])
    with changing(database, actor, Permission.EDIT) as tx:
        row = store.get(tx, definition.id, actor.scope, lock=True)
        if row is None and store.id_taken(tx, definition.id):
            row = store.get(tx, definition.id, actor.scope, lock=True)  # if somebody has just made it
            if row is None:
                refuse_taken(tx, actor, definition.id)
        check_revision(row, if_match)
        if row is None:
            return present.schedule(insert(tx, registry, actor, definition)), CREATED
        allow(actor, Permission.EDIT, row.group_id)
        return update(tx, registry, actor, row, definition)


def edit(
    database: Database,
    registry: Registry,
    actor: Actor,
    schedule_id: str,
    patch: Any,
    *,
    default_timezone: str = "UTC",
    if_match: str | None = None,
) -> Changed:
    """Replace each top-level field that ``patch`` names. Raises what :func:`replace_or_create` raises."""
    with changing(database, actor, Permission.EDIT) as tx:
        row = existing(tx, actor, schedule_id, Permission.EDIT, lock=True)
        check_revision(row, if_match)
        whole = merged(present.writable(present.definition(row)), patch)
        definition = Definition.from_wire(whole, id=schedule_id, default_timezone=default_timezone)
        return update(tx, registry, actor, row, replace(definition, says_owner="managed_by" in patch))


def delete(database: Database, actor: Actor, schedule_id: str, *, if_match: str | None = None) -> None:
    """Delete a schedule: its queued runs are cancelled, running ones end, its history stays; 7 days to undo."""
    with changing(database, actor, Permission.EDIT) as tx:
        row = existing(tx, actor, schedule_id, Permission.EDIT, lock=True)
        check_revision(row, if_match)
        delete_row(tx, actor, row)


def delete_row(tx: Transaction, actor: Actor, row: Row[Any]) -> None:
    """Delete a locked schedule."""
    runs.cancel_queued_of(tx, row.key, actor.name)
    gone = {"id": f"{row.id}{store.DELETED_MARK}{row.key}", "deleted_at": tx.now, "fire_at": None, "retry_at": None}
    store.change(tx, row.key, gone)
    detail = {"before": {name: value for name, value in present.definition(row).items() if name in AUDITED}}
    audit.record(tx, actor, "schedule.delete", "schedule", row.id, group_id=row.group_id, detail=detail)
    tx.wake_engine()


def restore(database: Database, actor: Actor, schedule_id: str, *, if_match: str | None = None) -> dict[str, Any]:
    """Bring back the schedule deleted last that had this id; it goes on at its next slot.

    Raises :class:`NotFound` after 7 days, :class:`Conflict` if the id is taken again, :class:`StaleRevision` where
    ``if_match`` is not the revision that was deleted.
    """
    with changing(database, actor, Permission.EDIT) as tx:
        restore_one(tx, actor, schedule_id, if_match=if_match)
        row = existing(tx, actor, schedule_id, Permission.READ)
    return present.schedule(row)


def restore_one(tx: Transaction, actor: Actor, schedule_id: str, *, if_match: str | None = None) -> None:
    """Bring back the schedule deleted last that had this id; raises what :func:`restore` does."""
    gone = store.deleted(tx, schedule_id, actor.scope)
    if store.get(tx, schedule_id, actor.scope) is not None or (gone is not None and store.id_taken(tx, schedule_id)):
        raise Conflict(f"There is a schedule {schedule_id}; it cannot be brought back beside it.")
    if gone is None or gone.deleted_at < tx.now - store.UNDO_SECONDS * 1_000_000:
        raise NotFound(f"No schedule {schedule_id} was deleted in the last 7 days.")
    allow(actor, Permission.EDIT, gone.group_id)
    if if_match not in (None, "*", str(gone.revision)):
        message = f"What was deleted as {schedule_id} has revision {gone.revision}, not {if_match}."
        raise StaleRevision(message, extra={"current": None})
    due_at = pausing.due_after_now(tx, gone)
    values = {"id": schedule_id, "deleted_at": None, "due_at": due_at, "updated_at": tx.now}
    fire_at = gone.paused_until if gone.paused else due_at
    store.change(tx, gone.key, {**values, "fire_at": fire_at})
    audit.record(tx, actor, "schedule.restore", "schedule", schedule_id, group_id=gone.group_id)
    tx.wake_engine()


def revert(database: Database, registry: Registry, actor: Actor, schedule_id: str) -> Changed:
    """Give a schedule the definition again that its owner, such as a file, has said; nothing if it has that.

    Raises :class:`Conflict` for a schedule without an owner, and where what the owner said was not kept.
    """
    with changing(database, actor, Permission.EDIT) as tx:
        row = existing(tx, actor, schedule_id, Permission.EDIT, lock=True)
        said = ownership.said_by_owner_before(tx, row)
        definition = Definition.from_wire(present.writable(said), id=row.id)
        return update(tx, registry, actor, row, definition, said=said)
