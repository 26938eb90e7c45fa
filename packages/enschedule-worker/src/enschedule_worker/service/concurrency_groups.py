"""Limits that schedules share by naming a group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import format_instant
from enschedule_worker.service.access import reading, writing
from enschedule_worker.store import audit, limits
from enschedule_worker.store.database import Database


def listing(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """Return every group that is defined or named by a schedule, and how full it is."""
    with reading(database, actor) as tx:
        return [_present(row) for row in limits.groups(tx)]


def put(database: Database, actor: Actor, wanted: Mapping[str, int]) -> list[dict[str, Any]]:
    """Set the limits of the groups in ``wanted``, and return all; what goes on already is not stopped."""
    with writing(database, actor, Permission.EDIT) as tx:
        before = {row.name: row.max_running for row in limits.groups(tx) if row.updated_at is not None}
        for name, most in sorted(wanted.items()):
            if before.get(name) == most:
                continue
            limits.define(tx, name, most, actor.name)
            audit.record(tx, actor, "concurrency_group.put", "concurrency_group", name, detail={"max_running": most})
        tx.wake_engine()
        return [_present(row) for row in limits.groups(tx)]


def _present(row: Row[Any]) -> dict[str, Any]:
    return {
        "name": row.name,
        "max_running": row.max_running,
        "schedules": row.schedules,
        "running": row.running,
        "queued": row.queued,
        "updated_at": format_instant(row.updated_at),
        "updated_by": row.updated_by,
    }
