"""What both floors share: the rows of a run that Enschedule stores, and the loop over batches.

The least that storing them can cost: the tables and indexes of Enschedule's own migration, the same rows, one
connection, statements written by hand for this one case, and one transaction for each batch, which finishes the batch
before (the run, its output, how its schedule stands, the hourly counter), fires the next one (a queued run, and the
schedule's ``due_at`` moved on) and claims it. No handler is called, nothing is captured, nothing is decided.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from benchmarks.competitors.own_database import LINE, Place, make_many, migrated
from benchmarks.measures import MeasureFailed, Order, Sample, throughput
from enschedule_core.run import RunStatus
from enschedule_worker.store import recent
from enschedule_worker.store.models.base import Base
from enschedule_worker.store.models.runs import Run

LEASE_MICROS = 45_000_000
HOUR_MICROS = 3_600_000_000
TEXT = f"{LINE}\n"
Held = list[tuple[int, int, int]]
"""Runs that are claimed: id, fence, key of the schedule."""


class Statements(Protocol):
    """The statements of one database, each for a whole batch; ``now`` is in microseconds."""

    def begin(self) -> None:
        """Begin a transaction."""

    def finish(self, held: Held, now: int) -> int:
        """Record that these runs have succeeded and what they printed; return how many the guard let through."""
        ...

    def fire(self, most: int, now: int) -> None:
        """Make a queued run of each of so many due schedules."""

    def claim(self, most: int, now: int) -> Held:
        """Take so many queued runs."""
        ...

    def commit(self) -> None:
        """End the transaction; what it did is on disk then."""

    def succeeded(self) -> tuple[int, int]:
        """Return how many runs have succeeded and how many outputs are stored."""
        ...


def filled(order: Order) -> Place:
    """Make the tables, and as many schedules that are due."""
    place = Place.of(order)
    migrated(place)
    make_many(place, order.count, first=time.time_ns() // 1_000 - 60_000_000, apart=0)
    return place


def work(statements: Statements, order: Order) -> Sample:
    """Work everything off in batches, from the first claim to the last commit."""
    batch = int(order.options["batch"])
    began = time.perf_counter()
    held: Held = []
    while True:
        now = time.time_ns() // 1_000
        statements.begin()
        if held and (finished := statements.finish(held, now)) != len(held):
            raise MeasureFailed(f"finished {finished} of {len(held)} rows")
        statements.fire(batch, now)
        held = statements.claim(batch, now)
        statements.commit()
        if not held:
            break
    seconds = time.perf_counter() - began
    if statements.succeeded() != (order.count, order.count):
        raise MeasureFailed(f"{order.count} schedules, but (runs, outputs) are {statements.succeeded()}")
    return throughput(order.count, seconds)


def new_run(**given: str) -> tuple[str, str]:
    """Return the columns and the values of a new run in SQL: those given, and the others' defaults."""
    values = {**_defaults(Run), **given}
    return ", ".join(f'"{name}"' for name in values), ", ".join(values.values())


def _defaults(model: type[Base]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column in model.__table__.columns:
        default: Any = None if column.default is None else getattr(column.default, "arg", None)
        if not column.nullable and default is not None:
            found[column.name] = f"'{default}'" if isinstance(default, str) else str(default).lower()
    return found


def rail(run_id: int, now: int) -> str:
    """Return what a schedule's rail looks like after one run."""
    return recent.add("[]", recent.Place(run_id, now, RunStatus.SUCCEEDED, duration=1000))
