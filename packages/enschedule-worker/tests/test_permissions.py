"""Who may do what: every route as everybody, against the table of docs/security.md; and what groups hide."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from people_kit import PASSWORD, ROOT, People

from enschedule_core.actor import Role
from enschedule_worker.api.routing import PERMISSION, PUBLIC
from enschedule_worker.store.database import Database
from enschedule_worker.store.key_file import new_key
from enschedule_worker.store.seal import Keyring

SECURITY = Path(__file__).parents[3] / "docs" / "security.md"
EVERYBODY = ("nobody", "viewer", "operator", "editor", "admin", "other", "expired", "revoked")
"""The columns of the table: viewer … admin are that on the server and in the group ops; other is not in it."""
HEAD = "| route | no account | viewer | operator | editor | admin | other group | expired key | revoked key |"
SECRET_TITLE = "What ops is up to"
MINE = {"id": "mine", "title": SECRET_TITLE, "handler": "echo", "group": "ops", "tags": ["opsonly"]}
BODIES: dict[str, Any] = {
    "POST schedules": {"handler": "echo", "id": "fresh"},
    "PUT schedules/<schedule_id>": {"handler": "echo", "title": SECRET_TITLE},
    "PATCH schedules/<schedule_id>": {"priority": 1},
    "POST schedules/preview": {"items": [{"handler": "echo"}]},
    "POST schedules/actions": {"action": "pause", "ids": ["mine"]},
    "POST runs/actions": {"action": "cancel", "ids": [1]},
    "PUT views": {"items": [{"list": "runs", "name": "mine", "filters": {"status": "failed"}}]},
    "PUT pause": {"paused": False},
    "PUT concurrency-groups": {"items": [{"name": "erp", "max_running": 2}]},
    "POST runs": {"handler": "echo", "data": {}},
    "POST triggers/preview": {"schedule": "every hour"},
    "PATCH me": {"theme": "dark"},
    "POST users": {"name": "fresh", "password": PASSWORD},
    "PATCH users/<name>": {"disabled": False},
    "POST groups": {"id": "fresh"},
    "PATCH groups/<group_id>": {"title": "Operations"},
    "PUT groups/<group_id>/members/<name>": {"role": "viewer"},
    "POST api-keys": {"name": "fresh", "role": "viewer"},
    "PUT secrets/<name>": {"value": "another"},
    "POST encryption/rotate": {},
}
QUERIES = {"GET runs/<run_id>/output/matches": "?q=x"}


def title(rule: Any, method: str) -> str:
    """Return a route as the table names it."""
    path = re.sub(r"<\w+:", "<", rule.rule.removeprefix("/api/v1/"))
    return f"{method} {path}"


def routes(api: Any) -> list[tuple[str, Any]]:
    """Return every route of the API with what it needs."""
    found = [
        (title(rule, method), getattr(api.app.view_functions[rule.endpoint], PERMISSION))
        for rule in api.app.url_map.iter_rules()
        if rule.rule.startswith(("/api/v1/", "/metrics"))
        for method in sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"})
    ]
    return sorted(found, key=lambda one: (one[0].partition(" ")[2], one[0]))


class Stand:
    """A server with a group that owns a schedule and its run, and everybody who may ask for them."""

    def __init__(self, api: Any, clock: Any) -> None:
        self.api, self.clock = api, clock
        people = self.people = People(api)
        for group in ("ops", "other"):
            api.ok("POST", "groups", {"id": group}, headers=ROOT)
        for role in Role:
            api.ok("PUT", f"groups/ops/members/{role}", {"role": role.value}, headers=ROOT)
        people.add("other", Role.VIEWER, other=Role.ADMIN)
        api.ok("POST", "schedules", MINE, headers=ROOT, status=201)
        api.ok("POST", "schedules", {"id": "shared", "handler": "echo"}, headers=ROOT, status=201)
        self.run: int = api.ok("POST", "schedules/mine/runs", headers=ROOT)["id"]
        expired = people.key(Role.ADMIN, expires_at="2026-11-24T12:01:00Z")
        revoked = people.key(Role.ADMIN)
        people.headers |= {"expired": people.headers[expired["id"]], "revoked": people.headers[revoked["id"]]}
        assert api.ask("DELETE", f"api-keys/{revoked['id']}", headers=ROOT).status_code == 204
        clock.advance(seconds=61)

    def prepare(self, route: str) -> dict[str, Any]:
        """Make what a route may have deleted; return what stands for each part of an address."""
        api = self.api
        api.ask("POST", "schedules/mine/restore", headers=ROOT)
        api.ask("DELETE", "schedules/fresh", headers=ROOT)
        for gone in ("users/fresh", "groups/fresh"):
            api.ask("DELETE", gone, headers=ROOT)
        if "secrets/<name>" in route:
            api.ok("PUT", "secrets/SOMEBODY", {"value": "hush"}, headers=ROOT)
        elif "<name>" in route:
            api.ask("POST", "users", {"name": "somebody", "password": PASSWORD}, headers=ROOT)
            api.ask("PUT", "groups/ops/members/somebody", {"role": "viewer"}, headers=ROOT)
        key = self.people.key(Role.VIEWER)["id"]
        return {
            "schedule_id": "mine",
            "run_id": self.run,
            "handler_id": "echo",
            "instance_id": "i1",
            "name": "SOMEBODY" if "secrets" in route else "somebody",
            "group_id": "ops",
            "key_id": key,
        }

    def ask(self, route: str, who: str) -> str:
        """Send a request as somebody, and return the cell of the table."""
        parts = self.prepare(route)
        headers = self.people.headers[who]
        if "session" in route and who in self.people.headers and who in {*map(str, Role), "other"}:
            headers = self.people.headers[who] = self.people.log_in(who)
            listed = self.api.ok("GET", "sessions", headers=headers)["items"]
            parts["session_id"] = next(one["id"] for one in listed if one["current"])
        method, _, path = route.partition(" ")
        path = re.sub(r"<(\w+)>", lambda found: str(parts.get(found[1], "x")), path)
        whole = (path if path.startswith("/") else f"/api/v1/{path}") + QUERIES.get(route, "")
        status = self.api.client.open(whole, method=method, json=BODIES.get(route), headers=headers).status_code
        assert status < 500, (route, who)
        if "session" in route and "Authorization" in headers:
            self.people.headers[who] = self.people.log_in(who)
        taken = status == 409 and who == "other"
        return str(status) if taken or status in {401, 403, 404} else "yes"


@pytest.fixture
def stand(api: Any, clock: Any, quick_hashes: None, database: Database) -> Stand:
    """Everybody, and what the group ops owns."""
    database.keyring = Keyring((new_key(),))
    return Stand(api, clock)


@pytest.mark.timeout(300)
def test_everybody_may_do_what_the_documentation_says_and_nothing_else(stand: Stand) -> None:
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for route, needed in routes(stand.api):
        cells = ["yes"] * len(EVERYBODY) if needed == PUBLIC else [stand.ask(route, who) for who in EVERYBODY]
        lines.append(f"| `{route}` | {' | '.join(cells)} |")
    written = SECURITY.read_text(encoding="utf-8")
    documented = written[written.index(HEAD) :].split("\n\n")[0].strip().splitlines() if HEAD in written else []
    assert documented == lines, "docs/security.md should have:\n" + "\n".join(lines)


def test_no_list_tells_of_what_another_group_owns(stand: Stand) -> None:
    """What the group ops owns is named in no answer to somebody who is not in it, whatever they read."""
    told = 0
    for route, needed in routes(stand.api):
        method, _, path = route.partition(" ")
        if method != "GET" or needed == PUBLIC or "<" in path or path.startswith("/"):
            continue
        for query in ("", "?schedule=mine") if path in {"runs", "stats/runs"} else ("",):
            for who in ("other", "admin"):
                answer = stand.api.ask("GET", path + query, headers=stand.people.headers[who])
                text = answer.get_data(as_text=True)
                found = SECRET_TITLE in text or '"mine"' in text or "opsonly" in text
                assert not (found and who == "other"), (path, text)
                told += found and who == "admin"
    assert told >= 3  # the admin is told, so that the test could fail


def test_the_figures_of_another_group_are_not_counted(stand: Stand) -> None:
    ask, headers = stand.api.ok, stand.people.headers
    for who, schedules, queued in (("other", 1, 0), ("viewer", 2, 1), ("admin", 2, 1)):
        assert ask("GET", "stats/schedules", headers=headers[who])["total"] == schedules
        assert ask("GET", "stats/queue", headers=headers[who])["queued"] == queued
    assert ask("POST", "retention/preview", {}, headers=headers["other"])["runs"] == 0
    stand.api.refused(404, "POST", "retention/preview", {"schedule": "mine"}, headers=headers["other"])


def test_ended_runs_are_counted_within_the_scope(stand: Stand, stage: Any) -> None:
    for run in stage.claim():
        stage.finish(run)
    found = {
        who: stand.api.ok("GET", "stats/runs", headers=stand.people.headers[who])["totals"]
        for who in ("other", "viewer", "admin")
    }
    assert found == {"other": {}, "viewer": {"succeeded": 1}, "admin": {"succeeded": 1}}


def test_the_role_in_a_group_is_what_counts_there(stand: Stand) -> None:
    """An operator of the server who only looks on in a group only looks on there; and the other way round."""
    ask, people = stand.api.ask, stand.people
    looks_on = people.add("looks-on", Role.OPERATOR, ops=Role.VIEWER)
    acts = people.add("acts", Role.VIEWER, ops=Role.OPERATOR)
    for headers, own, shared in ((looks_on, 403, 202), (acts, 202, 403)):
        assert ask("POST", "schedules/mine/runs", headers=headers).status_code == own
        assert ask("POST", "schedules/shared/runs", headers=headers).status_code == shared


def test_who_may_edit_in_one_group_only_makes_schedules_there(stand: Stand) -> None:
    edits = stand.people.add("edits", Role.VIEWER, ops=Role.EDITOR)
    made = stand.api.ok("POST", "schedules", {"id": "theirs", "handler": "echo"}, headers=edits, status=201)
    assert made["group"] == "ops"
    stand.api.refused(403, "PATCH", "schedules/theirs", {"group": None}, headers=edits)
    problem = stand.api.field("PATCH", "schedules/theirs", {"group": "other"}, headers=edits)
    assert problem["message"] == "There is no group other."
    again = stand.api.ok("PUT", "schedules/theirs", {"handler": "echo"}, headers=edits)
    assert (again["group"], again["change"]) == ("ops", "unchanged")


def test_a_schedule_that_moves_takes_its_runs_along(stand: Stand) -> None:
    other = stand.people.headers["other"]
    stand.api.refused(404, "GET", f"runs/{stand.run}", headers=other)
    moved = stand.api.ok("PATCH", "schedules/mine", {"group": "other"}, headers=ROOT)
    assert (moved["group"], moved["change"]) == ("other", "updated")
    stand.api.ok("GET", f"runs/{stand.run}", headers=other)
    stand.api.refused(404, "GET", f"runs/{stand.run}", headers=stand.people.headers["viewer"])


def test_no_schedule_starts_one_of_another_group(stand: Stand) -> None:
    other = stand.people.headers["other"]
    body = {"id": "sly", "handler": "echo", "group": "other", "on_success": "mine"}
    assert stand.api.field("POST", "schedules", body, headers=other)["field"] == "on_success"


def test_bulk_actions_touch_only_what_one_may(stand: Stand) -> None:
    ask, people = stand.api.ok, stand.people
    acts = people.add("acts", Role.VIEWER, ops=Role.OPERATOR)
    found = ask("POST", "schedules/actions", {"action": "pause", "ids": ["mine", "shared"]}, headers=acts)
    assert [one["id"] for one in found["done"]] == ["mine"]
    assert [(one["id"], one["code"]) for one in found["failed"]] == [("shared", "forbidden")]
    found = ask("POST", "schedules/actions", {"action": "resume", "ids": ["mine"]}, headers=people.headers["other"])
    assert [(one["id"], one["code"]) for one in found["failed"]] == [("mine", "not_found")]
    found = ask("POST", "schedules/actions", {"action": "pause", "filter": {}}, headers=people.headers["other"])
    assert [one["id"] for one in found["failed"]] == ["shared"]
    found = ask("POST", "runs/actions", {"action": "cancel", "ids": [stand.run]}, headers=people.headers["other"])
    assert [one["code"] for one in found["failed"]] == ["not_found"]


def test_figures_of_the_whole_are_for_who_sees_the_whole(stand: Stand) -> None:
    stand.people.key(Role.VIEWER, name="all")
    limited = stand.people.key(Role.ADMIN, name="ops", group="ops")
    for who, status in ((limited["id"], 403), ("viewer", 403), ("admin", 200), ("service", 200)):
        assert stand.api.client.get("/metrics", headers=stand.people.headers[who]).status_code == status


def test_a_group_that_owns_schedules_stays(stand: Stand) -> None:
    stand.api.refused(409, "DELETE", "groups/ops", headers=ROOT)
    assert stand.api.ask("DELETE", "groups/other", headers=ROOT).status_code == 204
    assert stand.api.ok("GET", "me", headers=stand.people.headers["other"])["actor"]["groups"] == {}


# ---------------------------------------------------------------- keys


def test_a_key_is_shown_once_and_does_what_its_role_may(stand: Stand) -> None:
    api, people = stand.api, stand.people
    made = people.key(Role.OPERATOR, name="ci")
    assert re.fullmatch(r"ensk_operator_[\w-]{43}[0-9a-f]{8}", made["token"])
    assert made["token"].startswith(made["id"])
    assert (made["owner"], made["status"], made["used_at"]) == (None, "valid", None)
    for headers in ({"X-API-Key": made["token"]}, {"Authorization": f"Bearer {made['token']}"}):
        assert api.ok("GET", "me", headers=headers)["actor"]["permissions"] == ["operate", "read"]
    api.refused(403, "POST", "schedules", {"handler": "echo"}, headers=headers)
    listed = {one["id"]: one for one in api.ok("GET", "api-keys", headers=ROOT)["items"]}
    assert "token" not in listed[made["id"]]
    assert listed[made["id"]]["used_at"] == "2026-11-24T12:01:01Z"


@pytest.mark.parametrize(
    "change", [lambda token: token[:-1] + "g", lambda token: token[:-1], lambda token: token + "0"]
)
def test_a_mistyped_key_is_told_so(stand: Stand, change: Any) -> None:
    token = stand.people.key(Role.VIEWER)["token"]
    assert "whole" in stand.api.refused(401, "GET", "me", headers={"X-API-Key": change(token)})["detail"]


def test_a_key_of_a_group_sees_that_group_only(stand: Stand) -> None:
    api, people = stand.api, stand.people
    headers = people.headers[people.key(Role.EDITOR, group="ops")["id"]]
    assert [one["id"] for one in api.ok("GET", "schedules", headers=headers)["items"]] == ["mine"]
    api.refused(404, "GET", "schedules/shared", headers=headers)
    assert api.ok("POST", "schedules", {"id": "x", "handler": "echo"}, headers=headers)["group"] == "ops"
    assert api.ok("POST", "runs", {"handler": "echo", "data": {}}, headers=headers)["status"] == "queued"
    api.refused(403, "PUT", "pause", {"paused": True}, headers=headers)


def test_a_key_of_ones_own_never_does_more_than_its_owner(stand: Stand) -> None:
    api, people = stand.api, stand.people
    api.refused(
        403, "POST", "api-keys", {"name": "k", "role": "editor", "own": True}, headers=people.headers["operator"]
    )
    api.refused(403, "POST", "api-keys", {"name": "k", "role": "viewer"}, headers=people.headers["editor"])
    own = people.key(Role.OPERATOR, by="operator", own=True)
    headers = people.headers[own["id"]]
    api.ok("POST", "schedules/shared/runs", headers=headers)
    api.ok("PATCH", "users/operator", {"role": "viewer"}, headers=ROOT)
    api.refused(403, "POST", "schedules/shared/runs", headers=headers)
    assert [one["id"] for one in api.ok("GET", "api-keys", headers=people.headers["operator"])["items"]] == [own["id"]]
    api.refused(404, "DELETE", f"api-keys/{own['id']}", headers=people.headers["editor"])
    assert api.ask("DELETE", f"api-keys/{own['id']}", headers=people.headers["operator"]).status_code == 204
    api.refused(401, "GET", "me", headers=headers)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "viewer"}, "name"),
        ({"name": "k"}, "role"),
        ({"name": "k", "role": "viewer", "group": "none"}, "group"),
        ({"name": "k", "role": "viewer", "expires_at": "2026-11-24T11:00:00Z"}, "expires_at"),
        ({"name": "k", "role": "viewer", "own": True}, "own"),
    ],
)
def test_a_wrong_key_is_refused_at_its_field(stand: Stand, body: dict[str, Any], field: str) -> None:
    assert stand.api.field("POST", "api-keys", body, headers=ROOT)["field"] == field


# ---------------------------------------------------------------- audit


def entries(stand: Stand, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stand.api.ok("GET", f"audit?limit=200{query}", headers=ROOT)["items"]
    return found


def test_the_audit_says_who_by_what_from_where_and_what_changed(stand: Stand) -> None:
    body = {
        "title": "Renamed",
        "data": {"password": "hunter2", "url": "x"},
        "notify": "https://hooks.example.org/s3cret",
    }
    stand.api.ok("PATCH", "schedules/mine", body, headers=stand.people.headers["editor"])
    entry = entries(stand, "&kind=schedule&id=mine")[0]
    assert entry["actor"]["kind"] == "session"
    assert entry["actor"]["name"] == "editor"
    assert re.fullmatch(r"session [0-9a-f]{12}", entry["actor"]["via"])
    assert (entry["address"], entry["action"], entry["group"]) == ("127.0.0.1", "schedule.update", "ops")
    assert entry["detail"] == {
        "before": {"title": SECRET_TITLE},
        "after": {"title": "Renamed"},
        "changed": ["data.password", "data.url", "notify"],
    }
    assert "hunter2" not in str(entries(stand))
    assert "s3cret" not in str(entries(stand))


def test_what_is_refused_is_in_the_audit_too(stand: Stand) -> None:
    stand.api.refused(403, "DELETE", "schedules/mine", headers=stand.people.headers["viewer"])
    stand.api.refused(401, "POST", "sessions", {"name": "viewer", "password": "a secret of somebody"})
    stand.api.refused(401, "POST", "sessions", {"name": "a secret of somebody", "password": "x"})
    unknown, wrong, forbidden = entries(stand, "&refused=true")[:3]
    assert (unknown["object"], wrong["object"]) == ({"kind": "user", "id": "unknown"}, {"kind": "user", "id": "viewer"})
    assert (forbidden["actor"]["name"], forbidden["action"]) == ("viewer", "refused.delete")
    assert forbidden["object"] == {"kind": "route", "id": "/api/v1/schedules/mine"}
    assert "a secret of somebody" not in str(entries(stand))


def test_the_audit_is_filtered_and_comes_in_pages(stand: Stand) -> None:
    whole = entries(stand)
    assert {one["action"] for one in entries(stand, "&action=group.")} == {"group.create", "group.member"}
    assert {one["group"] for one in entries(stand, "&group=other")} == {"other"}
    assert entries(stand, "&actor=root")[0]["action"] == "session.create"
    assert entries(stand, "&from=2026-11-24T13:00:00Z") == []
    assert entries(stand, "&to=2026-11-24T12:00:00Z") == []
    page = stand.api.ok("GET", "audit?limit=3", headers=ROOT)
    rest = stand.api.ok("GET", f"audit?limit=200&cursor={page['next_cursor']}", headers=ROOT)
    assert page["items"] + rest["items"] == whole
    assert stand.api.field("GET", "audit?colour=red", headers=ROOT)["field"] == "colour"


def test_what_a_dashboard_with_the_key_says_of_the_address_is_believed_and_nobody_else(stand: Stand) -> None:
    viewer = stand.people.headers["viewer"]
    said = {"X-Forwarded-For": "192.0.2.7"}
    stand.api.refused(403, "DELETE", "schedules/mine", headers={**viewer, **said})
    stand.api.refused(403, "DELETE", "schedules/mine", headers={**viewer, **said, **ROOT})
    believed, not_believed = entries(stand, "&refused=true")[:2]
    assert (believed["address"], not_believed["address"]) == ("192.0.2.7", "127.0.0.1")
