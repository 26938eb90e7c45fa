"""Runs as they are read: pages, single ones, chains. Nothing here changes a status."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.actor import Scope
from enschedule_core.run import RunStatus
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Run, RunDetail
from enschedule_worker.store.models.schedules import Revision, Schedule
from enschedule_worker.store.models.status import has_status
from enschedule_worker.store.run_search import RunFilters, of_schedule, ways
from enschedule_worker.store.schedule_rows import within
from enschedule_worker.store.tables import table_of

__all__ = [
    "RunFilters",
    "attempts",
    "get",
    "ids",
    "number",
    "of_schedule",
    "open_of",
    "page",
    "running",
    "standing",
    "visible",
    "whole",
]
_R = table_of(Run).c


def visible(scope: Scope) -> ColumnElement[bool] | None:
    """Return the SQL condition that a run lies in ``scope``; ``None`` where that is all of them."""
    return None if scope.groups is None else within(Run.group_id, scope)


def _select(*more: Any) -> Select[Any]:
    return select(
        *Run.__table__.columns,
        Schedule.id.label("schedule_id"),
        Schedule.title.label("schedule_title"),
        Schedule.deleted_at.label("schedule_deleted_at"),
        *more,
    ).outerjoin(Schedule, Schedule.key == Run.schedule_key)


def get(tx: Transaction, run_id: int, scope: Scope) -> Row[Any] | None:
    """Return a run in full: its columns, those of its schedule, ``data``, ``result``, ``traceback``, ``note``.

    ``data`` is its own or, without, that of its revision; stored text.
    """
    statement = (
        _select(
            func.coalesce(RunDetail.data, Revision.data).label("data"),
            RunDetail.result,
            RunDetail.traceback,
            RunDetail.note,
        )
        .outerjoin(RunDetail, RunDetail.run_id == Run.id)
        .outerjoin(Revision, and_(Revision.schedule_key == Run.schedule_key, Revision.revision == Run.revision))
        .where(Run.id == run_id)
    )
    inside = visible(scope)
    return tx.execute(statement if inside is None else statement.where(inside)).first()


def standing(tx: Transaction, run_id: int, scope: Scope) -> Row[Any] | None:
    """Return what output needs of a run: status, fence, output_truncated, and by queued_at which one had this id."""
    columns = (Run.id, Run.status, Run.fence, Run.output_truncated, Run.queued_at)
    statement = select(*columns).where(Run.id == run_id)
    inside = visible(scope)
    return tx.execute(statement if inside is None else statement.where(inside)).first()


def page(
    tx: Transaction, scope: Scope, filters: RunFilters, *, limit: int, before_id: int | None = None
) -> list[Row[Any]]:
    """Return up to ``limit`` runs with an id below ``before_id``, newest first, with the columns of their schedule."""
    return _newest(tx, scope, filters, _select(), limit, before_id)


def ids(tx: Transaction, scope: Scope, filters: RunFilters, *, limit: int, before_id: int | None = None) -> list[int]:
    """Return up to ``limit`` ids of runs below ``before_id``, newest first."""
    statement = select(Run.id)
    if filters.q:
        statement = statement.outerjoin(Schedule, Schedule.key == Run.schedule_key)
    return [row.id for row in _newest(tx, scope, filters, statement, limit, before_id)]


def _newest(
    tx: Transaction, scope: Scope, filters: RunFilters, statement: Select[Any], limit: int, before_id: int | None
) -> list[Row[Any]]:
    """Return the newest rows of ``statement`` that are found on any way to what the filters ask for."""
    inside = visible(scope)
    if inside is not None:
        statement = statement.where(inside)
    if before_id is not None:
        statement = statement.where(Run.id < before_id)
    statement = statement.order_by(Run.id.desc()).limit(limit)
    found = [list(tx.execute(statement.where(*way))) for way in ways(tx, filters)]
    if len(found) <= 1:
        return found[0] if found else []
    by_id = {row.id: row for rows in found for row in rows}
    return [by_id[id] for id in sorted(by_id, reverse=True)[:limit]]


def number(tx: Transaction, scope: Scope, filters: RunFilters, *, most: int) -> int:
    """Return how many runs match, counted up to ``most``."""
    return len(ids(tx, scope, filters, limit=most))


def attempts(tx: Transaction, run: Row[Any]) -> list[Row[Any]]:
    """Return the attempts of the chain that a run belongs to, oldest first."""
    root = run.root_id or run.id
    columns = (Run.id, Run.status, Run.attempt, Run.queued_at, Run.not_before, Run.started_at, Run.finished_at)
    return list(tx.execute(select(*columns).where(or_(Run.id == root, Run.root_id == root)).order_by(Run.id)))


def running(tx: Transaction, instances: Iterable[str]) -> list[Row[Any]]:
    """Return what workers run now, longest first: the columns of a page of runs."""
    return list(
        tx.execute(
            _select()
            .where(has_status(Run.status, RunStatus.RUNNING), Run.worker_instance.in_(list(instances)))
            .order_by(Run.started_at, Run.id)
        )
    )


def open_of(tx: Transaction, schedule_key: int, limit: int = 10) -> list[Row[Any]]:
    """Return the open runs of a schedule, oldest first."""
    return list(
        tx.execute(
            select(*Run.__table__.columns)
            .where(Run.schedule_key == schedule_key, Run.status.in_([RunStatus.QUEUED, RunStatus.RUNNING]))
            .order_by(Run.id)
            .limit(limit)
        )
    )


def whole(tx: Transaction, run_ids: Collection[int]) -> dict[int, Row[Any]]:
    """Return the whole rows of runs."""
    if not run_ids:
        return {}
    return {row.id: row for row in tx.execute(select(*_R).where(_R.id.in_(sorted(run_ids))))}
