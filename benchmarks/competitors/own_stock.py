"""Large databases of Enschedule: many schedules that are due some day, or a month of runs.

Their rows are copies of rows that the program itself has written: a schedule that its service made, and a run of it by
a worker, with what it printed. What else the service writes about a schedule, one line of the audit log, is left out.
"""

from __future__ import annotations

import json
import time
from typing import Any

from sqlalchemy import Connection, text

from benchmarks.competitors.own_database import Place, copy_rows, make_each, make_many, migrated
from benchmarks.competitors.own_worker import MICROS, recorded, sleep_until, wait_recorded, workers
from benchmarks.competitors.words import WORDS, Words
from benchmarks.measures import NANOS, MeasureFailed, Order, Sample
from enschedule_worker.store import recent
from enschedule_worker.store.models.runs import Counter, Output, Run

TEN_YEARS = 10 * 365 * 86_400 * MICROS
HOUR = 3600 * MICROS
MONTH = 30 * 24 * HOUR
FAILED_ONE_IN = 50
LEAD_NANOS = 4 * NANOS


def schedules(order: Order) -> Sample:
    """Store schedules that are due in ten years, a second apart."""
    place = Place.of(order)
    migrated(place)
    first = time.time_ns() // 1000 + TEN_YEARS
    make_many(place, order.count, first=first - first % MICROS, apart=MICROS, handler="stamp", prefix="stored")
    return Sample({})


def runs(order: Order) -> Sample:
    """Store schedules, and runs of theirs over the last thirty days, one in fifty of them failed."""
    place = Place.of(order)
    first = time.time_ns() // 1000 + TEN_YEARS
    with place.connect() as connection:
        _one_run(order, place, connection)
        make_many(place, order.sizes.listed, first=first - first % MICROS, apart=MICROS, prefix="listed")
        keys = text("SELECT min(s.{0}), max(s.{0}) FROM schedules AS s WHERE s.id LIKE 'listed-%'".format(_key(place)))
        lowest, highest = connection.execute(keys).one()
        if highest - lowest + 1 != order.sizes.listed:
            raise MeasureFailed(f"the keys of {order.sizes.listed} schedules go from {lowest} to {highest}")
        _copy_runs(place, connection, order.count, lowest, order.sizes.listed)
        _settle(place, connection, lowest)
    return Sample({})


def dashboard(order: Order) -> Sample:
    """Store a month of runs of schedules that differ, as the pages are measured with."""
    from benchmarks.dashboard import stock  # noqa: PLC0415 - it begins with what is here

    return stock.fill(order)


def _key(place: Place) -> str:
    return WORDS[place.dialect].quoted("key")


def _one_run(order: Order, place: Place, connection: Connection) -> None:
    """Let a worker run one schedule: what it stores is what is copied."""
    with workers(order, place) as programs:
        at = time.time_ns() + LEAD_NANOS
        make_each(place, [at - at % 1000], handler="log-job", data={"message": "some message"})
        sleep_until(at / NANOS)
        wait_recorded(programs, connection, recorded(connection) or 1)


def _copy_runs(place: Place, connection: Connection, count: int, lowest: int, schedules: int) -> None:
    words = WORDS[place.dialect]
    since = time.time_ns() // 1000 - MONTH
    at = words.floor(f"{since} + n * {MONTH / count!r}")
    failed = f"n % {FAILED_ONE_IN} = 1"
    template = dict(connection.execute(text("SELECT * FROM runs")).mappings().one())
    own = {
        "occurrence_key": words.concat("'c'", "n"),
        "schedule_key": f"{lowest} + n % {schedules}",
        "status": f"CASE WHEN {failed} THEN 'failed' ELSE 'succeeded' END",
        "outcome_kind": f"CASE WHEN {failed} THEN 'exception' END",
        "message": f"CASE WHEN {failed} THEN 'ValueError: no such customer' END",
        **{name: f"{at} + {template[name] - template['slot_at']}" for name in _INSTANTS if template[name] is not None},
    }
    copy_rows(connection, Run, f"t.id = {template['id']}", own, words.series(count), leave_out=("id",))
    printed = {"run_id": "r.id", "printed_at": "r.started_at"}
    copy_rows(connection, Output, f"t.run_id = {template['id']} AND r.id > t.run_id", printed, "runs AS r")


_INSTANTS = ("slot_at", "queued_at", "not_before", "started_at", "finished_at")


def _settle(place: Place, connection: Connection, lowest: int) -> None:
    """Make the schedules and the hourly counters say what the runs are."""
    words, key = WORDS[place.dialect], _key(place)
    places = [[number, time.time_ns() // NANOS - 60 * number, "s", 3] for number in range(recent.PLACES)]
    newest = f"FROM runs AS r WHERE r.schedule_key = schedules.{key}"
    last = f"last_run_id = (SELECT max(r.id) {newest}), last_run_at = (SELECT max(r.queued_at) {newest})"
    connection.execute(
        text(f"UPDATE schedules SET last_status = 'succeeded', recent = :recent, {last} WHERE {key} >= :lowest"),
        {"recent": json.dumps(places, separators=(",", ":")), "lowest": lowest},
    )
    connection.execute(text("DELETE FROM counters"))
    connection.execute(text(_counters(words)))
    for statement in words.settle:
        connection.execute(text(statement))


def _counters(words: Words) -> str:
    names = [column.name for column in Counter.__table__.columns]
    values = {
        "hour_at": f"finished_at - finished_at % {HOUR}",
        "worker_id": "worker_id",
        "status": "status",
        "count": "count(*)",
        "duration": "sum(finished_at - started_at)",
        "delay": "sum(started_at - not_before)",
        "delayed": "count(*)",
    }
    others: dict[str, Any] = {name: "0" for name in names if name not in values}
    listed = ", ".join(map(words.quoted, names))
    return (
        f"INSERT INTO counters ({listed}) SELECT {', '.join({**values, **others}[name] for name in names)} "
        f"FROM runs "
        f"GROUP BY {values['hour_at']}, worker_id, status"
    )
