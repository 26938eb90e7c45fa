"""Oban for Python on PostgreSQL, embedded as its documentation shows. It needs Python 3.12."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from oban import Oban, job
from oban.schema import install

from benchmarks.competitors import calls, peer
from benchmarks.measures import NANOS, Order, Sample


@job(queue="bench")
def call(number: int) -> None:
    """Oban calls plain functions on its event loop."""
    calls.call(number)


class _Oban:
    ended = "SELECT count(*) FROM oban_jobs WHERE state = 'completed'"

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        self._pool: Any = await Oban.create_pool(self._url)
        await install(self._pool)
        self._client = Oban(pool=self._pool, name="client")

    async def enqueue(self, count: int) -> None:
        await self._client.enqueue_many(*[call.new(number) for number in range(count)])

    async def schedule(self, slots: Sequence[int]) -> Sequence[int]:
        jobs = []
        for number, slot in enumerate(slots):
            one = call.new(number)
            one.scheduled_at = datetime.fromtimestamp(slot / NANOS, UTC)
            one.state = "scheduled"
            jobs.append(one)
        await self._client.enqueue_many(*jobs)
        return slots

    async def work(self) -> None:
        async with Oban(pool=self._pool, queues={"bench": peer.PLACES}):
            await asyncio.Event().wait()


def throughput(order: Order) -> Sample:
    """Work off a backlog."""
    return peer.throughput_of(_Oban(order.needed_server), order)


def delay(order: Order) -> Sample:
    """Compare instants with starts."""
    return peer.delay_of(_Oban(order.needed_server), order)


def idle(order: Order) -> Sample:
    """Watch a worker without work."""
    return peer.idle_of(_Oban(order.needed_server), order)
