"""How many schedules stand how, for every page that says so: from narrow indexes, never by reading all schedules.

What :func:`enschedule_worker.store.schedule_lists.counts` says of each schedule, this says of those in trouble: they
are few, and each kind of trouble has an index. How many there are, and which of them no worker can run, follows from
counting alike ones: by handler and by which workers they want. So no column may be read for these that is not in the
index ``ix_schedules_offer``: PostgreSQL would read all rows for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Row, Select, and_, bindparam, false, func, literal, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.actor import Scope
from enschedule_core.run import RunStatus
from enschedule_core.schedule import ScheduleStatus
from enschedule_worker.store import bindings, census
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule, is_above_none
from enschedule_worker.store.models.status import has_status
from enschedule_worker.store.models.workers import Binding, Worker, WorkerHandler
from enschedule_worker.store.schedule_rows import status, visible

Conditions = Sequence[ColumnElement[bool]]


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


def counts(tx: Transaction, scope: Scope, where: Conditions = (), *, overdue_before: int) -> Counts:
    """Count the schedules that a scope has and that fulfil ``where``.

    ``overdue_before`` (µs) is before when one had to be looked at.
    """
    now = {"now": tx.now}
    every = _alike(scope)
    alike = tx.execute(every.where(*where) if where else every, now).all()
    troubled = _troubled(scope, where) if where else _all_troubled(scope)
    found = tx.execute(troubled, now | {"late": overdue_before}).one()
    return Counts(
        total=sum(int(row.number) for row in alike),
        failing=found.failing,
        paused=sum(int(row.number) for row in alike if row.paused),
        overdue=found.overdue,
        running=found.running,
        waiting=_waiting(tx, scope, where, [row for row in alike if not row.paused]),
        retrying=found.retrying,
        broken=found.broken,
    )


def in_trouble(tx: Transaction, scope: Scope) -> Row[Any]:
    """Return how many schedules are ``failing``, and how many ``broken``: what every page says."""
    return tx.execute(_in_trouble(scope)).one()


@lru_cache(maxsize=64)
def _in_trouble(scope: Scope) -> Select[Any]:
    return select(_number(visible(scope), *FAILING).label("failing"), _number(visible(scope), *BROKEN).label("broken"))


@lru_cache(maxsize=64)
def _alike(scope: Scope) -> Select[Any]:
    """Return the statement that counts schedules by what decides whether a worker can run them: from one index."""
    same: list[Any] = [Schedule.handler_id, Schedule.handler_version, Schedule.binding, Schedule.paused]
    return select(*same, func.count().label("number")).where(visible(scope)).group_by(*same)


def _troubled(scope: Scope, where: Conditions) -> Select[Any]:
    inside = (visible(scope), *where)
    late = bindparam("late", type_=BigInteger)
    running = select(Run.schedule_key).where(has_status(Run.status, RunStatus.RUNNING))
    by_itself = status(true())  # of these two, whatever workers offer

    return select(
        _number(*inside, *FAILING).label("failing"),
        _number(*inside, Schedule.fire_at < late).label("overdue"),
        _number(*inside, Schedule.key.in_(running), by_itself == ScheduleStatus.RUNNING).label("running"),
        _number(*inside, is_above_none(Schedule.retry_at), by_itself == ScheduleStatus.RETRYING).label("retrying"),
        _number(*inside, *BROKEN).label("broken"),
    )


def _number(*conditions: ColumnElement[bool]) -> Any:
    return select(func.count()).select_from(Schedule).where(*conditions).scalar_subquery()


# "Above 0" instead of "not NULL", which SQLite takes no index for.
FAILING = (Schedule.failing_since > 0,)
BROKEN = (is_above_none(Schedule.faults), Schedule.broken_reason.is_not(None))


@lru_cache(maxsize=64)
def _all_troubled(scope: Scope) -> Select[Any]:
    """Return it for all schedules, made once: to put a statement together takes longer than to run it."""
    return _troubled(scope, ())


def _waiting(tx: Transaction, scope: Scope, where: Conditions, alike: Sequence[Row[Any]]) -> int:
    """Count the schedules that no worker can run, and that would run."""
    offered = {tuple(row) for row in tx.execute(_OFFERED, {"now": tx.now})}
    if any(row.binding != bindings.ANY for row in alike):
        offered |= {tuple(row) for row in tx.execute(_OFFERED_TO_SOME, {"now": tx.now})}
    stranded = {(row.handler_id, row.handler_version, row.binding) for row in alike} - offered
    if not stranded:
        return 0
    same = or_(
        *(
            and_(Schedule.handler_id == handler, Schedule.handler_version == version, Schedule.binding == binding)
            for handler, version, binding in sorted(stranded)
        )
    )
    waits = (visible(scope), *where, same, status(false()) == ScheduleStatus.WAITING)
    return int(tx.execute(select(func.count()).select_from(Schedule).where(*waits), {"now": tx.now}).scalar_one())


_OFFERS = select(WorkerHandler.handler_id, WorkerHandler.handler_version).join(
    Worker, Worker.instance_id == WorkerHandler.instance_id
)
_OFFERED = _OFFERS.add_columns(literal(bindings.ANY)).where(census.is_live()).distinct()
_OFFERED_TO_SOME = (
    _OFFERS.add_columns(Binding.key)
    .join(Binding, or_(Binding.worker_id.is_(None), Binding.worker_id == Worker.id))
    .where(census.is_live(), bindings.covers(Worker.tags, Binding.tags))
    .distinct()
)
"""Which handlers live workers offer, and to which wishes for a worker: handler, version, number of the wish."""


def broken(tx: Transaction) -> tuple[int, int]:
    """Return what tells whether the same schedules are broken: how many, and the sum of their keys."""
    row = tx.execute(_BROKEN).one()
    return int(row.number), int(row.keys_sum)


_BROKEN = select(func.count().label("number"), func.coalesce(func.sum(Schedule.key), 0).label("keys_sum")).where(
    *BROKEN, Schedule.deleted_at.is_(None)
)
