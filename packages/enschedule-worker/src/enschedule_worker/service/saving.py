"""Saving a settled definition: the row of a schedule, its revision, its tags, its limits, and when it is due."""

from __future__ import annotations

from dataclasses import replace
from secrets import token_hex
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import from_micros, to_micros
from enschedule_core.registry import Registry
from enschedule_core.schedule import is_valid_id, slug
from enschedule_core.schema import encode_json
from enschedule_core.wire.definition import Definition, canonical
from enschedule_worker.service import auditing, ownership, pausing, present, secret_data
from enschedule_worker.service.finding import existing
from enschedule_worker.service.settling import group_key, settle
from enschedule_worker.store import audit, bindings, due_schedules, limits, receivers, secrets, state, users
from enschedule_worker.store import schedules as store
from enschedule_worker.store.database import Transaction

AUDITED = ("title", "handler", "trigger")
"""What the audit keeps of a schedule that is made or deleted; the whole of it is in its revisions."""
CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"
Changed = tuple[dict[str, Any], str]


def insert(tx: Transaction, registry: Registry, actor: Actor, definition: Definition) -> Row[Any]:
    """Make a schedule of a definition, with an id from its title where it has none; return its row."""
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
    kept = {name: value for name, value in settled.as_dict().items() if name in AUDITED}
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
        state.get_or_create(tx, due_schedules.RANKED, lambda: "true")
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


def update(
    tx: Transaction,
    registry: Registry,
    actor: Actor,
    row: Row[Any],
    definition: Definition,
    *,
    said: dict[str, Any] | None = None,
) -> Changed:
    """Give the schedule of ``row`` this definition; ``said`` is the stored one that it is, if it is one."""
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
