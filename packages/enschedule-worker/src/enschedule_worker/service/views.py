"""Saved views of lists: the same for everybody who uses this database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import format_instant
from enschedule_core.errors import Conflict
from enschedule_core.schema import clean_text, encode_json
from enschedule_core.wire.views import VIEWS_MAX
from enschedule_worker.service.access import reading, writing
from enschedule_worker.store import audit, views
from enschedule_worker.store.database import Database


def listing(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """Return all views, those of schedules first, by name."""
    with reading(database, actor) as tx:
        return [_present(row) for row in views.all_of(tx)]


def put(database: Database, actor: Actor, wanted: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Save each view of ``wanted`` (``list``, ``name``, ``filters``), or remove it where ``filters`` is ``None``.

    Returns all views. Raises :class:`Conflict` where there would be too many; nothing is saved then.
    """
    with writing(database, actor, Permission.EDIT) as tx:
        before = {(row.list_name, row.name): row.filters for row in views.all_of(tx)}
        for view in wanted:
            key = (view["list"], view["name"])
            text = None if view["filters"] is None else _text(view["filters"])
            if before.get(key) == text:
                continue
            if text is None:
                views.remove(tx, *key)
            else:
                views.put(tx, *key, text, actor.name)
            before[key] = text
            audit.record(tx, actor, "view.remove" if text is None else "view.put", "view", "/".join(key))
        if views.number(tx) > VIEWS_MAX:
            raise Conflict(f"There would be more than {VIEWS_MAX} views.", hint="Remove some: send filters as null.")
        return [_present(row) for row in views.all_of(tx)]


def _text(filters: Mapping[str, str]) -> str:
    return encode_json({name: clean_text(value) for name, value in sorted(filters.items())})


def _present(row: Row[Any]) -> dict[str, Any]:
    return {
        "list": row.list_name,
        "name": row.name,
        "filters": json.loads(row.filters),
        "updated_at": format_instant(row.updated_at),
        "updated_by": row.updated_by,
    }
