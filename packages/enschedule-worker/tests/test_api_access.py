"""Who gets in: keys, sessions, and programs at this machine."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from enschedule_core.actor import Permission
from enschedule_worker.api.routing import PERMISSION, PUBLIC
from enschedule_worker.service import sessions

KEY = "correct-horse-battery"
OWN = {"handler": "echo"}


def test_a_program_at_this_machine_needs_no_key(api: Any) -> None:
    me = api.ok("GET", "me")
    everything = ["admin", "edit", "operate", "read"]
    assert me["actor"] == {"kind": "local", "name": "local", "permissions": everything, "groups": None}
    assert (me["auth"], me["user"]) == ({"required": False, "accounts": False}, None)
    assert (me["server_time"], me["default_timezone"]) == ("2026-11-24T12:00:00Z", "Europe/Stockholm")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:3000", "127.0.0.1:3000", "127.8.8.8", "[::1]:3000", "app.localhost"]
)
def test_it_may_call_this_machine_by_any_of_its_own_names(api: Any, host: str) -> None:
    api.ok("GET", "me", headers={"Host": host})


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "10.0.0.1"},
        {"Host": "[::2]:3000"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:8000", "Host": "localhost:3000"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_foreign_page_in_a_browser_at_this_machine_gets_nothing(api: Any, headers: dict[str, str]) -> None:
    api.refused(403, "GET", "me", headers=headers)
    api.refused(403, "POST", "schedules", OWN, headers=headers)
    assert api.ok("GET", "schedules")["items"] == []


def test_the_servers_own_pages_are_no_foreign_ones(api: Any) -> None:
    own = {"Host": "localhost:3000", "Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-origin"}
    api.ok("GET", "me", headers=own)


@pytest.mark.parametrize(
    "options",
    [
        {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}},
        {"environ_base": {"REMOTE_ADDR": "192.0.2.7", "enschedule.inline": True}},
        {"headers": {"X-Forwarded-For": "192.0.2.7"}},
        {"headers": {"X-Forwarded-For": "127.0.0.1, 192.0.2.7"}},
        {"headers": {"X-Real-IP": "192.0.2.7"}},
        {"headers": {"Forwarded": "for=192.0.2.7"}},
    ],
)
def test_what_comes_from_elsewhere_needs_a_key(api: Any, options: dict[str, Any]) -> None:
    problem = api.refused(401, "GET", "me", **options)
    assert "X-API-Key" in problem["hint"]


def test_what_a_dashboard_at_this_machine_passes_on_for_somebody_here_needs_none(api: Any) -> None:
    api.ok("GET", "me", headers={"X-Forwarded-For": "127.0.0.1"})
    api.ok("GET", "me", environ_base={"REMOTE_ADDR": "::ffff:127.0.0.1"})


def test_bound_elsewhere_every_route_but_the_open_ones_needs_a_key(make_api: Any) -> None:
    api = make_api(loopback=False)
    rules = [rule for rule in api.app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")]
    open_ones = set()
    for rule in rules:
        path = rule.rule.removeprefix("/api/v1/").replace("<int:run_id>", "1")
        for method in set(rule.methods or ()) - {"HEAD", "OPTIONS"}:
            response = api.ask(method, path)
            if response.status_code == 401:
                assert response.headers["WWW-Authenticate"] == "Bearer"
            else:
                open_ones.add(f"{method} {path}")
    assert open_ones == {
        "GET healthz",
        "GET readyz",
        "POST sessions",
        "POST setup",
        "GET sign-on",
        "POST sign-on",
        "GET openapi.json",
        "GET docs",
        "GET docs.css",
    }
    assert len(rules) > 30


def test_every_route_names_its_permission(api: Any) -> None:
    for rule in api.app.url_map.iter_rules():
        needed = getattr(api.app.view_functions[rule.endpoint], PERMISSION, None)
        assert needed == PUBLIC or isinstance(needed, Permission), rule.rule
        if isinstance(needed, Permission) and "GET" not in (rule.methods or ()) and "preview" not in rule.endpoint:
            own = {"sessions", "keys"}  # what is about oneself, which the service bounds
            assert needed is not Permission.READ or rule.endpoint.partition(".")[0] in own, rule.rule


@pytest.mark.parametrize(
    "headers", [{"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer {KEY}"}]
)
def test_the_key_is_the_service_from_anywhere(make_api: Any, headers: dict[str, str]) -> None:
    api = make_api(loopback=False)
    assert api.ok("GET", "me", headers={**headers, "Host": "worker:8080"})["actor"]["kind"] == "service"
    assert api.ok("GET", "me", headers={**headers, "Sec-Fetch-Site": "cross-site"})["auth"]["required"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
        {"X-API-Key": "ü"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"X-API-Key": "wrong", "Authorization": f"Bearer {KEY}"},
        {"X-API-Key": KEY, "Authorization": "Bearer wrong"},
    ],
)
def test_a_wrong_key_is_refused_even_where_none_is_needed(api: Any, headers: dict[str, str]) -> None:
    api.refused(401, "GET", "me", headers=headers)
    api.refused(401, "POST", "schedules", OWN, headers=headers)


def test_a_session_is_opened_with_the_key_used_and_ended(make_api: Any) -> None:
    api = make_api(loopback=False)
    opened = api.ok("POST", "sessions", {"key": KEY}, status=201)
    bearer = {"headers": {"Authorization": f"Bearer {opened['token']}"}}
    assert opened["expires_at"] == "2026-11-25T00:00:00Z"
    assert api.ok("GET", "me", **bearer)["actor"]["kind"] == "session"
    assert api.ask("DELETE", "sessions/current", **bearer).status_code == 204
    api.refused(401, "GET", "me", **bearer)
    api.refused(404, "DELETE", "sessions/current", headers={"X-API-Key": KEY})
    api.refused(401, "POST", "sessions", {"key": "wrong"})
    assert api.field("POST", "sessions", {"key": ""})["field"] == "key"


def test_a_session_ends_after_twelve_hours_and_after_two_without_a_request(make_api: Any, clock: Any) -> None:
    api = make_api(loopback=False)
    used, idle = (api.ok("POST", "sessions", {"key": KEY})["token"] for _ in range(2))
    for _ in range(11):
        clock.advance(seconds=3600)
        api.ok("GET", "me", headers={"Authorization": f"Bearer {used}"})
    api.refused(401, "GET", "me", headers={"Authorization": f"Bearer {idle}"})
    clock.advance(seconds=3600)
    api.refused(401, "GET", "me", headers={"Authorization": f"Bearer {used}"})


def test_the_token_itself_is_not_stored(make_api: Any, database: Any) -> None:
    token = make_api().ok("POST", "sessions", {"key": KEY})["token"]
    with database.read() as tx:
        stored = str(tx.connection.exec_driver_sql("SELECT * FROM sessions").all())
        stored += str(tx.connection.exec_driver_sql("SELECT * FROM audit").all())
    assert "browser" in stored
    assert token not in stored


def test_a_printed_link_opens_one_session_within_a_day(make_api: Any, database: Any, clock: Any) -> None:
    api = make_api(loopback=False)
    link = sessions.new_link_token(database)
    api.ok("POST", "sessions", {"key": link}, status=201)
    api.refused(401, "POST", "sessions", {"key": link})
    late = sessions.new_link_token(database)
    clock.advance(seconds=86_401)
    api.refused(401, "POST", "sessions", {"key": late})
    assert sessions.new_link_token(database) != late


def test_a_session_that_ends_while_a_change_waits_changes_nothing(make_api: Any, database: Any) -> None:
    """The change asks for the session again, inside its own transaction."""
    api = make_api(loopback=False)
    token = api.ok("POST", "sessions", {"key": KEY})["token"]
    answers: list[int] = []

    def create() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        answers.append(
            api.app.test_client().post("/api/v1/schedules", json={**OWN, "id": "x"}, headers=headers).status_code
        )

    asking = threading.Thread(target=create)
    with database.write() as tx:
        asking.start()
        asking.join(0.3)  # authenticated by now, and waiting for this transaction
        tx.connection.exec_driver_sql("DELETE FROM sessions")
    asking.join(60)
    assert answers == [401]


def test_nobody_without_a_key_makes_the_server_read_a_body(make_api: Any) -> None:
    api = make_api(loopback=False)
    api.refused(401, "POST", "schedules", data="x" * 2_000_000, content_type="application/json")


def test_answers_are_not_cached_nor_taken_for_pages(api: Any) -> None:
    for path in ("me", "nothing"):
        headers = api.ask("GET", path).headers
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "Set-Cookie" not in headers


def test_cookies_mean_nothing(make_api: Any) -> None:
    api = make_api(loopback=False)
    token = api.ok("POST", "sessions", {"key": KEY})["token"]
    for name in ("enschedule", "__Host-enschedule", "session"):
        api.refused(401, "GET", "me", headers={"Cookie": f"{name}={token}"})


def test_what_is_done_is_audited_with_the_change(api: Any, database: Any) -> None:
    api.ok("PUT", "schedules/x", {**OWN, "paused": True})
    api.ok("POST", "schedules/x/resume")
    api.ok("POST", "schedules/x/runs")
    api.ok("DELETE", "schedules/x")
    api.refused(404, "DELETE", "schedules/x")
    with database.read() as tx:
        rows = tx.connection.exec_driver_sql(
            "SELECT action, object_id, actor_name, address FROM audit ORDER BY id"
        ).all()
    assert [row[0] for row in rows] == ["schedule.create", "schedule.resume", "schedule.run", "schedule.delete"]
    assert {row[1:] for row in rows} == {("x", "local", "127.0.0.1")}
