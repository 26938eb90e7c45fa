"""What can be done with schedules: make, change, list, delete, bring back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from secrets import token_hex
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import from_micros, to_micros
from enschedule_core.errors import Conflict, FieldError, InvalidInput, NotFound, StaleRevision
from enschedule_core.registry import Registry
from enschedule_core.schedule import is_valid_id, slug
from enschedule_core.schema import encode_json
from enschedule_core.wire.definition import Definition, canonical, merged
from enschedule_worker.service import (
    addressing,
    auditing,
    chains,
    firing,
    handler_access,
    ownership,
    pausing,
    present,
    secret_data,
)
from enschedule_worker.service.access import allow, changing, home_of, reading
from enschedule_worker.service.finding import check_revision, existing
from enschedule_worker.service.handlers import settle_version
from enschedule_worker.store import audit, bindings, limits, receivers, runs, secrets, state, users
from enschedule_worker.store import schedule_lists as lists
from enschedule_worker.store import schedules as store
from enschedule_worker.store.database import Database, Transaction

_KEPT = ("title", "handler", "trigger")
"""What the audit keeps of a schedule that is made or deleted; the whole of it is in its revisions."""
CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"
Changed = tuple[dict[str, Any], str]


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
        row = _insert(tx, registry, actor, definition)
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
            return present.schedule(_insert(tx, registry, actor, definition)), CREATED
        allow(actor, Permission.EDIT, row.group_id)
        return _update(tx, registry, actor, row, definition)


def refuse_taken(tx: Transaction, actor: Actor, schedule_id: str) -> None:
    """Raise :class:`Conflict` where a schedule that the actor does not see has this id."""
    if actor.scope.groups is not None and store.id_taken(tx, schedule_id):
        raise Conflict(f"The id {schedule_id} is taken, in another group.", hint="Choose another id.")


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
        return _update(tx, registry, actor, row, replace(definition, says_owner="managed_by" in patch))


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
    detail = {"before": {name: value for name, value in present.definition(row).items() if name in _KEPT}}
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
        return _update(tx, registry, actor, row, definition, said=said)


def settle(
    tx: Transaction,
    registry: Registry,
    actor: Actor,
    definition: Definition,
    row: Row[Any] | None,
    *,
    known: Collection[str] = (),
    said: dict[str, Any] | None = None,
) -> Definition:
    """Return the definition with its handler's version, once all is checked that the database and handlers know.

    ``row`` is the schedule that it is for; ``known`` are ids that will be there by then. What is secret in its data is
    sealed; what it keeps sealed is that of ``row``, or of the stored definition ``said``. Raises what :func:`create`
    raises.
    """
    before = None if row is None else present.definition(row)
    if before is None or canonical(before["trigger"]) != canonical(definition.trigger.to_wire()):
        definition.check_fires(from_micros(tx.now))
    stored = row.handler_version if row is not None and row.handler_id == definition.handler_id else None
    handler = settle_version(tx, definition.handler_id, definition.handler_version, stored=stored)
    settled = definition if row is None else ownership.owned(definition, row)
    stored_whole = said if said is not None else before
    address = None if stored_whole is None else stored_whole["notify"]
    settled = addressing.with_receiver(tx, settled.with_version(handler.version), address)
    group = group_key(tx, actor, settled, row)
    settled = secret_data.settled(tx, registry, settled, handler, row, group=group, said=said)
    if row is None or canonical(before) != canonical(settled.as_dict()) or group != row.group_id:
        handler_access.check(tx, actor, settled.handler_id, group, saving=True)
    chains.check(tx, str(settled.id), settled.policies, row, group=group, known=known)
    _check_may_start(tx, actor, settled, row)
    return settled


def _check_may_start(tx: Transaction, actor: Actor, definition: Definition, row: Row[Any] | None) -> None:
    """Refuse to let a schedule start another one, from now on, whose handler the actor may not run by hand."""
    for name in ("on_success", "on_failure"):
        target = getattr(definition.policies, name)
        if target is None or (row is not None and getattr(row, name) == target):
            continue
        found = store.get(tx, target, actor.scope)
        if found is not None:
            handler_access.check(tx, actor, found.handler_id, found.group_id)


def _insert(tx: Transaction, registry: Registry, actor: Actor, definition: Definition) -> Row[Any]:
    if definition.id is None:
        definition = replace(definition, id=_free_id(tx, definition.title))
    settled = settle(tx, registry, actor, definition, None)
    now = from_micros(tx.now)
    group = group_key(tx, actor, settled, None)
    due = settled.trigger.next_after(now)
    due_at = None if due is None else to_micros(due)
    values = {
        **_columns(tx, settled),
        "id": settled.id,
        "group_id": group,
        "revision": 1,
        "due_at": due_at,
        "fire_at": due_at,
        "created_at": tx.now,
        "created_by": actor.name,
        "updated_at": tx.now,
        "file_revision": 1 if settled.managed_by else None,
    }
    if settled.paused:
        values.update(pausing.paused_columns(tx, actor))
    key = store.add(tx, values, settled.tags)
    _save_revision(tx, actor, key, 1, settled)
    secrets.set_uses(tx, key, secret_data.names_of(settled.data, settled.env))
    kept = {name: value for name, value in settled.as_dict().items() if name in _KEPT}
    detail = {"after": {**kept, "group": definition.group or None}}
    audit.record(tx, actor, "schedule.create", "schedule", str(settled.id), group_id=group, detail=detail)
    if due_at is not None:
        tx.wake_engine(at=due_at)
    return existing(tx, actor, str(settled.id), Permission.READ)


def _columns(tx: Transaction, definition: Definition) -> dict[str, Any]:
    """Return the columns that say the definition, except for id and data."""
    policies = definition.policies
    hidden = receivers.is_hidden(policies.notify)
    return {
        "title": definition.title,
        "description": definition.description,
        "handler_id": definition.handler_id,
        "handler_version": definition.handler_version,
        "trigger_kind": definition.trigger.kind,
        "trigger": encode_json(definition.trigger.to_wire()),
        "policies": encode_json(
            {**policies.to_wire(), "notify": present.masked(policies.notify) if hidden else policies.notify}
        ),
        "notify_address": policies.notify if hidden else None,
        "overlap": policies.overlap.value,
        "priority": policies.priority,
        "max_running": policies.max_running,
        "concurrency_group": policies.concurrency_group,
        "worker_id": policies.worker.id,
        "worker_tags": encode_json(list(policies.worker.tags)) if policies.worker.tags else None,
        "binding": bindings.key_of(tx, policies.worker),
        "on_success": policies.on_success,
        "on_failure": policies.on_failure,
        "tags": encode_json(list(definition.tags)),
        "runbook": definition.runbook,
        "managed_by": definition.managed_by,
    }


def _save_revision(tx: Transaction, actor: Actor, key: int, revision: int, definition: Definition) -> None:
    rest = definition.as_dict()
    data, env = rest.pop("data"), rest.pop("env")
    if definition.policies.priority:
        state.get_or_create(tx, firing.RANKED, lambda: "true")
    store.add_revision(
        tx,
        key,
        revision,
        data=encode_json(data),
        env=encode_json(env) if env else None,
        definition=encode_json(rest),
        saved_by=actor.name,
    )


def _free_id(tx: Transaction, title: str) -> str:
    """Return an id made from the title that no schedule has."""
    base = slug(title)[:80].rstrip("-._") or "schedule"
    for number in range(1, 20):
        found = base if number == 1 else f"{base}-{number}"
        if is_valid_id(found) and not store.id_taken(tx, found):
            return found
    return f"{base}-{token_hex(6)}"


def _update(
    tx: Transaction,
    registry: Registry,
    actor: Actor,
    row: Row[Any],
    definition: Definition,
    *,
    said: dict[str, Any] | None = None,
) -> Changed:
    settled = settle(tx, registry, actor, definition, row, said=said)
    before, after = present.definition(row), settled.as_dict()
    trigger_changed = canonical(before["trigger"]) != canonical(after["trigger"])
    group = group_key(tx, actor, settled, row)
    edited = canonical(before) != canonical(after)
    values = _rearmed(tx, row, settled, trigger_changed=trigger_changed, edited=edited)
    revision = row.revision + 1 if edited else row.revision
    owners = ownership.said_by_owner(tx, row, settled, revision)
    changes = bool(values) or edited
    if edited:
        values |= {**_columns(tx, settled), "revision": revision, "updated_at": tx.now}
        _limit_open_runs(tx, row, settled)
        store.replace_tags(tx, row.key, settled.tags)
        _save_revision(tx, actor, row.key, revision, settled)
        used = secret_data.names_of(before["data"], before["env"])
        secrets.set_uses(tx, row.key, secret_data.names_of(settled.data, settled.env), before=used)
    if group != row.group_id:
        values["group_id"] = group
        changes = True
        users.move(tx, row.key, group)
    if changes or owners != row.file_revision:
        store.change(tx, row.key, {**values, "file_revision": owners})
        tx.wake_engine()
    switched = _switch(tx, actor, settled)
    if not (changes or switched):
        return present.schedule(row), UNCHANGED
    if changes:
        detail = auditing.difference(before, after)
        if group != row.group_id:
            detail["before"]["group"], detail["after"]["group"] = row.group_name, definition.group or None
        audit.record(tx, actor, "schedule.update", "schedule", row.id, group_id=group, detail=detail)
    return present.schedule(existing(tx, actor, row.id, Permission.READ)), UPDATED


def group_key(tx: Transaction, actor: Actor, definition: Definition, row: Row[Any] | None) -> int | None:
    """Return the group that a schedule belongs to from now on, in which the actor must be allowed to edit.

    Where nothing is said, it stays where it is; a new one comes to where its maker may edit.
    """
    if definition.group is None:
        return home_of(actor, Permission.EDIT) if row is None else row.group_id
    found = users.group(tx, definition.group) if definition.group else None
    if definition.group and (found is None or not actor.scope.covers(found.key)):
        message = f"There is no group {definition.group}."
        raise InvalidInput(f"group: {message}", errors=[FieldError("group", message)])
    key = None if found is None else int(found.key)
    allow(actor, Permission.EDIT, key)
    return key


def _limit_open_runs(tx: Transaction, row: Row[Any], definition: Definition) -> None:
    """Let runs that are open observe a limit that is new; all else about them stays as they were made."""
    policies = definition.policies
    begins = policies.max_running is not None and row.max_running is None
    if begins or policies.concurrency_group != row.concurrency_group:
        limits.apply_to_open(tx, row.key, policies.concurrency_group)


def _rearmed(
    tx: Transaction, row: Row[Any], definition: Definition, *, trigger_changed: bool, edited: bool
) -> dict[str, Any]:
    """Return the columns about when it is due: moved by a new trigger, by an edit of a broken one, or armed again."""
    following = definition.trigger.next_after(from_micros(tx.now))
    arm_again = definition.trigger.kind == "once" and row.due_at is None and following is not None
    if not trigger_changed and not arm_again and not (edited and row.broken_reason is not None):
        return {}
    due_at = None if following is None else to_micros(following)
    values: dict[str, Any] = {"due_at": due_at, "broken_reason": None, "faults": 0}
    if trigger_changed or arm_again:
        values["slots_fired"] = 0
    if not row.paused:
        values["fire_at"] = due_at
    return values


def _switch(tx: Transaction, actor: Actor, definition: Definition) -> bool:
    """Pause or resume if the definition says so and it is not so already."""
    if definition.paused is None:
        return False
    row = existing(tx, actor, str(definition.id), Permission.EDIT)
    if definition.paused == bool(row.paused):
        return False
    if definition.paused:
        pausing.pause_row(tx, actor, row)
    else:
        pausing.resume_row(tx, actor, row)
    return True
