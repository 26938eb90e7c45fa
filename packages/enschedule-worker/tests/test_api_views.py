"""Saved views, and the settings in force."""

from __future__ import annotations

from typing import Any

import pytest

from enschedule_worker.build import build_worker
from enschedule_worker.settings import read_settings

FAILED = {"list": "runs", "name": "Failed today", "filters": {"status": "failed,lost", "from": "2026-11-24T00:00:00Z"}}
NIGHT = {"list": "schedules", "name": "Night", "filters": {"tag": "night", "sort": "-due_at", "paused": "false"}}


def put(api: Any, *items: dict[str, Any]) -> list[tuple[str, str]]:
    found = api.ok("PUT", "views", {"items": list(items)})
    assert found == api.ok("GET", "views")
    return [(one["list"], one["name"]) for one in found["items"]]


def test_views_are_saved_replaced_and_removed_by_name(api: Any) -> None:
    assert api.ok("GET", "views") == {"items": [], "next_cursor": None}
    assert put(api, FAILED, NIGHT) == [("schedules", "Night"), ("runs", "Failed today")]
    first, second = api.ok("GET", "views")["items"]
    assert first == {**NIGHT, "updated_at": "2026-11-24T12:00:00Z", "updated_by": "local"}
    assert second["filters"] == FAILED["filters"]
    put(api, {**NIGHT, "filters": {"q": "å ✓"}})
    assert api.ok("GET", "views")["items"][0]["filters"] == {"q": "å ✓"}
    assert put(api, {**FAILED, "filters": None}, {"list": "runs", "name": "none", "filters": None}) == [
        ("schedules", "Night")
    ]
    assert put(api, {"list": "runs", "name": "Night", "filters": {}}) == [("schedules", "Night"), ("runs", "Night")]


def test_a_saved_view_is_a_query_of_its_list(api: Any, hourly: Any) -> None:
    put(api, FAILED, NIGHT)
    for view in api.ok("GET", "views")["items"]:
        assert api.ok("GET", view["list"], query_string=view["filters"])["items"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"list": "workers"}, "list"),
        ({"list": None}, "list"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"filters": {"colour": "red"}}, "filters.colour"),
        ({"filters": {"cursor": "x"}}, "filters.cursor"),
        ({"filters": {"limit": "5"}}, "filters.limit"),
        ({"filters": {"status": "odd"}}, "filters.status"),
        ({"filters": {"sort": "title"}}, "filters.sort"),  # runs have one order only
        ({"filters": {"q": "x" * 201}}, "filters.q"),
        ({"filters": {"q": 5}}, "filters.q"),
        ({"filters": "status=failed"}, "filters"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_view_is_refused_at_its_field(api: Any, change: dict[str, Any], field: str) -> None:
    error = api.field("PUT", "views", {"items": [NIGHT, {**FAILED, **change}]})
    assert error["field"] == f"items.1.{field}"
    assert api.ok("GET", "views")["items"] == []


def test_there_are_not_more_than_200(api: Any) -> None:
    many = [{**NIGHT, "name": f"v{number}"} for number in range(200)]
    assert len(put(api, *many)) == 200
    problem = api.refused(409, "PUT", "views", {"items": [{**NIGHT, "name": "x"}, {**NIGHT, "name": "y"}]})
    assert "null" in problem["hint"]
    assert len(put(api, {**NIGHT, "name": "x"}, {**NIGHT, "name": "v0", "filters": None})) == 200


def test_the_settings_in_force_are_shown_without_what_is_secret() -> None:
    environ = {
        "SQLITE": ":memory:",
        "API_KEY": "very-secret",
        "ENSCHEDULE_WORKER_ID": "web-1",
        "ENSCHEDULE_GRACE_SECONDS": "2m",
        "ENSCHEDULE_WORKER_TAGS": "gpu,blue",
        "ENSCHEDULE_NOTIFY_URL": "https://hooks.example.org/secret",
        "IMPORT_HANDLERS": "enschedule-log-handler",
    }
    worker = build_worker(read_settings(environ))
    response = worker.app.test_client().get("/api/v1/settings")
    text = response.get_data(as_text=True)
    found = {one["name"]: one for one in response.get_json()["items"]}
    assert "very-secret" not in text
    assert "hooks.example.org" not in text
    assert list(found) == sorted(found)
    assert (found["API_KEY"]["value"], found["API_KEY"]["given"], found["API_KEY"]["secret"]) == ("***", True, True)
    assert (found["POSTGRES"]["value"], found["POSTGRES"]["given"]) == (None, False)
    grace = found["ENSCHEDULE_GRACE_SECONDS"]
    assert (grace["value"], grace["default"], grace["unit"], grace["given"]) == (120, 30, "seconds", True)
    assert found["ENSCHEDULE_WORKER_TAGS"]["value"] == ["gpu", "blue"]
    assert found["ENSCHEDULE_WORKER_TITLE"]["value"] == "web-1"  # in force, though nobody gave it
    assert (found["ENSCHEDULE_OUTPUT_MAX_BYTES"]["value"], found["ENSCHEDULE_OUTPUT_MAX_BYTES"]["unit"]) == (
        10 * 1024 * 1024,
        "bytes",
    )
    assert all(one["help"].endswith(".") for one in found.values())
    worker.database.dispose()


def test_settings_are_for_who_may_administrate(make_api: Any) -> None:
    document = make_api().ok("GET", "openapi.json")
    assert document["paths"]["/api/v1/settings"]["get"]["x-permission"] == "admin"
    assert make_api(loopback=False).ask("GET", "settings").status_code == 401
