"""Counts for charts and health: from the hourly counters and narrow indexes, never by walking through the runs."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Row, Select, bindparam, func, select

from enschedule_core.actor import Scope
from enschedule_core.run import RunStatus
from enschedule_worker.store.counters import EARLIER
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Counter, Run
from enschedule_worker.store.models.schedules import Schedule, Skip
from enschedule_worker.store.models.status import has_status
from enschedule_worker.store.schedule_rows import within

RECENT_STARTS = 200


def hours(tx: Transaction, start: int, end: int) -> list[Row[Any]]:
    """Return hour_at, status, and the sums runs, duration, delay, delayed of all workers, from ``start`` to ``end``."""
    return list(tx.execute(_HOURS, {"start": start, "end": end}))


_HOURS = (
    select(
        Counter.hour_at,
        Counter.status,
        func.sum(Counter.count).label("runs"),
        func.sum(Counter.duration).label("duration"),
        func.sum(Counter.delay).label("delay"),
        func.sum(Counter.delayed).label("delayed"),
    )
    .where(
        Counter.hour_at > EARLIER,
        Counter.hour_at >= bindparam("start", type_=BigInteger),
        Counter.hour_at < bindparam("end", type_=BigInteger),
    )
    .group_by(Counter.hour_at, Counter.status)
    .order_by(Counter.hour_at)
)


def ends_of(tx: Transaction, schedule_key: int, start: int, end: int, limit: int) -> list[Row[Any]]:
    """Return finished_at, status, started_at, not_before of up to ``limit`` ended runs of a schedule, newest first."""
    return list(
        tx.execute(
            select(Run.finished_at, Run.status, Run.started_at, Run.not_before)
            .where(
                Run.schedule_key == schedule_key,
                Run.finished_at.is_not(None),
                Run.finished_at >= start,
                Run.finished_at < end,
            )
            .order_by(Run.id.desc())
            .limit(limit)
        )
    )


def ends_within(tx: Transaction, scope: Scope, start: int, end: int, limit: int) -> list[Row[Any]]:
    """Return what :func:`ends_of` returns, of those in a scope among the newest ``limit`` runs of all."""
    columns = (Run.finished_at, Run.status, Run.started_at, Run.not_before, Run.group_id)
    newest = select(*columns).order_by(Run.id.desc()).limit(limit).subquery()
    inside = (within(newest.c.group_id, scope), newest.c.finished_at >= start, newest.c.finished_at < end)
    return list(tx.execute(select(newest).where(*inside)))


def skipped_within(tx: Transaction, scope: Scope, start: int, end: int) -> int:
    """Return how many slots of the schedules in a scope were skipped, by the end of each stretch."""
    found = tx.execute(
        select(func.coalesce(func.sum(Skip.count), 0))
        .join(Schedule, Schedule.key == Skip.schedule_key)
        .where(within(Schedule.group_id, scope), Skip.last_slot_at >= start, Skip.last_slot_at < end)
    ).scalar_one()
    return int(found)


def skipped_of(tx: Transaction, schedule_key: int, start: int, end: int) -> int:
    """Return how many slots of a schedule were skipped, by the end of each stretch."""
    found = tx.execute(
        select(func.coalesce(func.sum(Skip.count), 0)).where(
            Skip.schedule_key == schedule_key, Skip.last_slot_at >= start, Skip.last_slot_at < end
        )
    ).scalar_one()
    return int(found)


def queue(tx: Transaction, scope: Scope) -> Row[Any]:
    """Return ``queued`` (runs that could start now), ``oldest`` (the ``not_before`` of the first) and ``running``."""
    return tx.execute(_queue(scope), {"now": tx.now}).one()


@lru_cache(maxsize=64)
def _queue(scope: Scope) -> Select[Any]:
    inside = () if scope.groups is None else (within(Run.group_id, scope),)
    running = select(func.count()).where(has_status(Run.status, RunStatus.RUNNING), *inside).scalar_subquery()
    now = bindparam("now", type_=BigInteger)
    return select(
        func.count().label("queued"), func.min(Run.not_before).label("oldest"), running.label("running")
    ).where(has_status(Run.status, RunStatus.QUEUED), Run.not_before <= now, *inside)


def newest_starts(tx: Transaction, since: int) -> list[int]:
    """Return by how many microseconds the newest runs started after they could, for those queued since then."""
    return [max(int(delay), 0) for delay in tx.execute(_NEWEST_STARTS, {"since": since}).scalars()]


def _newest_starts() -> Select[Any]:
    newest = (
        select(Run.started_at, Run.not_before, Run.queued_at).order_by(Run.id.desc()).limit(RECENT_STARTS).subquery()
    )
    return select(newest.c.started_at - newest.c.not_before).where(
        newest.c.started_at.is_not(None), newest.c.queued_at >= bindparam("since", type_=BigInteger)
    )


_NEWEST_STARTS = _newest_starts()
