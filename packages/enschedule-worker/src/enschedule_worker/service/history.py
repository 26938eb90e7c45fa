"""What was: edits and skips of a schedule; and what comes: its next slots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from sqlalchemy import Row

from enschedule_core import secret
from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import format_instant, from_micros
from enschedule_core.triggers import preview
from enschedule_core.wire.definition import canonical
from enschedule_worker.service import present
from enschedule_worker.service.access import reading
from enschedule_worker.service.finding import existing
from enschedule_worker.service.ownership import stored_definition
from enschedule_worker.store import schedules as store
from enschedule_worker.store import skips as skip_store
from enschedule_worker.store.database import Database


def coming(database: Database, actor: Actor, schedule_id: str, *, count: int) -> dict[str, Any]:
    """Return the next ``count`` slots of a schedule, its zone, and notes on the days when clocks change."""
    with reading(database, actor) as tx:
        row = existing(tx, actor, schedule_id, Permission.READ)
        now = from_micros(tx.now)
    trigger = present.readable_trigger(row.trigger)
    return {
        "items": [format_instant(slot) for slot in present.coming(row, count)],
        "timezone": json.loads(row.trigger)["timezone"],
        "notes": [] if trigger is None else preview(trigger, after=now, count=1).notes,
    }


def skips(
    database: Database, actor: Actor, schedule_id: str, *, limit: int, before_id: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """Return a page of skipped stretches, newest first, and where the next page begins."""
    with reading(database, actor) as tx:
        row = existing(tx, actor, schedule_id, Permission.READ)
        rows = skip_store.page(tx, row.key, limit=limit + 1, before_id=before_id)
    shown = rows[:limit]
    items = [
        {
            "id": skip.id,
            "reason": skip.reason,
            "first_slot_at": format_instant(skip.first_slot_at),
            "last_slot_at": format_instant(skip.last_slot_at),
            "count": skip.slots,
        }
        for skip in shown
    ]
    return items, shown[-1].id if len(rows) > limit else None


def revisions(
    database: Database, actor: Actor, schedule_id: str, *, limit: int, before: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """Return a page of edits, newest first, each with the dotted paths that it changed; the first has none."""
    with reading(database, actor) as tx:
        row = existing(tx, actor, schedule_id, Permission.READ)
        rows = store.revisions(tx, row.key, limit=limit + 1, before=before)
    pairs = list(zip_longest(rows, rows[1:]))[:limit]
    items = [
        {
            "revision": newer.revision,
            "at": format_instant(newer.saved_at),
            "by": newer.saved_by,
            "changes": _changes(newer, older),
        }
        for newer, older in pairs
    ]
    return items, rows[limit - 1].revision if len(rows) > limit else None


def _changes(newer: Row[Any], older: Row[Any] | None) -> list[str]:
    if older is None:
        return []
    after, before = stored_definition(newer), stored_definition(older)
    return changed_paths(before, after)


def changed_paths(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the dotted paths in which two definitions differ."""
    return sorted(set(_differences(before, after)))


def _differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted paths of members that differ; lists are named whole, and so is a trigger of another kind."""
    if canonical(before) == canonical(after):
        return
    is_whole = secret.is_special(before) or secret.is_special(after)
    if (
        is_whole
        or not (isinstance(before, dict) and isinstance(after, dict))
        or before.get("kind") != after.get("kind")
    ):
        yield path
        return
    for name in {**before, **after}:
        yield from _differences(before.get(name), after.get(name), f"{path}.{name}" if path else name)
