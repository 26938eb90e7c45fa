"""What admins have said of who may use a handler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select, update

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.people import HandlerAccess, HandlerGroup
from enschedule_worker.store.models.workers import Handler
from enschedule_worker.store.tables import insert_unless_there, table_of

_H, _A, _G = table_of(Handler).c, table_of(HandlerAccess).c, table_of(HandlerGroup).c


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one handler.

    The roles that its code demands (one for each version that does), the one that an admin has said instead, and the
    keys of the groups it is limited to; ``None`` is no limit, and no group at all is one.
    """

    declared: tuple[str, ...] = ()
    minimum_role: str | None = None
    groups: frozenset[int] | None = None


def of(tx: Transaction, handler_id: str | None = None) -> dict[str, Said]:
    """Return what is said of a handler, of all without; those of which nothing is said are missing."""
    one = None if handler_id is None else {"handler_id": handler_id}
    of_one = one is not None
    declared: dict[str, list[str]] = {}
    for row in tx.execute(_demands(of_one=of_one), one):
        declared.setdefault(row.id, []).append(row.minimum_role)
    found = {id: Said(tuple(roles)) for id, roles in declared.items()}
    said = list(tx.execute(_said(of_one=of_one), one))
    groups: dict[str, set[int]] = {}
    for row in tx.execute(_members(of_one=of_one), one) if any(row.limited for row in said) else ():
        groups.setdefault(row.handler_id, set()).add(row.group_key)
    for row in said:
        limit = frozenset(groups.get(row.handler_id, ())) if row.limited else None
        found[row.handler_id] = Said(tuple(declared.get(row.handler_id, ())), row.minimum_role, limit)
    return found


# Made once: each save of a schedule asks, and to put a statement together takes longer than to run it.


@cache
def _demands(*, of_one: bool) -> Select[Any]:
    statement = select(_H.id, _H.minimum_role).where(_H.minimum_role.is_not(None))
    return statement.where(_H.id == bindparam("handler_id")) if of_one else statement


@cache
def _said(*, of_one: bool) -> Select[Any]:
    statement = select(_A.handler_id, _A.minimum_role, _A.limited)
    return statement.where(_A.handler_id == bindparam("handler_id")) if of_one else statement


@cache
def _members(*, of_one: bool) -> Select[Any]:
    statement = select(_G.handler_id, _G.group_key)
    return statement.where(_G.handler_id == bindparam("handler_id")) if of_one else statement


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
