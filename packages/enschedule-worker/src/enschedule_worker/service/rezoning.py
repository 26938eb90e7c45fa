"""New zone data: a country has moved its clocks, so what is due by wall clock is due at another instant."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, or_, select, update

from enschedule_core.clock import from_micros, to_micros
from enschedule_core.triggers import Trigger
from enschedule_core.triggers.zones import data_version
from enschedule_worker.service.firing import trigger_of
from enschedule_worker.store.database import Database, Transaction
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.tables import table_of

logger = logging.getLogger(__name__)
_TABLE = table_of(Schedule)
_BATCH = 500
_MOST = timedelta(hours=26)  # no zone was ever moved by more
_WITHOUT_WALL_CLOCK = ("every", "once", "manual")


def recompute(database: Database, version: str | None = None) -> int:
    """Recompute what was computed with other zone data than this process has; returns how many schedules moved.

    For a start, before anything is fired.
    """
    known = version or data_version()
    moved, after = 0, 0
    while True:
        with database.write() as tx:
            rows = _stale(tx, known, after)
            moved += sum(_recompute(tx, row, known) for row in rows)
        if len(rows) < _BATCH:
            break
        after = rows[-1].key
    if moved:
        logger.warning("zone data is now %s: %s schedules are due at another instant", known, moved)
    return moved


def _stale(tx: Transaction, version: str, after: int) -> list[Row[Any]]:
    return list(
        tx.execute(
            select(_TABLE.c.key, _TABLE.c.id, _TABLE.c.trigger, _TABLE.c.due_at, _TABLE.c.fire_at)
            .where(
                _TABLE.c.key > after,
                _TABLE.c.due_at.is_not(None),
                or_(_TABLE.c.zone_version.is_(None), _TABLE.c.zone_version != version),
                _TABLE.c.trigger_kind.not_in(_WITHOUT_WALL_CLOCK),
                _TABLE.c.trigger.not_like('%"UTC"%'),
            )
            .order_by(_TABLE.c.key)
            .limit(_BATCH)
            .with_for_update()
        )
    )


def _recompute(tx: Transaction, row: Row[Any], version: str) -> bool:
    try:
        due_at = to_micros(nearest(trigger_of(row.trigger), from_micros(row.due_at)))
    except Exception as problem:  # noqa: BLE001 - the engine shows what is wrong with it when it looks at it
        logger.info("schedule %s keeps its instant: %s", row.id, problem, extra={"schedule_id": row.id})
        due_at = row.due_at
    fire_at = due_at if row.fire_at == row.due_at else row.fire_at
    tx.execute(
        update(_TABLE).where(_TABLE.c.key == row.key).values(due_at=due_at, fire_at=fire_at, zone_version=version)
    )
    return bool(due_at != row.due_at)


def nearest(trigger: Trigger, due: datetime) -> datetime:
    """Return the slot that an instant computed with other zone data stands for: the nearest one, so that none is twice.

    Counting from now instead would let the slot of a day that has run come again, an hour later.
    """
    later = trigger.next_after(due - timedelta(microseconds=1))
    if later == due:
        return due
    earlier, _ = trigger.latest_and_count(due - _MOST, due)
    near = [slot for slot in (later, earlier) if slot is not None and abs(slot - due) <= _MOST]
    return min(near, key=lambda slot: abs(slot - due), default=later or due)
