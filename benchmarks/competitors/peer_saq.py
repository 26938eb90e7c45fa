"""SAQ on PostgreSQL, with an async function, as its documentation has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saq import Queue, Worker

from benchmarks.competitors import calls, peer
from benchmarks.measures import NANOS, Order, Sample


async def call(_: Any, *, number: int) -> None:
    """What the worker calls, by its name."""
    calls.call(number)


class _Saq:
    ended = "SELECT count(*) FROM saq_jobs WHERE status = 'complete'"

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        self._queue: Any = Queue.from_url(self._url)
        await self._queue.connect()

    async def enqueue(self, count: int) -> None:
        for number in range(count):
            await self._queue.enqueue("call", number=number, ttl=3600)

    async def schedule(self, slots: Sequence[int]) -> Sequence[int]:
        stored = []
        for number, slot in enumerate(slots):
            # It stores whole seconds.
            at = round(slot / NANOS)
            await self._queue.enqueue("call", number=number, scheduled=at, ttl=3600)
            stored.append(at * NANOS)
        return stored

    async def work(self) -> None:
        worker: Any = Worker(self._queue, [call], concurrency=peer.PLACES)
        worker.SIGNALS = []
        await worker.start()


def throughput(order: Order) -> Sample:
    """Work off a backlog."""
    return peer.throughput_of(_Saq(order.needed_server), order)


def delay(order: Order) -> Sample:
    """Compare instants with starts."""
    return peer.delay_of(_Saq(order.needed_server), order)


def idle(order: Order) -> Sample:
    """Watch a worker without work."""
    return peer.idle_of(_Saq(order.needed_server), order)
