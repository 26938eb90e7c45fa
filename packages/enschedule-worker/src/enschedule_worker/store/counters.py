"""Hourly counters, so that no chart ever counts rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, insert, update

from enschedule_core.run import RunStatus
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models import Counter
from enschedule_worker.store.tables import insert_unless_there, table_of

HOUR = 3_600_000_000
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
    for (hour_at, worker_id, status), (count, duration, delay, delayed) in sorted(sums.items()):
        values = {"n_count": count, "n_duration": duration, "n_delay": delay, "n_delayed": delayed}
        key = {"b_hour_at": hour_at, "b_worker_id": worker_id, "b_status": status}
        if tx.execute(_ADD, key | values).rowcount == 0:
            first = {name[2:]: value for name, value in (key | values).items()}
            if not insert_unless_there(tx, _BEGIN, first):  # rows of no worker, or of one that vanished, are anybody's
                tx.execute(_ADD, key | values)


_COLUMNS = ("count", "duration", "delay", "delayed")
_ADD = (
    update(_TABLE)
    .where(*(_TABLE.c[name] == bindparam(f"b_{name}") for name in ("hour_at", "worker_id", "status")))
    .values({name: _TABLE.c[name] + bindparam(f"n_{name}") for name in _COLUMNS})
)
_BEGIN = insert(_TABLE)
