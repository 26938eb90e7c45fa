"""The floor on PostgreSQL: psycopg, ``unnest`` and CTEs with SKIP LOCKED, synchronous_commit on."""

from __future__ import annotations

import psycopg

from benchmarks.competitors.floor import HOUR_MICROS, LEASE_MICROS, TEXT, Held, filled, new_run, rail, work
from benchmarks.measures import Order, Sample

_COLUMNS, _VALUES = new_run(
    occurrence_key="'s' || due.key || ':' || due.due_at || ':1'",
    schedule_key="due.key",
    revision="due.revision",
    handler_id="due.handler_id",
    handler_version="due.handler_version",
    status="'queued'",
    slot_at="due.due_at",
    origin_kind="'slot'",
    queued_at="%(now)s",
    not_before="due.due_at",
)
_FIRE = f"""
WITH due AS MATERIALIZED (
    SELECT key, due_at, revision, handler_id, handler_version FROM schedules WHERE fire_at <= %(now)s
    ORDER BY fire_at, key LIMIT %(most)s FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE schedules AS s SET due_at = NULL, fire_at = NULL, slots_fired = slots_fired + 1, open_runs = open_runs + 1
    FROM due WHERE s.key = due.key
)
INSERT INTO runs ({_COLUMNS}) SELECT {_VALUES} FROM due
"""
_CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT id FROM runs WHERE status = 'queued' AND not_before <= %(now)s
    ORDER BY rank, not_before, id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE runs AS r SET status = 'running', worker_id = 'floor', worker_instance = 'floor', fence = fence + 1,
    lease_until = %(lease)s, started_at = %(now)s
FROM picked WHERE r.id = picked.id RETURNING r.id, r.fence, r.schedule_key
"""
_FINISH = """
UPDATE runs AS r SET status = 'succeeded', finished_at = %(now)s, lease_until = NULL, output_bytes = %(bytes)s,
    output_lines = 1
FROM unnest(%(ids)s::bigint[], %(fences)s::int[]) AS done(id, fence)
WHERE r.id = done.id AND r.fence = done.fence AND r.worker_instance = 'floor' AND r.status = 'running'
"""
_OUTPUT = """
INSERT INTO output (run_id, fence, seq, stream, printed_at, text)
SELECT id, fence, 1, 'stdout', %(now)s, %(text)s FROM unnest(%(ids)s::bigint[], %(fences)s::int[]) AS done(id, fence)
"""
_STANDING = """
UPDATE schedules AS s SET open_runs = open_runs - 1, last_status = 'succeeded', last_run_id = done.id,
    last_run_at = %(now)s, last_success_at = %(now)s, recent = done.rail
FROM unnest(%(ids)s::bigint[], %(keys)s::bigint[], %(rails)s::text[]) AS done(id, key, rail) WHERE s.key = done.key
"""
_COUNT = """
INSERT INTO counters (hour_at, worker_id, status, count, duration, delay, delayed)
VALUES (%(hour)s, 'floor', 'succeeded', %(count)s, 0, 0, %(count)s)
ON CONFLICT (hour_at, worker_id, status) DO UPDATE
SET count = counters.count + excluded.count, delayed = counters.delayed + excluded.delayed
"""


def throughput(order: Order) -> Sample:
    """Fire, claim and finish everything."""
    url = filled(order).url.replace("+psycopg", "", 1)
    # Not prepared: a plan made while the tables were empty makes batches of 500 slower by half.
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        return work(_Statements(connection), order)


class _Statements:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._cursor = connection.cursor()

    def begin(self) -> None:
        self._cursor.execute("BEGIN")

    def finish(self, held: Held, now: int) -> int:
        ids, fences, keys = [run[0] for run in held], [run[1] for run in held], [run[2] for run in held]
        values = {"now": now, "ids": ids, "fences": fences, "keys": keys, "bytes": len(TEXT), "text": TEXT}
        finished = self._cursor.execute(_FINISH, values).rowcount
        self._cursor.execute(_OUTPUT, values)
        self._cursor.execute(_STANDING, {**values, "rails": [rail(run_id, now) for run_id in ids]})
        self._cursor.execute(_COUNT, {"hour": now - now % HOUR_MICROS, "count": len(held)})
        return finished

    def fire(self, most: int, now: int) -> None:
        self._cursor.execute(_FIRE.encode(), {"now": now, "most": most})

    def claim(self, most: int, now: int) -> Held:
        self._cursor.execute(_CLAIM, {"now": now, "most": most, "lease": now + LEASE_MICROS})
        return self._cursor.fetchall()

    def commit(self) -> None:
        self._cursor.execute("COMMIT")

    def succeeded(self) -> tuple[int, int]:
        runs = self._cursor.execute("SELECT count(*) FROM runs WHERE status = 'succeeded'").fetchone()
        outputs = self._cursor.execute("SELECT count(*) FROM output").fetchone()
        assert runs is not None
        assert outputs is not None
        return runs[0], outputs[0]
