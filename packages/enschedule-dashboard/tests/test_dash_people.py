"""Log-in, Profile and Admin over a real worker, as a browser without JavaScript sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enschedule_client import Client, InlineTransport
from enschedule_dashboard.app import create_app
from enschedule_dashboard.main import pages_over, print_log_in, read_plan
from enschedule_dashboard.settings import DashboardSettings
from enschedule_worker.build import Worker, build_worker

PASSWORD = "several words are good"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """A browser without JavaScript: it keeps cookies, follows redirects, and sends the forms that pages have."""

    def __init__(self, app: Any, *, address: str = "127.0.0.1") -> None:
        self.client = app.test_client()
        self.address = {"environ_base": {"REMOTE_ADDR": address}}

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path, follow_redirects=True, **self.address)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:2000]}"
        self.path = answer.request.path
        return answer.text

    def send(self, page: str, path: str, status: int = 200, **form: str) -> str:
        """Send a form that stands on ``page``, and return the page that follows."""
        seen = self.get(page)
        assert f'action="{path}"' in seen, f"{page} has no form for {path}"
        data = {"csrf_token": _TOKEN.search(seen)[1], **form}
        answer = self.client.post(
            path, data=data, headers={"Origin": "http://localhost"}, follow_redirects=True, **self.address
        )
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:2000]}"
        self.path = answer.request.path
        return answer.text

    def log_in(self, name: str, password: str = PASSWORD, status: int = 200) -> str:
        return self.send("/login", "/login", status, name=name, password=password)


class Server:
    """A worker with its pages over it."""

    def __init__(self, folder: Path, **environ: str) -> None:
        known = {"IMPORT_HANDLERS": "enschedule-log-handler", "ENSCHEDULE_EXECUTOR": "thread"}
        self.plan = read_plan({"SQLITE": str(folder / "jobs.db"), **known, **environ})
        self.worker: Worker = build_worker(self.plan.worker)
        self.app = pages_over(lambda: self.worker, self.plan)

    def browser(self, **options: Any) -> Browser:
        return Browser(self.app, **options)

    def make(self, *names: str, role: str = "viewer") -> None:
        """Make accounts straight on the API, as a service."""
        for name in names:
            client = Client("http://127.0.0.1", api_key=self.worker.api_key, transport=InlineTransport(self.worker.app))
            client.users.create(name, PASSWORD, role)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.worker.stop(grace_seconds=1)
    made.worker.database.dispose()


@pytest.fixture
def ada(server: Server) -> Browser:
    """An admin who is logged in."""
    server.make("ada", role="admin")
    browser = server.browser()
    browser.log_in("ada")
    return browser


def test_without_accounts_the_pages_are_open_and_admin_makes_the_first(server: Server) -> None:
    browser = server.browser()
    assert "Nobody has an account yet" in browser.get("/admin")
    assert "Nobody has an account here" in browser.get("/profile")
    wrong = browser.send("/admin/users", "/admin/users", 422, name="ada", password=PASSWORD, role="viewer")
    assert "must be an admin" in wrong
    wrong = browser.send("/admin/users", "/admin/users", 422, name="ada", password="short", role="admin")
    assert "At least 8 characters" in wrong
    assert 'value="ada"' in wrong
    browser.send("/admin/users", "/admin/users", name="ada", password=PASSWORD, role="admin")
    assert browser.path == "/login"
    assert "Name or password is not right." in browser.log_in("ada", "wrong", status=401)
    browser.log_in("ada")
    assert browser.path == "/"
    assert "1 person has an account; 1 is an admin." in browser.get("/admin/users")


def test_the_set_up_link_makes_the_first_account_and_logs_it_in(server: Server) -> None:
    browser = server.browser()
    token = server.worker.setup_token()
    wrong = browser.send(f"/setup?token={token}", "/setup", 422, token=str(token), name="ada", password="short")
    assert "At least 8 characters" in wrong
    page = browser.send(f"/setup?token={token}", "/setup", token=str(token), name="ada", password=PASSWORD)
    assert browser.path == "/"
    assert 'title="ada"' in page
    other = server.browser()
    refused = other.send(f"/setup?token={token}", "/setup", 409, token=str(token), name="eve", password=PASSWORD)
    assert "There is an account already." in refused


def test_who_is_not_logged_in_comes_to_where_they_wanted_after_it(ada: Browser, server: Server) -> None:
    browser = server.browser()
    assert "Log in" in browser.get("/schedules?q=x")
    assert browser.path == "/login"
    seen = browser.send("/login?next=/workers", "/login", name="ada", password=PASSWORD, next="/workers")
    assert browser.path == "/workers"
    assert "Log in" not in seen


def test_too_many_tries_say_when_the_next_is_heard(ada: Browser, server: Server) -> None:
    browser = server.browser()
    for _ in range(10):
        browser.log_in("ada", "wrong", status=401)
    assert "Too many tries to log in; the next one is heard in 60 min." in browser.log_in("ada", status=429)


def test_the_key_still_opens_the_pages(tmp_path: Path) -> None:
    server = Server(tmp_path, ENSCHEDULE_HOST="0.0.0.0", API_KEY="the-shared-key", ENSCHEDULE_TRUSTED_HOSTS="localhost")
    browser = server.browser(address="192.0.2.7")
    assert 'name="key"' in browser.get("/")
    assert "This key is not right." in browser.send("/login", "/login", 401, key="wrong")
    browser.send("/login", "/login", key="the-shared-key")
    assert "Schedules" in browser.get("/schedules")


def test_a_second_log_in_ends_the_session_that_was_there(ada: Browser, server: Server) -> None:
    before = ada.client.get_cookie("enschedule").value
    seen = ada.get("/login?key=x")  # shows the form although somebody is in
    data = {"csrf_token": _TOKEN.search(seen)[1], "name": "ada", "password": PASSWORD}
    ada.client.post("/login", data=data, headers={"Origin": "http://localhost"})
    after = ada.client.get_cookie("enschedule").value
    assert before != after
    assert ada.get("/profile").count("This browser") == 1
    assert 'Sessions <span class="count">1</span>' in ada.get("/profile")


def test_what_a_viewer_may_not_do_is_not_offered_and_refused(ada: Browser, server: Server) -> None:
    server.make("vera")
    vera = server.browser()
    vera.log_in("vera")
    home = vera.get("/")
    assert "New schedule" not in home
    assert ">Admin<" not in home
    assert ">Admin<" in ada.get("/")
    for path in ("/admin/users", "/admin/keys", "/admin/audit", "/admin/settings"):
        assert "vera" in vera.get(path, 403) or "admin" in vera.get(path, 403)


def test_a_person_is_changed_closed_opened_and_deleted(ada: Browser, server: Server) -> None:
    server.make("vera")
    vera = server.browser()
    vera.log_in("vera")
    own = "/admin/users/vera"
    assert "vera is operator now." in ada.send(own, own, role="operator")
    assert "logged out everywhere" in ada.send(own, own, password="quite another one")
    assert "Log in" in vera.get("/")
    vera.log_in("vera", "quite another one")
    assert "vera is closed" in ada.send(own, own, disabled="true")
    vera.log_in("vera", "quite another one", status=401)
    assert "vera is open again" in ada.send(own, own, disabled="false")
    assert "Delete the account of vera?" in ada.get(f"{own}/delete")
    assert "The account of vera is deleted." in ada.send(f"{own}/delete", f"{own}/delete")
    assert "is the last admin" in ada.send("/admin/users/ada", "/admin/users/ada", 409, role="viewer")


def test_a_group_owns_a_schedule_that_others_do_not_see(ada: Browser, server: Server) -> None:
    server.worker.start()  # so that its handlers are known
    server.make("vera", "olaf")
    ada.send("/admin/groups", "/admin/groups", id="ops", title="Operations")
    assert ada.path == "/admin/groups/ops"
    assert "olaf is editor in ops." in ada.send(
        "/admin/groups/ops", "/admin/groups/ops/members", name="olaf", role="editor"
    )
    assert "There is no user nobody." in ada.send(
        "/admin/groups/ops", "/admin/groups/ops/members", 422, name="nobody", role="viewer"
    )
    form = {"handler": "log-job@1", "title": "Ops only", "id": "ops-only", "when_mode": "manual", "action": "save"}
    page = ada.get("/schedules/new?handler=log-job")
    assert '<option value="ops">Operations</option>' in page
    ada.send("/schedules/new?handler=log-job", "/schedules/new", owner_group="ops", **form, **{"data/message": "hi"})
    assert ada.path == "/schedules/ops-only"
    assert "<dt>Group</dt><dd>ops</dd>" in ada.get("/schedules/ops-only")
    assert '1<span class="on-phone"> schedule</span>' in ada.get("/admin/groups")
    vera, olaf = server.browser(), server.browser()
    vera.log_in("vera")
    olaf.log_in("olaf")
    vera.get("/schedules/ops-only", 404)
    assert "Ops only" not in vera.get("/schedules")
    seen = olaf.get("/schedules/ops-only")
    assert ">Edit" in seen
    assert "New schedule" in olaf.get("/")
    ada.send("/admin/groups/ops", "/admin/groups/ops/members", name="olaf", action="remove")
    olaf.get("/schedules/ops-only", 404)
    assert "owns 1 schedule" in ada.send("/admin/groups/ops/delete", "/admin/groups/ops/delete", 409)


def test_a_key_is_shown_once_and_revoked(ada: Browser, server: Server) -> None:
    page = ada.send("/admin/keys", "/admin/keys", name="deploys", role="operator", days="30")
    (key,) = re.findall(r"ensk_operator_[\w-]{43}[0-9a-f]{8}", page)
    client = Client("http://127.0.0.1", api_key=key, transport=InlineTransport(server.worker.app))
    assert client.me()["actor"]["name"] == "deploys"
    assert key not in ada.get("/admin/keys")
    prefix = key[:22]
    assert f'href="/admin/keys/{prefix}/revoke"' in ada.get("/admin/keys")
    asked = ada.get(f"/admin/keys/{prefix}/revoke")
    assert "Revoke the key deploys?" in asked
    assert "It was last used" in asked
    assert client.me()["actor"]["name"] == "deploys"  # that it was asked revokes nothing
    ada.get("/admin/keys/ensk_operator_nothing/revoke", 404)
    assert "is revoked" in ada.send(f"/admin/keys/{prefix}/revoke", f"/admin/keys/{prefix}/revoke")
    with pytest.raises(Exception, match="was revoked"):
        client.me()
    assert "name: " in ada.send("/admin/keys", "/admin/keys", 422, name="", role="operator")


def test_profile_changes_the_password_the_zone_the_theme_and_ends_sessions(ada: Browser, server: Server) -> None:
    other = server.browser()
    other.log_in("ada")
    wrong = {"current_password": "wrong", "password": "quite another one"}
    assert "This is not your present password." in ada.send("/profile", "/profile/password", 422, **wrong)
    right = {"current_password": PASSWORD, "password": "quite another one"}
    assert "The password is changed." in ada.send("/profile", "/profile/password", **right)
    assert "Log in" in other.get("/")
    assert "is not a time zone" in ada.send("/profile", "/profile/timezone", 422, timezone="Mars/Olympus")
    assert "Times are shown in Asia/Tokyo." in ada.send("/profile", "/profile/timezone", timezone="Asia/Tokyo")
    ada.send("/profile", "/theme", theme="dark", next="/profile")
    other.log_in("ada", "quite another one")
    page = other.get("/")
    assert 'data-theme="dark"' in page
    assert 'data-zone="Asia/Tokyo"' in page
    (ending,) = re.findall(r'action="(/profile/sessions/\w{12}/end)"', other.get("/profile"))
    other.send("/profile", ending)
    assert "Log in" in ada.get("/")
    other.send("/profile", "/profile/sessions/end")
    assert other.path == "/login"


def test_a_key_of_ones_own_offers_no_role_above_ones_own(ada: Browser, server: Server) -> None:
    server.make("olaf", role="operator")
    olaf = server.browser()
    olaf.log_in("olaf")
    page = olaf.get("/profile")
    assert "<option>operator</option>" in page
    assert "<option>editor</option>" not in page
    made = olaf.send("/profile", "/profile/keys", name="mine", role="operator")
    (key,) = re.findall(r"ensk_operator_[\w-]{43}[0-9a-f]{8}", made)
    asking = f"/profile/keys/{key[:22]}/revoke"
    assert f'href="{asking}" aria-label="Revoke mine…"' in olaf.get("/profile")
    assert "mine" in olaf.send(asking, asking)


def test_the_audit_tells_in_words_and_is_filtered(ada: Browser, server: Server) -> None:
    server.make("vera")
    server.browser().log_in("vera", "wrong", status=401)
    ada.send("/admin/users/vera", "/admin/users/vera", role="operator")
    page = ada.get("/admin/audit")
    assert "changed the user" in page
    assert "role: viewer → operator" in page
    assert "could not log in:" in page
    only = ada.get("/admin/audit?refused=true")
    assert "could not log in:" in only
    assert "changed the user" not in only
    assert "Nothing of that kind was done." in ada.get("/admin/audit?actor=somebody-else")


def test_settings_are_shown_without_their_secrets(tmp_path: Path) -> None:
    server = Server(tmp_path, API_KEY="the-shared-key", ENSCHEDULE_GRACE_SECONDS="7")
    page = server.browser().get("/admin/settings")
    assert "ENSCHEDULE_GRACE_SECONDS" in page.partition("As they are without being told")[0]
    assert "ENSCHEDULE_LEASE_SECONDS" in page.partition("As they are without being told")[2]
    assert "***" in page
    assert "the-shared-key" not in page


def test_a_dashboard_before_a_worker_gives_its_key_to_nobody_once_there_are_accounts(server: Server) -> None:
    remote = Client("http://127.0.0.1", transport=InlineTransport(server.worker.app))

    def make(token: str | None, address: str | None) -> Client:
        return remote.acting_as(api_key=server.worker.api_key, token=token, forwarded_for=address)

    for loopback, status in ((True, 200), (False, 303)):
        settings = DashboardSettings(secret_key="k" * 32, loopback=loopback, trusted_hosts=("localhost",))
        assert create_app(make, settings).test_client().get("/schedules").status_code == status
    server.make("ada", role="admin")
    browser = Browser(create_app(make, DashboardSettings(secret_key="k" * 32)))
    assert "Log in" in browser.get("/schedules")
    browser.log_in("ada")
    assert "Schedules" in browser.get("/schedules")


def test_a_start_for_others_says_what_is_missing_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(tmp_path, ENSCHEDULE_HOST="0.0.0.0")
    print_log_in(server.worker, server.plan)
    said = capsys.readouterr()
    assert "http://127.0.0.1:3000/login?key=" in said.out
    assert "http://127.0.0.1:3000/setup?token=" in said.out
    for wanted in ("TLS", "API_KEY", "ADMIN_ACCOUNT", "enschedule users add"):
        assert wanted in said.err
    server.make("ada", role="admin")
    print_log_in(server.worker, server.plan)
    said = capsys.readouterr()
    assert said.out == ""
    assert "ADMIN_ACCOUNT" not in said.err
    assert server.worker.exposure(behind_proxy=True) != []  # no API_KEY


def test_a_start_with_all_of_it_says_nothing(tmp_path: Path) -> None:
    known = {"API_KEY": "the-shared-key", "ADMIN_ACCOUNT": f"ada:{PASSWORD}"}
    server = Server(tmp_path, ENSCHEDULE_HOST="0.0.0.0", **known)
    assert server.worker.exposure(behind_proxy=True) == []
    assert Server(tmp_path, ENSCHEDULE_HOST="127.0.0.1").worker.exposure() == []
    browser = server.browser()
    browser.log_in("ada")
    assert browser.path == "/"
