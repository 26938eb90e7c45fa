"""Schedules many at a time: pages, counts, what is planned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Executable,
    Integer,
    Row,
    Select,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.actor import Scope
from enschedule_core.run import RunStatus
from enschedule_core.schedule import ScheduleStatus
from enschedule_worker.store import bindings, census
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.matching import contains, is_one_of
from enschedule_worker.store.models.people import Group
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule, ScheduleTag, is_above_none
from enschedule_worker.store.models.status import has_status
from enschedule_worker.store.models.workers import Handler, Worker, WorkerHandler
from enschedule_worker.store.schedule_rows import is_offered, status, status_of_row, visible, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which schedules a list has; ``None`` and empty mean all."""

    q: str | None = None
    statuses: tuple[str, ...] = ()
    handler_id: str | None = None
    handler_version: int | None = None
    tags: tuple[str, ...] = ()
    worker: str | None = None
    group: str | None = None
    paused: bool | None = None
    failing: bool | None = None


EVERY = Filters()
_OF_AN_ID = re.compile(r"[A-Za-z0-9._~-]+")
"""What may be a part of an id, or of the id that one gets when it is deleted, in whichever case somebody types it."""
MANY = 200
"""More schedules than these match: then the first of them are soon found in the order of the list."""

SORTS: Mapping[str, ColumnElement[Any] | Any] = {
    "due_at": Schedule.due_at,
    "id": Schedule.id,
    "title": Schedule.title,
    "last_run": Schedule.last_run_at,
}


def is_of_group(column: Any, group: str) -> ColumnElement[bool]:
    """Return the SQL condition that a column of group keys has that of the group with this id."""
    found: ColumnElement[bool] = column == select(Group.key).where(Group.id == group).scalar_subquery()
    return found


def named(tx: Transaction, text: str) -> set[int] | None:
    """Return the keys of the schedules, deleted ones too, that have ``text`` in their id, title or handler's id.

    ``None`` for more than :data:`MANY`, and where a handler has it: then there is nothing to be gained by a list.
    """
    return tx.seen("named", text, lambda: _named(tx, text))


def _named(tx: Transaction, text: str) -> set[int] | None:
    if tx.execute(select(Handler.id).where(contains(Handler.id, text)).limit(1)).first() is not None:
        return None
    named_so = contains(Schedule.title, text)
    if _OF_AN_ID.fullmatch(text):  # which is always in lower case; one index has both
        named_so = or_(Schedule.id.contains(text.lower(), autoescape=True), named_so)
    keys = set(tx.execute(select(Schedule.key).where(named_so).limit(MANY + 1)).scalars())
    return None if len(keys) > MANY else keys


def conditions(tx: Transaction, filters: Filters) -> list[ColumnElement[bool]]:
    """Return the SQL conditions on ``schedules`` that the filters mean; some have the parameter ``now``."""
    found: list[ColumnElement[bool]] = []
    if filters.q:
        keys = named(tx, filters.q)
        columns = (Schedule.id, Schedule.title, Schedule.handler_id)
        said = (contains(column, filters.q) for column in columns)
        found.append(or_(*said) if keys is None else is_one_of(Schedule.key, keys))
    if filters.statuses:
        found.append(_has_status(filters.statuses))
    if filters.handler_id is not None:
        found.append(_has_handler(tx, filters.handler_id))
    if filters.handler_version is not None:
        found.append(Schedule.handler_version == filters.handler_version)
    found.extend(
        exists().where(ScheduleTag.tag == tag, ScheduleTag.schedule_key == Schedule.key) for tag in filters.tags
    )
    if filters.worker is not None:
        found.append(Schedule.worker_id == filters.worker)
    if filters.group is not None:
        found.append(is_of_group(Schedule.group_id, filters.group))
    if filters.paused is not None:
        found.append(_is_paused(tx) if filters.paused else Schedule.paused == false())
    if filters.failing is not None:
        found.append(Schedule.key.in_(_FAILING) if filters.failing else Schedule.failing_since.is_(None))
    return found


def _has_status(statuses: Sequence[str]) -> ColumnElement[bool]:
    plain = [name for name in statuses if name != ScheduleStatus.FAILING]
    options: list[ColumnElement[bool]] = [status_of_row().in_(plain)] if plain else []
    if plain and set(plain) <= _SIGNS.keys():
        options = [and_(options[0], or_(*(Schedule.key.in_(_SIGNS[name]) for name in plain)))]
    if ScheduleStatus.FAILING in statuses:  # also while it runs or retries again
        options.append(Schedule.key.in_(_FAILING))
    return or_(*options)


_ALIKE = aliased(Schedule)
_FAILING = select(_ALIKE.key).where(_ALIKE.failing_since > 0)
_SIGNS: Mapping[str, Any] = {
    ScheduleStatus.BROKEN.value: select(_ALIKE.key).where(is_above_none(_ALIKE.faults)),
    ScheduleStatus.PAUSED.value: select(_ALIKE.key).where(_ALIKE.paused == true()),
    ScheduleStatus.RETRYING.value: select(_ALIKE.key).where(is_above_none(_ALIKE.retry_at)),
    ScheduleStatus.RUNNING.value: select(Run.schedule_key).where(has_status(Run.status, RunStatus.RUNNING)),
}
"""The keys of all that may have a status, and of few besides, each from an index."""


def _has_handler(tx: Transaction, handler_id: str) -> ColumnElement[bool]:
    """Return the condition that a schedule has a handler; if many have, one that no index is taken for.

    Then the first of them are soon found in the order of the list, while all of them would have to be sorted.
    PostgreSQL knows from its statistics, and what a function returns would mislead it.
    """
    same = Schedule.handler_id == handler_id
    if tx.dialect == "postgresql":
        return same
    some = tx.seen("handled", handler_id, lambda: tx.execute(select(Schedule.key).where(same).limit(MANY + 1)).all())
    return same if len(some) <= MANY else func.coalesce(Schedule.handler_id, "") == handler_id


def _is_paused(tx: Transaction) -> ColumnElement[bool]:
    """Return the condition that a schedule is paused; if few are, by their keys, which are soon sorted."""
    is_paused = Schedule.paused == true()
    some = tx.seen("paused", None, lambda: tx.execute(select(Schedule.key).where(is_paused).limit(MANY + 1)).all())
    return is_one_of(Schedule.key, (row.key for row in some)) if len(some) <= MANY else is_paused


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the row with this value of the sorted column and this key."""

    value: Any
    key: int


def page(
    tx: Transaction,
    scope: Scope,
    filters: Filters,
    *,
    sort: str = "due_at",
    limit: int = 50,
    after: Place | None = None,
) -> list[Row[Any]]:
    """Return up to ``limit`` whole rows in the order ``sort`` (a name of :data:`SORTS`, with ``-`` backwards).

    Rows without a value (nothing due, never run) come last either way. Beside the columns of
    ``schedules`` each row has ``status``, ``data`` (stored text), ``last_started_at``,
    ``last_finished_at`` and ``last_message``.
    """
    column, backwards = SORTS[sort.lstrip("-")], sort.startswith("-")
    where = (visible(scope), *conditions(tx, filters))
    now = {"now": tx.now}
    rows: list[Row[Any]] = []
    if after is None or after.value is not None:
        beyond = () if after is None else (_beyond(column, after, backwards=backwards),)
        order = (column.desc(), Schedule.key.desc()) if backwards else (column, Schedule.key)
        rows = list(tx.execute(_first((*where, column.is_not(None), *beyond), order, limit), now))
        after = None
    if len(rows) < limit and column.nullable:
        beyond = () if after is None else (Schedule.key > after.key,)
        rows.extend(tx.execute(_first((*where, column.is_(None), *beyond), (Schedule.key,), limit - len(rows)), now))
    return rows


def _first(where: Sequence[ColumnElement[bool]], order: Sequence[Any], limit: int) -> Select[Any]:
    """Return the statement for the first whole rows in an order.

    Their keys are chosen before anything is joined: a planner that is wrong about how many there are would else join
    and sort all of them.
    """
    chosen = select(Schedule.key).where(*where).order_by(*order).limit(limit).subquery()
    return whole().join(chosen, chosen.c.key == Schedule.key).order_by(*order)


def keys(
    tx: Transaction, scope: Scope, filters: Filters, *, limit: int, after: int | None = None
) -> list[tuple[int, str]]:
    """Return key and id of up to ``limit`` schedules with a key above ``after``, by key."""
    statement = select(Schedule.key, Schedule.id).where(visible(scope), *conditions(tx, filters))
    if after is not None:
        statement = statement.where(Schedule.key > after)
    rows = tx.execute(statement.order_by(Schedule.key).limit(limit), {"now": tx.now})
    return [(row.key, row.id) for row in rows]


def _beyond(column: Any, place: Place, *, backwards: bool) -> ColumnElement[bool]:
    if backwards:
        return and_(column <= place.value, or_(column < place.value, Schedule.key < place.key))
    return and_(column >= place.value, or_(column > place.value, Schedule.key > place.key))


def place_of(row: Row[Any], sort: str) -> Place:
    """Return where the page after this row begins."""
    name = sort.lstrip("-")
    return Place(row.last_run_at if name == "last_run" else getattr(row, name), row.key)


def counts(tx: Transaction, scope: Scope, filters: Filters = EVERY, *, overdue_before: int) -> Row[Any]:
    """Return how many schedules match (``total``), by ``status_…``, and ``failing``, ``paused``, ``overdue``."""
    matching = conditions(tx, filters)
    return tx.execute(_counts(scope, matching, overdue_before), {"now": tx.now}).one()


def _counts(scope: Scope, matching: Sequence[ColumnElement[bool]], overdue_before: int) -> Executable:
    """Put the counts together; what is offered is looked up once, not for each schedule."""
    offered = (
        select(WorkerHandler.handler_id, WorkerHandler.handler_version)
        .join(Worker, Worker.instance_id == WorkerHandler.instance_id)
        .where(census.is_live())
        .distinct()
        .subquery()
    )
    same = (offered.c.handler_id == Schedule.handler_id, offered.c.handler_version == Schedule.handler_version)
    anywhere = and_(Schedule.binding == bindings.ANY, offered.c.handler_id.is_not(None))
    found_status = status(or_(anywhere, and_(Schedule.binding != bindings.ANY, is_offered()))).label("status")
    inner = (
        select(found_status, Schedule.failing_since, Schedule.paused, Schedule.fire_at)
        .outerjoin(offered, and_(*same))
        .where(visible(scope), *matching)
        .subquery()
    )

    def number(condition: ColumnElement[bool]) -> ColumnElement[int]:
        # As a whole number, which the sum of numbers is not on MySQL.
        return cast(func.coalesce(func.sum(case((condition, 1), else_=0)), 0), Integer)

    late = and_(inner.c.fire_at.is_not(None), inner.c.fire_at < overdue_before)
    return select(
        func.count().label("total"),
        *(number(inner.c.status == found.value).label(f"status_{found.value}") for found in ScheduleStatus),
        number(inner.c.failing_since.is_not(None)).label("failing"),
        number(inner.c.paused == true()).label("paused"),
        number(late).label("overdue"),
    )


def tags(tx: Transaction, scope: Scope, limit: int) -> list[Row[Any]]:
    """Return the tags that schedules have, and how many have each (``tag``, ``number``): the most used first."""
    number = func.count().label("number")
    statement = select(ScheduleTag.tag, number).join(Schedule, Schedule.key == ScheduleTag.schedule_key)
    statement = statement.where(visible(scope)).group_by(ScheduleTag.tag)
    return list(tx.execute(statement.order_by(number.desc(), ScheduleTag.tag).limit(limit)))


def failing(tx: Transaction, scope: Scope, where: Sequence[ColumnElement[bool]], limit: int) -> list[Row[Any]]:
    """Return the whole rows of schedules that fail and fulfil ``where``, longest first."""
    statement = _failing(scope, limit)
    return list(tx.execute(statement.where(*where) if where else statement, {"now": tx.now}))


def broken(tx: Transaction, scope: Scope, where: Sequence[ColumnElement[bool]], limit: int) -> list[Row[Any]]:
    """Return the whole rows of schedules that are broken and fulfil ``where``, by title."""
    statement = _broken(scope, limit)
    return list(tx.execute(statement.where(*where) if where else statement, {"now": tx.now}))


@lru_cache(maxsize=64)
def _failing(scope: Scope, limit: int) -> Select[Any]:
    chosen = whole().where(visible(scope), Schedule.failing_since.is_not(None))
    return chosen.order_by(Schedule.failing_since, Schedule.key).limit(limit)


@lru_cache(maxsize=64)
def _broken(scope: Scope, limit: int) -> Select[Any]:
    chosen = whole().where(visible(scope), is_above_none(Schedule.faults), Schedule.broken_reason.is_not(None))
    return chosen.order_by(Schedule.title, Schedule.key).limit(limit)
