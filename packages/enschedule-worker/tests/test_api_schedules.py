"""Schedules over REST: making, replacing, editing, listing, deleting."""

from __future__ import annotations

from typing import Any

import pytest

BODY: dict[str, Any] = {"handler": "log-job", "data": {"message": "hello"}, "schedule": "every day at 2 am"}


def test_a_schedule_is_made_with_all_its_defaults_and_read_back(api: Any) -> None:
    response = api.ask("POST", "schedules", {**BODY, "id": "ping", "timezone": "Europe/Stockholm"})
    assert response.status_code == 201
    assert response.headers["Location"] == "/api/v1/schedules/ping"
    assert response.headers["ETag"] == '"1"'
    made = response.get_json()
    assert made.pop("change") == "created"
    assert made == api.ok("GET", "schedules/ping")
    assert made["title"] == "ping"
    assert made["handler"] == {"id": "log-job", "version": 1}
    assert made["trigger"]["expression"] == "0 2 * * *"
    assert made["trigger"]["phrase"] == "every day at 2 am"
    assert made["due_at"] == "2026-11-25T01:00:00Z"
    assert made["next"] == ["2026-11-25T01:00:00Z", "2026-11-26T01:00:00Z", "2026-11-27T01:00:00Z"]
    assert made["status"] == "scheduled"
    assert made["retry"]["max_attempts"] == 1
    assert (made["overlap"], made["catch_up"]["mode"], made["priority"]) == ("skip", "latest", 0)


def test_the_short_schedule_is_in_the_default_zone_unless_told_otherwise(api: Any) -> None:
    assert api.ok("POST", "schedules", BODY)["trigger"]["timezone"] == "Europe/Stockholm"
    assert api.ok("POST", "schedules", {**BODY, "timezone": "UTC"})["trigger"]["timezone"] == "UTC"


def test_without_an_id_one_is_made_from_the_title_that_nobody_has(api: Any) -> None:
    ids = [api.ok("POST", "schedules", {**BODY, "title": "Check web shop"})["id"] for _ in range(3)]
    assert ids == ["check-web-shop", "check-web-shop-2", "check-web-shop-3"]
    assert api.ok("POST", "schedules", {**BODY, "name": "Привет"})["id"] == "schedule"
    assert api.ok("POST", "schedules", {**BODY, "name": "New"})["id"] == "new-2"


def test_without_a_trigger_it_runs_by_hand(api: Any) -> None:
    made = api.ok("POST", "schedules", {"id": "x", "handler": "echo"})
    assert made["trigger"]["kind"] == "manual"
    assert (made["due_at"], made["next"], made["status"]) == (None, [], "manual")


def test_a_taken_id_is_a_conflict_that_names_the_way_out(api: Any, hourly: Any) -> None:
    problem = api.refused(409, "POST", "schedules", {**BODY, "id": hourly["id"]})
    assert "PUT /api/v1/schedules/hourly" in problem["hint"]


def test_put_makes_replaces_and_leaves_alone(api: Any) -> None:
    body = {**BODY, "title": "One", "tags": ["a", "b"]}
    assert api.ok("PUT", "schedules/one", body, status=201)["change"] == "created"
    again = api.ask("PUT", "schedules/one", body)
    assert (again.status_code, again.get_json()["change"], again.headers["ETag"]) == (200, "unchanged", '"1"')
    changed = api.ok("PUT", "schedules/one", {**BODY, "tags": ["c"]}, status=200)
    assert (changed["change"], changed["revision"], changed["title"], changed["tags"]) == ("updated", 2, "one", ["c"])
    assert [one["id"] for one in api.ok("GET", "schedules?tag=c")["items"]] == ["one"]
    assert api.ok("GET", "schedules?tag=a")["items"] == []


def test_what_get_shows_of_the_definition_can_be_put_back_unchanged(api: Any) -> None:
    made = api.ok("POST", "schedules", {**BODY, "id": "x", "retry": {"max_attempts": 3}, "on_lost": "retry"})
    names = "id title description handler data retry timeout_seconds overlap catch_up on_lost tags priority managed_by"
    body = {name: made[name] for name in names.split()}
    body["trigger"] = {name: value for name, value in made["trigger"].items() if name != "description"}
    assert api.ok("PUT", "schedules/x", body)["change"] == "unchanged"


def test_true_and_one_are_different_data(api: Any) -> None:
    api.ok("PUT", "schedules/x", {"handler": "echo", "data": {"flag": True}})
    assert api.ok("PUT", "schedules/x", {"handler": "echo", "data": {"flag": 1}})["change"] == "updated"
    assert api.ok("GET", "schedules/x")["data"] == {"flag": 1}


def test_due_at_moves_only_when_the_trigger_changes(api: Any, clock: Any) -> None:
    body = {"handler": "echo", "trigger": {"kind": "every", "seconds": 3600, "anchor": "2026-11-24T12:30:00Z"}}
    assert api.ok("PUT", "schedules/x", body)["due_at"] == "2026-11-24T12:30:00Z"
    clock.advance(seconds=3600)  # nobody fires: the slot stays due
    assert api.ok("PUT", "schedules/x", {**body, "title": "New"})["due_at"] == "2026-11-24T12:30:00Z"
    moved = {**body, "trigger": {**body["trigger"], "seconds": 600}}
    assert api.ok("PUT", "schedules/x", moved)["due_at"] == "2026-11-24T13:10:00Z"


def test_a_once_that_has_fired_is_armed_again_by_a_new_instant_and_stays_if_past(
    api: Any, stage: Any, clock: Any
) -> None:
    body = {"handler": "echo", "schedule": "2026-11-24T12:00:10Z"}
    api.ok("PUT", "schedules/x", body)
    clock.advance(seconds=10)
    stage.fire()
    stage.finish(*stage.claim())
    assert api.ok("GET", "schedules/x")["status"] == "finished"
    assert api.ok("PUT", "schedules/x", body)["change"] == "unchanged"
    assert api.ok("PUT", "schedules/x", {**body, "title": "Late"})["due_at"] is None
    assert api.ok("PUT", "schedules/x", {**body, "schedule": "2026-11-25T00:00:00Z"})["status"] == "scheduled"


def test_patch_replaces_named_fields_whole(api: Any) -> None:
    api.ok("PUT", "schedules/x", {**BODY, "timezone": "UTC", "retry": {"max_attempts": 3, "delay_seconds": 5}})
    changed = api.ok("PATCH", "schedules/x", {"retry": {"max_attempts": 2}})
    assert (changed["retry"]["max_attempts"], changed["retry"]["delay_seconds"]) == (2, 60.0)
    assert changed["data"] == {"message": "hello"}
    assert api.ok("PATCH", "schedules/x", {"schedule": "every hour"})["trigger"]["expression"] == "0 * * * *"
    assert api.ok("PATCH", "schedules/x", {"name": "Renamed"})["title"] == "Renamed"
    moved = api.ok("PATCH", "schedules/x", {"timezone": "Asia/Tokyo"})
    assert (moved["trigger"]["timezone"], moved["trigger"]["phrase"]) == ("Asia/Tokyo", "every hour")
    assert api.ok("PATCH", "schedules/x", {})["change"] == "unchanged"
    assert api.field("PATCH", "schedules/x", {"retri": {}})["field"] == "retri"


def test_a_stale_revision_is_refused_with_the_current_schedule(api: Any, hourly: Any) -> None:
    api.ok("PATCH", "schedules/hourly", {"title": "New"}, headers={"If-Match": '"1"'})
    for method, body in (("PATCH", {"title": "Old"}), ("PUT", BODY), ("DELETE", None)):
        problem = api.refused(412, method, "schedules/hourly", body, headers={"If-Match": '"1"'})
        assert (problem["current"]["title"], problem["current"]["revision"]) == ("New", 2)
    assert api.refused(412, "PUT", "schedules/none", BODY, headers={"If-Match": "*"})["current"] is None
    assert api.field("PUT", "schedules/hourly", BODY, headers={"If-Match": "yes"})["field"] == "If-Match"
    assert api.ok("PATCH", "schedules/hourly", {"title": "Newer"}, headers={"If-Match": "*"})["revision"] == 3


def test_pause_is_part_of_a_put_only_if_it_says_so(api: Any) -> None:
    assert api.ok("PUT", "schedules/x", {**BODY, "paused": True})["status"] == "paused"
    kept = api.ok("PUT", "schedules/x", BODY)
    assert (kept["paused"], kept["change"]) == (True, "unchanged")
    resumed = api.ok("PUT", "schedules/x", {**BODY, "paused": False})
    assert (resumed["paused"], resumed["change"], resumed["revision"]) == (False, "updated", 1)


def test_a_deleted_schedule_is_gone_can_be_made_anew_and_brought_back(api: Any, hourly: Any, clock: Any) -> None:
    run = api.ok("POST", "schedules/hourly/runs")
    assert api.ask("DELETE", "schedules/hourly").status_code == 204
    api.refused(404, "GET", "schedules/hourly")
    api.refused(404, "DELETE", "schedules/hourly")
    old = api.ok("GET", f"runs/{run['id']}")
    assert (old["status"], old["schedule"]) == ("cancelled", {"id": "hourly", "title": "hourly", "deleted": True})
    assert [one["id"] for one in api.ok("GET", "runs?schedule=hourly")["items"]] == [run["id"]]

    clock.advance(seconds=7200)
    assert api.ok("POST", "schedules/hourly/restore")["due_at"] == "2026-11-24T15:00:00Z"
    api.ok("DELETE", "schedules/hourly")
    assert api.ok("PUT", "schedules/hourly", BODY)["change"] == "created"
    assert api.ok("GET", "runs?schedule=hourly")["items"] == []
    api.refused(409, "POST", "schedules/hourly/restore")


def test_a_deletion_can_be_undone_for_seven_days(api: Any, hourly: Any, clock: Any) -> None:
    api.ok("DELETE", "schedules/hourly")
    clock.advance(seconds=7 * 86_400 + 1)
    api.refused(404, "POST", "schedules/hourly/restore")


def test_an_id_that_differs_by_an_underscore_is_another_schedule(api: Any) -> None:
    api.ok("PUT", "schedules/a_b", BODY)
    api.ok("DELETE", "schedules/a_b")
    api.refused(404, "POST", "schedules/axb/restore")


@pytest.mark.parametrize("sort", ["due_at", "-due_at", "id", "-id", "title", "-title", "last_run", "-last_run"])
def test_pages_in_every_order_show_each_schedule_once(api: Any, stage: Any, sort: str) -> None:
    for number in range(7):
        schedule = "manual" if number % 3 == 0 else f"every {number + 1} hours"
        title = f"Title {number % 2}"
        api.ok("PUT", f"schedules/s{number}", {"handler": "echo", "schedule": schedule, "title": title})
        if number % 2:
            api.ok("POST", f"schedules/s{number}/runs")
            stage.finish(*stage.claim())
    whole = [one["id"] for one in api.ok("GET", f"schedules?sort={sort}")["items"]]
    paged, cursor = [], ""
    while cursor is not None:
        page = api.ok("GET", f"schedules?sort={sort}&limit=2" + (f"&cursor={cursor}" if cursor else ""))
        paged += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert paged == whole
    assert sorted(whole) == [f"s{number}" for number in range(7)]
    by = {"due_at": "due_at", "id": "id", "title": "title"}.get(sort.lstrip("-"))
    if by is not None:
        shown = [one[by] for one in api.ok("GET", f"schedules?sort={sort}")["items"] if one[by] is not None]
        assert shown == sorted(shown, reverse=sort.startswith("-"))


def test_a_cursor_is_good_for_its_own_list_only(api: Any) -> None:
    for number in range(3):
        api.ok("PUT", f"schedules/s{number}", {**BODY, "tags": ["x"]})
    cursor = api.ok("GET", "schedules?tag=x&limit=1")["next_cursor"]
    assert api.ok("GET", f"schedules?tag=x&limit=2&cursor={cursor}")["items"]
    for path in (f"schedules?cursor={cursor}", f"schedules?tag=x&sort=id&cursor={cursor}", f"runs?cursor={cursor}"):
        assert "belongs to another" in api.field("GET", path)["message"]
    for made_up in ("abc", "W10", "bnVsbA", "%00", "e30"):
        assert api.field("GET", f"schedules?cursor={made_up}")["field"] == "cursor"


def test_lists_are_filtered(api: Any, hourly: Any) -> None:
    api.ok(
        "PUT",
        "schedules/other",
        {"handler": "echo", "title": "50% _Off_ Échange", "tags": ["shop", "eu"], "paused": True},
    )

    def ids(query: str) -> list[str]:
        return [one["id"] for one in api.ok("GET", f"schedules?{query}")["items"]]

    assert ids("q=HOURL") == ["hourly"]
    assert ids("q=50%25 _off") == ["other"]
    assert ids("q=%25") == ["other"]
    assert ids("q=log-job") == ["hourly"]
    assert ids("handler=echo") == ids("handler=echo@1") == ["other"]
    assert ids("handler=echo@2") == []
    assert ids("tag=shop,eu") == ids("tag=shop&tag=eu") == ["other"]
    assert ids("tag=shop,us") == []
    assert ids("paused=true") == ids("status=paused") == ["other"]
    assert ids("paused=false") == ids("status=scheduled,broken") == ids("status=scheduled&status=broken") == ["hourly"]
    assert ids("failing=true") == ids("status=failing") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("sort=color", "sort"),
        ("status=fine", "status"),
        ("paused=maybe", "paused"),
        ("handler=Not A Handler", "handler"),
        ("tags=x", "tags"),
    ],
)
def test_a_wrong_query_is_refused_by_its_name(api: Any, query: str, field: str) -> None:
    assert api.field("GET", f"schedules?{query}")["field"] == field


def test_next_slots_and_clock_notes(api: Any) -> None:
    api.ok("PUT", "schedules/x", {**BODY, "timezone": "Europe/Stockholm"})
    found = api.ok("GET", "schedules/x/next?count=2")
    assert found["items"] == ["2026-11-25T01:00:00Z", "2026-11-26T01:00:00Z"]
    assert found["timezone"] == "Europe/Stockholm"
    assert any("28 Mar 2027" in note for note in found["notes"])


def test_history_says_who_changed_what(api: Any) -> None:
    api.ok("PUT", "schedules/x", {**BODY, "timezone": "UTC"})
    api.ok("PATCH", "schedules/x", {"data": {"message": "changed"}, "tags": ["t"]})
    api.ok("PATCH", "schedules/x", {"schedule": "every day at 3 am"})
    items = api.ok("GET", "schedules/x/history")["items"]
    assert [(one["revision"], one["by"]) for one in items] == [(3, "local"), (2, "local"), (1, "local")]
    assert [one["changes"] for one in items] == [
        ["trigger.expression", "trigger.phrase"],
        ["data.message", "tags"],
        [],
    ]
    first = api.ok("GET", "schedules/x/history?limit=2")
    second = api.ok("GET", f"schedules/x/history?limit=2&cursor={first['next_cursor']}")
    assert [*first["items"], *second["items"]] == items


@pytest.mark.parametrize(
    ("schedule", "planned"),
    [
        ("every monday at 09:00", ["2026-11-30T08:00:00Z", "2026-12-07T08:00:00Z", "2026-12-14T08:00:00Z"]),
        ("every day at 09:00", ["2026-11-25T08:00:00Z", "2026-11-26T08:00:00Z", "2026-11-27T08:00:00Z"]),
        # The first two lie within two days, the third is far behind them.
        ("0 9 25,26 * *", ["2026-11-25T08:00:00Z", "2026-11-26T08:00:00Z", "2026-12-25T08:00:00Z"]),
        ("2026-11-25T08:00:00Z", ["2026-11-25T08:00:00Z"]),
    ],
)
def test_the_next_three_slots_are_known_however_far_apart_they_are(api: Any, schedule: str, planned: list[str]) -> None:
    body = {"id": "far", "handler": "echo", "schedule": schedule, "timezone": "Europe/Stockholm"}
    assert api.ok("POST", "schedules", body)["next"] == planned
    assert api.ok("GET", "schedules/far")["next"] == planned
