"""What saving definitions would do, without doing it: what command lines show before they apply files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row

from enschedule_core import secret
from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import format_instant, from_micros, to_micros
from enschedule_core.errors import EnscheduleError
from enschedule_core.registry import Registry
from enschedule_core.wire.definition import Definition
from enschedule_worker.service import present
from enschedule_worker.service.access import allow, reading
from enschedule_worker.service.history import changed_paths
from enschedule_worker.service.saving import CREATED, UNCHANGED, UPDATED
from enschedule_worker.service.settling import refuse_taken, settle
from enschedule_worker.store import schedules as store
from enschedule_worker.store.database import Database, Transaction


def preview(
    database: Database,
    registry: Registry,
    actor: Actor,
    items: Sequence[Any],
    *,
    known: Collection[str] = (),
    default_timezone: str = "UTC",
) -> list[dict[str, Any]]:
    """Return for each definition what a PUT of it would do now, or the problem with which it would be refused.

    ``known`` are ids of schedules that will be there by then, so that definitions may follow one another.
    """
    ids = frozenset(known)
    with reading(database, actor, Permission.EDIT) as tx:
        return [_previewed(tx, registry, actor, raw, ids, default_timezone) for raw in items]


def _previewed(
    tx: Transaction, registry: Registry, actor: Actor, raw: Any, known: frozenset[str], zone: str
) -> dict[str, Any]:
    try:
        definition = Definition.from_wire(raw, default_timezone=zone)
        row = None if definition.id is None else store.get(tx, definition.id, actor.scope)
        if row is not None:
            allow(actor, Permission.EDIT, row.group_id)
        elif definition.id is not None:
            refuse_taken(tx, actor, definition.id)
        settled = settle(tx, registry, actor, definition, row, known=known)
    except EnscheduleError as problem:
        if problem.status >= 500:
            raise
        return _entry(_id_of(raw), problem=problem.problem())
    after = _shown(settled.as_dict(), row, paused=settled.paused)
    if row is None:
        return _entry(settled.id, change=CREATED, after=after, due_at=_first(tx, settled))
    before, stored = _shown(present.definition(row), row), present.definition(row)
    whole = {"data": settled.data, "notify": settled.policies.notify}
    changes = changed_paths({**before, **{name: stored[name] for name in whole}}, {**after, **whole})
    if settled.group is not None and (settled.group or None) != row.group_name:
        before, after = {**before, "group": row.group_name}, {**after, "group": settled.group or None}
        changes = [*changes, "group"]
    moved = any(path.partition(".")[0] == "trigger" for path in changes)
    return _entry(
        settled.id,
        change=UPDATED if changes else UNCHANGED,
        before=before,
        after=after,
        changes=changes,
        overridden=present.overridden(row),
        due_at=_first(tx, settled) if moved else format_instant(row.due_at),
    )


def _entry(id: str | None, **known: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "change": None,
        "before": None,
        "after": None,
        "changes": [],
        "overridden": False,
        "due_at": None,
    }
    return {"id": id, **empty, "problem": None, **known}


def _id_of(raw: Any) -> str | None:
    found = raw.get("id") if isinstance(raw, dict) else None
    return found if isinstance(found, str) else None


def _shown(definition: dict[str, Any], row: Row[Any] | None, *, paused: bool | None = None) -> dict[str, Any]:
    """Return a definition as it may be shown, with what it says of being paused, else how that is."""
    is_paused = bool(row is not None and row.paused) if paused is None else paused
    hidden = {"data": secret.shown(definition["data"]), "notify": present.masked(definition["notify"])}
    return {**definition, **hidden, "paused": is_paused}


def _first(tx: Transaction, definition: Definition) -> str | None:
    following = definition.trigger.next_after(from_micros(tx.now))
    return None if following is None else format_instant(to_micros(following))
