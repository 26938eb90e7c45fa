"""RQ: its usual worker, which forks for each call, as a program of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis
from rq import Queue
from rq.registry import FinishedJobRegistry

from benchmarks.competitors import calls
from benchmarks.measures import NANOS, MeasureFailed, Order, Sample, delays, slots_from
from benchmarks.measures import throughput as throughput_of
from benchmarks.processes import Program, running
from benchmarks.rounds import ROOT


def call(number: int) -> tuple[int, int]:
    """Print one line and say when this was called."""
    started = time.time_ns()
    print(calls.LINE)
    return number, started


def throughput(order: Order) -> Sample:
    """Let the worker meet calls that wait when it starts."""
    queue = _queue(order)
    jobs = [queue.enqueue(_named(), number, result_ttl=3600) for number in range(order.count)]
    with _worker(order) as program:
        _wait(program, queue, order.count)
    starts, last = _results(queue, jobs)
    return throughput_of(order.count, last - min(starts) / NANOS)


def delay(order: Order) -> Sample:
    """Schedule calls and compare their instants with the starts."""
    queue = _queue(order)
    with _worker(order, "--with-scheduler") as program:
        program.wait_until("its start", lambda: "Listening on" in program.printed, seconds=60)
        slots = slots_from(time.time_ns() + 2 * calls.LEAD_NANOS, order.sizes, order.seed)
        jobs = [
            queue.enqueue_at(datetime.fromtimestamp(slot / NANOS, UTC), _named(), number, result_ttl=3600)
            for number, slot in enumerate(slots)
        ]
        _wait(program, queue, len(slots))
    starts, _ = _results(queue, jobs)
    return delays(slots, starts, warm_up=order.sizes.warm_up)


def _named() -> str:
    return f"{__name__}.call"


def _queue(order: Order) -> Any:
    assert order.redis is not None
    return Queue("bench", connection=redis.Redis.from_url(order.redis))


def _worker(order: Order, *options: str) -> Any:
    program = str(Path(sys.executable).with_name("rq"))
    return running(
        [program, "worker", "--url", str(order.redis), *options, "bench"], order.folder, {"PYTHONPATH": str(ROOT)}
    )


def _wait(program: Program, queue: Any, count: int) -> None:
    finished = FinishedJobRegistry(queue=queue)

    def all_there() -> bool:
        return len(finished.get_job_ids(cleanup=False)) >= count

    program.wait_until(f"the end of {count} calls", all_there, seconds=calls.MOST_SECONDS, every=0.1)


def _results(queue: Any, jobs: Sequence[Any]) -> tuple[list[int], float]:
    """Return when each call began, and when the last one ended, in seconds since 1970."""
    found = [queue.fetch_job(one.id) for one in jobs]
    starts = dict(one.return_value() for one in found)
    if set(starts) != set(range(len(jobs))):
        raise MeasureFailed(f"{len(starts)} of {len(jobs)} calls have a result")
    last = max(one.ended_at if one.ended_at.tzinfo else one.ended_at.replace(tzinfo=UTC) for one in found)
    return [starts[number] for number in range(len(jobs))], last.timestamp()
