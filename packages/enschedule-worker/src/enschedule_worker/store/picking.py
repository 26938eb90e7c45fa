"""Choosing which queued runs a worker takes, within what it may run and what may go on at once.

Where nothing is limited or bound, choosing is one statement. The schedules of what is chosen are locked without
waiting: a worker that waited for a schedule here, with others locked by what it has just finished, could wait for one
that waits for it. What is not to be had now is there again as soon as the other has committed, in milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, false, select

from enschedule_worker.store import queue
from enschedule_worker.store.bindings import Reach
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.limits import SKIP_LOCKED_MSSQL, Room, enter
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.tables import table_of

_SCHEDULES = table_of(Schedule)
_UNLIMITED = table_of(Run).c.limited == false()


@dataclass(frozen=True, slots=True)
class Choice:
    """The ids of the runs to claim; ``contested``: more could be there, and another worker was just at it."""

    ids: list[int]
    contested: bool = False


def choose(
    tx: Transaction, offers: queue.Offers, reach: Reach, *, limit: int, not_roots: Collection[int] = ()
) -> Choice:
    """Lock and return up to ``limit`` runs, in the order of the queue; see :func:`store.queue.pick` for which.

    A run that a limit holds back holds back nobody behind it that the limit does not concern.
    """
    rows = queue.pick(tx, offers, limit=limit, refused=reach.refused, not_roots=not_roots)
    while reach.learn(tx, {row.binding for row in rows}):
        rows = queue.pick(tx, offers, limit=limit, refused=reach.refused, not_roots=not_roots)
    contested = False
    if any(row.limited for row in rows):
        rows, contested = _within_limits(tx, rows, _Source(offers, reach, not_roots), limit)
    free = _lock_schedules(tx, rows)
    return Choice([row.id for row in free], contested or len(free) < len(rows))


@dataclass(frozen=True, slots=True)
class _Source:
    """Where further runs come from."""

    offers: queue.Offers
    reach: Reach
    not_roots: Collection[int]

    def more(self, tx: Transaction, *, limit: int, besides: Collection[int], only: Any) -> list[Row[Any]]:
        while True:
            rows = queue.pick(
                tx,
                self.offers,
                limit=limit,
                refused=self.reach.refused,
                not_roots=self.not_roots,
                besides=besides,
                only=only,
            )
            if not self.reach.learn(tx, {row.binding for row in rows}):
                return rows


def _within_limits(tx: Transaction, rows: list[Row[Any]], source: _Source, limit: int) -> tuple[list[Row[Any]], bool]:
    """Return those of ``rows`` that the limits allow, and others for the rest; True if another worker has the gate."""
    if not enter(tx):
        return source.more(tx, limit=limit, besides=(), only=_UNLIMITED), True
    room = Room.look(tx, rows)
    taken: list[Row[Any]] = []
    while rows:
        room.learn(tx, rows)
        fitting = [row for row in rows if not row.limited or room.take(row)]
        taken += fitting
        if len(fitting) == len(rows) or len(taken) >= limit:
            break
        # What is full is left out now, so the first one of each further look fits: this ends.
        ids = [row.id for row in taken]
        rows = source.more(tx, limit=limit - len(taken), besides=ids, only=room.has_room())
    return taken, False


def _lock_schedules(tx: Transaction, rows: list[Row[Any]]) -> list[Row[Any]]:
    """Return those of ``rows`` whose schedule could be locked, or that have none."""
    keys = sorted({row.schedule_key for row in rows if row.schedule_key is not None})
    if not keys or tx.dialect == "sqlite":
        return rows
    locked = set(tx.execute(_LOCK, {"keys": keys}).scalars())
    return [row for row in rows if row.schedule_key is None or row.schedule_key in locked]


_LOCK = (
    select(_SCHEDULES.c.key)
    .where(_SCHEDULES.c.key.in_(bindparam("keys", expanding=True)))
    .with_for_update(skip_locked=True)
    .with_hint(_SCHEDULES, SKIP_LOCKED_MSSQL, "mssql")
)
