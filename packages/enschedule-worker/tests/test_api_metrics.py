"""The figures for Prometheus: their form, what they count, and that asking often costs little."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event

from enschedule_core.run import RunStatus
from enschedule_worker.api import metrics as prometheus
from enschedule_worker.service import metrics
from enschedule_worker.store import counters, retention

LINE = re.compile(r'enschedule_([a-z_]+)(?:\{((?:[a-z]+="[^"]*",?)*)\})? (\S+)')
HOUR_SECONDS = 3600


def read(api: Any) -> dict[str, float]:
    """The samples by name and label values; the form is checked on the way."""
    response = api.client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    text = response.get_data(as_text=True)
    assert text.endswith("\n")
    kinds: dict[str, str] = {}
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP"):
            match = LINE.fullmatch(line)
            assert match, line
            base = re.sub(r"_(sum|count)$", "", f"enschedule_{match[1]}")
            assert base in kinds or f"enschedule_{match[1]}" in kinds, line
            labels = re.findall(r'="([^"]*)"', match[2] or "")
            key = " ".join([match[1], *labels])
            assert key not in found, line
            found[key] = float(match[3])
    return found


def test_it_counts_runs_queue_workers_and_schedules(api: Any, hourly: Any, stage: Any, clock: Any) -> None:
    for _ in range(4):
        api.ok("POST", "schedules/hourly/runs")
    clock.advance(seconds=5)
    first, second, third, _ = stage.claim()
    stage.finish(first, seconds=2)
    stage.finish(second, RunStatus.FAILED, seconds=1)
    api.ok("POST", "schedules/hourly/runs")
    clock.advance(seconds=4)
    api.ok("POST", "schedules", {"handler": "log-job", "data": {"message": "x"}, "schedule": "manual", "paused": True})
    found = read(api)
    assert found["info 0.1.0"] == 1
    assert (found["runs_total succeeded"], found["runs_total failed"], found["runs_total lost"]) == (1, 1, 0)
    assert (found["run_duration_seconds_sum succeeded"], found["run_duration_seconds_count succeeded"]) == (2, 1)
    assert (found["start_delay_seconds 0.5"], found["start_delay_seconds 0.95"]) == (5, 5)
    assert (found["start_delay_seconds_sum"], found["start_delay_seconds_count"]) == (10, 2)
    assert (found["runs_queued"], found["runs_running"], found["queue_oldest_seconds"]) == (1, 2, 4)
    assert (found["workers up"], found["workers down"], found["places"], found["places_stuck"]) == (1, 0, 8, 0)
    assert (found["schedules running"], found["schedules paused"], found["schedules_failing"]) == (1, 1, 1)
    assert (found["schedules_overdue"], found["paused"]) == (0, 0)
    assert found["database_bytes"] > 0
    api.ok("PUT", "pause", {"paused": True})
    assert read(api)["paused"] == 1
    assert third.id > 0


def test_nothing_ran_yet(api: Any) -> None:
    found = read(api)
    assert (found["runs_total succeeded"], found["queue_oldest_seconds"], found["start_delay_seconds_count"]) == (
        0,
        0,
        0,
    )
    assert "start_delay_seconds 0.5" not in found


def test_what_was_counted_never_goes_down(api: Any, database: Any, clock: Any) -> None:
    def count(hours_ago: int, number: int) -> None:
        at = clock.now - hours_ago * HOUR_SECONDS * 1_000_000
        with database.write() as tx:
            counters.add(tx, [counters.Counted("w", RunStatus.SUCCEEDED, at, duration=1_000_000, count=number)])

    count(50, 3)
    count(49, 4)
    count(0, 5)
    assert read(api)["runs_total succeeded"] == 12
    for _ in range(2):
        with database.write() as tx:
            retention.remove_counters(tx, before=clock.now - 24 * HOUR_SECONDS * 1_000_000)
        assert read(api)["runs_total succeeded"] == 12
    with database.read() as tx:
        (row,) = counters.totals(tx)
        assert [(old.sum_count, old.sum_duration) for old in counters.totals(tx, before=1)] == [(7, 2_000_000)]
        assert (row.sum_count, row.sum_duration) == (12, 3_000_000)
    count(0, 1)
    assert read(api)["runs_total succeeded"] == 13
    range_of_all = "stats/runs?from=1970-01-01T00:00:00Z&to=1970-01-02T00:00:00Z"
    assert api.ok("GET", range_of_all)["totals"] == {}


def test_it_goes_on_from_hour_to_hour(api: Any, database: Any, clock: Any) -> None:
    for _ in range(5):
        with database.write() as tx:
            counters.add(tx, [counters.Counted("w", RunStatus.FAILED, clock.now)])
        before = read(api)["runs_total failed"]
        clock.advance(seconds=HOUR_SECONDS)
        assert read(api)["runs_total failed"] == before
    assert before == 5


def test_asking_again_reads_no_schedules_and_no_old_hours(api: Any, hourly: Any, database: Any) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    read(api)
    first, statements[:] = list(statements), []
    read(api)
    assert len(statements) < len(first)
    assert not any("FROM schedules" in one for one in statements)


def test_it_needs_a_key_where_the_api_does(make_api: Any) -> None:
    api = make_api(loopback=False)
    assert api.client.get("/metrics").status_code == 401
    assert api.client.get("/metrics", headers={"Authorization": "Bearer correct-horse-battery"}).status_code == 200
    assert api.client.get("/api/v1/metrics").status_code == 404


def test_labels_are_escaped() -> None:
    sample = metrics.Sample(1, {"a": 'x"y\\z\n'})
    assert (
        list(prometheus.lines([metrics.Metric("m", "gauge", "Help.", (sample,))]))[-1]
        == r'enschedule_m{a="x\"y\\z\n"} 1'
    )


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_it_is_only_read(api: Any, method: str) -> None:
    assert api.client.open("/metrics", method=method).status_code == 405
