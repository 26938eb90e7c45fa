"""Schedules in groups: under their handler, or under each of their tags, so that one may come several times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.actor import Scope
from enschedule_worker.store import schedule_lists
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.schedules import Schedule, ScheduleTag
from enschedule_worker.store.schedule_lists import SORTS, Filters
from enschedule_worker.store.schedule_rows import visible, whole

TAG, HANDLER = "tag", "handler"
_OWN = aliased(ScheduleTag)  # beside the tags that a filter asks for
_GROUP: dict[str, Any] = {TAG: _OWN.tag, HANDLER: Schedule.handler_id}


@dataclass(frozen=True, slots=True)
class Spot:
    """A schedule in a group: the group's name (``None`` for those without a tag), the sorted value, the key."""

    name: str | None
    value: Any
    key: int


def page(
    tx: Transaction,
    scope: Scope,
    filters: Filters,
    *,
    by: str,
    sort: str = "due_at",
    limit: int = 50,
    after: Spot | None = None,
) -> list[Spot]:
    """Return up to ``limit`` places in lists by ``tag`` or ``handler``: group after group, by name.

    Within a group they are sorted as :func:`enschedule_worker.store.schedule_lists.page` sorts. What has no tag comes
    last.
    """
    column, backwards = SORTS[sort.lstrip("-")], sort.startswith("-")
    columns = (column.label("value"), Schedule.key)
    where = (visible(scope), *schedule_lists.conditions(tx, filters))
    named = _grouped(select(_GROUP[by].label("name"), *columns), by).where(*where)
    found: list[Spot] = []
    if after is None or after.name is not None:
        if after is not None:
            same = and_(_GROUP[by] == after.name, _beyond(column, after, backwards=backwards))
            named = named.where(_GROUP[by] >= after.name, or_(_GROUP[by] > after.name, same))
        order = (_GROUP[by], *_order(column, backwards=backwards))
        found = _spots(tx, named.order_by(*order).limit(limit))
        after = None
    if by == TAG and len(found) < limit:
        bare = select(*columns).where(*where, _has_no_tag())
        if after is not None:
            bare = bare.where(_beyond(column, after, backwards=backwards))
        found += _spots(tx, bare.order_by(*_order(column, backwards=backwards)).limit(limit - len(found)))
    return found


def counts(
    tx: Transaction, scope: Scope, filters: Filters, *, by: str, names: Iterable[str | None]
) -> dict[str | None, int]:
    """Return how many schedules that match are in the groups with these names."""
    wanted = set(names)
    where = (visible(scope), *schedule_lists.conditions(tx, filters))
    found: dict[str | None, int] = {}
    if some := sorted(name for name in wanted if name is not None):
        number = func.count().label("number")
        statement = _grouped(select(_GROUP[by].label("name"), number), by).where(*where, _GROUP[by].in_(some))
        found = {row.name: row.number for row in tx.execute(statement.group_by(_GROUP[by]), {"now": tx.now})}
    if None in wanted:
        bare = select(func.count()).select_from(Schedule).where(*where, _has_no_tag())
        found[None] = int(tx.execute(bare, {"now": tx.now}).scalar_one())
    return found


def rows(tx: Transaction, keys: Sequence[int]) -> dict[int, Row[Any]]:
    """Return the whole rows of schedules by their keys."""
    statement = whole().where(Schedule.key.in_(sorted(set(keys))))
    return {int(row.key): row for row in tx.execute(statement, {"now": tx.now})}


def _grouped(statement: Select[Any], by: str) -> Select[Any]:
    if by == HANDLER:
        return statement
    return statement.select_from(_OWN).join(Schedule, Schedule.key == _OWN.schedule_key)


def _has_no_tag() -> ColumnElement[bool]:
    return ~exists().where(ScheduleTag.schedule_key == Schedule.key)


def _spots(tx: Transaction, statement: Select[Any]) -> list[Spot]:
    rows = tx.execute(statement, {"now": tx.now})
    return [Spot(getattr(row, "name", None), row.value, row.key) for row in rows]


def _order(column: Any, *, backwards: bool) -> tuple[Any, ...]:
    """Return the order within a group; what has no value comes last either way."""
    empty = (case((column.is_(None), 1), else_=0),) if column.nullable else ()
    return (*empty, column.desc(), Schedule.key.desc()) if backwards else (*empty, column, Schedule.key)


def _beyond(column: Any, spot: Spot, *, backwards: bool) -> ColumnElement[bool]:
    later = Schedule.key < spot.key if backwards else Schedule.key > spot.key
    if spot.value is None:
        return and_(column.is_(None), later)
    further = column < spot.value if backwards else column > spot.value
    found = or_(further, and_(column == spot.value, later))
    return or_(found, column.is_(None)) if column.nullable else found
