"""Schedules that belong to a file, or to another owner: what the owner said, and what somebody has changed since."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from enschedule_core.errors import Conflict
from enschedule_core.wire.definition import Definition, canonical
from enschedule_worker.service import present
from enschedule_worker.store import schedules as store
from enschedule_worker.store.database import Transaction


def stored_definition(revision: Row[Any]) -> dict[str, Any]:
    """Return the wire form of a stored revision; what is secret in its data is sealed."""
    found: dict[str, Any] = json.loads(revision.definition)
    env = {} if revision.env is None else json.loads(revision.env)
    return {**found, "data": json.loads(revision.data), "env": env}


def owned(definition: Definition, row: Row[Any]) -> Definition:
    """Return the definition with its owner, who stays where the definition does not say one."""
    return definition if definition.says_owner else replace(definition, managed_by=row.managed_by)


def said_by_owner(tx: Transaction, row: Row[Any], settled: Definition, revision: int) -> int | None:
    """Return which revision is what the owner says, once ``settled`` is saved as ``revision``; ``None`` without owner.

    Anybody else's edit is an override, unless it comes back to what the owner said.
    """
    said: int | None = row.file_revision
    if settled.managed_by is None:
        return None
    if settled.says_owner:
        return revision
    if said is None:
        return int(row.revision)
    if revision != row.revision:
        kept = store.revision(tx, row.key, said)
        if kept is not None and _same(stored_definition(kept), settled):
            return revision
    return said


def _same(stored: dict[str, Any], settled: Definition) -> bool:
    whole = Definition.from_wire(present.writable(stored), id=settled.id).as_dict()
    return canonical({**whole, "notify": stored["notify"]}) == canonical(settled.as_dict())


def said_by_owner_before(tx: Transaction, row: Row[Any]) -> dict[str, Any]:
    """Return what the owner of a schedule has said, as it was stored.

    Raises :class:`Conflict` for a schedule without an owner, and where what the owner said was not kept.
    """
    if row.managed_by is None or row.file_revision is None:
        raise Conflict(f"{row.id} belongs to no file, so there is nothing to go back to.")
    said = store.revision(tx, row.key, row.file_revision)
    if said is None:
        raise Conflict(f"What {row.managed_by} said of {row.id} was not kept; apply the file again.")
    return {**stored_definition(said), "managed_by": row.managed_by}
