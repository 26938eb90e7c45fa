"""Schedules that belong to a file: overrides, the way back, and what a preview says beforehand."""

from __future__ import annotations

from typing import Any

import pytest

FILE = "file jobs/ping.yml"
BODY = {"handler": "echo", "data": {"a": 1}, "schedule": "every day at 02:00", "title": "Ping"}
OWNED = {**BODY, "managed_by": FILE}


def state(schedule: dict[str, Any]) -> tuple[Any, ...]:
    return schedule["managed_by"], schedule["overridden"], schedule["title"], schedule["revision"]


def test_what_its_owner_says_is_no_override(api: Any) -> None:
    assert state(api.ok("PUT", "schedules/ping", OWNED)) == (FILE, False, "Ping", 1)
    assert state(api.ok("PUT", "schedules/ping", {**OWNED, "title": "Two"})) == (FILE, False, "Two", 2)
    assert api.ok("PUT", "schedules/ping", {**OWNED, "title": "Two"})["change"] == "unchanged"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_edit_by_anybody_else_is_one_and_the_owner_stays(api: Any, method: str) -> None:
    api.ok("PUT", "schedules/ping", OWNED)
    edit = {"title": "Mine"} if method == "PATCH" else {**BODY, "title": "Mine"}
    assert state(api.ok(method, "schedules/ping", edit)) == (FILE, True, "Mine", 2)
    assert state(api.ok("GET", "schedules/ping")) == (FILE, True, "Mine", 2)


def test_back_to_the_file_restores_what_it_said(api: Any) -> None:
    said = api.ok("PUT", "schedules/ping", OWNED)
    for number in range(3):
        api.ok("PATCH", "schedules/ping", {"data": {"a": 5 + number}, "schedule": "every hour", "tags": ["x"]})
    back = api.ok("POST", "schedules/ping/revert")
    assert (back["change"], back["overridden"], back["revision"]) == ("updated", False, 5)
    for name in ("title", "data", "trigger", "tags", "managed_by", "due_at"):
        assert back[name] == said[name]
    assert api.ok("POST", "schedules/ping/revert")["change"] == "unchanged"


def test_an_edit_that_comes_back_by_itself_is_no_override(api: Any) -> None:
    api.ok("PUT", "schedules/ping", OWNED)
    assert api.ok("PATCH", "schedules/ping", {"title": "Mine"})["overridden"]
    assert not api.ok("PATCH", "schedules/ping", {"title": "Ping"})["overridden"]


def test_to_apply_the_file_again_undoes_an_override(api: Any) -> None:
    api.ok("PUT", "schedules/ping", OWNED)
    api.ok("PATCH", "schedules/ping", {"title": "Mine"})
    assert state(api.ok("PUT", "schedules/ping", OWNED)) == (FILE, False, "Ping", 3)


def test_to_pause_is_no_edit(api: Any) -> None:
    api.ok("PUT", "schedules/ping", OWNED)
    assert not api.ok("POST", "schedules/ping/pause")["overridden"]


def test_a_file_takes_over_and_lets_go(api: Any) -> None:
    api.ok("PUT", "schedules/ping", BODY)
    assert api.refused(409, "POST", "schedules/ping/revert")["code"] == "conflict"
    assert state(api.ok("PUT", "schedules/ping", OWNED)) == (FILE, False, "Ping", 2)
    assert state(api.ok("PATCH", "schedules/ping", {"managed_by": None})) == (None, False, "Ping", 3)
    assert state(api.ok("PATCH", "schedules/ping", {"title": "Mine"})) == (None, False, "Mine", 4)


# ------------------------------------------------------------------------------------------- env and runbook


def test_variables_and_a_runbook_belong_to_the_definition(api: Any) -> None:
    around = {"env": {"STAGE": "live"}, "runbook": "https://wiki.example.org/ping"}
    made = api.ok("PUT", "schedules/ping", {**OWNED, **around})
    assert {name: made[name] for name in around} == around
    assert api.ok("PUT", "schedules/ping", {**OWNED, **around})["change"] == "unchanged"
    assert api.ok("PATCH", "schedules/ping", {"env": {"STAGE": "test", "N": "1"}})["overridden"]
    assert api.ok("GET", "schedules/ping/history")["items"][0]["changes"] == ["env.N", "env.STAGE"]
    assert api.ok("POST", "schedules/ping/revert")["env"] == {"STAGE": "live"}
    assert api.ok("GET", "schedules")["items"][0]["env"] == {"STAGE": "live"}
    bare = api.ok("PUT", "schedules/ping", OWNED)
    assert (bare["env"], bare["runbook"]) == ({}, None)


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"env": ["A=1"]}, "env", "Must be an object of texts by name"),
        ({"env": {"A": 1}}, "env.A", 'Must be text, or {"$secret": "NAME"}.'),
        ({"env": {"A-B": "1"}}, "env.A-B", "Not the name of an environment variable"),
        ({"env": {"A": "\x00"}}, "env.A", "without NUL"),
        ({"env": {"ENSCHEDULE_FETCH_ALLOW_PRIVATE": "true"}}, "env.ENSCHEDULE_FETCH_ALLOW_PRIVATE", "cannot set this"),
        ({"env": {"LD_PRELOAD": "/tmp/x.so"}}, "env.LD_PRELOAD", "cannot set this"),
        ({"env": {f"A{number}": "" for number in range(51)}}, "env", "At most 50 variables"),
        ({"runbook": "javascript:alert(1)"}, "runbook", "Must be an http or https URL"),
        ({"runbook": "https://example.org/" + "x" * 500}, "runbook", "at most 500"),
    ],
)
def test_what_is_refused_of_them(api: Any, body: dict[str, Any], field: str, said: str) -> None:
    problem = api.refused(422, "PUT", "schedules/ping", {**BODY, **body})
    found = {one["field"]: one["message"] for one in problem["errors"]}
    assert said in found[field]


# ------------------------------------------------------------------------------------------- preview


def previewed(api: Any, *items: Any, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.ok("POST", "schedules/preview", {"items": list(items), **more})["items"]
    assert len(found) == len(items)
    return found


def test_a_preview_says_what_a_put_would_do_and_does_nothing(api: Any) -> None:
    made = api.ok("PUT", "schedules/old", OWNED)
    changed = {**OWNED, "id": "old", "data": {"a": 2}, "schedule": "every hour", "paused": True}
    new, same, other = previewed(api, {**BODY, "id": "fresh"}, {**OWNED, "id": "old"}, changed)
    assert (new["id"], new["change"], new["before"], new["due_at"]) == ("fresh", "created", None, made["due_at"])
    assert new["after"]["handler"] == {"id": "echo", "version": 1}
    assert (same["change"], same["changes"], same["due_at"]) == ("unchanged", [], made["due_at"])
    assert other["change"] == "updated"
    assert set(other["changes"]) == {"data.a", "paused", "trigger.expression", "trigger.phrase"}
    assert (other["before"]["data"], other["after"]["data"]) == ({"a": 1}, {"a": 2})
    assert other["due_at"] == "2026-11-24T13:00:00Z"
    assert api.ok("GET", "schedules/old")["revision"] == 1
    assert api.refused(404, "GET", "schedules/fresh")["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"handler": "nope"}, "unknown_handler", "handler"),
        ({"handler": "log-job", "data": {}}, "invalid_data", "data.message"),
        ({"handler": "echo", "schedule": "every blue moon"}, "invalid_trigger", "schedule"),
        ({"handler": "echo", "schedule": "2020-01-01T00:00:00Z"}, "invalid_trigger", "schedule"),
        ({"handler": "echo", "on_success": "nobody"}, "invalid_input", "on_success"),
        ({"handler": "echo", "colour": 1}, "invalid_input", "colour"),
        ([], "invalid_input", ""),
    ],
)
def test_a_preview_has_the_problem_that_a_put_would_have(api: Any, body: Any, code: str, field: str) -> None:
    bad, good = previewed(api, body, {**BODY, "id": "good"})
    assert bad["change"] is None
    assert bad["problem"]["code"] == code
    assert field in [error["field"] for error in bad["problem"]["errors"]]
    assert (good["change"], good["problem"]) == ("created", None)


def test_those_that_will_be_there_may_be_followed(api: Any) -> None:
    [found] = previewed(api, {**BODY, "id": "one", "on_success": "two"}, known=["two"])
    assert found["change"] == "created"


def test_a_preview_tells_an_override_and_shows_no_secret(api: Any) -> None:
    secret = {**OWNED, "notify": "https://hooks.example.org/secret"}
    api.ok("PUT", "schedules/ping", secret)
    api.ok("PATCH", "schedules/ping", {"notify": "https://hooks.example.org/other"})
    [found] = previewed(api, {**secret, "id": "ping"})
    assert (found["overridden"], found["change"], found["changes"]) == (True, "updated", ["notify"])
    assert "secret" not in str(found)
    assert found["after"]["notify"] == "https://hooks.example.org/***"


@pytest.mark.parametrize("items", [[], [{}] * 201])
def test_a_preview_has_a_size(api: Any, items: list[Any]) -> None:
    assert api.refused(422, "POST", "schedules/preview", {"items": items})["code"] == "invalid_input"
