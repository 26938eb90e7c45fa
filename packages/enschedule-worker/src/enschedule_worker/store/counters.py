"""Hourly counters, so that no chart ever counts rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Row, bindparam, cast, delete, func, insert, select, update

from enschedule_core.run import RunStatus
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Counter
from enschedule_worker.store.tables import insert_unless_there, table_of

HOUR = 3_600_000_000
EARLIER = 0
"""The hour under which the sums of all hours stand that were removed, so that what is counted never goes down."""
_TABLE = table_of(Counter)


@dataclass(frozen=True, slots=True)
class Counted:
    """One end, or ``count`` skipped slots; ``duration`` and ``delay`` in microseconds, where there are any."""

    worker_id: str
    status: RunStatus
    at: int
    duration: int = 0
    delay: int | None = None
    count: int = 1


def add(tx: Transaction, ends: Sequence[Counted]) -> None:
    """Count ``ends`` in the hour of each."""
    sums: dict[tuple[int, str, str], list[int]] = {}
    for end in ends:
        found = sums.setdefault((end.at - end.at % HOUR, end.worker_id, str(end.status)), [0, 0, 0, 0])
        found[0] += end.count
        found[1] += max(end.duration, 0)
        found[2] += max(end.delay or 0, 0)
        found[3] += end.delay is not None
    _add(tx, sums)


def _add(tx: Transaction, sums: Mapping[tuple[int, str, str], Sequence[int]]) -> None:
    for (hour_at, worker_id, status), (count, duration, delay, delayed) in sorted(sums.items()):
        values = {"n_count": count, "n_duration": duration, "n_delay": delay, "n_delayed": delayed}
        key = {"b_hour_at": hour_at, "b_worker_id": worker_id, "b_status": status}
        if tx.execute(_ADD, key | values).rowcount == 0:
            first = {name[2:]: value for name, value in (key | values).items()}
            if not insert_unless_there(tx, _BEGIN, first):  # rows of no worker, or of one that vanished, are anybody's
                tx.execute(_ADD, key | values)


def fold(tx: Transaction, *, before: int, most: int) -> int:
    """Remove the oldest rows counted before then, ``most`` or a few more, adding them up; return how many."""
    of_hours = _TABLE.c.hour_at > EARLIER
    old = tx.execute(
        select(_TABLE.c.hour_at).where(of_hours, _TABLE.c.hour_at < before).order_by(_TABLE.c.hour_at).limit(most)
    )
    last = max(old.scalars(), default=None)
    if last is None:
        return 0
    gone = (of_hours, _TABLE.c.hour_at <= last)
    sums = (func.sum(_TABLE.c[name]) for name in _COLUMNS)
    rows = tx.execute(select(_TABLE.c.status, *sums).where(*gone).group_by(_TABLE.c.status)).all()
    _add(tx, {(EARLIER, "", row[0]): [int(total) for total in tuple(row)[1:]] for row in rows})
    return tx.execute(delete(_TABLE).where(*gone)).rowcount


def totals(tx: Transaction, *, since: int | None = None, before: int | None = None) -> list[Row[Any]]:
    """Return status and the sums count, duration, delay, delayed of all hours in a stretch, those removed included."""
    sums: list[Any] = [cast(func.sum(_TABLE.c[name]), BigInteger).label(f"sum_{name}") for name in _COLUMNS]
    statement = select(_TABLE.c.status, *sums).group_by(_TABLE.c.status)
    if since is not None:
        statement = statement.where(_TABLE.c.hour_at >= since)
    if before is not None:
        statement = statement.where(_TABLE.c.hour_at < before)
    return list(tx.execute(statement))


_COLUMNS = ("count", "duration", "delay", "delayed")
_ADD = (
    update(_TABLE)
    .where(*(_TABLE.c[name] == bindparam(f"b_{name}") for name in ("hour_at", "worker_id", "status")))
    .values({name: _TABLE.c[name] + bindparam(f"n_{name}") for name in _COLUMNS})
)
_BEGIN = insert(_TABLE)
