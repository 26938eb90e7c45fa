"""Single sign-on against a provider over HTTP: who gets in as what, and every answer that is not believed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from enschedule_core.errors import ConfigurationError
from enschedule_worker.service import oidc
from enschedule_worker.service.claims import account_name
from enschedule_worker.settings import read_settings

sys.path.insert(0, str(Path(__file__).parents[3] / "tests"))  # the provider is the browser tests' too

import provider_kit
from provider_kit import FakeProvider

BACK = "http://localhost:3000/login/callback"
KEY = {"X-API-Key": "correct-horse-battery"}


@pytest.fixture
def provider(clock: Any) -> Iterator[FakeProvider]:
    with provider_kit.provider(lambda: clock.now / 1_000_000) as made:
        made.people = {"ada": {"groups": ["bosses"]}, "vera": {"groups": ["staff", "sre"]}, "eve": {"groups": ["x"]}}
        made.as_ = "ada"
        yield made


class Door:
    """A server that uses the provider, and a browser before it."""

    def __init__(self, api: Any, provider: FakeProvider, **environ: str) -> None:
        self.api, self.provider = api, provider
        settings = read_settings({"SQLITE": ":memory:", **provider.settings(**environ)})
        assert settings.sign_on is not None
        extension = api.app.extensions["enschedule_api"]
        auth = replace(
            extension.auth, sign_on=settings.sign_on.open(settings.base_url), password_login=settings.password_login
        )
        api.app.extensions["enschedule_api"] = replace(extension, auth=auth)

    def begin(self) -> dict[str, str]:
        begun: dict[str, str] = self.api.ok("POST", "sign-on", {"redirect_uri": BACK}, status=201)
        return begun

    def walk(self, url: str) -> dict[str, str]:
        """Go to the provider as a browser, and return what it sends back."""
        answer = httpx.get(url, follow_redirects=False)
        location = answer.headers["Location"]
        assert location.startswith(BACK), location
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    def come_back(self, name: str | None = None) -> dict[str, str]:
        """Begin, log in there, and return the body that opens the session."""
        if name is not None:
            self.provider.as_ = name
        begun = self.begin()
        return {"ticket": begun["ticket"], **self.walk(begun["url"])}

    def log_in(self, name: str | None = None) -> Any:
        """Log in, and return what the API says of this person."""
        opened = self.api.ok("POST", "sessions", self.come_back(name), status=201)
        return self.api.ok("GET", "me", headers={"Authorization": f"Bearer {opened['token']}"})

    def refused(self, status: int, body: dict[str, str] | None = None) -> str:
        detail: str = self.api.refused(status, "POST", "sessions", body or self.come_back())["detail"]
        return detail

    def audit(self, **query: str) -> list[Any]:
        items: list[Any] = self.api.ok("GET", "audit", query_string=query, headers=KEY)["items"]
        return items


@pytest.fixture
def door(make_api: Any, provider: FakeProvider) -> Door:
    return Door(make_api(loopback=False), provider)


def test_an_account_is_made_at_the_first_log_in_and_found_at_the_next(door: Door) -> None:
    assert door.api.ok("GET", "sign-on") == {
        "password": True,
        "single_sign_on": {"title": "Log in with 127.0.0.1", "logout_url": None},
        "accounts": False,
    }
    me = door.log_in()
    assert (me["actor"]["name"], me["user"]["role"], me["user"]["issuer"]) == ("ada", "admin", door.provider.issuer)
    assert me["user"]["password_at"] is None
    door.log_in()
    assert [one["name"] for one in door.api.ok("GET", "users", headers=KEY)["items"]] == ["ada"]
    assert door.api.ok("GET", "sign-on")["single_sign_on"]["logout_url"] == (
        f"{door.provider.issuer}/logout?client_id=enschedule"
    )


def test_the_way_there_carries_state_nonce_and_a_challenge_and_never_the_verifier(door: Door) -> None:
    url = door.begin()["url"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert {**query, "state": "", "nonce": "", "code_challenge": ""} == {
        "response_type": "code",
        "client_id": "enschedule",
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": "",
        "nonce": "",
        "code_challenge": "",
        "code_challenge_method": "S256",
    }
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3
    assert all(len(query[name]) >= 43 for name in ("state", "nonce", "code_challenge"))


def test_a_person_is_who_the_issuer_and_the_subject_say_not_who_has_their_name(door: Door) -> None:
    door.api.ok("POST", "users", {"name": "ada", "password": "several words", "role": "admin"}, headers=KEY)
    assert door.log_in("ada")["actor"]["name"] == "ada-2"
    door.provider.people["ada"] |= {"preferred_username": "countess"}
    assert door.log_in("ada")["actor"]["name"] == "ada-2"
    door.provider.people["eve"] = {"preferred_username": "ada", "email": "ada@example.org", "groups": ["staff"]}
    assert door.log_in("eve")["actor"]["name"] == "ada-3"


def test_role_and_groups_are_what_the_provider_says_each_time(make_api: Any, provider: FakeProvider) -> None:
    door = Door(
        make_api(loopback=False),
        provider,
        ENSCHEDULE_OIDC_GROUP_CLAIM="groups",
        ENSCHEDULE_OIDC_GROUP_MAP="sre=ops:editor,sre=night,bosses=ops:operator",
    )
    door.api.ok("POST", "groups", {"id": "shop"}, headers=KEY)
    assert door.log_in("vera")["user"]["groups"] == {"ops": "editor", "night": "viewer"}
    door.api.ok("PUT", "groups/shop/members/vera", {"role": "editor"}, headers=KEY)
    provider.people["vera"] = {"groups": ["bosses"]}
    me = door.log_in("vera")
    assert (me["user"]["role"], me["user"]["groups"]) == ("admin", {"ops": "operator", "shop": "editor"})
    provider.people["vera"] = {"groups": "staff"}
    me = door.log_in("vera")
    assert (me["user"]["role"], me["user"]["groups"]) == ("viewer", {"shop": "editor"})
    changes = [(one["action"], one["actor"]["name"]) for one in door.audit(kind="user", id="vera")]
    assert changes == [("user.update", "single sign-on")] * 2 + [("user.create", "single sign-on")]
    assert {one["actor"]["name"] for one in door.audit(action="group.member", group="ops")} == {"single sign-on"}


def test_who_has_no_role_is_not_let_in_and_no_account_is_made(door: Door) -> None:
    assert "has no role here" in door.refused(403, door.come_back("eve"))
    assert door.api.ok("GET", "users", headers=KEY)["items"] == []
    (entry,) = door.audit(refused="true")
    assert (entry["actor"]["via"], entry["detail"]["reason"]) == (
        "single sign-on",
        "eve is known to the provider, and has no role here.",
    )


def test_a_default_role_lets_everybody_in(make_api: Any, provider: FakeProvider) -> None:
    door = Door(make_api(loopback=False), provider, ENSCHEDULE_OIDC_DEFAULT_ROLE="operator")
    assert door.log_in("eve")["user"]["role"] == "operator"
    assert door.log_in("vera")["user"]["role"] == "viewer"


def test_a_closed_account_stays_closed(door: Door) -> None:
    door.log_in("ada")
    door.log_in("vera")
    door.api.ok("PATCH", "users/vera", {"disabled": True}, headers=KEY)
    assert door.refused(403, door.come_back("vera")) == "The account vera is closed."


def test_a_deleted_account_is_made_anew_at_the_next_log_in(door: Door) -> None:
    door.log_in("ada")
    door.log_in("vera")
    assert door.api.ask("DELETE", "users/vera", headers=KEY).status_code == 204
    assert door.log_in("vera")["user"]["groups"] == {}


LIES: dict[str, tuple[str, Any, str]] = {
    "signed by another key": ("other", None, "BadSignature"),
    "not signed": ("none", None, "UnsupportedAlgorithm"),
    "signed by the client's secret": ("secret", None, "UnsupportedAlgorithm"),
    "signed by the public key as a secret": ("public", None, "UnsupportedAlgorithm"),
    "of another issuer": ("own", {"iss": "https://evil.example"}, "iss"),
    "for another client": ("own", {"aud": "somebody-else"}, "aud"),
    "for several, of which we are none": ("own", {"aud": ["a", "b"]}, "aud"),
    "for several, and issued to another": ("own", {"aud": ["enschedule", "b"], "azp": "b"}, "azp"),
    "expired": ("own", {"exp": -400}, "ExpiredToken"),
    "not valid yet": ("own", {"nbf": 4000}, "nbf"),
    "issued in the future": ("own", {"iat": 4000}, "iat"),
    "without an expiry": ("own", {"exp": None}, "exp"),
    "with another nonce": ("own", {"nonce": "of-another-log-in"}, "nonce"),
    "without a nonce": ("own", {"nonce": None}, "nonce"),
    "about nobody": ("own", {"sub": ""}, "sub"),
    "about a list": ("own", {"sub": ["id-of-ada"]}, ""),
    "with another access token's hash": ("own", {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_id_token_that_does_not_hold_lets_nobody_in(sqlite_only: None, door: Door, lie: str) -> None:
    sign, changed, said = LIES[lie]
    door.log_in("ada")

    def spoil(claims: dict[str, Any]) -> dict[str, Any]:
        for name, value in (changed or {}).items():
            claims[name] = claims["iat"] + value if isinstance(value, int) else value
        return {name: value for name, value in claims.items() if value is not None}

    door.provider.sign, door.provider.lie = sign, spoil
    detail = door.refused(401)
    assert detail.startswith("The provider's answer is not believed")
    assert said in detail
    assert door.audit(refused="true")[0]["detail"]["reason"] == detail
    door.provider.sign, door.provider.lie = "own", dict
    door.log_in("ada")


def test_a_log_in_is_good_once_and_ten_minutes_and_for_who_began_it(door: Door, clock: Any) -> None:
    mine, theirs = door.come_back(), door.come_back()
    assert "belongs to another log-in" in door.refused(401, {**mine, "state": theirs["state"]})
    assert "belongs to another log-in" in door.refused(401, {**mine, "state": ""})
    assert "not begun in this browser" in door.refused(401, {**mine, "ticket": "none"})
    forged = f"{mine['ticket'][:-4]}AAAA"
    assert "not begun in this browser" in door.refused(401, {**mine, "ticket": forged})
    door.api.ok("POST", "sessions", mine, status=201)
    assert "used already" in door.refused(401, mine)
    clock.advance(seconds=601)
    assert "longer than ten minutes" in door.refused(401, theirs)


def test_the_code_of_another_log_in_does_not_fit_the_verifier_of_this_one(door: Door) -> None:
    mine, theirs = door.come_back("vera"), door.come_back("ada")
    assert "refuses the code (invalid_grant)" in door.refused(401, {**mine, "code": theirs["code"]})
    assert "refuses the code" in door.refused(401, {**door.come_back(), "code": "made-up"})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("access_denied", "The provider did not let you in, or you have cancelled there."),
        ("something_new", "The provider did not log you in (something_new)."),
        ("<b>call 555-1234</b>", "The provider did not log you in."),
    ],
)
def test_what_the_provider_refuses_is_said_and_nothing_else_of_what_came_along(
    door: Door, error: str, said: str
) -> None:
    back = door.come_back()
    del back["code"]
    assert door.refused(401, {**back, "error": error}) == said


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
def test_a_provider_that_is_down_is_said_and_works_again_later(
    door: Door, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "SILENT_SECONDS", 0)
    door.provider.lost = {path}
    if path == "/.well-known/openid-configuration":
        problem = door.api.refused(503, "POST", "sign-on", {"redirect_uri": BACK})
    else:
        problem = door.api.refused(503, "POST", "sessions", door.come_back())
    assert "does not answer as it should" in problem["detail"]
    door.provider.lost = set()
    door.log_in()


def test_a_provider_that_is_down_is_not_asked_by_everybody_who_begins(door: Door) -> None:
    door.provider.lost = {"/.well-known/openid-configuration"}
    for _ in range(5):
        door.api.refused(503, "POST", "sign-on", {"redirect_uri": BACK})
    assert len(door.provider.asked) == 1


def test_a_provider_that_calls_itself_otherwise_is_refused_with_both_names(door: Door) -> None:
    door.provider.issuer_said = "https://evil.example"
    problem = door.api.refused(503, "POST", "sign-on", {"redirect_uri": BACK})
    assert "https://evil.example" in problem["detail"]
    assert door.provider.issuer in problem["detail"]


def test_new_keys_of_the_provider_are_read_when_they_are_needed(door: Door) -> None:
    door.log_in()
    before = door.provider.asked.count("/jwks")
    door.log_in()
    assert door.provider.asked.count("/jwks") == before
    door.provider.rotate()
    door.log_in()
    assert door.provider.asked.count("/jwks") == before + 1


def test_claims_that_the_token_lacks_are_asked_for_and_only_of_the_same_person(door: Door) -> None:
    door.provider.people["ada"] = {}
    door.provider.userinfo = {"sub": "id-of-ada", "groups": ["bosses"]}
    assert door.log_in("ada")["user"]["role"] == "admin"
    door.provider.userinfo = {"sub": "id-of-eve", "groups": ["bosses"]}
    assert "tells of somebody else" in door.refused(401)


def test_without_password_log_in_only_the_provider_and_keys_open_a_session(
    make_api: Any, provider: FakeProvider
) -> None:
    door = Door(make_api(loopback=False), provider, ENSCHEDULE_PASSWORD_LOGIN="false")
    door.api.ok("POST", "users", {"name": "bob", "password": "several words", "role": "admin"}, headers=KEY)
    assert "password" in door.refused(403, {"name": "bob", "password": "several words"})
    assert door.api.ok("GET", "sign-on")["password"] is False
    door.log_in("ada")
    door.api.ok("POST", "sessions", {"key": "correct-horse-battery"}, status=201)


def test_who_logs_in_at_the_provider_has_no_password_to_guess(door: Door) -> None:
    door.log_in("ada")
    for password in ("", " ", "x"):
        response = door.api.ask("POST", "sessions", {"name": "ada", "password": password})
        assert response.status_code in {401, 422}


def test_without_a_provider_there_is_no_single_sign_on(api: Any) -> None:
    assert api.ok("GET", "sign-on") == {"password": True, "single_sign_on": None, "accounts": False}
    api.refused(404, "POST", "sign-on", {"redirect_uri": BACK})
    api.refused(404, "POST", "sessions", {"ticket": "x", "state": "y", "code": "z"})
    assert api.field("POST", "sign-on", {"redirect_uri": "javascript:alert(1)"})["field"] == "redirect_uri"


@pytest.mark.parametrize(
    "body",
    [
        {"ticket": "x"},
        {"ticket": "x", "state": "y"},
        {"ticket": "x", "state": "y", "code": "z", "error": "e"},
        {"ticket": "x", "state": "y", "code": "z", "name": "ada"},
        {"state": "y", "code": "z"},
        {"key": "k", "ticket": "x"},
    ],
)
def test_half_of_a_log_in_is_refused_by_name(api: Any, body: dict[str, str]) -> None:
    assert api.field("POST", "sessions", body)["field"] in {"ticket", "state", "key"}


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "Ada.Lovelace"}, "ada.lovelace"),
        ({"email": "ada@example.org"}, "ada@example.org"),
        ({"name": "Ada Lovelace"}, "ada-lovelace"),
        ({"preferred_username": "  ", "sub": "4711"}, "4711"),
        ({"preferred_username": "<script>"}, "script"),
        ({"preferred_username": "x" * 500}, "x" * 90),
        ({"preferred_username": "日本", "sub": "日"}, "somebody"),
        ({"preferred_username": ["a"], "sub": "s"}, "s"),
    ],
)
def test_a_name_is_made_of_what_the_provider_says(claims: dict[str, Any], name: str) -> None:
    assert account_name(claims) == name


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"ENSCHEDULE_OIDC_ISSUER": "http://id.example.org"}, "ISSUER"),
        ({"ENSCHEDULE_OIDC_ISSUER": "id.example.org"}, "ISSUER"),
        ({"ENSCHEDULE_OIDC_CLIENT_ID": ""}, "CLIENT_ID"),
        ({"ENSCHEDULE_OIDC_SCOPES": "profile"}, "SCOPES"),
        ({"ENSCHEDULE_OIDC_ROLE_MAP": "bosses=king"}, "ROLE_MAP"),
        ({"ENSCHEDULE_OIDC_ROLE_MAP": "bosses"}, "ROLE_MAP"),
        ({"ENSCHEDULE_OIDC_ROLE_MAP": ""}, "ROLE_MAP"),
        ({"ENSCHEDULE_OIDC_ROLE_CLAIM": ""}, "ROLE_CLAIM"),
        ({"ENSCHEDULE_OIDC_ROLE_MAP": "", "ENSCHEDULE_OIDC_ROLE_CLAIM": ""}, "DEFAULT_ROLE"),
        ({"ENSCHEDULE_OIDC_GROUP_CLAIM": "groups"}, "GROUP_MAP"),
        ({"ENSCHEDULE_OIDC_GROUP_MAP": "sre=ops:king"}, "GROUP_MAP"),
        ({"ENSCHEDULE_OIDC_GROUP_MAP": "sre=ops"}, "GROUP_CLAIM"),
        ({"ENSCHEDULE_OIDC_DEFAULT_ROLE": "king"}, "DEFAULT_ROLE"),
        ({"ENSCHEDULE_OIDC_ISSUER": ""}, "ISSUER"),
        ({"ENSCHEDULE_OIDC_CLIENT_SECRET_FILE": "/nowhere", "ENSCHEDULE_OIDC_CLIENT_SECRET": ""}, "CLIENT_SECRET_FILE"),
    ],
)
def test_a_wrong_setting_is_named_with_a_valid_value(environ: dict[str, str], variable: str) -> None:
    whole = {**FakeProvider().settings(), "ENSCHEDULE_OIDC_ISSUER": "https://id.example.org", **environ}
    with pytest.raises(ConfigurationError, match=rf"^ENSCHEDULE_OIDC_{variable}: .*For example ENSCHEDULE_OIDC_"):
        read_settings({"SQLITE": ":memory:", **whole})


def test_password_log_in_is_not_switched_off_where_nothing_else_is() -> None:
    with pytest.raises(ConfigurationError, match="ENSCHEDULE_PASSWORD_LOGIN"):
        read_settings({"SQLITE": ":memory:", "ENSCHEDULE_PASSWORD_LOGIN": "false"})


def test_values_with_commas_are_apart_by_semicolons_and_the_secret_is_not_shown() -> None:
    environ = FakeProvider().settings(
        ENSCHEDULE_OIDC_ISSUER="https://id.example.org/", ENSCHEDULE_OIDC_ROLE_MAP="cn=a,ou=b=admin; cn=c,ou=b=viewer"
    )
    found = read_settings({"SQLITE": ":memory:", **environ})
    assert found.sign_on is not None
    assert set(found.sign_on.rules.role_map) == {"cn=a,ou=b", "cn=c,ou=b"}
    assert found.sign_on.client.issuer == "https://id.example.org/"
    assert provider_kit.CLIENT_SECRET not in f"{found!r}{found.in_force}"
