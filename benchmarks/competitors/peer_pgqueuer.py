"""pgqueuer on PostgreSQL with asyncpg; its entrypoint calls a plain function in a thread, as its error advises."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.models import Job

from benchmarks.competitors import calls, peer
from benchmarks.measures import NANOS, Order, Sample


class _PgQueuer:
    ended = "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'"

    def __init__(self, url: str, batch: int) -> None:
        self._url = url
        self._batch = batch

    async def open(self) -> None:
        self._connection = await asyncpg.connect(self._url)
        self._queue = PgQueuer.from_asyncpg_connection(self._connection)
        await self._queue.queries.install()

        @self._queue.entrypoint("call")
        async def call(job: Job) -> None:
            await asyncio.to_thread(calls.call, int(job.payload or b""))

    async def enqueue(self, count: int) -> None:
        await self._queue.queries.enqueue(
            ["call"] * count, [str(number).encode() for number in range(count)], [0] * count
        )

    async def schedule(self, slots: Sequence[int]) -> Sequence[int]:
        count = len(slots)
        now = time.time_ns()
        after = [timedelta(microseconds=(slot - now) // 1000) for slot in slots]
        payloads = [str(number).encode() for number in range(count)]
        await self._queue.queries.enqueue(["call"] * count, payloads, [0] * count, after)
        # It takes durations, from when the database hears of them on.
        rows = await self._connection.fetch(
            "SELECT (extract(epoch FROM execute_after) * 1000000)::bigint AS at FROM pgqueuer "
            "ORDER BY convert_from(payload, 'UTF8')::int"
        )
        return [row["at"] * (NANOS // 1_000_000) for row in rows]

    async def work(self) -> None:
        await self._queue.run(batch_size=self._batch)


def throughput(order: Order) -> Sample:
    """Work off a backlog."""
    return peer.throughput_of(_of(order), order)


def delay(order: Order) -> Sample:
    """Compare instants with starts."""
    return peer.delay_of(_of(order), order)


def idle(order: Order) -> Sample:
    """Watch a worker without work."""
    return peer.idle_of(_of(order), order)


def _of(order: Order) -> _PgQueuer:
    return _PgQueuer(order.needed_server, int(order.options["batch"]))
