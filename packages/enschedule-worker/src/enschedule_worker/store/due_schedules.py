"""Which schedules the engine looks at now, and when it has to look next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, or_, select

from enschedule_worker.store import bulk, halt, limits, state
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.models.workers import Handler
from enschedule_worker.store.tables import table_of

RANKED = "ranked"
"""In the state once a schedule was saved that has a priority."""
_TABLE = table_of(Schedule)


def take(tx: Transaction, kinds: Collection[str], *, limit: int) -> Sequence[Row[Any]]:
    """Return, and lock, the rows of up to ``limit`` schedules of these trigger kinds that are to be looked at now."""
    return _looking(frozenset(kinds)).run(tx, now=tx.now, most=limit).all()


def row_of(tx: Transaction, key: int) -> Row[Any]:
    """Return one schedule in the form in which :func:`take` returns them."""
    return tx.execute(_ROWS.where(_TABLE.c.key == key)).one()


@lru_cache(maxsize=8)
def _looking(kinds: frozenset[str]) -> bulk.Statement:
    return bulk.Statement(lambda _: _due(kinds))


def _due(kinds: frozenset[str]) -> Select[Any]:
    return (
        _ROWS.where(_TABLE.c.fire_at <= bindparam("now"), _is_one_of(kinds), ~halt.is_on())
        .order_by(_TABLE.c.fire_at, _TABLE.c.key)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .with_hint(_TABLE, limits.SKIP_LOCKED_MSSQL, "mssql")
    )


_HANDLER = table_of(Handler).c
_NEEDED = (
    *("key", "id", "revision", "group_id", "handler_id", "handler_version", "trigger", "policies", "due_at", "paused"),
    *("paused_until", "faults", "open_runs", "running_runs", "recent", "slots_fired", "max_running"),
    *("concurrency_group", "binding"),
)
_ROWS = select(
    *(_TABLE.c[name] for name in _NEEDED),
    select(_HANDLER.max_running)
    .where(_HANDLER.id == _TABLE.c.handler_id, _HANDLER.version == _TABLE.c.handler_version)
    .scalar_subquery()
    .label("handler_max_running"),
    halt.last_value().label("last_halt"),
    state.value_of(RANKED).label("ranked"),
)


def _is_one_of(kinds: frozenset[str]) -> ColumnElement[bool]:
    # Single comparisons, because a list of values is written anew each time that a statement runs.
    return or_(*(_TABLE.c.trigger_kind == kind for kind in sorted(kinds)))


def next_fire_at(tx: Transaction, kinds: Collection[str]) -> int | None:
    """Return the earliest instant at which the engine has to look at a schedule."""
    found: int | None = tx.execute(_next_fire(frozenset(kinds))).scalar()
    return found


@lru_cache(maxsize=8)
def _next_fire(kinds: frozenset[str]) -> Select[Any]:
    return (
        select(_TABLE.c.fire_at)
        .where(_TABLE.c.fire_at.is_not(None), _is_one_of(kinds))
        .order_by(_TABLE.c.fire_at)
        .limit(1)
    )
