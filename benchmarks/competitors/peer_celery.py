"""Celery with Redis as broker and result backend; its worker is a program of its own that imports this module."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

import redis
from celery import Celery

from benchmarks.competitors import calls
from benchmarks.measures import NANOS, MeasureFailed, Order, Sample, delays, slots_from
from benchmarks.measures import throughput as throughput_of
from benchmarks.processes import Program, running
from benchmarks.rounds import ROOT

PLACES = 8
_URL = "BENCHMARK_REDIS"
_RESULT = "celery-task-meta-*"
app = Celery("benchmarks", broker=os.environ.get(_URL), backend=os.environ.get(_URL))


@app.task
def call(number: int) -> tuple[int, int]:
    """Print one line and say when this was called."""
    started = time.time_ns()
    print(calls.LINE)
    return number, started


def throughput(order: Order) -> Sample:
    """Let the worker meet messages that wait when it starts."""
    client = _connect(order)
    for number in range(order.count):
        call.delay(number)
    with _worker(order) as program:
        program.wait_until("its start", lambda: " ready." in program.printed, seconds=60)
        _wait(program, client, order.count)
    starts, last = _results(client, order.count)
    return throughput_of(order.count, last - min(starts) / NANOS)


def delay(order: Order) -> Sample:
    """Send messages with an `eta` and compare those with the starts."""
    client = _connect(order)
    with _worker(order) as program:
        program.wait_until("its start", lambda: " ready." in program.printed, seconds=60)
        slots = slots_from(time.time_ns() + calls.LEAD_NANOS, order.sizes, order.seed)
        for number, slot in enumerate(slots):
            call.apply_async((number,), eta=datetime.fromtimestamp(slot / NANOS, UTC))
        _wait(program, client, len(slots))
    starts, _ = _results(client, len(slots))
    return delays(slots, starts, warm_up=order.sizes.warm_up)


def _connect(order: Order) -> Any:
    assert order.redis is not None
    app.conf.update(broker_url=order.redis, result_backend=order.redis)
    return redis.Redis.from_url(order.redis)


def _worker(order: Order) -> Any:
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.competitors.peer_celery", "worker"]
    options = ["--concurrency", str(PLACES), "--loglevel", "INFO"]
    environ = {"PYTHONPATH": str(ROOT), _URL: str(order.redis), "C_FORCE_ROOT": "1"}
    return running([*command, *options], order.folder, environ)


def _wait(program: Program, client: Any, count: int) -> None:
    def all_there() -> bool:
        return sum(1 for _ in client.scan_iter(_RESULT, count=10_000)) >= count

    program.wait_until(f"the end of {count} calls", all_there, seconds=calls.MOST_SECONDS, every=0.1)


def _results(client: Any, count: int) -> tuple[list[int], float]:
    """Return when each call began, and when the last end was recorded, in seconds since 1970."""
    found = [json.loads(client.get(key)) for key in client.scan_iter(_RESULT, count=10_000)]
    bad = [one for one in found if one["status"] != "SUCCESS"]
    if bad:
        raise MeasureFailed(f"{len(bad)} calls failed: {bad[0]}")
    starts = dict(one["result"] for one in found)
    if len(found) != count or set(starts) != set(range(count)):
        raise MeasureFailed(f"{len(found)} results of {len(starts)} of {count} calls")
    ends = [datetime.fromisoformat(one["date_done"]) for one in found]
    last = max(end if end.tzinfo else end.replace(tzinfo=UTC) for end in ends)
    return [starts[number] for number in range(count)], last.timestamp()
