"""Who did what, written in the transaction of the change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, insert, select

from enschedule_core.actor import Actor
from enschedule_core.schema import encode_json
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.people import Audit, Group
from enschedule_worker.store.tables import table_of

_INSERT = insert(table_of(Audit))
_MAX = select(func.coalesce(func.max(Audit.id), 0)).scalar_subquery()
_OVERTAKEN = 200  # entries that may be committed while one with a lower id is not
_NUMBER = select(func.count()).where(Audit.id > _MAX - _OVERTAKEN).scalar_subquery()
_NEWEST = select(_MAX.label("id"), _NUMBER.label("number"))


def record(
    tx: Transaction,
    actor: Actor,
    action: str,
    object_kind: str,
    object_id: str | int,
    *,
    group_id: int | None = None,
    detail: Any = None,
    refused: bool = False,
) -> None:
    """Write that ``actor`` did ``action`` (``schedule.create``) to an object, or was not let; ``detail`` is small JSON.

    ``detail`` never holds a secret: of what may be one, it has the names of the fields.
    """
    tx.execute(
        _INSERT,
        {
            "at": tx.now,
            "actor_kind": actor.kind.value,
            "actor_name": actor.name[:200],
            "address": actor.address[:64] if actor.address else None,
            "action": action[:50],
            "object_kind": object_kind,
            "object_id": str(object_id)[:130],
            "group_id": group_id,
            "detail": None if detail is None else encode_json(detail),
            "via": actor.via,
            "refused": refused,
        },
    )


def newest(tx: Transaction) -> tuple[int, int]:
    """Return what stays as long as nobody changes anything: the newest id, and how many entries are before it.

    The number tells of entries that were committed later than others with a higher id.
    """
    row = tx.execute(_NEWEST).one()
    return int(row.id), int(row.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilters:
    """Which entries; ``None`` means all. ``since`` and ``before`` are microseconds.

    ``of_groups`` are the groups whose entries alone are shown, to who is an admin of no more.
    """

    actor: str | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    group_key: int | None = None
    of_groups: frozenset[int] | None = None
    refused: bool | None = None
    since: int | None = None
    before: int | None = None


def page(tx: Transaction, filters: AuditFilters, *, limit: int, before_id: int | None = None) -> list[Row[Any]]:
    """Return up to ``limit`` entries with an id below ``before_id``, newest first, each with ``group_name``."""
    statement = select(*Audit.__table__.columns, Group.id.label("group_name")).outerjoin(
        Group, Group.key == Audit.group_id
    )
    equal = (
        (Audit.actor_name, filters.actor),
        (Audit.object_kind, filters.object_kind),
        (Audit.object_id, filters.object_id),
        (Audit.group_id, filters.group_key),
        (Audit.refused, filters.refused),
    )
    for column, value in equal:
        if value is not None:
            statement = statement.where(column == value)
    if filters.of_groups is not None:
        statement = statement.where(Audit.group_id.in_(sorted(filters.of_groups)))
    if filters.action is not None:
        statement = statement.where(Audit.action.startswith(filters.action, autoescape=True))
    if filters.since is not None:
        statement = statement.where(Audit.at >= filters.since)
    if filters.before is not None:
        statement = statement.where(Audit.at < filters.before)
    if before_id is not None:
        statement = statement.where(Audit.id < before_id)
    return list(tx.execute(statement.order_by(Audit.id.desc()).limit(limit)))


def remove_old(tx: Transaction, *, before: int, limit: int = 500) -> int:
    """Remove the oldest entries, if they were written before then; return how many."""
    oldest = tx.execute(select(Audit.id, Audit.at).order_by(Audit.id).limit(limit))
    ids = [row.id for row in oldest if row.at < before]
    return tx.execute(delete(Audit).where(Audit.id.in_(ids))).rowcount if ids else 0
