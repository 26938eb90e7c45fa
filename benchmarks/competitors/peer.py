"""What the peers on PostgreSQL share: their worker runs in this process, on an event loop.

That the ends are recorded is asked of the database by a thread with a connection of its own, every 20 ms.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

import psycopg

from benchmarks.competitors import calls
from benchmarks.measures import MeasureFailed, Order, Sample, delays, throughput
from benchmarks.measures import slots_from as slots_of
from benchmarks.processes import watch

PLACES = 8
LOOK_SECONDS = 0.02


class Peer(Protocol):
    """One peer. ``ended`` is the SQL that counts the calls whose end is recorded."""

    ended: str

    async def open(self) -> None:
        """Make the tables and be ready to enqueue."""

    async def enqueue(self, count: int) -> None:
        """Store so many calls that are due at once, with the numbers from 0 on."""

    async def schedule(self, slots: Sequence[int]) -> Sequence[int]:
        """Store one call for each slot (nanoseconds since 1970); return the slots as they are stored."""
        ...

    async def work(self) -> None:
        """Run the worker until it is cancelled."""


def throughput_of(peer: Peer, order: Order) -> Sample:
    """Let the worker meet a backlog."""
    return asyncio.run(_throughput(peer, order))


def delay_of(peer: Peer, order: Order) -> Sample:
    """Schedule calls for distinct instants and compare those with the starts."""
    return asyncio.run(_delay(peer, order))


def idle_of(peer: Peer, order: Order) -> Sample:
    """Watch a worker without work."""
    return asyncio.run(_idle(peer, order))


async def _throughput(peer: Peer, order: Order) -> Sample:
    await peer.open()
    await peer.enqueue(order.count)
    before = time.process_time()
    last = await _until_ended(peer, order, order.count, LOOK_SECONDS)
    used = time.process_time() - before
    calls.check(order.count)
    return throughput(order.count, last - calls.first_start(), cpu_ms=1000 * used / order.count)


async def _delay(peer: Peer, order: Order) -> Sample:
    await peer.open()
    slots = slots_of(time.time_ns() + calls.LEAD_NANOS, order.sizes, order.seed)
    stored = calls.check_slots(await peer.schedule(slots), len(slots))
    await _until_ended(peer, order, len(slots), 10 * LOOK_SECONDS)
    return delays(stored, calls.starts(len(slots)), warm_up=order.sizes.warm_up)


async def _idle(peer: Peer, order: Order) -> Sample:
    await peer.open()
    worker = asyncio.create_task(peer.work())
    await asyncio.sleep(order.sizes.settle_seconds)
    cost = await asyncio.to_thread(watch, [os.getpid()], order.sizes.idle_seconds)
    await _stopped(worker)
    return cost


async def _until_ended(peer: Peer, order: Order, count: int, every: float) -> float:
    """Run the worker until so many ends are recorded; return when that was seen, in seconds since 1970."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[float] = loop.create_future()

    def look() -> None:
        try:
            last = _wait(order.needed_server, peer.ended, count, every)
        except (MeasureFailed, psycopg.Error) as problem:
            loop.call_soon_threadsafe(ended.set_exception, MeasureFailed(str(problem)))
        else:
            loop.call_soon_threadsafe(ended.set_result, last)

    worker = asyncio.create_task(peer.work())
    threading.Thread(target=look, daemon=True).start()
    both: list[asyncio.Future[Any]] = [worker, ended]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if worker.done() and not ended.done():
        problem = None if worker.cancelled() else worker.exception()
        raise MeasureFailed(f"its worker has ended: {problem!r}")
    last = await ended
    await _stopped(worker)
    return last


async def _stopped(worker: asyncio.Task[None]) -> None:
    if worker.done():
        raise MeasureFailed(f"its worker has ended: {worker!r}")
    worker.cancel()
    with suppress(asyncio.CancelledError, TimeoutError):
        await asyncio.wait_for(worker, 20)


def _wait(url: str, query: str, count: int, every: float) -> float:
    give_up_at = time.monotonic() + calls.MOST_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            row = connection.execute(query.encode()).fetchone()
            if row is not None and row[0] >= count:
                return time.time()
            if time.monotonic() > give_up_at:
                done = 0 if row is None else row[0]
                raise MeasureFailed(f"{done} of {count} ends were recorded within {calls.MOST_SECONDS:g} s")
            time.sleep(every)
