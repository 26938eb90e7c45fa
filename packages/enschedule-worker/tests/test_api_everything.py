"""The routes of the pause of everything and of concurrency groups: what they take, and how they refuse."""

from __future__ import annotations

from typing import Any

import pytest


def test_everything_is_paused_and_goes_on(api: Any, hourly: Any) -> None:
    found = api.ok("PUT", "pause", {"paused": True, "reason": "move", "until": "2026-11-24T15:00:00+01:00"})
    assert found == {
        "paused": True,
        "reason": "move",
        "until": "2026-11-24T14:00:00Z",
        "by": "local",
        "at": "2026-11-24T12:00:00Z",
        "slots": 0,
        "revision": 1,
    }
    assert api.ok("GET", "pause") == found
    for path, body in (("schedules/hourly/runs", {}), ("runs", {"handler": "echo"})):
        problem = api.refused(409, "POST", path, body)
        assert problem["detail"].startswith("Everything is paused by local since 2026-11-24T12:00:00Z until ")
        assert "/api/v1/pause" in problem["hint"]
    assert api.ok("PUT", "pause", {"paused": False, "missed": "latest"})["paused"] is False
    assert api.ok("POST", "schedules/hourly/runs")["status"] == "queued"


def test_who_has_seen_another_pause_of_everything_neither_replaces_nor_lifts_it(api: Any) -> None:
    def put(body: dict[str, Any], revision: int) -> Any:
        return api.ask("PUT", "pause", body, headers={"If-Match": f'"{revision}"'})

    first = put({"paused": True, "reason": "database move"}, 0)
    assert (first.status_code, first.headers["ETag"]) == (200, '"1"')
    second = put({"paused": True, "reason": "upgrade"}, 0)
    assert second.status_code == 412
    assert second.json["detail"].startswith(
        "Everything is paused by local since 2026-11-24T12:00:00Z: “database move”."
    )
    assert second.json["current"] == api.ok("GET", "pause") == first.json
    assert put({"paused": True, "reason": "upgrade"}, 1).json["reason"] == "upgrade"
    assert put({"paused": False}, 1).status_code == 412
    assert api.ok("GET", "pause")["paused"] is True
    assert put({"paused": False}, 2).json["revision"] == 3
    gone = put({"paused": False}, 2)
    assert gone.json["detail"].startswith("Nothing is paused as a whole any more.")
    assert api.ok("PUT", "pause", {"paused": True})["revision"] == 4
    assert put({"paused": True}, "x").status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "paused"),
        ({"paused": "yes"}, "paused"),
        ({"paused": 0.0}, "paused"),
        ({"paused": 1}, "paused"),
        ({"paused": True, "until": "2026-11-24T11:00:00Z"}, "until"),
        ({"paused": True, "until": "tomorrow"}, "until"),
        ({"paused": False, "reason": "x"}, "reason"),
        ({"paused": True, "why": "x"}, "why"),
        ({"paused": True, "missed": "all"}, "missed"),
        ({"paused": False, "missed": "some"}, "missed"),
        ({"paused": False, "missed": None}, "missed"),
    ],
)
def test_a_wrong_pause_is_refused_at_its_field(api: Any, body: dict[str, Any], field: str) -> None:
    assert api.field("PUT", "pause", body)["field"] == field
    assert api.ok("GET", "pause")["paused"] is False


def test_a_group_is_listed_once_a_schedule_names_it_and_keeps_what_it_is_given(api: Any, hourly: Any) -> None:
    assert api.ok("GET", "concurrency-groups") == {"items": [], "next_cursor": None}
    api.ok("PATCH", "schedules/hourly", {"concurrency_group": "erp"})
    (group,) = api.ok("GET", "concurrency-groups")["items"]
    assert (group["name"], group["max_running"], group["schedules"], group["updated_by"]) == ("erp", 1, 1, None)
    both = api.ok("PUT", "concurrency-groups", {"items": [{"name": "a", "max_running": 2}]})["items"]
    assert [(one["name"], one["max_running"]) for one in both] == [("a", 2), ("erp", 1)]
    api.ok("PUT", "concurrency-groups", {"items": [{"name": "erp", "max_running": 9}]})
    after = api.ok("GET", "concurrency-groups")["items"]
    assert [(one["name"], one["max_running"], one["updated_by"]) for one in after] == [
        ("a", 2, "local"),
        ("erp", 9, "local"),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": [{"name": "Not a name", "max_running": 1}]}, "items.0.name"),
        ({"items": [{"name": "a", "max_running": 0}]}, "items.0.max_running"),
        ({"items": [{"name": "a", "max_running": 1.5}]}, "items.0.max_running"),
        ({"items": [{"name": "a"}]}, "items.0.max_running"),
    ],
)
def test_a_wrong_group_is_refused_at_its_field(api: Any, body: dict[str, Any], field: str) -> None:
    assert api.field("PUT", "concurrency-groups", body)["field"] == field
