"""Figures: how schedules stand, what ran in each hour, how long the queue is."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from enschedule_core.actor import Actor
from enschedule_core.clock import format_instant
from enschedule_core.run import RunStatus
from enschedule_worker.service import halting, present
from enschedule_worker.service.access import reading
from enschedule_worker.store import census, halt, schedule_counts, schedule_lists, schedules, size, stats
from enschedule_worker.store.database import Database, Transaction

OVERDUE_SECONDS = 10
ENDS_READ = 50_000
SIZE_SECONDS = 60.0
_MICROS = 1_000_000
_DAY = 86_400 * _MICROS


def of_tags(database: Database, actor: Actor, limit: int) -> list[dict[str, Any]]:
    """Return the tags that schedules have, the most used first, and how many have each."""
    with reading(database, actor) as tx:
        return [{"tag": row.tag, "schedules": row.number} for row in schedule_lists.tags(tx, actor.scope, limit)]


def of_schedules(
    database: Database, actor: Actor, filters: schedule_lists.Filters = schedule_lists.EVERY, *, limit: int = 5
) -> dict[str, Any]:
    """Return how many schedules match, how many of them need somebody, and the first ``limit`` of those."""
    with reading(database, actor) as tx:
        late = tx.now - OVERDUE_SECONDS * _MICROS
        where = schedule_lists.conditions(tx, filters)
        counts = schedule_counts.counts(tx, actor.scope, where, overdue_before=late)
        failing = schedule_lists.failing(tx, actor.scope, where, limit) if limit and counts.failing else []
        broken = schedule_lists.broken(tx, actor.scope, where, limit) if limit and counts.broken else []
        halted = halt.current(tx) is not None
    return {
        "total": counts.total,
        "failing": counts.failing,
        "running": counts.running,
        "waiting": counts.waiting,
        "paused": counts.paused,
        "broken": counts.broken,
        "retrying": counts.retrying,
        "failing_items": [present.schedule(row) for row in failing],
        "broken_items": [present.schedule(row) for row in broken],
        "overdue": 0 if halted else counts.overdue,  # while everything is paused nothing is late
    }


@dataclass(slots=True)
class _Bucket:
    """Sums of one stretch of time."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    duration: int = 0
    ended: int = 0
    delay: int = 0
    delayed: int = 0

    def add(self, status: str, count: int, duration: int, delay: int, delayed: int) -> None:
        self.counts[status] += count
        if status != RunStatus.SKIPPED:
            self.duration += duration
            self.ended += count
        self.delay += delay
        self.delayed += delayed

    def wire(self, at: int) -> dict[str, Any]:
        return {
            "at": format_instant(at),
            "counts": dict(self.counts),
            "duration_seconds_mean": self.duration / self.ended / _MICROS if self.ended else None,
            "delay_seconds_mean": self.delay / self.delayed / _MICROS if self.delayed else None,
        }


def of_runs(
    database: Database,
    actor: Actor,
    *,
    since: int | None = None,
    before: int | None = None,
    bucket_seconds: int = 3600,
    schedule_id: str | None = None,
) -> dict[str, Any]:
    """Return runs that ended by status in buckets, with mean durations and delays.

    ``since`` and ``before`` are microseconds, the last 24 h unless told otherwise, widened to whole buckets; at most
    the last 1,000 of them. Every bucket is there, also an empty one.
    """
    step = bucket_seconds * _MICROS
    with reading(database, actor) as tx:
        end = before if before is not None else tx.now
        start = since if since is not None else end - _DAY
        start, end = start - start % step, end + (-end % step)
        start = max(start, end - 1000 * step)
        buckets: dict[int, _Bucket] = {at: _Bucket() for at in range(start, end, step)}
        skipped = 0
        if schedule_id is None and actor.scope.groups is None:
            _fill_all(tx, buckets, start, end)
        elif schedule_id is None:
            _fill(buckets, stats.ends_within(tx, actor.scope, start, end, ENDS_READ))
            skipped = stats.skipped_within(tx, actor.scope, start, end)
        else:
            skipped = _fill_one(tx, actor, schedule_id, buckets, start, end)
        delays = stats.newest_starts(tx, start)
    totals: dict[str, int] = defaultdict(int)
    for bucket in buckets.values():
        for status, count in bucket.counts.items():
            totals[status] += count
    skipped += totals.pop(RunStatus.SKIPPED.value, 0) if schedule_id is None else 0
    return {
        "bucket_seconds": bucket_seconds,
        "items": [bucket.wire(at) for at, bucket in buckets.items()],
        "totals": dict(totals),
        "skipped": skipped,
        "start_delay_seconds_p50": median(delays) / _MICROS if delays else None,
    }


def _fill_all(tx: Transaction, buckets: dict[int, _Bucket], start: int, end: int) -> None:
    """Add the hourly counters of everything to their buckets."""
    starts = sorted(buckets)
    for row in stats.hours(tx, start, end):
        buckets[starts[bisect_right(starts, row.hour_at) - 1]].add(row.status, *_sums(row))


def _fill_one(
    tx: Transaction, actor: Actor, schedule_id: str, buckets: dict[int, _Bucket], start: int, end: int
) -> int:
    """Add the runs of one schedule to their buckets; return its skipped slots, which are counted apart."""
    key = schedules.find_key(tx, schedule_id, actor.scope)
    if key is None:
        return 0
    _fill(buckets, stats.ends_of(tx, key, start, end, ENDS_READ))
    return stats.skipped_of(tx, key, start, end)


def _fill(buckets: dict[int, _Bucket], rows: list[Any]) -> None:
    """Add runs that ended to their buckets, one by one."""
    starts = sorted(buckets)
    for row in rows:
        started = row.started_at is not None
        duration = row.finished_at - row.started_at if started else 0
        delay = max(row.started_at - row.not_before, 0) if started else 0
        buckets[starts[bisect_right(starts, row.finished_at) - 1]].add(row.status, 1, duration, delay, int(started))


def _sums(row: Any) -> tuple[int, int, int, int]:
    return int(row.runs), int(row.duration), int(row.delay), int(row.delayed)


class Size:
    """The size of the database, asked for at most once a minute: a server adds up its files for it."""

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._bytes = 0

    def read(self, tx: Transaction) -> int:
        """Return bytes, of now or of up to a minute ago."""
        if self._asked_at is None or time.monotonic() - self._asked_at >= SIZE_SECONDS:
            self._bytes, self._asked_at = size.in_bytes(tx), time.monotonic()
        return self._bytes


def of_queue(database: Database, actor: Actor, measured: Size) -> dict[str, Any]:
    """Return how many runs wait and run, since when the first waits, how many places there are, and what troubles."""
    with reading(database, actor) as tx:
        row = stats.queue(tx, actor.scope)
        delays = stats.newest_starts(tx, tx.now - _DAY)
        now, taken = tx.now, measured.read(tx)
        state = _server_state(tx, actor)
    return {
        "queued": row.queued,
        "running": row.running,
        "oldest_queued_at": format_instant(row.oldest),
        "start_delay_seconds": median(delays) / _MICROS if delays else None,
        "used": row.running,
        **state,
        "now": format_instant(now),
        "database_bytes": taken,
    }


def server_state(database: Database, actor: Actor) -> dict[str, Any]:
    """Return what everybody who looks at the server should know: who has paused it, and what is in trouble.

    ``places`` are those of the workers that are there, ``failing`` and ``broken`` the numbers of schedules.
    """
    with reading(database, actor) as tx:
        return _server_state(tx, actor)


def _server_state(tx: Transaction, actor: Actor) -> dict[str, Any]:
    troubled = schedule_counts.in_trouble(tx, actor.scope)
    return {
        "places": sum(worker.places for worker in census.workers(tx) if worker.status in {"up", "late"}),
        "pause": halting.brief(halt.current(tx)),
        "failing": troubled.failing,
        "broken": troubled.broken,
    }
