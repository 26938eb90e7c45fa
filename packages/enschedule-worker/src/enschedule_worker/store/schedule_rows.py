"""What every statement about whole schedules stands on: their status as SQL, who may see them, the columns read."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Select, and_, case, exists, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.actor import Scope
from enschedule_core.schedule import ScheduleStatus
from enschedule_worker.store import bindings, census
from enschedule_worker.store.models.people import Group
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Revision, Schedule
from enschedule_worker.store.models.workers import Worker, WorkerHandler


def is_offered() -> ColumnElement[bool]:
    """Return the SQL condition on ``schedules`` that some live worker can and may run it; parameter ``now``."""
    return exists().where(
        WorkerHandler.handler_id == Schedule.handler_id,
        WorkerHandler.handler_version == Schedule.handler_version,
        Worker.instance_id == WorkerHandler.instance_id,
        census.is_live(),
        or_(Schedule.worker_id.is_(None), Schedule.worker_id == Worker.id),
        bindings.covers(Worker.tags, Schedule.worker_tags),
    )


def _rules(offered: ColumnElement[bool]) -> tuple[tuple[ColumnElement[bool], ScheduleStatus], ...]:
    """Return the one table of what a schedule's status is; the first that holds, in this order."""
    has_more = or_(Schedule.due_at.is_not(None), Schedule.open_runs > 0, Schedule.trigger_kind == "manual")
    return (
        (Schedule.broken_reason.is_not(None), ScheduleStatus.BROKEN),
        (Schedule.paused == true(), ScheduleStatus.PAUSED),
        (Schedule.running_runs > 0, ScheduleStatus.RUNNING),
        (Schedule.retry_at.is_not(None), ScheduleStatus.RETRYING),
        (and_(has_more, ~offered), ScheduleStatus.WAITING),
        (Schedule.failing_since.is_not(None), ScheduleStatus.FAILING),
        (Schedule.due_at.is_not(None), ScheduleStatus.SCHEDULED),
        (Schedule.trigger_kind != "manual", ScheduleStatus.FINISHED),
    )


def status(offered: ColumnElement[bool]) -> ColumnElement[str]:
    """Return the SQL expression on ``schedules`` for its status; pages, filters and counts all use this one."""
    return case(*((rule, found.value) for rule, found in _rules(offered)), else_=ScheduleStatus.MANUAL.value)


@cache
def status_of_row() -> ColumnElement[str]:
    """Return :func:`status` for a few rows, each looking up what is offered; parameter ``now``."""
    return status(is_offered())


def visible(scope: Scope) -> ColumnElement[bool]:
    """Return the SQL condition that a row of ``schedules`` is there and lies in ``scope``."""
    return and_(Schedule.deleted_at.is_(None), within(Schedule.group_id, scope))


def within(group_id: Any, scope: Scope) -> ColumnElement[bool]:
    """Return the SQL condition that the group a row belongs to (a column) lies in ``scope``."""
    if scope.groups is None:
        return true()
    found: ColumnElement[bool] = group_id.in_(sorted(scope.groups))
    return or_(found, group_id.is_(None)) if scope.ungrouped else found


@cache
def whole() -> Select[Any]:
    """Return the statement for whole rows: all columns, ``status``, data and env, and the last run; parameter ``now``.

    Made once: putting it together takes longer than running it.
    """
    return (
        select(
            *Schedule.__table__.columns,
            status_of_row().label("status"),
            Revision.data,
            Revision.env,
            Run.started_at.label("last_started_at"),
            Run.finished_at.label("last_finished_at"),
            Run.message.label("last_message"),
            Group.id.label("group_name"),
        )
        .join(Revision, and_(Revision.schedule_key == Schedule.key, Revision.revision == Schedule.revision))
        .outerjoin(Run, Run.id == Schedule.last_run_id)
        .outerjoin(Group, Group.key == Schedule.group_id)
    )
