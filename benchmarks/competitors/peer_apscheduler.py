"""APScheduler 3: in memory, and with its SQLAlchemy store on a SQLite file or PostgreSQL."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_REMOVED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine, event

from benchmarks.competitors import calls
from benchmarks.measures import NANOS, MeasureFailed, Order, Sample, delays, slots_from
from benchmarks.measures import throughput as throughput_of
from benchmarks.processes import watch

PLACES = 8


class _Ends:
    """Waits until each call was made and is gone from the store, and notes when that was."""

    def __init__(self, scheduler: Any, expected: int) -> None:
        self._expected = expected
        self._left = 2 * expected
        self._lock = threading.Lock()
        self._all_there = threading.Event()
        self.last_at = 0.0
        scheduler.add_listener(self._heard, EVENT_JOB_EXECUTED | EVENT_JOB_REMOVED)

    def _heard(self, _: object) -> None:
        with self._lock:
            self._left -= 1
            self.last_at = time.time()
            if self._left == 0:
                self._all_there.set()

    def wait(self) -> None:
        if not self._all_there.wait(calls.MOST_SECONDS):
            raise MeasureFailed(f"{calls.how_many()} of {self._expected} calls within {calls.MOST_SECONDS:g} s")
        calls.check(self._expected)


def throughput(order: Order) -> Sample:
    """Work off dates that are past when the scheduler goes on."""
    scheduler = _scheduler(order)
    scheduler.start(paused=True)
    due = datetime.now(UTC)
    for number in range(order.count):
        scheduler.add_job(calls.call, "date", run_date=due, args=[number])
    ends = _Ends(scheduler, order.count)
    before = time.process_time()
    scheduler.resume()
    ends.wait()
    used = time.process_time() - before
    scheduler.shutdown()
    return throughput_of(order.count, ends.last_at - calls.first_start(), cpu_ms=1000 * used / order.count)


def delay(order: Order) -> Sample:
    """Compare dates with starts."""
    scheduler = _scheduler(order)
    scheduler.start()
    slots = slots_from(time.time_ns() + calls.LEAD_NANOS, order.sizes, order.seed)
    ends = _Ends(scheduler, len(slots))
    for number, slot in enumerate(slots):
        scheduler.add_job(calls.call, "date", run_date=datetime.fromtimestamp(slot / NANOS, UTC), args=[number])
    ends.wait()
    scheduler.shutdown()
    return delays(slots, calls.starts(len(slots)), warm_up=order.sizes.warm_up)


def idle(order: Order) -> Sample:
    """Watch a scheduler without work."""
    scheduler = _scheduler(order)
    scheduler.start()
    time.sleep(order.sizes.settle_seconds)
    cost = watch([os.getpid()], order.sizes.idle_seconds)
    scheduler.shutdown()
    return cost


def _scheduler(order: Order) -> Any:
    return BackgroundScheduler(
        jobstores={"default": _store(order)},
        executors={"default": ThreadPoolExecutor(PLACES)},
        # A date that is late is to be run, however late: the backlog is the point.
        job_defaults={"misfire_grace_time": None},
        timezone=UTC,
    )


def _store(order: Order) -> Any:
    match order.options["store"]:
        case "memory":
            return MemoryJobStore()
        case "postgres":
            url = order.needed_server.replace("postgresql://", "postgresql+psycopg://", 1)
            return SQLAlchemyJobStore(engine=create_engine(url))
    engine = create_engine(f"sqlite:///{order.folder / 'apscheduler.db'}")

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            raw.execute(f"PRAGMA {pragma}")

    return SQLAlchemyJobStore(engine=engine)
