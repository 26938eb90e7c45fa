"""The audit: who sees which of it, by what it is narrowed, and how long it is kept."""

from __future__ import annotations

from typing import Any

import pytest
from people_kit import ROOT, People

from enschedule_core.actor import Role
from enschedule_worker.service.retention import Keep, Sweep


@pytest.fixture
def people(api: Any, quick_hashes: None) -> People:
    made = People(api)
    for group in ("ops", "shop"):
        api.ok("POST", "groups", {"id": group}, headers=ROOT)
    made.add("olga", Role.VIEWER, ops=Role.ADMIN)
    made.add("eric", Role.EDITOR, ops=Role.EDITOR)
    for group in ("ops", "shop"):
        api.ok("POST", "schedules", {"id": f"of-{group}", "handler": "echo", "group": group}, headers=ROOT)
    api.ok("POST", "schedules", {"id": "of-nobody", "handler": "echo"}, headers=ROOT)
    return made


def listed(people: People, who: str, **query: str) -> list[Any]:
    headers = people.headers[who]
    items: list[Any] = people.api.ok("GET", "audit", query_string={"limit": "200", **query}, headers=headers)["items"]
    return items


def test_an_admin_of_a_group_sees_what_was_done_in_it_and_nothing_else(people: People) -> None:
    assert {entry["group"] for entry in listed(people, "root")} >= {"ops", "shop", None}
    seen = listed(people, "olga")
    assert {entry["group"] for entry in seen} == {"ops"}
    assert {entry["action"] for entry in seen} == {"group.create", "group.member", "schedule.create"}
    assert listed(people, "olga", group="shop") == []
    assert listed(people, "olga", id="of-nobody") == []
    for who in ("eric", "editor", "viewer"):
        people.api.refused(403, "GET", "audit", headers=people.headers[who])
    of_group = people.key(Role.ADMIN, group="ops")
    assert {entry["group"] for entry in listed(people, of_group["id"])} == {"ops"}


def test_it_is_narrowed_by_every_filter(people: People, clock: Any) -> None:
    clock.advance(seconds=86_400)
    people.api.refused(401, "POST", "sessions", {"name": "root", "password": "wrong"})
    people.api.ok("PATCH", "schedules/of-ops", {"title": "Other"}, headers=people.log_in("root"))
    assert {one["action"] for one in listed(people, "service", **{"from": "2026-11-25T00:00:00Z"})} == {
        "session.create",
        "schedule.update",
    }
    early = listed(people, "service", to="2026-11-25T00:00:00Z")
    assert "schedule.update" not in {one["action"] for one in early}
    assert {one["actor"]["name"] for one in listed(people, "service", actor="root")} == {"root"}
    assert {one["object"]["id"] for one in listed(people, "service", kind="schedule", id="of-shop")} == {"of-shop"}
    assert {one["action"] for one in listed(people, "service", action="schedule.")} == {
        "schedule.create",
        "schedule.update",
    }
    (refused,) = listed(people, "service", refused="true")
    assert (refused["actor"]["name"], refused["object"]) == ("nobody", {"kind": "user", "id": "root"})


def test_what_somebody_may_not_do_is_there_too(people: People) -> None:
    people.api.refused(403, "DELETE", "users/root", headers=people.headers["editor"])
    people.api.refused(403, "PATCH", "schedules/of-nobody", {"title": "x"}, headers=people.headers["viewer"])
    found = [
        (one["actor"]["name"], one["action"], one["object"]["id"]) for one in listed(people, "root", refused="true")
    ]
    assert found == [
        ("viewer", "refused.patch", "/api/v1/schedules/of-nobody"),
        ("editor", "refused.delete", "/api/v1/users/root"),
    ]


@pytest.mark.parametrize(("days", "left"), [(0, True), (365, True), (30, False)])
def test_it_is_kept_as_long_as_the_setting_says_and_goes_in_pieces(
    api: Any, database: Any, clock: Any, days: int, left: bool
) -> None:
    with database.write() as tx:
        for number in range(1200):
            tx.connection.exec_driver_sql(
                "INSERT INTO audit (at, actor_kind, actor_name, action, object_kind, object_id, refused)"
                f" VALUES ({tx.now}, 'local', 'ada', 'x.y', 'x', '{number}', false)"
            )
    clock.advance(seconds=31 * 86_400)
    api.ok("PUT", "schedules/fresh", {"handler": "echo"})
    sweep = Sweep(database, Keep(audit_days=days), "me")
    assert sweep.begin()
    assert max(sweep.steps()) <= 500
    with database.read() as tx:
        actions = [row[0] for row in tx.connection.exec_driver_sql("SELECT action FROM audit")]
    assert actions.count("x.y") == (1200 if left else 0)
    assert "schedule.create" in actions
