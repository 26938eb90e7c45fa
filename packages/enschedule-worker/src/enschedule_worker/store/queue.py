"""Reading the queue: which runs a worker may take, and when the next one comes.

The statements are built once for each set of handlers and then only given values: building one costs more than
running it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Executable, Row, Select, and_, bindparam, exists, false, or_, select

from enschedule_core.run import OPEN, RunStatus
from enschedule_worker.store import bulk, halt
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.limits import SKIP_LOCKED_MSSQL
from enschedule_worker.store.models.runs import Run, RunDetail
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.models.status import has_status
from enschedule_worker.store.tables import table_of

Offers = frozenset[tuple[str, int]]

_RUNS = table_of(Run)
_SCHEDULES = table_of(Schedule)
_DETAILS = table_of(RunDetail)
_R = _RUNS.c
_STATUSES_OPEN = tuple(sorted(OPEN))
TAKEN = (
    "id",
    "occurrence_key",
    "schedule_key",
    "revision",
    "handler_id",
    "handler_version",
    "has_data",
    "slot_at",
    "attempt",
    "root_id",
    "timeout",
    "not_before",
    "started_at",
    "fence",
    "rank",
)
"""What an executor needs of a claimed run, and its place in the queue."""


_PICKED = ("id", "schedule_key", "handler_id", "handler_version", "binding", "limited", "concurrency_group")


def pick(
    tx: Transaction,
    offers: Offers,
    *,
    limit: int,
    refused: frozenset[int] = frozenset(),
    not_roots: Collection[int] = (),
    besides: Collection[int] = (),
    only: ColumnElement[bool] | None = None,
) -> list[Row[Any]]:
    """Lock and return up to ``limit`` runs that may be claimed, best rank first, then oldest.

    Eligible: ``not_before`` has come, it has not expired, the handler version is in ``offers``, its binding is not in
    ``refused``, and, if it is ``serial``, no earlier run of its schedule is open; and nothing while everything is
    paused. Retries of the chains ``not_roots`` wait; the runs ``besides`` are left out, and what ``only`` does not let
    through. Limits are the caller's: see :mod:`enschedule_worker.store.picking`.
    """
    if limit <= 0 or not offers:
        return []
    values: dict[str, Any] = {"now": tx.now, "most": limit}
    if not not_roots and not besides and only is None:
        return list(_picking(offers, refused).run(tx, **values))
    statement = _pick(offers, refused)
    if not_roots:
        statement = statement.where(or_(_R.root_id.is_(None), _R.root_id.not_in(sorted(not_roots))))
    if besides:
        statement = statement.where(_R.id.not_in(sorted(besides)))
    if only is not None:
        statement = statement.where(only)
    return list(tx.execute(statement, values))


@lru_cache(maxsize=64)
def _picking(offers: Offers, refused: frozenset[int]) -> bulk.Statement:
    return bulk.Statement(lambda _: _pick(offers, refused))


@lru_cache(maxsize=64)
def _pick(offers: Offers, refused: frozenset[int]) -> Select[Any]:
    earlier = _RUNS.alias("earlier")
    earlier_is_open = exists().where(
        earlier.c.schedule_key == _R.schedule_key, earlier.c.id < _R.id, earlier.c.status.in_(_STATUSES_OPEN)
    )
    return (
        select(*(_R[name] for name in _PICKED))
        .where(
            has_status(_R.status, RunStatus.QUEUED),
            _R.not_before <= bindparam("now"),
            or_(_R.expires_at.is_(None), _R.expires_at > bindparam("now")),
            or_(*(and_(_R.handler_id == name, _R.handler_version == version) for name, version in sorted(offers))),
            or_(_R.serial == false(), ~earlier_is_open),
            ~halt.is_on(),
            *([_R.binding.not_in(sorted(refused))] if refused else []),
        )
        .order_by(_R.rank, _R.not_before, _R.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .with_hint(_RUNS, SKIP_LOCKED_MSSQL, "mssql")
    )


def taken(tx: Transaction, run_ids: Sequence[tuple[int]]) -> Sequence[Row[Any]]:
    """Return what an executor needs of claimed runs, in the order of the queue."""
    return in_order(_TAKEN.run(tx, run_ids).all())


def in_order(rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """Return rows with the columns :data:`TAKEN` in the order of the queue."""
    return sorted(rows, key=attrgetter("rank", "not_before", "id"))


def _taken_statement(dialect: str) -> Executable:
    found = bulk.rows(dialect, id=bulk.NUMBER).c
    return select(*(_R[name] for name in TAKEN)).where(_R.id.in_(select(found.v_id)))


_TAKEN = bulk.Statement(_taken_statement)


def next_at(tx: Transaction, offers: Offers) -> int | None:
    """Return the earliest ``not_before`` in the future of a queued run of these handlers."""
    if not offers:
        return None
    found: int | None = tx.execute(_next_at(frozenset(name for name, _ in offers)), {"now": tx.now}).scalar()
    return found


@lru_cache(maxsize=64)
def _next_at(handlers: frozenset[str]) -> Select[Any]:
    return (
        select(_R.not_before)
        .where(
            has_status(_R.status, RunStatus.QUEUED),
            _R.not_before > bindparam("now"),
            or_(*(_R.handler_id == name for name in sorted(handlers))),
        )
        .order_by(_R.not_before)
        .limit(1)
    )


def cancel_requests(tx: Transaction, instance_id: str) -> dict[int, str]:
    """Return the running runs of a worker's start that somebody asked to cancel, with who did."""
    rows = tx.execute(_CANCEL_REQUESTS, {"instance": instance_id})
    return {row.id: row.cancel_requested_by or "somebody" for row in rows}


_CANCEL_REQUESTS = select(_R.id, _R.cancel_requested_by).where(
    has_status(_R.status, RunStatus.RUNNING),
    _R.worker_instance == bindparam("instance"),
    _R.cancel_requested_at.is_not(None),
)


def open_of(
    tx: Transaction, schedule_key: int, statuses: Iterable[RunStatus] = (RunStatus.QUEUED, RunStatus.RUNNING)
) -> list[int]:
    """Return the ids of the open runs of a schedule, oldest first."""
    statement = select(_R.id).where(_R.schedule_key == schedule_key, _R.status.in_(list(statuses))).order_by(_R.id)
    return list(tx.execute(statement).scalars())


def data_of(tx: Transaction, run_ids: Collection[int]) -> dict[int, str]:
    """Return the own data of runs, sealed; runs without any are left out."""
    if not run_ids:
        return {}
    statement = select(_DETAILS.c.run_id, _DETAILS.c.data).where(_DETAILS.c.run_id.in_(sorted(run_ids)))
    return {row.run_id: row.data for row in tx.execute(statement) if row.data is not None}
