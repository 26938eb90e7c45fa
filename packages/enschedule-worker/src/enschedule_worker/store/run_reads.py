"""Runs as they are read: pages, single ones, chains. Nothing here changes a status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, Select, and_, exists, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.actor import Scope
from enschedule_core.run import RunStatus
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models import Revision, Run, RunDetail, Schedule, ScheduleTag, has_status
from enschedule_worker.store.schedule_lists import contains, is_of_group
from enschedule_worker.store.schedule_rows import within


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
    """Return what output needs of a run: status, fence, output_truncated."""
    statement = select(Run.id, Run.status, Run.fence, Run.output_truncated).where(Run.id == run_id)
    inside = visible(scope)
    return tx.execute(statement if inside is None else statement.where(inside)).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilters:
    """Which runs a list has; ``None`` and empty mean all. ``since`` and ``before`` (µs) are on ``queued_at``."""

    statuses: tuple[str, ...] = ()
    schedule_key: int | None = None
    handler_id: str | None = None
    handler_version: int | None = None
    worker: str | None = None
    tags: tuple[str, ...] = ()
    group: str | None = None
    since: int | None = None
    before: int | None = None
    q: str | None = None


def of_schedule(filters: RunFilters, key: int) -> RunFilters:
    """Return the same filters for the runs of one schedule."""
    return replace(filters, schedule_key=key)


def _conditions(filters: RunFilters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.statuses:
        found.append(has_status(Run.status, *filters.statuses))
    if filters.schedule_key is not None:
        found.append(Run.schedule_key == filters.schedule_key)
    if filters.handler_id is not None:
        found.append(Run.handler_id == filters.handler_id)
    if filters.handler_version is not None:
        found.append(Run.handler_version == filters.handler_version)
    if filters.worker is not None:
        found.append(or_(Run.worker_id == filters.worker, Run.worker_instance == filters.worker))
    found.extend(
        exists().where(ScheduleTag.tag == tag, ScheduleTag.schedule_key == Run.schedule_key) for tag in filters.tags
    )
    if filters.group is not None:
        found.append(is_of_group(Run.group_id, filters.group))
    if filters.since is not None:
        found.append(Run.queued_at >= filters.since)
    if filters.before is not None:
        found.append(Run.queued_at < filters.before)
    if filters.q:
        columns = (Schedule.id, Schedule.title, Run.handler_id, Run.message)
        found.append(or_(*(contains(column, filters.q) for column in columns)))
    return found


def page(
    tx: Transaction, scope: Scope, filters: RunFilters, *, limit: int, before_id: int | None = None
) -> list[Row[Any]]:
    """Return up to ``limit`` runs with an id below ``before_id``, newest first, with the columns of their schedule."""
    statement = _select().where(*_conditions(filters))
    inside = visible(scope)
    if inside is not None:
        statement = statement.where(inside)
    if before_id is not None:
        statement = statement.where(Run.id < before_id)
    return list(tx.execute(statement.order_by(Run.id.desc()).limit(limit)))


def ids(tx: Transaction, scope: Scope, filters: RunFilters, *, limit: int, before_id: int | None = None) -> list[int]:
    """Return up to ``limit`` ids of runs below ``before_id``, newest first."""
    statement = select(Run.id).where(*_conditions(filters))
    inside = visible(scope)
    if filters.q:
        statement = statement.outerjoin(Schedule, Schedule.key == Run.schedule_key)
    if inside is not None:
        statement = statement.where(inside)
    if before_id is not None:
        statement = statement.where(Run.id < before_id)
    return list(tx.execute(statement.order_by(Run.id.desc()).limit(limit)).scalars())


def number(tx: Transaction, scope: Scope, filters: RunFilters, *, most: int) -> int:
    """Return how many runs match, counted up to ``most``."""
    statement = select(Run.id).where(*_conditions(filters))
    inside = visible(scope)
    if filters.q:
        statement = statement.outerjoin(Schedule, Schedule.key == Run.schedule_key)
    if inside is not None:
        statement = statement.where(inside)
    counted = statement.limit(most).subquery()
    return int(tx.execute(select(func.count()).select_from(counted)).scalar_one())


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
