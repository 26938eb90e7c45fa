"""Who may use a handler: what its code demands, what an admin says instead, and groups that it is limited to."""

from __future__ import annotations

from typing import Any

import pytest
from people_kit import ROOT, People

from enschedule_core.actor import Role
from enschedule_core.handler import Handler, handler
from enschedule_core.registry import Registry
from enschedule_worker.service import handler_access

MINE = {"handler": "danger", "data": {}}


@handler(id="danger", minimum_role="admin")
def danger(data: Any) -> None:
    """Can do more than its data say."""


@pytest.fixture
def registry(registry: Registry) -> Registry:
    registry.register(danger)
    return registry


class Stand:
    """Everybody, and a group in which olga is an admin, eric an editor and vic a viewer."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.people = People(api)
        api.ok("POST", "groups", {"id": "ops"}, headers=ROOT)
        api.ok("POST", "groups", {"id": "shop"}, headers=ROOT)
        self.people.add("olga", Role.VIEWER, ops=Role.ADMIN)
        self.people.add("eric", Role.EDITOR, ops=Role.EDITOR)
        self.people.add("sally", Role.VIEWER, shop=Role.ADMIN)

    def ask(self, who: str, method: str, path: str, json: Any = None) -> tuple[int, str]:
        answer = self.api.ask(method, path, json, headers=self.people.headers[who])
        body = answer.get_json(silent=True) or {}
        return answer.status_code, body.get("detail", "")

    def access(self, who: str = "root", **body: Any) -> None:
        self.api.ok("PUT", "handlers/danger/access", body, headers=self.people.headers[who])

    def usable(self, who: str) -> bool:
        listed = self.api.ok("GET", "handlers", headers=self.people.headers[who])["items"]
        found = next(one for one in listed if one["id"] == "danger")
        one = self.api.ok("GET", "handlers/danger", headers=self.people.headers[who])
        assert one["access"] == found["access"]
        return bool(found["access"]["usable"])


@pytest.fixture
def stand(api: Any, quick_hashes: None) -> Stand:
    return Stand(api)


def test_until_there_is_an_account_everybody_has_every_role(api: Any) -> None:
    api.ok("POST", "schedules", {**MINE, "id": "x"}, status=201)
    api.ok("POST", "schedules/x/runs")
    assert api.ok("GET", "handlers/danger")["access"] == {
        "minimum_role": "admin",
        "declared_role": "admin",
        "groups": None,
        "usable": True,
    }


def test_a_lower_role_neither_saves_nor_starts_nor_repeats_it(stand: Stand) -> None:
    api = stand.api
    assert stand.ask("editor", "POST", "schedules", {**MINE, "id": "x"}) == (
        403,
        "The handler danger needs the role admin; editor does not have it there.",
    )
    api.ok("POST", "schedules", {**MINE, "id": "x"}, headers=stand.people.headers["admin"], status=201)
    run = api.ok("POST", "schedules/x/runs", headers=ROOT)["id"]
    api.ok("POST", f"runs/{run}/cancel", headers=ROOT)
    refused = [
        stand.ask("editor", "PUT", "schedules/x", {**MINE, "data": {"a": 1}}),
        stand.ask("editor", "PATCH", "schedules/x", {"data": {"a": 1}}),
        stand.ask("editor", "PATCH", "schedules/x", {"env": {"PATH": "/evil"}}),
        stand.ask("editor", "PATCH", "schedules/x", {"schedule": "every second"}),
        stand.ask("editor", "POST", "schedules/x/runs", {}),
        stand.ask("operator", "POST", "schedules/x/runs", {"data": {"a": 1}}),
        stand.ask("operator", "POST", f"runs/{run}/retry", {}),
        stand.ask("operator", "POST", "runs", {"handler": "danger", "data": {}}),
        stand.ask("editor", "POST", "schedules", {"id": "y", "handler": "echo", "on_success": "x"}),
    ]
    assert {status for status, _ in refused} == {403}
    assert all("needs the role admin" in detail for _, detail in refused)
    assert stand.ask("editor", "PUT", "schedules/x", MINE)[0] == 200, "what changes nothing is not refused"
    assert stand.ask("operator", "POST", "schedules/x/pause", {})[0] == 200
    bulk = api.ok(
        "POST", "schedules/actions", {"action": "run", "ids": ["x"]}, headers=stand.people.headers["operator"]
    )
    assert [one["code"] for one in bulk["failed"]] == ["forbidden"]


def test_apply_is_told_before_and_refused_as_saving_is(stand: Stand) -> None:
    headers = stand.people.headers["editor"]
    (item,) = stand.api.ok("POST", "schedules/preview", {"items": [{**MINE, "id": "x"}]}, headers=headers)["items"]
    assert item["problem"]["code"] == "forbidden"
    assert "needs the role admin" in item["problem"]["detail"]


def test_an_existing_schedule_is_not_turned_into_one_with_it(stand: Stand) -> None:
    stand.api.ok("POST", "schedules", {"id": "x", "handler": "echo"}, headers=ROOT, status=201)
    assert stand.ask("editor", "PATCH", "schedules/x", {"handler": "danger"})[0] == 403


def test_the_role_is_that_in_the_group_which_owns_the_schedule(stand: Stand) -> None:
    assert stand.ask("olga", "POST", "schedules", {**MINE, "id": "a", "group": "ops"})[0] == 201
    assert stand.ask("eric", "POST", "schedules", {**MINE, "id": "b", "group": "ops"})[0] == 403
    assert stand.ask("olga", "POST", "schedules/a/runs", {})[0] == 202
    assert stand.usable("olga")
    assert not stand.usable("eric")
    assert not stand.usable("viewer")


def test_an_admin_says_another_role_and_takes_it_back(stand: Stand) -> None:
    for who in ("editor", "olga"):
        assert stand.ask(who, "PUT", "handlers/danger/access", {"minimum_role": "editor"})[0] == 403
    stand.access(minimum_role="editor")
    assert stand.usable("editor")
    assert stand.ask("editor", "POST", "schedules", {**MINE, "id": "x"})[0] == 201
    assert stand.ask("operator", "POST", "schedules/x/runs", {})[0] == 403
    stand.access(minimum_role="viewer")
    assert stand.ask("operator", "POST", "schedules/x/runs", {})[0] == 202
    stand.access()
    assert stand.ask("editor", "PATCH", "schedules/x", {"title": "other"})[0] == 403
    (entry, *_) = stand.api.ok("GET", "audit", query_string={"kind": "handler"}, headers=ROOT)["items"]
    assert (entry["action"], entry["object"]["id"]) == ("handler.access", "danger")
    assert entry["detail"] == {"before": {"minimum_role": "viewer"}, "after": {"minimum_role": "admin"}}


def test_a_handler_is_limited_to_groups(stand: Stand) -> None:
    stand.access(minimum_role="operator", groups=["ops"])
    status, detail = stand.ask("admin", "POST", "schedules", {**MINE, "id": "x"})
    assert (status, detail) == (
        422,
        "group: The handler danger is limited to the group ops, and not for a schedule that belongs to no group.",
    )
    status, detail = stand.ask("sally", "POST", "schedules", {**MINE, "id": "x", "group": "shop"})
    assert status == 422
    assert "groups that you are not in" in detail
    assert "ops" not in detail
    assert stand.ask("eric", "POST", "schedules", {**MINE, "id": "x", "group": "ops"})[0] == 201
    assert stand.ask("eric", "PATCH", "schedules/x", {"group": ""})[0] == 422
    assert stand.ask("eric", "POST", "runs", {"handler": "danger", "data": {}})[0] == 202
    run = stand.api.ok("GET", "runs", query_string={"handler": "danger"}, headers=ROOT)["items"][0]
    assert stand.ask("sally", "GET", f"runs/{run['id']}")[0] == 404, "the run belongs to the group"
    assert stand.ask("editor", "POST", "runs", {"handler": "danger", "data": {}})[0] == 403
    assert [stand.usable(who) for who in ("eric", "sally", "editor", "admin")] == [True, False, False, True]
    shown = stand.api.ok("GET", "handlers/danger", headers=stand.people.headers["sally"])["access"]
    assert shown["groups"] == []


def test_what_was_saved_before_goes_on_but_is_not_started_by_hand(stand: Stand, stage: Any, clock: Any) -> None:
    body = {**MINE, "id": "x", "schedule": "every hour", "timezone": "UTC"}
    stand.api.ok("POST", "schedules", body, headers=ROOT, status=201)
    stand.access(groups=["ops"])
    assert stand.ask("admin", "POST", "schedules/x/runs", {})[0] == 403
    clock.advance(seconds=3600)
    stage.heartbeat()
    stage.fire()
    assert len(stage.claim()) == 1


def test_without_its_groups_a_limited_handler_is_for_nobody(stand: Stand) -> None:
    stand.access(groups=["shop"])
    assert stand.api.ask("DELETE", "groups/shop", headers=ROOT).status_code == 204
    status, detail = stand.ask("admin", "POST", "schedules", {**MINE, "id": "x"})
    assert (status, "no group any more" in detail) == (422, True)
    assert not stand.usable("admin")
    stand.access()
    assert stand.ask("admin", "POST", "schedules", {**MINE, "id": "x"})[0] == 201


def test_wrong_input_is_named(stand: Stand) -> None:
    headers = ROOT
    field = stand.api.field("PUT", "handlers/danger/access", {"groups": ["ops", "none"]}, headers=headers)
    assert (field["field"], field["message"]) == ("groups.1", "There is no group none.")
    assert stand.api.field("PUT", "handlers/danger/access", {"minimum_role": "king"}, headers=headers)["field"] == (
        "minimum_role"
    )
    stand.api.refused(404, "PUT", "handlers/nothing/access", {}, headers=headers)
    assert stand.api.ok("GET", "handlers/danger", headers=headers)["access"]["groups"] is None


def test_the_strictest_of_all_versions_counts(stand: Stand, stage: Any, registry: Registry) -> None:
    """Or an older version, which demanded nothing, would be the way around."""

    @handler(id="danger", version=2)
    def newer(data: Any) -> None:
        """Demands nothing."""

    registry.register(newer)
    stage.register()
    assert stand.ask("editor", "POST", "schedules", {**MINE, "id": "x"})[0] == 403


def test_every_place_that_saves_or_starts_asks(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above turn red without the question; this one shows it for saving."""
    monkeypatch.setattr(handler_access, "check", lambda *_, **__: None)
    assert stand.ask("editor", "POST", "schedules", {**MINE, "id": "x"})[0] == 201


@pytest.mark.parametrize("role", ["king", "", 3])
def test_a_role_that_is_none_is_refused_where_the_handler_is_declared(role: Any) -> None:
    with pytest.raises(ValueError, match="minimum_role is one of viewer, operator, editor, admin"):
        Handler(lambda data: None, id="x", minimum_role=role)
