"""What lists and charts of a large history cost: the time in the database, and of one whole request."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, event

from benchmarks.competitors.own_database import HANDLERS, Place
from benchmarks.competitors.own_worker import API_KEY, serving
from benchmarks.measures import MeasureFailed, Order, Sample
from enschedule_worker.build import Worker, build_worker
from enschedule_worker.settings import read_settings

TIMES = 20
REQUESTS = 200
LISTS = (
    "schedules",
    "schedules?sort=last_run",
    "schedules?failing=true",
    "schedules/{schedule}",
    "runs",
    "runs?status=failed",
    "runs?schedule={schedule}",
)
CHARTS = (
    "stats/runs?from={month}&bucket=86400",
    "stats/runs?from={day}&bucket=3600",
    "stats/runs?from={month}&bucket=86400&schedule={schedule}",
)
Statement = tuple[str, Any]


def reads(order: Order) -> Sample:
    """Take the slowest list and the slowest chart, each the median of its times; and one list as a program asks it."""
    place = Place.of(order)
    worker = build_worker(read_settings({**place.environ, "HANDLERS_DIR": str(HANDLERS), "API_KEY": API_KEY}))
    try:
        lists = {path: _median_ms(worker, _path(path, order)) for path in LISTS}
        charts = {path: _median_ms(worker, _path(path, order)) for path in CHARTS}
    finally:
        worker.database.dispose()
    took = _requests(order, place)
    slowest = tuple(f"{max(found, key=lambda path: found[path])}" for found in (lists, charts))
    return Sample(
        {
            "list_ms": max(lists.values()),
            "chart_ms": max(charts.values()),
            "get_p50": median(took),
            "get_p95": took[-(-95 * len(took) // 100) - 1],
        },
        notes=(f"slowest: {' and '.join(slowest)}",),
    )


def _path(pattern: str, order: Order) -> str:
    now = datetime.now(UTC)
    return pattern.format(
        schedule=f"listed-{order.sizes.listed // 2}",
        month=quote((now - timedelta(days=29)).isoformat(timespec="seconds")),
        day=quote((now - timedelta(days=1)).isoformat(timespec="seconds")),
    )


def _median_ms(worker: Worker, path: str) -> float:
    """Return the time that the statements of one answer take: execution and fetch, on a connection of their own."""
    with heard(worker.database.engine) as statements:
        answer = worker.app.test_client().get(f"/api/v1/{path}", headers={"X-API-Key": API_KEY})
    if answer.status_code != 200:
        raise MeasureFailed(f"GET {path}: {answer.status}: {answer.get_data(as_text=True)[:500]}")
    if not statements:
        raise MeasureFailed(f"GET {path} has asked the database nothing")
    raw = worker.database.engine.raw_connection()
    try:
        return 1000 * median(replay(raw, statements) for _ in range(TIMES))
    finally:
        raw.close()


@contextmanager
def heard(engine: Engine) -> Iterator[list[Statement]]:
    """Give the statements that read, as they come."""
    found: list[Statement] = []

    def before(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if statement.lstrip()[:6].upper() in ("SELECT", "WITH R", "WITH A"):
            found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", before)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", before)


def replay(raw: Any, statements: Sequence[Statement]) -> float:
    """Return how many seconds statements take on a connection of the driver, execution and fetch."""
    cursor = raw.cursor()
    began = time.perf_counter()
    for statement, parameters in statements:
        cursor.execute(statement, parameters)
        cursor.fetchall()
    took = time.perf_counter() - began
    cursor.close()
    raw.rollback()
    return took


def _requests(order: Order, place: Place) -> list[float]:
    """Return how long GET schedules takes over one connection with a key, in milliseconds, in ascending order."""
    took = []
    with serving(order, place) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(REQUESTS):
            began = time.perf_counter()
            connection.request("GET", "/api/v1/schedules", headers={"X-API-Key": API_KEY})
            answer = connection.getresponse()
            body = answer.read()
            took.append(1000 * (time.perf_counter() - began))
            if answer.status != 200 or len(json.loads(body)["items"]) != 50:
                raise MeasureFailed(f"GET schedules: {answer.status}: {body[:300]!r}")
        connection.close()
    return sorted(took)
