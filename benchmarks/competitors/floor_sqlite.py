"""The floor on SQLite: Python's ``sqlite3`` and ``executemany``, WAL, synchronous=FULL."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from benchmarks.competitors.floor import HOUR_MICROS, LEASE_MICROS, TEXT, Held, filled, new_run, rail, work
from benchmarks.measures import Order, Sample

_COLUMNS, _VALUES = new_run(
    occurrence_key=":occurrence",
    schedule_key=":key",
    revision=":revision",
    handler_id=":handler_id",
    handler_version=":handler_version",
    status="'queued'",
    slot_at=":due_at",
    origin_kind="'slot'",
    queued_at=":now",
    not_before=":due_at",
)
_DUE = """
SELECT key, due_at, revision, handler_id, handler_version FROM schedules WHERE fire_at <= ?
ORDER BY fire_at, key LIMIT ?
"""
_MOVE = """
UPDATE schedules SET due_at = NULL, fire_at = NULL, slots_fired = slots_fired + 1, open_runs = open_runs + 1
WHERE key = ?
"""
_INSERT = f"INSERT INTO runs ({_COLUMNS}) VALUES ({_VALUES})"
_CHOOSE = """
SELECT id, fence, schedule_key FROM runs
WHERE status IN ('queued', 'running') AND status = 'queued' AND not_before <= ? -- the first so that its index is used
ORDER BY rank, not_before, id LIMIT ?
"""
_CLAIM = """
UPDATE runs SET status = 'running', worker_id = 'floor', worker_instance = 'floor', fence = fence + 1, lease_until = ?,
    started_at = ?
WHERE id = ? AND status = 'queued'
"""
_FINISH = """
UPDATE runs SET status = 'succeeded', finished_at = ?, lease_until = NULL, output_bytes = ?, output_lines = 1
WHERE id = ? AND fence = ? AND worker_instance = 'floor' AND status = 'running'
"""
_OUTPUT = "INSERT INTO output (run_id, fence, seq, stream, printed_at, text) VALUES (?, ?, 1, 'stdout', ?, ?)"
_STANDING = """
UPDATE schedules SET open_runs = open_runs - 1, last_status = 'succeeded', last_run_id = ?, last_run_at = ?,
    last_success_at = ?, recent = ?
WHERE key = ?
"""
_COUNT = """
INSERT INTO counters (hour_at, worker_id, status, count, duration, delay, delayed)
VALUES (?, 'floor', 'succeeded', ?, 0, 0, ?)
ON CONFLICT (hour_at, worker_id, status) DO UPDATE
SET count = counters.count + excluded.count, delayed = counters.delayed + excluded.delayed
"""


def throughput(order: Order) -> Sample:
    """Fire, claim and finish everything."""
    path = filled(order).environ["SQLITE"]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")
        return work(_Statements(connection), order)


class _Statements:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def finish(self, held: Held, now: int) -> int:
        many = self._connection.executemany
        finished = many(_FINISH, [(now, len(TEXT), run_id, fence) for run_id, fence, _ in held]).rowcount
        many(_OUTPUT, [(run_id, fence, now, TEXT) for run_id, fence, _ in held])
        many(_STANDING, [(run_id, now, now, rail(run_id, now), key) for run_id, _, key in held])
        self._connection.execute(_COUNT, (now - now % HOUR_MICROS, len(held), len(held)))
        return finished

    def fire(self, most: int, now: int) -> None:
        due = self._connection.execute(_DUE, (now, most)).fetchall()
        rows = [
            {
                "occurrence": f"s{key}:{due_at}:1",
                "key": key,
                "revision": revision,
                "handler_id": handler_id,
                "handler_version": handler_version,
                "due_at": due_at,
                "now": now,
            }
            for key, due_at, revision, handler_id, handler_version in due
        ]
        self._connection.executemany(_INSERT, rows)
        self._connection.executemany(_MOVE, [(row[0],) for row in due])

    def claim(self, most: int, now: int) -> Held:
        chosen = self._connection.execute(_CHOOSE, (now, most)).fetchall()
        claims = [(now + LEASE_MICROS, now, run_id) for run_id, _, _ in chosen]
        self._connection.executemany(_CLAIM, claims)
        return [(run_id, fence + 1, key) for run_id, fence, key in chosen]

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def succeeded(self) -> tuple[int, int]:
        (runs,) = self._connection.execute("SELECT count(*) FROM runs WHERE status = 'succeeded'").fetchone()
        (outputs,) = self._connection.execute("SELECT count(*) FROM output").fetchone()
        return runs, outputs
