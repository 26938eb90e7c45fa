"""Huey with its SQLite storage, and the consumer that `huey_consumer` runs."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from typing import Any

from huey import SqliteHuey
from huey.signals import SIGNAL_COMPLETE

from benchmarks.competitors import calls
from benchmarks.measures import NANOS, MeasureFailed, Order, Sample, delays, slots_from
from benchmarks.measures import throughput as throughput_of
from benchmarks.processes import watch

PLACES = 8


class _Ends:
    """Counts the calls that Huey calls complete, and notes when the last one was."""

    def __init__(self, queue: Any, expected: int) -> None:
        self._left = expected
        self._lock = threading.Lock()
        self.all_there = threading.Event()
        self.last_at = 0.0
        queue.signal(SIGNAL_COMPLETE)(self._heard)

    def _heard(self, *_: object) -> None:
        with self._lock:
            self._left -= 1
            self.last_at = time.time()
            if self._left == 0:
                self.all_there.set()


def throughput(order: Order) -> Sample:
    """Let the consumer work off calls that are in the queue when it starts."""
    queue = _queue(order)
    call = queue.task()(calls.call)
    for number in range(order.count):
        call(number)
    ends = _Ends(queue, order.count)
    before = time.process_time()
    _consume(queue, ends, order.count)
    used = time.process_time() - before
    return throughput_of(order.count, ends.last_at - calls.first_start(), cpu_ms=1000 * used / order.count)


def delay(order: Order) -> Sample:
    """Schedule calls for distinct instants and compare those with the starts."""
    queue = _queue(order)
    call = queue.task()(calls.call)
    slots = slots_from(time.time_ns() + calls.LEAD_NANOS, order.sizes, order.seed)
    for number, slot in enumerate(slots):
        call.schedule(args=(number,), eta=datetime.fromtimestamp(slot / NANOS, UTC))
    _consume(queue, _Ends(queue, len(slots)), len(slots))
    return delays(slots, calls.starts(len(slots)), warm_up=order.sizes.warm_up)


def idle(order: Order) -> Sample:
    """Watch a consumer without work."""
    queue = _queue(order)
    queue.task()(calls.call)
    consumer = queue.create_consumer(workers=PLACES)
    consumer.start()
    time.sleep(order.sizes.settle_seconds)
    cost = watch([os.getpid()], order.sizes.idle_seconds)
    consumer.stop(graceful=True)
    return cost


def _queue(order: Order) -> Any:
    return SqliteHuey(filename=str(order.folder / "huey.db"), fsync=True)


def _consume(queue: Any, ends: _Ends, expected: int) -> None:
    consumer = queue.create_consumer(workers=PLACES)
    consumer.start()
    done = ends.all_there.wait(calls.MOST_SECONDS)
    consumer.stop(graceful=True)
    if not done:
        raise MeasureFailed(f"{calls.how_many()} of {expected} calls within {calls.MOST_SECONDS:g} s")
    calls.check(expected)
