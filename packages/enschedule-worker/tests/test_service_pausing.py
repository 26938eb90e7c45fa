"""Pausing, resuming, and what becomes of the slots meanwhile."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_paused_schedule_does_not_fire_and_says_who_stopped_it(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    paused = api.ok("POST", "schedules/hourly/pause", {"reason": "vendor maintenance"})
    assert (paused["status"], paused["paused"], paused["next"]) == ("paused", True, [])
    assert paused["pause"] == {
        "reason": "vendor maintenance",
        "until": None,
        "by": "local",
        "at": "2026-11-24T12:00:00Z",
    }
    clock.advance(seconds=7200)
    stage.fire()
    assert api.ok("GET", "runs")["items"] == []


def test_resume_skips_the_missed_slots_and_records_how_many(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    api.ok("POST", "schedules/hourly/pause")
    clock.advance(seconds=3 * 3600)  # the slot of this very instant is one of the missed ones
    resumed = api.ok("POST", "schedules/hourly/resume")
    assert (resumed["status"], resumed["pause"], resumed["due_at"]) == ("waiting", None, "2026-11-24T16:00:00Z")
    (skip,) = api.ok("GET", "schedules/hourly/skips")["items"]
    assert (skip["reason"], skip["count"]) == ("paused", 3)
    assert (skip["first_slot_at"], skip["last_slot_at"]) == ("2026-11-24T13:00:00Z", "2026-11-24T15:00:00Z")
    assert [(place["status"], place["count"]) for place in resumed["recent"]] == [("skipped", 3)]
    stage.fire()
    assert api.ok("GET", "runs")["items"] == []
    clock.advance(seconds=3600)
    stage.fire()
    assert len(api.ok("GET", "runs")["items"]) == 1


@pytest.mark.parametrize(("missed", "expected"), [("latest", (["15"], 2)), ("all", (["13", "14", "15"], 0))])
def test_resume_runs_the_missed_slots_if_it_is_told_to(
    api: Any, hourly: Any, clock: Any, missed: str, expected: tuple[list[str], int]
) -> None:
    api.ok("POST", "schedules/hourly/pause")
    clock.advance(seconds=3 * 3600)
    resumed = api.ok("POST", "schedules/hourly/resume", {"missed": missed})
    assert resumed["due_at"] == "2026-11-24T16:00:00Z"
    slots = [run["slot_at"][11:13] for run in reversed(api.ok("GET", "runs")["items"])]
    skipped = sum(skip["count"] for skip in api.ok("GET", "schedules/hourly/skips")["items"])
    assert (slots, skipped) == expected
    assert api.field("POST", "schedules/hourly/resume", {"missed": "some"})["field"] == "missed"


def test_a_pause_ends_by_itself(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    api.ok("POST", "schedules/hourly/pause", {"until": "2026-11-24T15:30:00+01:00"})
    assert api.ok("GET", "schedules/hourly")["pause"]["until"] == "2026-11-24T14:30:00Z"
    clock.advance(seconds=9000)
    stage.fire()
    stage.heartbeat()
    back = api.ok("GET", "schedules/hourly")
    assert (back["status"], back["due_at"]) == ("scheduled", "2026-11-24T15:00:00Z")
    assert api.ok("GET", "schedules/hourly/skips")["items"][0]["count"] == 2


def test_a_pause_that_is_over_already_is_refused(api: Any, hourly: Any) -> None:
    assert (
        "it is 2026-11-24T12:00:00Z"
        in api.field("POST", "schedules/hourly/pause", {"until": "2026-11-24T12:00:00Z"})["message"]
    )
    assert api.field("POST", "schedules/hourly/pause", {"until": "friday"})["field"] == "until"
    assert api.field("POST", "schedules/hourly/pause", {"reason": "x" * 501})["field"] == "reason"


def test_resuming_what_is_on_changes_nothing(api: Any, hourly: Any) -> None:
    assert api.ok("POST", "schedules/hourly/resume") == api.ok("GET", "schedules/hourly")


def test_skips_are_paged_newest_first(api: Any, hourly: Any, clock: Any) -> None:
    for _ in range(3):
        api.ok("POST", "schedules/hourly/pause")
        clock.advance(seconds=3600)
        api.ok("POST", "schedules/hourly/resume", {"missed": "skip"})
        api.ok("PATCH", "schedules/hourly", {"trigger": {"kind": "every", "seconds": 3600 + clock.now % 7 + 1}})
        api.ok("PATCH", "schedules/hourly", {"schedule": "every hour"})
        clock.advance(seconds=3600)
        api.ok("POST", "schedules/hourly/pause")
        api.ok("POST", "schedules/hourly/resume", {"missed": "latest"})
    whole = api.ok("GET", "schedules/hourly/skips")["items"]
    assert whole == sorted(whole, key=lambda skip: -skip["id"])
    paged, cursor = [], ""
    while cursor is not None:
        page = api.ok("GET", "schedules/hourly/skips?limit=1" + (f"&cursor={cursor}" if cursor else ""))
        paged += page["items"]
        cursor = page["next_cursor"]
    assert paged == whole
