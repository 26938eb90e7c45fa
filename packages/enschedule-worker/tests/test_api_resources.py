"""Handlers, workers, triggers, figures, health and the OpenAPI document over REST."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest

from enschedule_core.registry import Registry
from enschedule_core.run import RunStatus
from enschedule_core.source import BrokenPlugin, Source
from enschedule_worker.store import census


def other_worker(**changes: Any) -> census.WorkerCard:
    known = {"host": "h", "pid": 1, "version": "0.1.0", "executor": "thread", "places": 2}
    return census.WorkerCard(**{"instance_id": "i2", "id": "web-2", "title": "web-2", **known, **changes})


def test_handlers_are_listed_in_their_newest_version_with_who_has_them(api: Any, stage: Any, newer: Registry) -> None:
    stage.register(other_worker(), newer)
    listed = {one["id"]: one for one in api.ok("GET", "handlers")["items"]}
    assert set(listed) == {"log-job", "echo"}
    assert (listed["log-job"]["version"], listed["log-job"]["versions"]) == (2, [1, 2])
    assert listed["log-job"]["workers"] == [{"id": "web-2", "instance_id": "i2", "status": "up"}]
    assert listed["echo"]["schema"] is None
    first = api.ok("GET", "handlers/log-job?version=1")
    assert (first["title"], first["example"]) == ("Log message", {"message": "hi"})
    assert list(first["schema"]["properties"]) == ["message", "level", "address"]
    assert first["source"]["kind"] in {"module", "main", "code"}
    assert [one["id"] for one in api.ok("GET", "handlers?q=MESSAGE")["items"]] == []  # of version 1, not of the newest
    assert [one["id"] for one in api.ok("GET", "handlers?q=ECH")["items"]] == ["echo"]
    assert "There are: 2, 1." in api.refused(404, "GET", "handlers/log-job?version=9")["hint"]
    api.refused(404, "GET", "handlers/none")


def test_an_unversioned_handler_is_the_newest_and_stays_what_it_was(
    api: Any, stage: Any, newer: Registry, clock: Any
) -> None:
    body = {"handler": "log-job", "data": {"message": "x"}}
    assert api.ok("PUT", "schedules/x", body)["handler"]["version"] == 1
    stage.register(other_worker(), newer)
    assert api.ok("PUT", "schedules/x", body)["change"] == "unchanged"
    assert api.ok("PUT", "schedules/y", body)["handler"]["version"] == 2
    clock.advance(seconds=60)  # web-1, which had version 1, is down
    stage.register(other_worker(), newer)
    moved = api.ok("PUT", "schedules/x", body)
    assert (moved["handler"]["version"], moved["change"]) == (2, "updated")


def test_data_is_checked_by_the_stored_schema_where_this_process_lacks_the_handler(stage: Any, make_api: Any) -> None:
    api = make_api(registry=Registry())
    body = {"handler": "log-job", "data": {"address": {}, "extra": 1}}
    problem = api.refused(422, "POST", "schedules", body)
    assert {error["field"] for error in problem["errors"]} == {"data.message", "data.address.street", "data.extra"}
    api.ok("POST", "schedules", {"handler": "log-job", "data": {"message": "x"}})


def test_broken_plugins_are_listed_first_with_their_traceback(api: Any, stage: Any, registry: Registry) -> None:
    registry.add_broken(
        BrokenPlugin("bad", Source("module", "bad_plugin"), "ImportError: no", "Traceback…\nImportError: no")
    )
    registry.add_broken(BrokenPlugin("bad", Source("module", "bad_too"), "ImportError: no", "Traceback…"))
    stage.register()
    items = api.ok("GET", "plugins")["items"]
    assert [(one["status"], one["error"]) for one in items[:2]] == [("broken", "ImportError: no")] * 2
    assert items[0]["traceback"].startswith("Traceback")
    assert {name for one in items for name in one["handlers"]} == {"log-job@1", "echo@1"}
    assert api.ok("GET", "readyz")["checks"][2]["detail"] == "2 loaded, 2 broken: see plugins."


def test_workers_grow_late_and_down_and_are_forgotten_only_then(api: Any, stage: Any, clock: Any) -> None:
    def status() -> list[str]:
        return [one["status"] for one in api.ok("GET", "workers")["items"]]

    worker = api.ok("GET", "workers")["items"][0]
    assert (worker["id"], worker["places"], worker["tags"], worker["used"]) == ("web-1", 8, ["blue"], 0)
    assert worker["handlers"] == ["echo@1", "log-job@1"]
    clock.advance(seconds=15)
    assert status() == ["up"]
    clock.advance(seconds=1)
    assert status() == ["late"]
    problem = api.refused(409, "DELETE", "workers/i1")
    assert "late" in problem["detail"]
    clock.advance(seconds=15)
    assert status() == ["down"]
    assert api.ok("GET", "handlers/echo")["workers"] == []
    stage.heartbeat()
    assert status() == ["up"]
    with stage.database.write() as tx:
        census.stop(tx, "i1")
    assert status() == ["stopped"]
    assert api.ask("DELETE", "workers/i1").status_code == 204
    assert status() == []
    api.refused(404, "DELETE", "workers/i1")
    assert api.ok("GET", "handlers/echo")["id"] == "echo"  # known for ever


def test_an_old_start_of_a_worker_is_not_shown_beside_its_new_one(api: Any, stage: Any, clock: Any) -> None:
    clock.advance(seconds=100)
    stage.register(other_worker(id="web-1", instance_id="i3"))
    assert [one["instance_id"] for one in api.ok("GET", "workers")["items"]] == ["i3"]


def test_a_worker_shows_what_it_runs(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    stage.claim()
    worker = api.ok("GET", "workers")["items"][0]
    assert worker["used"] == 1
    assert worker["running"][0]["schedule"] == {"id": "hourly", "title": "hourly"}
    assert worker["running"][0]["handler"] == {"id": "log-job", "version": 1}


def test_the_preview_is_that_of_the_interface(api: Any) -> None:
    body = {
        "schedule": "every day at 2 am",
        "timezone": "Europe/Stockholm",
        "after": "2026-03-28T00:00:00Z",
        "count": 3,
    }
    assert api.ok("POST", "triggers/preview", body) == {
        "kind": "cron",
        "expression": "0 2 * * *",
        "timezone": "Europe/Stockholm",
        "description": "Every day at 02:00",
        "next": ["2026-03-28T01:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
        "notes": [
            "29 Mar 2026: 02:00 does not exist. It runs at 03:00.",
            "25 Oct 2026: 02:00 comes twice. It runs once, the first time.",
            "28 Mar 2027: 02:00 does not exist. It runs at 03:00.",
        ],
        "collisions": None,
    }
    short = api.ok("POST", "triggers/preview", {"trigger": {"kind": "every", "seconds": 90}})
    assert (short["expression"], len(short["next"]), short["timezone"]) == ("every 90s", 5, "Europe/Stockholm")
    assert api.ok("POST", "triggers/preview", {"schedule": "manual"})["next"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "schedule"),
        ({"schedule": "daily", "trigger": {"kind": "manual"}}, "schedule"),
        ({"schedule": "every day at 25:00"}, "schedule"),
        ({"schedule": "0 0 31 2 *"}, "schedule"),
        ({"schedule": "daily", "timezone": "Mars"}, "timezone"),
        ({"schedule": "daily", "after": "2026-03-28T00:00:00"}, "after"),
        ({"schedule": "daily", "count": 0}, "count"),
        ({"schedule": "daily", "count": 101}, "count"),
        ({"schedule": {"a": 1}}, "schedule.kind"),
        ({"trigger": {"kind": "cron"}}, "trigger.expression"),
        ({"schedul": "daily"}, "schedul"),
    ],
)
def test_a_preview_of_what_cannot_be_is_refused(api: Any, body: Any, field: str) -> None:
    assert api.field("POST", "triggers/preview", body)["field"] == field


def test_schedules_are_counted_by_how_they_stand(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    api.ok("PUT", "schedules/paused", {"handler": "echo", "paused": True})
    api.ok("PUT", "schedules/failing", {"handler": "echo"})
    api.ok("POST", "schedules/failing/runs")
    stage.finish(*stage.claim(), RunStatus.FAILED)
    counts = api.ok("GET", "stats/schedules")
    assert {name: counts[name] for name in ("total", "failing", "paused", "running", "overdue", "waiting")} == {
        "total": 3,
        "failing": 1,
        "paused": 1,
        "running": 0,
        "overdue": 0,
        "waiting": 0,
    }
    assert [one["id"] for one in counts["failing_items"]] == ["failing"]
    clock.advance(seconds=3600 + 10)  # hourly was due 10 s ago and nobody fired; the worker is gone
    later = api.ok("GET", "stats/schedules")
    assert (later["overdue"], later["waiting"], later["failing"]) == (1, 2, 1)
    assert api.ok("GET", "schedules/hourly")["status"] == "waiting"
    assert [one["id"] for one in api.ok("GET", "schedules?status=waiting&sort=id")["items"]] == ["failing", "hourly"]


def test_runs_are_counted_by_the_hour(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    for status in (RunStatus.SUCCEEDED, RunStatus.FAILED):
        api.ok("POST", "schedules/hourly/runs")
        clock.advance(seconds=4)
        stage.finish(*stage.claim(), status)
    api.ok("POST", "runs", {"handler": "echo"})
    stage.finish(*stage.claim())
    for path, succeeded in (("stats/runs", 2), ("stats/runs?schedule=hourly", 1)):
        found = api.ok("GET", path)
        assert len(found["items"]) == 25
        assert found["totals"] == {"succeeded": succeeded, "failed": 1}
        hour = next(one for one in found["items"] if one["at"] == "2026-11-24T12:00:00Z")
        assert hour["counts"] == {"succeeded": succeeded, "failed": 1}
        assert hour["duration_seconds_mean"] == 2.0
        assert found["start_delay_seconds_p50"] == 4.0
    day = api.ok("GET", "stats/runs?bucket=86400&from=2026-11-23T00:00:00Z&to=2026-11-25T00:00:00Z")
    assert [one["counts"] for one in day["items"]] == [{}, {"succeeded": 2, "failed": 1}]
    assert api.ok("GET", "stats/runs?schedule=none")["totals"] == {}
    assert api.field("GET", "stats/runs?from=2026-11-25T00:00:00Z&to=2026-11-24T00:00:00Z")["field"] == "to"
    assert api.field("GET", "stats/runs?bucket=60")["field"] == "bucket"


def test_the_queue_says_since_when_the_first_waits(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    clock.advance(seconds=5)
    api.ok("POST", "schedules/hourly/runs")
    queue = api.ok("GET", "stats/queue")
    assert (queue["queued"], queue["running"], queue["places"]) == (2, 0, 8)
    assert (queue["oldest_queued_at"], queue["now"]) == ("2026-11-24T12:00:00Z", "2026-11-24T12:00:05Z")
    stage.claim()
    assert (api.ok("GET", "stats/queue")["queued"], api.ok("GET", "stats/queue")["used"]) == (0, 2)


def test_the_size_of_the_database_is_asked_for_once_a_minute(
    api: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.ok("GET", "stats/queue")["database_bytes"] > 50_000
    monkeypatch.setattr("enschedule_worker.store.size.in_bytes", lambda _tx: 7)
    assert api.ok("GET", "stats/queue")["database_bytes"] > 50_000
    monkeypatch.setattr("enschedule_worker.service.stats.SIZE_SECONDS", 0.0)
    assert api.ok("GET", "stats/queue")["database_bytes"] == 7


def test_retention_is_previewed_and_nothing_removed(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    for _ in range(3):
        api.ok("POST", "schedules/hourly/runs")
        stage.finish(stage.claim()[0])
    clock.advance(seconds=10 * 86_400)
    found = api.ok("POST", "retention/preview")
    assert (found["runs"], found["policy"]) == (0, {"days": 90, "runs": 20, "failures_days": 365})
    ask = {"schedule": "hourly", "retention": {"days": 7, "runs": 1}}
    found = api.ok("POST", "retention/preview", ask)
    assert (found["runs"], found["at_least"], found["oldest_at"]) == (2, False, "2026-11-24T12:00:02Z")
    assert found["schedules"] == [{"schedule": {"id": "hourly", "title": "hourly"}, "runs": 2}]
    components = api.ok("GET", "openapi.json")["components"]
    schema = {"$ref": "#/components/schemas/RetentionPreview", "components": components}
    jsonschema.Draft202012Validator(schema).validate(found)
    assert len(api.ok("GET", "runs")["items"]) == 3
    api.refused(404, "POST", "retention/preview", {"schedule": "none"})
    assert api.field("POST", "retention/preview", {"retention": {"days": -1}})["field"] == "retention.days"


def test_the_forecast_has_the_earliest_slots_and_counts_them_all(api: Any, hourly: Any) -> None:
    api.ok("PUT", "schedules/often", {"handler": "echo", "trigger": {"kind": "every", "seconds": 600, "max_runs": 8}})
    api.ok("PUT", "schedules/twin", {"handler": "echo", "schedule": "every hour", "timezone": "UTC"})
    api.ok("PUT", "schedules/off", {"handler": "echo", "schedule": "every hour", "paused": True})
    api.ok("PUT", "schedules/back", {"handler": "echo", "schedule": "every hour", "timezone": "UTC"})
    api.ok("POST", "schedules/back/pause", {"until": "2026-11-24T14:30:00Z"})
    found = api.ok("GET", "forecast?to=2026-11-24T16:00:00Z&limit=8")
    assert [(one["at"][11:16], one["schedule"]["id"]) for one in found["items"]] == [
        ("12:10", "often"),
        ("12:20", "often"),
        ("12:30", "often"),
        ("12:40", "often"),
        ("12:50", "often"),
        ("13:00", "hourly"),
        ("13:00", "often"),
        ("13:00", "twin"),
    ]
    assert [(one["at"][11:13], one["count"]) for one in found["buckets"]] == [
        ("12", 5),
        ("13", 5),
        ("14", 2),
        ("15", 3),
    ]
    assert found["truncated"] is False


def test_health_needs_no_database_and_readiness_does(api: Any, database: Any) -> None:
    assert api.ok("GET", "readyz")["status"] == "ready"
    api.ready = (False, "The engine has not started.")
    response = api.ask("GET", "readyz")
    assert (response.status_code, response.get_json()["status"]) == (503, "not_ready")
    assert {"name": "engine", "ok": False, "detail": "The engine has not started."} in response.get_json()["checks"]
    assert api.ok("GET", "healthz") == {"status": "ok", "version": "0.1.0"}


def test_the_openapi_document_describes_every_route_and_refers_to_what_is_there(api: Any) -> None:
    document = api.ok("GET", "openapi.json")
    routes = {(path, method) for path, found in document["paths"].items() for method in found if method != "parameters"}
    for rule in api.app.url_map.iter_rules():
        if "docs" in rule.rule or "openapi" in rule.rule:
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in set(rule.methods or ()) - {"HEAD", "OPTIONS"}:
            assert (path, method.lower()) in routes
            assert document["paths"][path][method.lower()]["summary"]
    for reference in re.findall(r'"#/components/(\w+)/(\w+)"', api.ask("GET", "openapi.json").get_data(as_text=True)):
        assert reference[1] in document["components"][reference[0]], reference
    page = api.ask("GET", "docs")
    assert "http" not in page.get_data(as_text=True)
    assert "/api/v1/schedules/{schedule_id}/resume" in page.get_data(as_text=True)
    assert api.ask("GET", "docs.css").content_type.startswith("text/css")


ANSWERS = {
    "schedules": "SchedulePage",
    "schedules/hourly": "Schedule",
    "schedules/hourly/next": "NextSlots",
    "schedules/hourly/diagnosis": "Diagnosis",
    "schedules/hourly/skips": "SkipPage",
    "schedules/hourly/history": "HistoryEntryPage",
    "runs": "RunPage",
    "runs/1": "RunDetail",
    "runs/2": "RunDetail",
    "runs/1/output": "OutputPage",
    "runs/1/output/lines": "OutputLines",
    "runs/1/output/matches?q=x": "OutputMatches",
    "handlers": "HandlerPage",
    "handlers/log-job": "Handler",
    "plugins": "PluginPage",
    "workers": "WorkerPage",
    "me": "Me",
    "healthz": "Health",
    "readyz": "Readiness",
    "stats/schedules": "ScheduleCounts",
    "stats/runs": "RunStats",
    "stats/queue": "QueueStats",
    "runs/count": "RunCount",
    "tags": "TagCountPage",
    "forecast": "Forecast",
}


@pytest.mark.parametrize(("path", "name"), ANSWERS.items())
def test_every_answer_is_what_the_document_says(
    api: Any, stage: Any, hourly: Any, clock: Any, path: str, name: str
) -> None:
    api.ok("PATCH", "schedules/hourly", {"retry": {"max_attempts": 2}})
    api.ok("POST", "schedules/hourly/runs")
    (run,) = stage.claim()
    stage.print(1, "hello\n")
    stage.finish(run, RunStatus.FAILED)
    api.ok("POST", "runs", {"handler": "echo"})
    stage.claim()
    api.ok("POST", "schedules/hourly/pause", {"reason": "why"})
    clock.advance(seconds=3600)
    stage.heartbeat()
    api.ok("POST", "schedules/hourly/resume")
    schema = {"$ref": f"#/components/schemas/{name}", "components": api.ok("GET", "openapi.json")["components"]}
    jsonschema.Draft202012Validator(schema).validate(api.ok("GET", path))
