"""Figures for those who watch the whole, as numbers with names: for Prometheus.

Runs are counted by the hourly counters. Nothing here walks through runs, and what walks through all schedules or adds
up all hours is remembered for a while, however often somebody asks.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from enschedule_core.actor import Actor, Scope
from enschedule_core.run import TERMINAL
from enschedule_core.schedule import ScheduleStatus
from enschedule_worker.service import workers
from enschedule_worker.service.access import reading, see_all
from enschedule_worker.service.stats import OVERDUE_SECONDS, Size
from enschedule_worker.store import census, counters, halt, schedule_lists, stats
from enschedule_worker.store.database import Database, Transaction

SCHEDULES_SECONDS = 10.0
EARLIER_SECONDS = 600.0
QUANTILES = (0.5, 0.95)
WORKER_STATUSES = ("up", "late", "down", "stopped")
_MICROS = 1_000_000
_DAY = 86_400 * _MICROS
_SUMS = ("count", "duration", "delay", "delayed")
Sums = dict[str, Tally[str]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One number: ``suffix`` follows the metric's name (``_sum`` of a summary), ``labels`` tell it from its like."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, without ``enschedule_`` in front, what it is (``counter gauge summary``), one sentence, its samples."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


class Meter:
    """Reads the figures, and remembers those that take long to read."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._counts: Any = None
        self._counts_until = 0.0
        self._earlier: Sums = {}
        self._border = 0
        self._earlier_until = 0.0

    def schedules(self, tx: Transaction, actor: Actor) -> Any:
        """Return the counts of schedules, of now or of up to 10 seconds ago."""
        with self._guard:
            if time.monotonic() >= self._counts_until:
                overdue_before = tx.now - OVERDUE_SECONDS * _MICROS
                self._counts = schedule_lists.counts(
                    tx, actor.scope, schedule_lists.EVERY, overdue_before=overdue_before
                )
                self._counts_until = time.monotonic() + SCHEDULES_SECONDS
            return self._counts

    def ended(self, tx: Transaction) -> Sums:
        """Return the sums over all runs that ever ended, by status.

        Those of the present hour and the one before are read now, the others at most 10 minutes ago.
        """
        with self._guard:
            if time.monotonic() >= self._earlier_until:
                self._border = tx.now - tx.now % counters.HOUR - counters.HOUR
                self._earlier = _sums(tx, before=self._border)
                self._earlier_until = time.monotonic() + EARLIER_SECONDS
            found = {status: Tally(sums) for status, sums in self._earlier.items()}
            for status, sums in _sums(tx, since=self._border).items():
                found.setdefault(status, Tally()).update(sums)
            return found


def _sums(tx: Transaction, **stretch: int) -> Sums:
    return {
        str(row.status): Tally({name: int(getattr(row, f"sum_{name}")) for name in _SUMS})
        for row in counters.totals(tx, **stretch)
    }


def read(database: Database, actor: Actor, meter: Meter, size: Size, version: str) -> list[Metric]:
    """Return all figures, of the whole database, whichever process is asked.

    Raises :class:`Forbidden` for an actor from whom something of it is hidden.
    """
    see_all(actor)
    with reading(database, actor) as tx:
        ended = meter.ended(tx)
        return [
            Metric("info", "gauge", "The version of the process that answers.", (Sample(1, {"version": version}),)),
            *_of_runs(ended),
            *_of_queue(tx, ended),
            *_of_workers(tx),
            *_of_schedules(meter.schedules(tx, actor), halted=halt.current(tx) is not None),
            Metric("database_bytes", "gauge", "The size of the database.", (Sample(size.read(tx)),)),
        ]


def _of_runs(ended: Sums) -> Iterator[Metric]:
    by_status = {status.value: ended.get(status.value, Tally()) for status in sorted(TERMINAL)}
    yield Metric(
        "runs_total",
        "counter",
        "Runs that ended, by status; skipped counts slots.",
        tuple(Sample(sums["count"], {"status": status}) for status, sums in by_status.items()),
    )
    yield Metric(
        "run_duration_seconds",
        "summary",
        "From the start of a run to its end, by status.",
        tuple(
            Sample(value, {"status": status}, suffix)
            for status, sums in by_status.items()
            if status != "skipped"
            for value, suffix in ((sums["duration"] / _MICROS, "_sum"), (sums["count"], "_count"))
        ),
    )


def _of_queue(tx: Transaction, ended: Sums) -> Iterator[Metric]:
    row = stats.queue(tx, Scope())
    waited = 0.0 if row.oldest is None else max(tx.now - row.oldest, 0) / _MICROS
    delays = sorted(stats.newest_starts(tx, tx.now - _DAY))
    yield Metric("runs_queued", "gauge", "Runs that could start now and wait.", (Sample(row.queued),))
    yield Metric("runs_running", "gauge", "Runs that go on.", (Sample(row.running),))
    yield Metric("queue_oldest_seconds", "gauge", "How long the first of the queue has waited.", (Sample(waited),))
    yield Metric(
        "start_delay_seconds",
        "summary",
        "From when a run could start to when it did; quantiles of the newest 200 runs of a day.",
        (
            *(
                Sample(delays[min(int(len(delays) * share), len(delays) - 1)] / _MICROS, {"quantile": f"{share:g}"})
                for share in (QUANTILES if delays else ())
            ),
            Sample(sum(sums["delay"] for sums in ended.values()) / _MICROS, suffix="_sum"),
            Sample(sum(sums["delayed"] for sums in ended.values()), suffix="_count"),
        ),
    )


def _of_workers(tx: Transaction) -> Iterator[Metric]:
    rows = workers.shown(census.workers(tx))
    by_status = Tally(row.status for row in rows)
    live = [row for row in rows if row.status in workers.LIVE]
    yield Metric(
        "workers",
        "gauge",
        "Workers, by status.",
        tuple(Sample(by_status[status], {"status": status}) for status in WORKER_STATUSES),
    )
    yield Metric("places", "gauge", "How many runs the live workers take.", (Sample(sum(one.places for one in live)),))
    yield Metric(
        "places_stuck", "gauge", "Places that a handler does not give back.", (Sample(sum(one.stuck for one in live)),)
    )


def _of_schedules(counts: Any, *, halted: bool) -> Iterator[Metric]:
    yield Metric(
        "schedules",
        "gauge",
        "Schedules, by status.",
        tuple(Sample(getattr(counts, f"status_{status.value}"), {"status": status.value}) for status in ScheduleStatus),
    )
    yield Metric("schedules_failing", "gauge", "Schedules that fail.", (Sample(counts.failing),))
    overdue = 0 if halted else counts.overdue
    yield Metric("schedules_overdue", "gauge", "Schedules that are late by more than 10 s.", (Sample(overdue),))
    yield Metric("paused", "gauge", "1 while everything is paused.", (Sample(int(halted)),))
