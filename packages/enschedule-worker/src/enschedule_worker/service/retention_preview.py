"""What retention would remove, counted in bounded work and without removing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor
from enschedule_core.clock import format_instant
from enschedule_core.errors import NotFound
from enschedule_core.schedule import Retention
from enschedule_worker.service import present
from enschedule_worker.service.access import reading
from enschedule_worker.service.firing import policies_of
from enschedule_worker.service.retention import Keep, own_policies, removable
from enschedule_worker.store import retention as store
from enschedule_worker.store import schedules
from enschedule_worker.store.database import Database, Transaction

MOST_RUNS = 20_000
SCHEDULES_SHOWN = 20


@dataclass(slots=True)
class _Sum:
    by_key: Counter[int | None] = field(default_factory=Counter)
    output_bytes: int = 0
    oldest: int | None = None
    looked_at: int = 0
    at_least: bool = False

    def add(self, row: Row[Any]) -> None:
        self.by_key[row.schedule_key] += 1
        self.output_bytes += row.output_bytes
        self.oldest = row.finished_at if self.oldest is None else min(self.oldest, row.finished_at)


def preview(
    database: Database,
    actor: Actor,
    keep: Keep,
    *,
    schedule_id: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Count the runs that retention would remove now, of all schedules or of one.

    ``keep`` are the settings. ``given`` takes the place of the schedule's own policy, or of the settings. At most
    20,000 runs are looked at, the oldest first; ``at_least`` says that there are more. Raises :class:`NotFound`.
    """
    own = None if given is None else Retention.from_wire(given)
    with reading(database, actor) as tx:
        found = _Sum()
        if schedule_id is None:
            settings = keep.of(own or Retention())
            _count(tx, actor, found, settings, own_policies(tx, settings))
        else:
            key = schedules.find_key(tx, schedule_id, actor.scope)
            row = None if key is None else store.schedule(tx, key)
            if row is None:
                raise NotFound(f"There is no schedule {schedule_id}.")
            settings = keep.of(own or policies_of(row.policies).retention)
            _count(tx, actor, found, settings, {}, schedule_key=row.key)
        named = store.names_of(tx, [key for key, _ in found.by_key.most_common(SCHEDULES_SHOWN) if key is not None])
    return {
        "policy": settings.wire(),
        "runs": sum(found.by_key.values()),
        "at_least": found.at_least,
        "output_bytes": found.output_bytes,
        "oldest_at": format_instant(found.oldest),
        "schedules": [
            {"schedule": None if key is None else _ref(named[key]), "runs": runs}
            for key, runs in found.by_key.most_common(SCHEDULES_SHOWN)
            if key is None or key in named
        ],
    }


def _ref(row: Row[Any]) -> dict[str, Any] | None:
    return present.ref(row.id, row.title, deleted=row.deleted_at is not None)


def _count(
    tx: Transaction,
    actor: Actor,
    found: _Sum,
    settings: Keep,
    own: dict[int, Keep],
    *,
    schedule_key: int | None = None,
) -> None:
    """Walk through the runs as the sweep does; those of schedules with a policy of their own are judged by that."""
    border = max([settings.newest_border(tx.now), *(keep.newest_border(tx.now) for keep in own.values())])
    after = 0
    while True:
        rows = store.walk(tx, after, schedule_key=schedule_key, scope=actor.scope)
        old_enough = [row for row in rows if row.queued_at < border]
        by_keep: dict[Keep, list[Row[Any]]] = {}
        for row in old_enough:
            by_keep.setdefault(own.get(row.schedule_key, settings), []).append(row)
        for keep, some in by_keep.items():
            for row in removable(tx, some, keep):
                found.add(row)
        found.looked_at += len(rows)
        if len(old_enough) < len(rows) or len(rows) < store.WALK:
            return
        if found.looked_at >= MOST_RUNS:
            found.at_least = True
            return
        after = rows[-1].id
