"""How many schedules stand how, for every page that says so: from narrow indexes, never by reading all schedules.

What :func:`enschedule_worker.store.schedule_lists.counts` says of each schedule, this says of those in trouble: they
are few, and each kind of trouble has an index. How many there are, and which of them no worker can run, follows from
counting alike ones: by handler and by which workers they want.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Row, Select, and_, bindparam, false, func, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.actor import Scope
from enschedule_core.run import RunStatus
from enschedule_core.schedule import ScheduleStatus
from enschedule_worker.store import bindings, census, schedule_lists
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule, is_above_none
from enschedule_worker.store.models.status import has_status
from enschedule_worker.store.models.workers import Worker, WorkerHandler
from enschedule_worker.store.schedule_rows import is_offered, status, visible


@dataclass(frozen=True, slots=True)
class Counts:
    """How many schedules there are, and how many of them are what; one may be several things, such as late and paused.

    ``running``, ``waiting``, ``retrying`` and ``broken`` are statuses, so each schedule is in one of them at most.
    """

    total: int
    failing: int
    paused: int
    overdue: int
    running: int
    waiting: int
    retrying: int
    broken: int


def counts(tx: Transaction, scope: Scope, *, overdue_before: int) -> Counts:
    """Count the schedules that a scope has; ``overdue_before`` (µs) is before when one had to be looked at."""
    alike = tx.execute(_alike(scope)).all()
    found = tx.execute(_troubled(scope), {"late": overdue_before}).one()
    return Counts(
        total=sum(int(row.number) for row in alike),
        failing=found.failing,
        paused=sum(int(row.number) for row in alike if row.paused),
        overdue=found.overdue,
        running=found.running,
        waiting=_waiting(tx, scope, [row for row in alike if not row.paused]),
        retrying=found.retrying,
        broken=found.broken,
    )


def matching(tx: Transaction, scope: Scope, filters: schedule_lists.Filters, *, overdue_before: int) -> Counts:
    """Count those of the schedules that match, by reading these."""
    row = schedule_lists.counts(tx, scope, filters, overdue_before=overdue_before)
    return Counts(
        total=row.total,
        failing=row.failing,
        paused=row.paused,
        overdue=row.overdue,
        running=row.status_running,
        waiting=row.status_waiting,
        retrying=row.status_retrying,
        broken=row.status_broken,
    )


@lru_cache(maxsize=64)
def _alike(scope: Scope) -> Select[Any]:
    """Return the statement that counts schedules by what decides whether a worker can run them: from one index."""
    same: list[Any] = [Schedule.handler_id, Schedule.handler_version, Schedule.binding, Schedule.paused]
    figures: list[Any] = [func.count().label("number"), func.min(Schedule.key).label("key")]
    return select(*same, *figures).where(visible(scope)).group_by(*same)


@lru_cache(maxsize=64)
def _troubled(scope: Scope) -> Select[Any]:
    inside = visible(scope)
    late = bindparam("late", type_=BigInteger)
    running = select(Run.schedule_key).where(has_status(Run.status, RunStatus.RUNNING))
    by_itself = status(true())  # of these two, whatever workers offer

    # "Above 0" instead of "not NULL", which SQLite takes no index for.
    def number(*conditions: ColumnElement[bool]) -> Any:
        return select(func.count()).select_from(Schedule).where(inside, *conditions).scalar_subquery()

    return select(
        number(Schedule.failing_since > 0).label("failing"),
        number(Schedule.fire_at < late).label("overdue"),
        number(Schedule.key.in_(running), by_itself == ScheduleStatus.RUNNING).label("running"),
        number(is_above_none(Schedule.retry_at), by_itself == ScheduleStatus.RETRYING).label("retrying"),
        number(is_above_none(Schedule.faults), Schedule.broken_reason.is_not(None)).label("broken"),
    )


def _waiting(tx: Transaction, scope: Scope, alike: Sequence[Row[Any]]) -> int:
    """Count the schedules that no worker can run, and that would run."""
    live = select(WorkerHandler.handler_id, WorkerHandler.handler_version).join(
        Worker, Worker.instance_id == WorkerHandler.instance_id
    )
    offered = {tuple(row) for row in tx.execute(live.where(census.is_live()).distinct(), {"now": tx.now})}
    bound = [row.key for row in alike if row.binding != bindings.ANY]
    reached: set[int] = set()
    if bound:
        one_of_each = select(Schedule.key).where(Schedule.key.in_(bound), is_offered())
        reached = set(tx.execute(one_of_each, {"now": tx.now}).scalars())
    stranded = [
        row
        for row in alike
        if (
            row.key not in reached
            if row.binding != bindings.ANY
            else (row.handler_id, row.handler_version) not in offered
        )
    ]
    if not stranded:
        return 0
    same = or_(
        *(
            and_(
                Schedule.handler_id == row.handler_id,
                Schedule.handler_version == row.handler_version,
                Schedule.binding == row.binding,
            )
            for row in stranded
        )
    )
    waits = (visible(scope), same, status(false()) == ScheduleStatus.WAITING)
    return int(tx.execute(select(func.count()).select_from(Schedule).where(*waits)).scalar_one())
