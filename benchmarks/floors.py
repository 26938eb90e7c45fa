"""The rows of the floor: hand-written SQL, in batches of 100."""

from __future__ import annotations

from benchmarks.measures import Measure
from benchmarks.ours import POSTGRES, SQLITE, TITLES
from benchmarks.rows import Row

BATCH = 100
_HOW = {
    SQLITE: "Python's `sqlite3`, one connection, WAL, synchronous=FULL. ",
    POSTGRES: "psycopg, one connection, synchronous_commit on. ",
}
_QUEUE = (
    "The least that a durable queue can do: one table with one index, filled beforehand; a batch is claimed by one "
    "UPDATE and finished by one UPDATE, each a transaction of its own, since a claim has to be on disk before its "
    "handler is called. No schedule, no handler, no output, no history beside the row."
)
_ALL = (
    "The tables and indexes of Enschedule's own migration and every row that it stores, in one transaction for each "
    "batch: the batch before is finished (run, output, standing of its schedule, hourly counter), the next one fired "
    "(a queued run, `due_at` moved on) and claimed. No handler is called, nothing is captured or decided."
)


def _row(kind: str, name: str, title: str, program: str, how: str, factor: float) -> Row:
    return Row(
        measure=Measure.THROUGHPUT,
        name=f"{name}-{kind}",
        title=title.format(TITLES[kind]),
        program=program,
        how=_HOW[kind] + how,
        options={"database": kind, "batch": BATCH},
        needs=("postgres",) if kind == POSTGRES else (),
        factor=factor,
        against=tuple(
            f"ours-{kind}-{executor}" + ("-once" if name == "floor-all" else "") for executor in ("process", "thread")
        ),
    )


ROWS = (
    _row(SQLITE, "floor", "Hand-written SQL, {}: a queue", "floor_queue:on_sqlite", _QUEUE, 10.0),
    _row(SQLITE, "floor-all", "Hand-written SQL, {}: all that we store", "floor_sqlite:throughput", _ALL, 6.0),
    _row(POSTGRES, "floor", "Hand-written SQL, {}: a queue", "floor_queue:on_postgres", _QUEUE, 8.0),
    _row(POSTGRES, "floor-all", "Hand-written SQL, {}: all that we store", "floor_postgres:throughput", _ALL, 4.0),
)
