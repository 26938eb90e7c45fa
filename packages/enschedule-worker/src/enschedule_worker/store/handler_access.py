"""What admins have said of who may use a handler."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.people import HandlerAccess, HandlerGroup
from enschedule_worker.store.models.workers import Handler
from enschedule_worker.store.tables import insert_unless_there


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one handler.

    The roles that its code demands (one for each version that does), the one that an admin has said instead, and the
    keys of the groups it is limited to; ``None`` is no limit, and no group at all is one.
    """

    declared: tuple[str, ...] = ()
    minimum_role: str | None = None
    groups: frozenset[int] | None = None


def of(tx: Transaction, handler_ids: Collection[str] | None = None) -> dict[str, Said]:
    """Return what is said of these handlers, of all without; those of which nothing is said are missing."""
    declared: dict[str, list[str]] = {}
    demands = select(Handler.id, Handler.minimum_role).where(Handler.minimum_role.is_not(None))
    said = select(HandlerAccess.handler_id, HandlerAccess.minimum_role, HandlerAccess.limited)
    members = select(HandlerGroup.handler_id, HandlerGroup.group_key)
    if handler_ids is not None:
        ids = sorted(handler_ids)
        demands = demands.where(Handler.id.in_(ids))
        said = said.where(HandlerAccess.handler_id.in_(ids))
        members = members.where(HandlerGroup.handler_id.in_(ids))
    for row in tx.execute(demands):
        declared.setdefault(row.id, []).append(row.minimum_role)
    found = {id: Said(tuple(roles)) for id, roles in declared.items()}
    groups: dict[str, set[int]] = {}
    for row in tx.execute(members):
        groups.setdefault(row.handler_id, set()).add(row.group_key)
    for row in tx.execute(said):
        limit = frozenset(groups.get(row.handler_id, ())) if row.limited else None
        found[row.handler_id] = Said(tuple(declared.get(row.handler_id, ())), row.minimum_role, limit)
    return found


def put(tx: Transaction, handler_id: str, minimum_role: str | None, groups: Iterable[int] | None) -> None:
    """Say who may use a handler, in place of what was said before; ``None`` and ``None`` is what its code says."""
    tx.execute(delete(HandlerGroup).where(HandlerGroup.handler_id == handler_id))
    values = {"minimum_role": minimum_role, "limited": groups is not None}
    first = {"handler_id": handler_id, **values}
    mine = HandlerAccess.handler_id == handler_id
    change = update(HandlerAccess).where(mine).values(**values)
    if not tx.execute(change).rowcount and not insert_unless_there(tx, insert(HandlerAccess), first):
        tx.execute(change)
    rows = [{"handler_id": handler_id, "group_key": key} for key in sorted(set(groups or ()))]
    if rows:
        tx.execute(insert(HandlerGroup), rows)
