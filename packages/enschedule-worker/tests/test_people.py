"""Accounts: the first one, logging in and out, passwords, limits, and what becomes of sessions."""

from __future__ import annotations

from typing import Any

import people_kit
import pytest
from people_kit import PASSWORD, ROOT, People

from enschedule_core.actor import Role
from enschedule_core.errors import ConfigurationError
from enschedule_worker.service import passwords, sessions, users
from enschedule_worker.settings import read_settings

FIRST = {"name": "ada", "password": PASSWORD, "role": "admin"}


@pytest.fixture
def people(api: Any, quick_hashes: None) -> People:
    """One account of each role, and an admin called root."""
    return People(api)


def test_until_there_is_an_account_this_machine_needs_none_and_from_then_on_everybody_does(api: Any) -> None:
    assert api.ok("GET", "me")["auth"] == {"required": False, "accounts": False}
    assert api.field("POST", "users", {**FIRST, "role": "viewer"})["field"] == "role"
    made = api.ok("POST", "users", FIRST, status=201)
    assert (made["name"], made["role"], made["created_by"], made["login_at"]) == ("ada", "admin", "local", None)
    problem = api.refused(401, "GET", "me")
    assert "Authorization" in problem["hint"]
    token = api.ok("POST", "sessions", {"name": "ada", "password": PASSWORD})["token"]
    headers = {"Authorization": f"Bearer {token}"}
    me = api.ok("GET", "me", headers=headers)
    assert (me["actor"]["name"], me["auth"], me["user"]["role"]) == (
        "ada",
        {"required": True, "accounts": True},
        "admin",
    )


def test_the_set_up_link_makes_one_admin_once_within_an_hour(make_api: Any, database: Any, clock: Any) -> None:
    api = make_api(loopback=False)
    body = {"token": people_kit.setup_token(database), "name": "Ada@Example.org", "password": PASSWORD}
    assert api.field("POST", "setup", {**body, "password": "short"})["field"] == "password"
    api.refused(401, "POST", "setup", {**body, "token": "wrong"})
    clock.advance(seconds=3601)
    api.refused(401, "POST", "setup", body)
    body["token"] = people_kit.setup_token(database)
    opened = api.ok("POST", "setup", body, status=201)
    me = api.ok("GET", "me", headers={"Authorization": f"Bearer {opened['token']}"})
    assert (me["actor"]["name"], me["user"]["role"]) == ("ada@example.org", "admin")
    api.refused(409, "POST", "setup", body)
    assert sessions.new_setup_token(database) is None


def test_the_first_account_ends_the_sessions_that_a_key_or_link_opened(make_api: Any, database: Any) -> None:
    api = make_api(loopback=False)
    link = sessions.new_link_token(database)
    token = api.ok("POST", "sessions", {"key": link})["token"]
    unused = sessions.new_link_token(database)
    api.ok("POST", "users", FIRST, headers={"Authorization": f"Bearer {token}"})
    api.refused(401, "GET", "me", headers={"Authorization": f"Bearer {token}"})
    api.refused(401, "POST", "sessions", {"key": unused})


def test_the_admin_of_the_environment_is_made_once_and_kept_as_it_is(api: Any, database: Any) -> None:
    assert users.ensure_admin(database, "Ada", PASSWORD)
    assert not users.ensure_admin(database, "ada", "another one altogether")
    api.ok("POST", "sessions", {"name": "ADA", "password": PASSWORD})
    api.refused(401, "POST", "sessions", {"name": "ada", "password": "another one altogether"})


@pytest.mark.parametrize("value", ["ada", "ada:", ":secret-of-ada", "a da:secret-of-ada"])
def test_a_wrong_admin_account_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_settings({"ADMIN_ACCOUNT": value, "SQLITE": ":memory:"})
    assert "ADMIN_ACCOUNT" in str(refused.value)
    assert "secret-of-ada" not in str(refused.value)
    settings = read_settings({"ADMIN_ACCOUNT": "Ada:p:w", "SQLITE": ":memory:"})
    assert settings.admin_account == ("ada", "p:w")
    assert "p:w" not in repr(settings)


def test_a_wrong_name_is_told_as_a_wrong_password_is(people: People) -> None:
    problems = [
        people.api.refused(401, "POST", "sessions", {"name": name, "password": "wrong"}) for name in ("viewer", "none")
    ]
    assert problems[0] == problems[1]


def test_an_unknown_name_costs_the_same_work_as_a_known_one(api: Any, database: Any) -> None:
    """The hash that nobody's password is compared with has the parameters of every other."""
    api.ok("POST", "users", FIRST)
    passwords._nobodys.cache_clear()
    with database.read() as tx:
        (stored,) = tx.connection.exec_driver_sql("SELECT password_hash FROM users WHERE name = 'ada'").one()
    nobodys = passwords._nobodys()
    assert stored.rpartition("$")[0].rpartition("$")[0] == nobodys.rpartition("$")[0].rpartition("$")[0]
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not passwords.matches(None, PASSWORD)


def test_after_ten_tries_an_account_and_after_twenty_an_address_has_to_wait(people: People, clock: Any) -> None:
    api = people.api

    def attempt(name: str, address: str, password: str = "wrong") -> Any:
        given = {"environ_base": {"REMOTE_ADDR": address}}
        return api.ask("POST", "sessions", {"name": name, "password": password}, **given)

    for number in range(10):
        assert attempt("viewer", f"192.0.2.{number}").status_code == 401
    response = attempt("viewer", "192.0.2.99", PASSWORD)
    assert response.status_code == 429
    assert 3500 < int(response.headers["Retry-After"]) <= 3600
    for number in range(20):
        assert attempt(f"nobody{number}", "192.0.2.200").status_code == 401
    assert attempt("admin", "192.0.2.200", PASSWORD).status_code == 429
    assert attempt("admin", "192.0.2.201", PASSWORD).status_code == 201
    clock.advance(seconds=3601)
    assert attempt("viewer", "192.0.2.99", PASSWORD).status_code == 201


def test_a_success_takes_the_tries_back_and_so_does_a_new_password(people: People) -> None:
    for _ in range(2):
        for _ in range(9):
            people.api.refused(401, "POST", "sessions", {"name": "viewer", "password": "wrong"})
        people.log_in("viewer")
    for _ in range(10):
        people.api.refused(401, "POST", "sessions", {"name": "editor", "password": "wrong"})
    people.api.refused(429, "POST", "sessions", {"name": "editor", "password": PASSWORD})
    people.api.ok("PATCH", "users/editor", {"password": "quite another"}, headers=ROOT)
    people.log_in("editor", "quite another")


def test_a_new_password_ends_the_other_sessions_and_needs_the_present_one(people: People) -> None:
    api, mine = people.api, people.headers["viewer"]
    other = people.log_in("viewer")
    assert api.field("PATCH", "me", {"password": "quite another"}, headers=mine)["field"] == "current_password"
    wrong = {"password": "quite another", "current_password": "wrong"}
    assert api.field("PATCH", "me", wrong, headers=mine)["field"] == "current_password"
    api.ok("GET", "me", headers=other)
    api.ok("PATCH", "me", {"password": "quite another", "current_password": PASSWORD}, headers=mine)
    api.ok("GET", "me", headers=mine)
    api.refused(401, "GET", "me", headers=other)
    people.log_in("viewer", "quite another")


def test_ones_own_wishes_are_kept(people: People) -> None:
    mine = people.headers["viewer"]
    found = people.api.ok("PATCH", "me", {"theme": "dark", "timezone": "Asia/Tokyo"}, headers=mine)
    assert (found["theme"], found["timezone"]) == ("dark", "Asia/Tokyo")
    assert people.api.ok("GET", "me", headers=mine)["user"]["theme"] == "dark"
    assert people.api.field("PATCH", "me", {"timezone": "Mars/Olympus"}, headers=mine)["field"] == "timezone"
    people.api.refused(404, "PATCH", "me", {"theme": "dark"}, headers=ROOT)


def test_each_log_in_is_a_new_session_and_all_are_ended_at_once(people: People) -> None:
    api, first = people.api, people.headers["viewer"]
    second = people.log_in("viewer")
    assert first != second
    items = api.ok("GET", "sessions", headers=second)["items"]
    assert sorted(one["current"] for one in items) == [False, True]
    other = next(one["id"] for one in items if not one["current"])
    api.refused(404, "DELETE", f"sessions/{other}", headers=people.headers["editor"])
    assert api.ask("DELETE", f"sessions/{other}", headers=second).status_code == 204
    api.refused(401, "GET", "me", headers=first)
    third = people.log_in("viewer")
    assert api.ask("DELETE", "sessions", headers=second).status_code == 204
    for ended in (second, third):
        api.refused(401, "GET", "me", headers=ended)


def test_closing_an_account_ends_its_sessions_and_its_keys(people: People) -> None:
    api, mine = people.api, people.headers["viewer"]
    key = people.key(Role.VIEWER, by="viewer", own=True)
    api.ok("GET", "schedules", headers=people.headers[key["id"]])
    api.ok("PATCH", "users/viewer", {"disabled": True}, headers=ROOT)
    api.refused(401, "GET", "me", headers=mine)
    api.refused(401, "GET", "schedules", headers=people.headers[key["id"]])
    api.refused(401, "POST", "sessions", {"name": "viewer", "password": PASSWORD})
    api.ok("PATCH", "users/viewer", {"disabled": False}, headers=ROOT)
    people.log_in("viewer")


def test_the_last_admin_stays(people: People) -> None:
    api = people.api
    assert api.ask("DELETE", "users/root", headers=ROOT).status_code == 204
    for change in ({"role": "viewer"}, {"disabled": True}):
        api.refused(409, "PATCH", "users/admin", change, headers=ROOT)
    api.refused(409, "DELETE", "users/admin", headers=ROOT)
    assert [one["name"] for one in api.ok("GET", "users", headers=ROOT)["items"]] == [
        "admin",
        "editor",
        "operator",
        "viewer",
    ]


def test_accounts_come_in_pages(people: People) -> None:
    page = people.api.ok("GET", "users?limit=2", headers=ROOT)
    rest = people.api.ok("GET", f"users?limit=9&cursor={page['next_cursor']}", headers=ROOT)
    assert [one["name"] for one in page["items"] + rest["items"]] == ["admin", "editor", "operator", "root", "viewer"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": PASSWORD}, "name"),
        ({"name": "ada"}, "password"),
        ({"name": "not a name", "password": PASSWORD}, "name"),
        ({"name": "ada", "password": "1234567"}, "password"),
        ({"name": "adalovelace", "password": "AdaLovelace"}, "password"),
        ({"name": "ada", "password": PASSWORD, "role": "god"}, "role"),
    ],
)
def test_a_wrong_account_is_refused_at_its_field(people: People, body: dict[str, Any], field: str) -> None:
    assert people.api.field("POST", "users", body, headers=ROOT)["field"] == field


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "name"), ({"name": "ada"}, "password"), ({"key": "x", "name": "ada", "password": "y"}, "key")],
)
def test_a_wrong_log_in_is_refused_at_its_field(api: Any, body: dict[str, Any], field: str) -> None:
    assert field in {error["field"] for error in api.refused(422, "POST", "sessions", body)["errors"]}


def test_no_password_and_no_token_is_stored(people: People, database: Any) -> None:
    token = people.headers["viewer"]["Authorization"].removeprefix("Bearer ")
    made = people.key(Role.ADMIN)
    with database.read() as tx:
        stored = ""
        for name in ("users", "sessions", "api_keys", "audit", "login_attempts", "state"):
            stored += str(tx.connection.exec_driver_sql(f"SELECT * FROM {name}").all())
    assert "$argon2id$" in stored
    for secret in (PASSWORD, token, made["token"]):
        assert secret not in stored
