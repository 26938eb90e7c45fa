"""Groups: who owns schedules together, and who is what in them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission, Role
from enschedule_core.clock import format_instant
from enschedule_core.errors import Conflict, FieldError, InvalidInput, NotFound
from enschedule_worker.service.access import allow, changing, reading, writing
from enschedule_worker.store import audit, secrets
from enschedule_worker.store import users as store
from enschedule_worker.store.database import Database, Transaction


def listing(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """Return the groups that the actor sees, by id, with their members."""
    with reading(database, actor) as tx:
        rows, members = store.groups(tx, actor.scope.groups), store.members(tx, actor.scope.groups)
    return [_present(row, members) for row in rows]


def get(database: Database, actor: Actor, id: str) -> dict[str, Any]:
    """Return one group. Raises :class:`NotFound`, also for one outside the actor's scope."""
    with reading(database, actor) as tx:
        return _one(tx, existing(tx, actor, id))


def permissions_in(database: Database, actor: Actor) -> dict[str, list[str]]:
    """Return what the actor may do within each of their groups, by its id."""
    held = actor.in_groups or {}
    with reading(database, actor) as tx:
        rows = store.groups(tx, frozenset(held))
    return {row.id: sorted(one.value for one in held[row.key]) for row in rows}


def existing(tx: Transaction, actor: Actor, id: str) -> Row[Any]:
    """Return the row of a group. Raises :class:`NotFound`, also for one outside the actor's scope."""
    row = store.group(tx, id)
    if row is None or (actor.scope.groups is not None and row.key not in actor.scope.groups):
        raise NotFound(f"There is no group {id}.", hint="They are listed by GET /api/v1/groups.")
    return row


def _one(tx: Transaction, row: Row[Any]) -> dict[str, Any]:
    keys = frozenset({row.key})
    return _present(store.groups(tx, keys)[0], store.members(tx, keys))


def _present(row: Row[Any], members: list[Row[Any]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "schedules": row.schedules,
        "members": [{"name": one.name, "role": one.role} for one in members if one.group_key == row.key],
        "created_at": format_instant(row.created_at),
        "created_by": row.created_by,
    }


def create(database: Database, actor: Actor, *, id: str, title: str | None = None) -> dict[str, Any]:
    """Make a group without members. Raises :class:`Conflict` if the id is taken."""
    with writing(database, actor, Permission.ADMIN) as tx:
        if store.group(tx, id) is not None:
            message = f"There is a group {id} already."
            raise Conflict(message, errors=[FieldError("id", message)])
        values = {"id": id, "title": title or id, "created_at": tx.now, "created_by": actor.name}
        key = store.add_group(tx, values)
        audit.record(tx, actor, "group.create", "group", id, group_id=key, detail={"title": title or id})
        return _one(tx, existing(tx, actor, id))


def rename(database: Database, actor: Actor, id: str, *, title: str) -> dict[str, Any]:
    """Give a group another title."""
    with changing(database, actor, Permission.ADMIN) as tx:
        row = existing(tx, actor, id)
        allow(actor, Permission.ADMIN, row.key)
        if row.title != title:
            store.change_group(tx, row.key, {"title": title})
            detail = {"before": {"title": row.title}, "after": {"title": title}}
            audit.record(tx, actor, "group.update", "group", id, group_id=row.key, detail=detail)
        return _one(tx, row)


def remove(database: Database, actor: Actor, id: str) -> None:
    """Delete a group; its keys end with it. Raises :class:`Conflict` while it owns schedules, or secrets are for it."""
    with writing(database, actor, Permission.ADMIN) as tx:
        row = existing(tx, actor, id)
        owned = store.owned_by(tx, row.key)
        if owned:
            raise Conflict(
                f"The group {id} owns {owned} schedule{'s' if owned > 1 else ''}.",
                hint="Give them to another group, or delete them; deleted ones are remembered for 7 days.",
            )
        if secrets.owned_by(tx, row.key):
            raise Conflict(f"There are secrets for the group {id} alone.", hint="Delete them, or give them to all.")
        store.remove_group(tx, row.key)
        audit.record(tx, actor, "group.delete", "group", id, group_id=row.key, detail={"before": {"title": row.title}})


def put_member(database: Database, actor: Actor, id: str, name: str, role: Role) -> dict[str, Any]:
    """Give somebody a role in a group. Raises :class:`InvalidInput` for a user that is not there."""
    with changing(database, actor, Permission.ADMIN) as tx:
        row = existing(tx, actor, id)
        allow(actor, Permission.ADMIN, row.key)
        user = store.find(tx, name.lower())
        if user is None:
            message = f"There is no user {name}."
            raise InvalidInput(f"name: {message}", errors=[FieldError("name", message)])
        before = store.set_member(tx, row.key, user.key, role.value)
        if before != role:
            detail = {"user": user.name, "before": before, "after": role.value}
            audit.record(tx, actor, "group.member", "group", id, group_id=row.key, detail=detail)
        return _one(tx, row)


def remove_member(database: Database, actor: Actor, id: str, name: str) -> None:
    """End somebody's membership. Raises :class:`NotFound` if there is none."""
    with changing(database, actor, Permission.ADMIN) as tx:
        row = existing(tx, actor, id)
        allow(actor, Permission.ADMIN, row.key)
        user = store.find(tx, name.lower())
        if user is None or not store.remove_member(tx, row.key, user.key):
            raise NotFound(f"{name} is not a member of {id}.")
        detail = {"user": user.name, "after": None}
        audit.record(tx, actor, "group.member", "group", id, group_id=row.key, detail=detail)
