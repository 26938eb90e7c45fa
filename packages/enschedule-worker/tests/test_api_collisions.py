"""Which schedules start in the minute of a trigger's first slot, and which minute near it is free."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def crowd(api: Any) -> None:
    """Three at 13:30, one at 13:31, one in every minute, one that is paused."""
    for id in ("a", "b"):
        api.ok("PUT", f"schedules/{id}", {"handler": "echo", "schedule": "every day at 13:30", "timezone": "UTC"})
    api.ok("PUT", "schedules/c", {"handler": "echo", "schedule": "30 13 * * *", "title": "Third", "timezone": "UTC"})
    api.ok("PUT", "schedules/d", {"handler": "echo", "schedule": "31 * * * *", "timezone": "UTC"})
    api.ok("PUT", "schedules/tick", {"handler": "echo", "schedule": "every 10 seconds", "timezone": "UTC"})
    api.ok(
        "PUT", "schedules/off", {"handler": "echo", "schedule": "every day at 13:30", "paused": True, "timezone": "UTC"}
    )


def collisions(api: Any, schedule: Any, **more: Any) -> Any:
    body = {"schedule": schedule, "timezone": "UTC", "collisions": True, **more}
    return api.ok("POST", "triggers/preview", body)["collisions"]


@pytest.mark.usefixtures("crowd")
def test_those_that_start_in_the_same_minute_are_counted_and_the_next_free_minute_is_named(api: Any) -> None:
    found = collisions(api, "every day at 13:30")
    assert (found["at"], found["count"]) == ("2026-11-24T13:30:00Z", 3)
    assert {schedule["title"] for schedule in found["schedules"]} <= {"a", "b", "Third"}
    assert found["free"] == {"at": "2026-11-24T13:32:00Z", "schedule": "every day at 13:32"}
    # It does not stand in its own way.
    assert collisions(api, "every day at 13:30", schedule_id="c")["count"] == 2
    assert collisions(api, "every day at 13:32") == {
        "at": "2026-11-24T13:32:00Z",
        "count": 0,
        "schedules": [],
        "free": None,
    }


@pytest.mark.usefixtures("crowd")
def test_one_that_is_paused_between_two_alike_was_not_counted_and_is_not_taken_off(api: Any) -> None:
    api.ok("PUT", "schedules/e", {"handler": "echo", "schedule": "every day at 13:30", "timezone": "UTC"})
    api.ok("POST", "schedules/b/pause")
    assert collisions(api, "every day at 13:30")["count"] == 3
    assert collisions(api, "every day at 13:30", schedule_id="b")["count"] == 3
    api.ok("POST", "schedules/b/resume")
    assert collisions(api, "every day at 13:30", schedule_id="b")["count"] == 3
    assert collisions(api, "every day at 13:30")["count"] == 4


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(
    ("schedule", "free"),
    [
        ("30 13 * * *", "32 13 * * *"),
        ("weekdays at 1:30 pm", "weekdays at 1:32 pm"),
        ("2026-11-24T13:30:00Z", "2026-11-24T13:32:00Z"),
        ("every 30 minutes", None),
        ("every 90 seconds", None),
        ({"kind": "cron", "expression": "30 13 * * *", "starts_at": "2026-11-24T00:00:00Z"}, "32 13 * * *"),
    ],
)
def test_the_free_minute_is_said_as_the_trigger_was(api: Any, schedule: Any, free: str | None) -> None:
    found = collisions(api, schedule)
    assert (found["free"] or {}).get("schedule") == free


def test_at_the_end_of_an_hour_a_minute_before_is_free(api: Any) -> None:
    api.ok("PUT", "schedules/last", {"handler": "echo", "schedule": "59 * * * *", "timezone": "UTC"})
    assert collisions(api, "every day at 13:59")["free"]["schedule"] == "every day at 13:58"


def test_an_hour_without_a_free_minute_has_none(api: Any) -> None:
    for minute in range(60):
        api.ok("PUT", f"schedules/m{minute}", {"handler": "echo", "schedule": f"{minute} 14 * * *", "timezone": "UTC"})
    assert collisions(api, "every day at 14:10") == {
        "at": "2026-11-24T14:10:00Z",
        "count": 1,
        "schedules": [{"id": "m10", "title": "m10"}],
        "free": None,
    }


def test_without_a_slot_or_without_asking_there_are_none(api: Any, hourly: Any) -> None:
    assert collisions(api, "manual") is None
    assert collisions(api, "every hour")["count"] == 1
    assert collisions(api, "every hour", collisions=False) is None
    assert api.field("POST", "triggers/preview", {"schedule": "daily", "collisions": "maybe"})["field"] == "collisions"
