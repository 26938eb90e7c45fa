"""Procrastinate on PostgreSQL, its worker embedded as its documentation shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from procrastinate import App, PsycopgConnector

from benchmarks.competitors import calls, peer
from benchmarks.measures import NANOS, Order, Sample


class _Procrastinate:
    ended = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"

    def __init__(self, url: str) -> None:
        self._app = App(connector=PsycopgConnector(conninfo=url))
        self._task = self._app.task(name="call", queue="bench")(calls.call)

    async def open(self) -> None:
        await self._app.open_async()
        await self._app.schema_manager.apply_schema_async()

    async def enqueue(self, count: int) -> None:
        await self._task.batch_defer_async(*({"number": number} for number in range(count)))

    async def schedule(self, slots: Sequence[int]) -> Sequence[int]:
        for number, slot in enumerate(slots):
            at = datetime.fromtimestamp(slot / NANOS, UTC)
            await self._task.configure(schedule_at=at).defer_async(number=number)
        return slots

    async def work(self) -> None:
        await self._app.run_worker_async(queues=["bench"], concurrency=peer.PLACES, install_signal_handlers=False)


def throughput(order: Order) -> Sample:
    """Work off a backlog."""
    return peer.throughput_of(_Procrastinate(order.needed_server), order)


def delay(order: Order) -> Sample:
    """Compare instants with starts."""
    return peer.delay_of(_Procrastinate(order.needed_server), order)


def idle(order: Order) -> Sample:
    """Watch a worker without work."""
    return peer.idle_of(_Procrastinate(order.needed_server), order)
