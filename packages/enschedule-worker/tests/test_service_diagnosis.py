"""Why is it not running?"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, update

from enschedule_core.registry import Registry
from enschedule_core.run import RunStatus
from enschedule_worker.store import census
from enschedule_worker.store.models.schedules import Schedule


def failed(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the checks that do not hold, by code."""
    return {check["code"]: check for check in found["checks"] if check["ok"] is False}


def test_nothing_stops_it(api: Any, hourly: Any) -> None:
    found = api.ok("GET", "schedules/hourly/diagnosis")
    assert found["sentence"] == "Nothing stops it. Its next slot is 2026-11-24T13:00:00Z."
    assert failed(found) == {}
    worker = next(check for check in found["checks"] if check["code"] == "worker")
    assert worker["text"] == "1 worker offers log-job v1: web-1."
    api.refused(404, "GET", "schedules/none/diagnosis")


def test_it_is_paused(api: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/pause", {"reason": "vendor", "until": "2026-11-27T08:00:00Z"})
    found = api.ok("GET", "schedules/hourly/diagnosis")
    assert found["sentence"] == (
        "It is paused by local since 2026-11-24T12:00:00Z until 2026-11-27T08:00:00Z: “vendor”."
    )
    assert failed(found)["paused"]["action"] == {"label": "Resume…", "kind": "resume"}


def test_no_worker_is_up(api: Any, hourly: Any, clock: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    clock.advance(seconds=60)
    found = api.ok("GET", "schedules/hourly/diagnosis")
    assert found["sentence"] == "No worker is up. The last was seen at 2026-11-24T12:00:00Z."
    assert failed(found)["queue"]["text"] == "Run 1 waits for one since 2026-11-24T12:00:00Z."


def test_workers_are_up_without_the_version(api: Any, stage: Any, hourly: Any, clock: Any, newer: Registry) -> None:
    clock.advance(seconds=60)
    other = census.WorkerCard(
        instance_id="i2", id="web-2", title="web-2", host="h", pid=1, version="0", executor="thread", places=1
    )
    stage.register(other, newer)
    found = api.ok("GET", "schedules/hourly/diagnosis")
    assert found["sentence"] == (
        "No worker that is up offers log-job v1. "
        "web-1, which has it, was last seen at 2026-11-24T12:00:00Z; web-2 offers v2."
    )


def test_it_fails(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    stage.finish(*stage.claim(), RunStatus.FAILED)
    found = api.ok("GET", "schedules/hourly/diagnosis")
    assert found["sentence"] == "It failed once, since 2026-11-24T12:00:02Z. The last said: ValueError: no"
    assert failed(found)["last_run"]["action"] == {"label": "Open it", "kind": "open_run", "run_id": 1}


def test_it_waits_for_its_retry(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("PATCH", "schedules/hourly", {"retry": {"max_attempts": 2, "delay_seconds": 30}})
    api.ok("POST", "schedules/hourly/runs")
    stage.finish(*stage.claim(), RunStatus.FAILED)
    found = api.ok("GET", "schedules/hourly/diagnosis")
    assert found["sentence"] == "The last run failed; it waits for its retry at 2026-11-24T12:00:32Z."


def test_the_previous_run_is_still_going(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    stage.claim()
    clock.advance(seconds=2 * 3600)
    stage.fire()
    stage.heartbeat()
    found = api.ok("GET", "schedules/hourly/diagnosis")
    overlap = failed(found)["overlap"]
    assert overlap["text"].startswith("Run 1 has been going for 7,200 s. Overlap is skip, so ")
    assert overlap["action"] == {"label": "Open it", "kind": "open_run", "run_id": 1}


def test_a_run_waits_for_a_place_and_a_slot_for_an_engine(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    clock.advance(seconds=3611)
    stage.heartbeat()
    checks = failed(api.ok("GET", "schedules/hourly/diagnosis"))
    assert checks["queue"]["text"] == "Run 1 waits for a free place since 2026-11-24T12:00:00Z."
    assert "no engine looks at it" in checks["slot"]["text"]


def test_a_broken_trigger_is_shown_can_be_edited_and_harms_no_list(
    api: Any, stage: Any, hourly: Any, database: Any, clock: Any
) -> None:
    with database.write() as tx:
        tx.execute(update(Schedule).values(trigger=func.replace(Schedule.trigger, "UTC", "Europe/Kyev")))
    clock.advance(seconds=3600)
    stage.fire()
    shown = api.ok("GET", "schedules")["items"][0]
    assert (shown["status"], shown["next"]) == ("broken", [])
    assert "Europe/Kyev" in shown["broken_reason"]
    found = api.ok("GET", "schedules/hourly/diagnosis")
    assert failed(found)["trigger"]["action"] == {"label": "Edit", "kind": "edit"}
    clock.advance(seconds=60)
    slot = next(check for check in api.ok("GET", "schedules/hourly/diagnosis")["checks"] if check["code"] == "slot")
    assert (slot["ok"], slot["text"]) == (None, "Its slot of 2026-11-24T13:00:00Z has not been fired.")
    for path in ("stats/schedules", "forecast", "schedules/hourly/next", "schedules/hourly/history"):
        api.ok("GET", path)
    stage.heartbeat()
    cured = api.ok("PATCH", "schedules/hourly", {"timezone": "Europe/Kyiv"})
    assert (cured["status"], cured["broken_reason"], cured["due_at"]) == ("scheduled", None, "2026-11-24T14:00:00Z")


def test_one_by_hand_and_one_that_has_ended_are_no_trouble(api: Any, stage: Any, clock: Any) -> None:
    api.ok("PUT", "schedules/hand", {"handler": "echo"})
    assert (
        api.ok("GET", "schedules/hand/diagnosis")["sentence"] == "Nothing stops it. It runs when somebody asks for it."
    )
    api.ok("PUT", "schedules/once", {"handler": "echo", "schedule": "2026-11-24T12:00:01Z"})
    clock.advance(seconds=1)
    stage.fire()
    stage.finish(*stage.claim())
    found = api.ok("GET", "schedules/once/diagnosis")
    assert found["sentence"] == "It has ended, as planned: there is no further slot."
    assert failed(found) == {}
