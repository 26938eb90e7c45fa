"""Slots that did not run: one row for neighbours with the same reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from enschedule_core.run import RunStatus
from enschedule_core.schedule import SkipReason
from enschedule_worker.store import counters
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.schedules import Skip


@dataclass(frozen=True, slots=True)
class Skipped:
    """``count`` neighbouring slots from ``first`` to ``last`` (microseconds) that did not run for one reason."""

    reason: SkipReason
    first: int
    last: int
    count: int


def record(tx: Transaction, schedule_key: int, skipped: Skipped, next_after: Callable[[int], int | None]) -> None:
    """Store ``skipped``; it extends the schedule's last skip where that has the same reason and ends one slot before.

    ``next_after`` is the schedule's trigger, in microseconds.
    """
    counters.add(tx, [counters.Counted("", RunStatus.SKIPPED, tx.now, count=skipped.count)])
    last = tx.execute(
        select(Skip.id, Skip.reason, Skip.last_slot_at)
        .where(Skip.schedule_key == schedule_key)
        .order_by(Skip.id.desc())
        .limit(1)
    ).first()
    if last is not None and last.reason == skipped.reason and next_after(last.last_slot_at) == skipped.first:
        tx.execute(
            update(Skip)
            .where(Skip.id == last.id)
            .values(last_slot_at=skipped.last, count=Skip.count + skipped.count, recorded_at=tx.now)
        )
        return
    tx.execute(
        insert(Skip).values(
            schedule_key=schedule_key,
            reason=skipped.reason,
            first_slot_at=skipped.first,
            last_slot_at=skipped.last,
            count=skipped.count,
            recorded_at=tx.now,
        )
    )


def page(tx: Transaction, schedule_key: int, *, limit: int, before_id: int | None = None) -> list[Row[Any]]:
    """Return up to ``limit`` stretches of skipped slots with an id below ``before_id``, newest first.

    Columns: id, reason, first_slot_at, last_slot_at, slots (how many), recorded_at.
    """
    statement = select(
        Skip.id, Skip.reason, Skip.first_slot_at, Skip.last_slot_at, Skip.count.label("slots"), Skip.recorded_at
    ).where(Skip.schedule_key == schedule_key)
    if before_id is not None:
        statement = statement.where(Skip.id < before_id)
    return list(tx.execute(statement.order_by(Skip.id.desc()).limit(limit)))
