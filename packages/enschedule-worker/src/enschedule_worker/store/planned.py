"""What is planned: the schedules that go on before an instant, and from when on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Row, Select, and_, bindparam, case, false, func, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.actor import Scope
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.schedules import Schedule, is_above_none
from enschedule_worker.store.schedule_rows import visible


def _goes_on_at() -> ColumnElement[int]:
    """Return the SQL expression for the instant from which a schedule's slots run: its next one, or the pause's end."""
    return case(
        (and_(Schedule.paused == true(), Schedule.paused_until > Schedule.due_at), Schedule.paused_until),
        else_=Schedule.due_at,
    )


def _planned(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that a schedule goes on before the parameter ``end``."""
    end = bindparam("end", type_=BigInteger)
    goes_on = or_(Schedule.paused == false(), Schedule.paused_until < end)
    return and_(visible(scope), Schedule.due_at < end, goes_on, Schedule.broken_reason.is_(None))


def earliest(tx: Transaction, scope: Scope, end: int, limit: int) -> list[Row[Any]]:
    """Return the schedules that go on first, before ``end``: id, title, trigger, slots_fired, goes_on_at.

    Those that are not paused come in the order of an index; of those whose pause ends there are few.
    """
    found = [row for part in _earliest(scope, limit) for row in tx.execute(part, {"end": end})]
    return sorted(found, key=lambda row: (row.goes_on_at, row.key))[:limit]


@lru_cache(maxsize=64)
def _earliest(scope: Scope, limit: int) -> Sequence[Select[Any]]:
    goes_on_at = _goes_on_at()
    columns: list[Any] = [Schedule.id, Schedule.title, Schedule.trigger, Schedule.slots_fired, Schedule.key]
    base: Select[Any] = select(*columns, goes_on_at.label("goes_on_at")).where(_planned(scope)).limit(limit)
    going = base.where(Schedule.paused == false()).order_by(Schedule.due_at, Schedule.key)
    resting = base.where(Schedule.paused == true(), is_above_none(Schedule.paused_until))
    return going, resting.order_by(goes_on_at, Schedule.key)


def before(tx: Transaction, scope: Scope, end: int, limit: int) -> list[Row[Any]]:
    """Return what is planned before ``end``, schedules alike as one row, what goes on first at the front.

    Columns: trigger, slots_fired (0 where it does not matter), goes_on_at, number (of schedules), key and last_key (the
    lowest and the highest of theirs).
    """
    fired = case((Schedule.trigger.contains('"max_runs":null'), 0), else_=Schedule.slots_fired)
    columns = (Schedule.trigger, fired.label("slots_fired"), _goes_on_at().label("goes_on_at"))
    inner = select(*columns, Schedule.key).where(_planned(scope)).subquery()
    alike = (inner.c.trigger, inner.c.slots_fired, inner.c.goes_on_at)
    keys = (func.min(inner.c.key).label("key"), func.max(inner.c.key).label("last_key"))
    chosen = select(*alike, func.count().label("number"), *keys).group_by(*alike)
    return list(tx.execute(chosen.order_by(inner.c.goes_on_at).limit(limit), {"end": end}))


def names(tx: Transaction, keys: Collection[int]) -> dict[int, Row[Any]]:
    """Return id and title of schedules by their keys."""
    found = tx.execute(select(Schedule.key, Schedule.id, Schedule.title).where(Schedule.key.in_(keys)))
    return {int(row.key): row for row in found}
