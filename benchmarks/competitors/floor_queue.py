"""The floor under every durable queue: one table, one index, a claim and a finish by one UPDATE each."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from benchmarks.measures import MeasureFailed, Order, Sample, throughput

COLUMNS = (
    "status text NOT NULL, due_at bigint NOT NULL, handler text NOT NULL, data text NOT NULL, worker text, "
    "fence integer NOT NULL DEFAULT 0, lease_until bigint, started_at bigint, finished_at bigint"
)
INDEX = "CREATE INDEX queue_index ON queue (status, due_at, id)"
LEASE_MICROS = 45_000_000
Claim = Callable[[int, int], Sequence[Any]]
Finish = Callable[[Sequence[Any], int], int]

_SQLITE_CLAIM = """
UPDATE queue SET status = 'running', worker = 'floor', fence = fence + 1, lease_until = ?, started_at = ?
WHERE id IN (SELECT id FROM queue WHERE status = 'queued' AND due_at <= ? ORDER BY due_at, id LIMIT ?)
RETURNING id, fence
"""
_POSTGRES_CLAIM = """
UPDATE queue SET status = 'running', worker = 'floor', fence = fence + 1, lease_until = %s, started_at = %s
WHERE id IN (
    SELECT id FROM queue WHERE status = 'queued' AND due_at <= %s ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING id, fence
"""
_POSTGRES_FINISH = """
UPDATE queue AS q SET status = 'succeeded', finished_at = %s, lease_until = NULL
FROM unnest(%s::bigint[], %s::int[]) AS done(id, fence) WHERE q.id = done.id AND q.fence = done.fence
"""


def on_sqlite(order: Order) -> Sample:
    """Work everything off on a SQLite file."""
    with closing(sqlite3.connect(order.folder / "floor.db", isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"CREATE TABLE queue (id integer PRIMARY KEY, {COLUMNS})")
        connection.execute(INDEX)
        connection.execute("BEGIN")
        insert = "INSERT INTO queue (status, due_at, handler, data) VALUES ('queued', ?, 'log-job', '{}')"
        connection.executemany(insert, [(number,) for number in range(order.count)])
        connection.execute("COMMIT")

        def claim(most: int, now: int) -> Sequence[Any]:
            # Without BEGIN each statement is a transaction of its own, committed when its last row is fetched.
            return connection.execute(_SQLITE_CLAIM, (now + LEASE_MICROS, now, now, most)).fetchall()

        def finish(held: Sequence[Any], now: int) -> int:
            pairs = ", ".join(["(?, ?)"] * len(held))
            done = "UPDATE queue SET status = 'succeeded', finished_at = ?, lease_until = NULL WHERE (id, fence) IN "
            return connection.execute(
                f"{done}(VALUES {pairs})", [now, *(part for row in held for part in row)]
            ).rowcount

        def left() -> int:
            return int(connection.execute("SELECT count(*) FROM queue WHERE status <> 'succeeded'").fetchone()[0])

        return _work(order, claim, finish, left)


def on_postgres(order: Order) -> Sample:
    """Work everything off on PostgreSQL."""
    import psycopg  # noqa: PLC0415 - the other floor does without

    with psycopg.connect(order.needed_server, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE TABLE queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {COLUMNS})".encode())
        cursor.execute(INDEX.encode())
        cursor.execute(
            "INSERT INTO queue (status, due_at, handler, data) "
            "SELECT 'queued', n, 'log-job', '{}' FROM generate_series(1, %s) AS n",
            (order.count,),
        )
        cursor.execute("VACUUM ANALYZE queue")

        def claim(most: int, now: int) -> Sequence[Any]:
            return cursor.execute(_POSTGRES_CLAIM, (now + LEASE_MICROS, now, now, most)).fetchall()

        def finish(held: Sequence[Any], now: int) -> int:
            return cursor.execute(_POSTGRES_FINISH, (now, [row[0] for row in held], [row[1] for row in held])).rowcount

        def left() -> int:
            row = cursor.execute("SELECT count(*) FROM queue WHERE status <> 'succeeded'").fetchone()
            assert row is not None
            return int(row[0])

        return _work(order, claim, finish, left)


def _work(order: Order, claim: Claim, finish: Finish, left: Callable[[], int]) -> Sample:
    batch = int(order.options["batch"])
    finished = 0
    began = time.perf_counter()
    while held := claim(batch, time.time_ns() // 1000):
        count = finish(held, time.time_ns() // 1000)
        if count != len(held):
            raise MeasureFailed(f"finished {count} of {len(held)} rows")
        finished += count
    seconds = time.perf_counter() - began
    if finished != order.count or left():
        raise MeasureFailed(f"{order.count} rows, but {finished} were finished and {left()} are left")
    return throughput(order.count, seconds)
