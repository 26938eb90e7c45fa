"""Reading what was done, by whom, from where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import format_instant
from enschedule_core.wire.definition import canonical
from enschedule_worker.service.access import reading
from enschedule_worker.store import audit, users
from enschedule_worker.store.database import Database

_SECRET_FIELDS = ("data", "notify", "env")
"""Of these fields of a schedule only the names of what changed are kept: their values may be secrets."""


def listing(
    database: Database,
    actor: Actor,
    filters: audit.AuditFilters,
    *,
    group: str | None = None,
    limit: int = 50,
    before_id: int | None = None,
) -> tuple[list[dict[str, Any]], int | None]:
    """Return a page of entries, newest first, and the id that the next page begins below.

    Who is an admin of groups only gets the entries of those.
    """
    with reading(database, actor, Permission.ADMIN) as tx:
        if not actor.may(Permission.ADMIN):
            mine = (key for key, held in (actor.in_groups or {}).items() if Permission.ADMIN in held)
            filters = replace(filters, of_groups=frozenset(mine))
        if group is not None:
            row = users.group(tx, group)
            if row is None or not actor.scope.covers(row.key):
                return [], None
            filters = replace(filters, group_key=row.key)
        rows = audit.page(tx, filters, limit=limit + 1, before_id=before_id)
    shown = rows[:limit]
    return [_present(row) for row in shown], shown[-1].id if len(rows) > limit else None


def _present(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": format_instant(row.at),
        "actor": {"kind": row.actor_kind, "name": row.actor_name, "via": row.via},
        "address": row.address,
        "action": row.action,
        "object": {"kind": row.object_kind, "id": row.object_id},
        "group": row.group_name,
        "refused": bool(row.refused),
        "detail": None if row.detail is None else json.loads(row.detail),
    }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an edit changed, as the audit keeps it: ``{before, after, changed}``.

    ``before`` and ``after`` have the fields that differ; ``changed`` names those whose values may be secrets, down to
    the member (``data.password``).
    """
    fields = [name for name in {**before, **after} if canonical(before.get(name)) != canonical(after.get(name))]
    open_ones = [name for name in fields if name not in _SECRET_FIELDS]
    found: dict[str, Any] = {
        "before": {name: before.get(name) for name in open_ones},
        "after": {name: after.get(name) for name in open_ones},
    }
    hidden = [path for name in fields if name in _SECRET_FIELDS for path in _members(name, before, after)]
    return {**found, "changed": hidden} if hidden else found


def _members(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    old, new = before.get(name), after.get(name)
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield name
        return
    for key in sorted({*old, *new}):
        if canonical(old.get(key)) != canonical(new.get(key)) or (key in old) != (key in new):
            yield f"{name}.{key}"
