"""The log-in page with and without single sign-on, over a real worker and a provider over HTTP."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from enschedule_client import Client, InlineTransport
from enschedule_dashboard.main import pages_over, read_plan
from enschedule_worker.build import Worker, build_worker

sys.path.insert(0, str(Path(__file__).parents[3] / "tests"))  # the provider is the browser tests' too

import provider_kit
from provider_kit import FakeProvider

PASSWORD = "several words are good"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with provider_kit.provider() as made:
        made.people = {"ada": {"groups": ["bosses"]}, "eve": {"groups": []}}
        made.as_ = "ada"
        yield made


class Door:
    """The pages over a worker that uses the provider, and a browser without JavaScript."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        known = {"IMPORT_HANDLERS": "enschedule-log-handler", "ENSCHEDULE_EXECUTOR": "thread", "HOST": "0.0.0.0"}
        plan = read_plan({"SQLITE": str(folder / "jobs.db"), "API_KEY": "the-key", **known, **environ})
        self.worker: Worker = build_worker(plan.worker)
        self.app = pages_over(lambda: self.worker, plan)
        self.browser = self.app.test_client()

    def get(self, path: str, **options: Any) -> Any:
        return self.browser.get(path, **options)

    def account(self, name: str = "bob", role: str = "admin") -> None:
        with Client(transport=InlineTransport(self.worker.app), api_key="the-key") as client:
            client.users.create(name, PASSWORD, role)

    def to_provider(self, query: str = "") -> str:
        """Press the button, log in there, and return the address that the browser is sent back to."""
        led = self.get(f"/login/provider{query}")
        assert led.status_code == 303, led.text
        back = httpx.get(led.headers["Location"], follow_redirects=False).headers["Location"]
        parts = urlsplit(back)
        return f"{parts.path}?{parts.query}"

    def name(self) -> str:
        """Who the pages take this browser for."""
        return re.search(r'class="avatar" aria-label="([^:"]+)', self.get("/").text)[1]


@pytest.fixture
def open_door(tmp_path: Path) -> Iterator[Any]:
    made: list[Door] = []

    def make(**environ: str) -> Door:
        made.append(Door(tmp_path, environ))
        return made[-1]

    yield make
    for door in made:
        door.worker.close()


def test_without_accounts_the_key_leads_and_with_them_the_name(open_door: Any) -> None:
    door = open_door()
    page = door.get("/login").text
    assert 'name="key"' in page
    assert 'name="password"' not in page
    assert "Nobody has an account yet." in page
    door.account()
    page = door.get("/login").text
    assert page.index('name="password"') < page.index("Log in with a key")
    assert "/login/provider" not in page


def test_with_a_provider_its_button_leads(open_door: Any, provider: FakeProvider) -> None:
    door = open_door(**provider.settings(ENSCHEDULE_OIDC_TITLE="Log in with Example"))
    page = door.get("/login?next=/runs").text
    assert re.search(r'<a class="button primary" href="/login/provider\?next=/runs"[^>]*>Log in with Example</a>', page)
    door.account()
    page = door.get("/login").text
    assert page.index("Log in with Example") < page.index("Log in with name and password") < page.index('name="key"')
    assert page.count("primary") == 1


def test_through_the_provider_one_comes_to_where_one_wanted(open_door: Any, provider: FakeProvider) -> None:
    door = open_door(**provider.settings())
    back = door.get(door.to_provider("?next=/runs%3Fstatus%3Dfailed"))
    assert (back.status_code, back.headers["Location"]) == (303, "/runs?status=failed")
    assert door.name() == "ada"
    cookie = next(line for line in back.headers.getlist("Set-Cookie") if line.startswith("enschedule="))
    assert "HttpOnly" in cookie
    profile = door.get("/profile/").text
    assert "You are ada, an admin" in profile
    assert "Present password" not in profile
    assert "single sign-on" in door.get("/admin/users").text
    assert provider.issuer in door.get("/admin/users/ada").text


def test_logging_out_offers_to_log_out_there_too(open_door: Any, provider: FakeProvider) -> None:
    door = open_door(**provider.settings())
    door.get(door.to_provider())
    token = _TOKEN.search(door.get("/").text)[1]
    out = door.browser.post(
        "/logout", data={"csrf_token": token}, headers={"Origin": "http://localhost"}, follow_redirects=True
    )
    assert "You are logged out here." in out.text
    assert f"{provider.issuer}/logout?client_id=enschedule" in out.text
    assert door.get("/").headers["Location"] == "/login"


def test_each_failure_has_its_sentence_on_the_page_that_one_can_go_on_from(
    open_door: Any, provider: FakeProvider
) -> None:
    door = open_door(**provider.settings())

    def said(path: str, status: int) -> str:
        answer = door.get(path)
        assert answer.status_code == status, answer.text
        assert "/login/provider" in answer.text, "the button is there to try again"
        assert door.browser.get_cookie("enschedule") is None
        return re.sub(
            r"\s+", " ", re.sub(r"<[^>]+>", "", re.search(r'role="alert">(.*?)</div>', answer.text, re.DOTALL)[1])
        )

    back = door.to_provider()
    denied = re.sub(r"code=[^&]+", "error=access_denied", back)
    assert "did not let you in, or you have cancelled" in said(denied, 401)
    assert "not begun in this browser" in said(back, 401), "the ticket went with the first answer"
    other = Door.to_provider(door)
    swapped = re.sub(r"state=[^&]+", "state=made-up", other)
    assert "belongs to another log-in" in said(swapped, 401)
    provider.as_ = "eve"
    assert "has no role here" in said(door.to_provider(), 403)
    provider.sign = "other"
    assert "is not believed" in said(door.to_provider(), 401)
    provider.sign, provider.lost = "own", {"/token"}
    assert "does not answer as it should" in said(door.to_provider(), 503)
    assert "not begun in this browser" in said("/login/callback", 401)


def test_a_provider_that_is_down_leaves_the_other_ways(open_door: Any, provider: FakeProvider) -> None:
    door = open_door(**provider.settings())
    provider.lost = {"/.well-known/openid-configuration"}
    answer = door.get("/login/provider")
    assert answer.status_code == 503
    assert "does not answer as it should" in answer.text
    assert "Log in with a key" in answer.text


def test_without_passwords_the_page_asks_for_none(open_door: Any, provider: FakeProvider) -> None:
    door = open_door(**provider.settings(ENSCHEDULE_PASSWORD_LOGIN="false"))
    door.get(door.to_provider())
    door.browser.delete_cookie("enschedule")
    page = door.get("/login").text
    assert 'name="password"' not in page
    assert 'name="key"' in page
    assert door.worker.setup_token() is None


def test_what_somebody_writes_into_the_address_is_not_said_by_us(open_door: Any, provider: FakeProvider) -> None:
    door = open_door(**provider.settings())
    query = "error=call-555-1234&error_description=Your+account+is+locked,+call+555-1234&state=x"
    door.get("/login/provider")
    page = door.get(f"/login/callback?{query}").text
    assert "555-1234" not in page


def test_the_base_url_decides_where_the_provider_sends_browsers_back_to(open_door: Any, provider: FakeProvider) -> None:
    door = open_door(**provider.settings(ENSCHEDULE_BASE_URL="https://jobs.example.org/x"))
    location = door.get("/login/provider", headers={"Host": "evil.example"}).headers["Location"]
    assert "redirect_uri=https%3A%2F%2Fjobs.example.org%2Fx%2Flogin%2Fcallback" in location
    assert "evil" not in location


def test_a_handlers_page_says_and_changes_who_may_use_it(open_door: Any) -> None:
    door = open_door()
    door.account()
    door.worker.enter_handlers()
    with Client(transport=InlineTransport(door.worker.app), api_key="the-key") as client:
        client.groups.create("ops", "Operations")
        client.users.create("vic", PASSWORD, "editor")

    def log_in(name: str) -> None:
        token = _TOKEN.search(door.get("/login").text)[1]
        form = {"csrf_token": token, "name": name, "password": PASSWORD}
        assert door.browser.post("/login", data=form, headers={"Origin": "http://localhost"}).status_code == 303

    log_in("bob")
    page = door.get("/handlers/log-job").text
    assert "Who may save or run schedules may use it." in page
    form = {"csrf_token": _TOKEN.search(page)[1], "minimum_role": "admin", "where": "groups", "group": "ops"}
    send = {"headers": {"Origin": "http://localhost"}, "follow_redirects": True}
    assert (
        "Who is an admin in ops may use it; nobody else."
        in door.browser.post("/handlers/log-job/access", data=form, **send).text
    )
    door.browser.delete_cookie("enschedule")
    log_in("vic")
    page = door.get("/handlers/log-job").text
    assert "It is limited to groups, and to none that you see." in page
    assert "New schedule</a>" not in page.split("<main", 1)[1]
    assert "Run once" not in page
    chooser = door.get("/schedules/new").text
    assert "handler=log-job" not in chooser
    assert "1 handler is not for you" in chooser
