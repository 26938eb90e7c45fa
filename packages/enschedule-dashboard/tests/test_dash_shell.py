"""What every page has around it: headers, who gets in, errors as pages, nothing changed from elsewhere."""

import re

import pytest
from fake_client import FakeClient, World
from flask import Flask

from enschedule_core.errors import WorkerUnreachable
from enschedule_dashboard import session
from enschedule_dashboard.app import create_app
from enschedule_dashboard.security import host_name, is_own_name
from enschedule_dashboard.session import safe_next
from enschedule_dashboard.settings import DashboardSettings

PAGES = [
    "/",
    "/schedules",
    "/runs",
    "/calendar",
    "/handlers",
    "/handlers/fetch",
    "/workers",
    "/more",
    "/nope",
    "/runs/99999",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_forbids_what_no_page_needs(pages, path):
    headers = pages.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PAGES)
def test_pages_carry_no_inline_style_or_script(pages, path):
    text = pages.get(path).text
    assert not re.search(r"<style|<[^>]*\s(style|on[a-z]+)=|<script(?![^>]*\ssrc=)", text)


def test_static_files_may_be_kept_because_their_address_names_their_content(pages):
    address = re.search(r'href="(/static/[0-9a-f]{10}/css/look\.css)"', pages.text("/"))[1]
    answer = pages.get(address)
    assert answer.status_code == 200
    assert answer.cache_control.max_age == 365 * 24 * 3600
    assert pages.get("/favicon.ico").status_code == 302


def test_hostile_titles_are_text(pages, world):
    title = "<script>alert(1)</script>\" onmouseover=x '"
    world.schedules["check-shop"]["title"] = title
    world.schedules["check-shop"]["tags"] = ['"><img src=x>']
    for path in ("/", "/schedules", "/handlers/fetch"):
        text = pages.text(path)
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_the_tab_tells_the_trouble(pages, world):
    text = pages.text("/schedules")
    assert "<title>1 failing · Schedules · Enschedule</title>" in text
    assert "failing.svg" in text
    for schedule in world.schedules.values():
        schedule["failing_since"] = None
    text = pages.text("/schedules")
    assert "<title>Schedules · Enschedule</title>" in text
    assert "favicon.svg" in text


def test_a_worker_that_does_not_answer_is_a_page_that_tries_again(pages, world):
    world.down = WorkerUnreachable("The worker at http://worker:8080 does not answer (connection refused).")
    answer = pages.get("/schedules")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "The worker at http://worker:8080 does not answer" in answer.text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in answer.text
    assert "Schedules keep running without this page." in answer.text


def test_what_is_not_there_is_a_page_with_a_way_on(pages):
    answer = pages.get("/runs/99999")
    assert answer.status_code == 404
    assert "There is no run 99,999." in answer.text
    assert 'href="/runs"' in answer.text
    assert pages.get("/nope").status_code == 404


def test_scripts_get_problem_json(pages):
    answer = pages.get("/runs/99999", headers={"Accept": "application/json"})
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] == "not_found"


def test_an_unexpected_error_shows_no_traceback(pages, world):
    world.down = RuntimeError("secret detail")
    answer = pages.get("/runs")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text


class TestChanges:
    def test_without_the_token_nothing_changes(self, app, world):
        answer = app.test_client().post("/workers/web-2-a/remove", headers={"Origin": "http://localhost"})
        assert answer.status_code == 403
        assert "nothing was changed" in answer.text
        assert not [call for call in world.calls if call[0] == "workers.delete"]

    @pytest.mark.parametrize(
        "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:81"}]
    )
    def test_from_another_site_nothing_changes(self, pages, headers):
        assert pages.post("/theme", {"theme": "dark"}, headers=headers).status_code == 403

    def test_without_origin_the_fetch_site_decides(self, pages):
        data = {"csrf_token": pages.token(), "theme": "dark"}
        assert pages.client.post("/theme", data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert pages.client.post("/theme", data=data, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


class TestHost:
    def test_a_foreign_name_for_this_machine_is_refused(self, pages):
        assert pages.get("/", headers={"Host": "rebound.example"}).status_code == 400
        for name in ("localhost:3000", "127.0.0.1:3000", "[::1]:3000", "127.0.0.2"):
            assert pages.get("/more", headers={"Host": name}).status_code == 200

    def test_trusted_names(self, world):
        settings = DashboardSettings(loopback=False, trusted_hosts=("*.example.org",))
        client = create_app(lambda token, _: FakeClient(world, token), settings).test_client()
        assert client.get("/more", headers={"Host": "dash.example.org"}).status_code == 200
        assert client.get("/more", headers={"Host": "example.com"}).status_code == 400

    def test_names_of_this_machine(self):
        assert [host_name(host) for host in ("a:1", "a", "[::1]:3000", "[::1]")] == ["a", "a", "[::1]", "[::1]"]
        assert all(is_own_name(name) for name in ("localhost", "x.localhost", "127.9.9.9", "[::1]"))
        assert not any(is_own_name(name) for name in ("localhost.evil.org", "10.0.0.1", "", "127.0.0.1.evil.org"))


class TestLogIn:
    @pytest.fixture
    def locked(self, world) -> World:
        world.needs_key = True
        return world

    def test_pages_ask_for_the_key_and_lead_back(self, pages, locked):
        answer = pages.get("/runs?status=failed")
        assert answer.status_code == 303
        assert answer.headers["Location"] == "/login?next=/runs%3Fstatus%3Dfailed"
        form = {"key": "right-key", "next": "/runs?status=failed"}
        answer = pages.post("/login", form, page="/login")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/runs?status=failed")
        cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("enschedule="))
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert pages.get("/runs").status_code == 200

    def test_a_wrong_key_says_so_and_is_not_repeated(self, pages, locked):
        answer = pages.post("/login", {"key": "wrong-key"}, page="/login")
        assert answer.status_code == 401
        assert "This key is not known." in answer.text
        assert "wrong-key" not in answer.text

    def test_over_tls_the_cookie_is_bound_to_the_host(self, pages, locked):
        token = re.search(
            r'name="csrf_token" value="([^"]+)"', pages.client.get("/login", base_url="https://localhost").text
        )[1]
        answer = pages.client.post(
            "/login",
            data={"csrf_token": token, "key": "right-key"},
            base_url="https://localhost",
            headers={"Origin": "https://localhost"},
        )
        cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("__Host-enschedule="))
        assert "Secure" in cookie

    def test_logging_out_ends_the_session_on_the_server(self, pages, locked):
        pages.post("/login", {"key": "right-key"}, page="/login")
        answer = pages.post("/logout", page="/more")
        assert answer.headers["Location"] == "/login?out=1"
        assert ("sessions.delete", "token-of-ada") in locked.calls
        assert pages.get("/runs").status_code == 303

    def test_a_link_brings_its_key_and_needs_one_press(self, pages, locked):
        text = pages.text("/login?key=one-time")
        assert 'value="one-time"' in text
        assert not [call for call in locked.calls if call[0] == "sessions.create"]

    def test_who_is_in_does_not_see_the_page(self, pages):
        assert pages.get("/login?next=/workers").headers["Location"] == "/workers"


@pytest.mark.parametrize(
    "target",
    [
        "//e.example",
        "/\\e",
        "/\t/e",
        "\t//e",
        "https:e",
        "javascript:alert(1)",
        "http://e/",
        "",
        None,
        "runs",
        "/a b",
        "/\n/e",
        "///e",
    ],
)
def test_next_never_leaves(target):
    assert safe_next(target) == "/"


def test_next_keeps_paths_of_ours():
    assert safe_next("/runs?status=failed&q=a%20b") == "/runs?status=failed&q=a%20b"


def test_theme_and_zone_are_cookies(pages):
    assert "data-theme" not in pages.text("/more")
    answer = pages.post("/theme", {"theme": "dark", "next": "/more"})
    assert answer.headers["Location"] == "/more"
    assert '<html lang="en" data-theme="dark"' in pages.text("/more")
    pages.client.set_cookie("enschedule_tz", "Asia/Tokyo")
    text = pages.text("/more")
    assert 'data-zone="Asia/Tokyo"' in text
    assert "<b>22:32:07</b>" in text
    pages.client.set_cookie("enschedule_tz", "../../etc/passwd")
    assert 'data-zone="Europe/Stockholm"' in pages.text("/more")


def test_what_one_may_not_do_is_not_offered(pages, world):
    world.permissions = ["read"]
    text = pages.text("/schedules") + pages.text("/") + pages.text("/handlers/fetch")
    assert "Run now" not in text
    assert "New schedule" not in text
    assert "Run once" not in text


def test_a_server_that_is_read_only_says_so_and_offers_no_change(pages, world):
    paths = ("/", "/schedules", "/runs", "/handlers/fetch", "/workers")
    offered = "".join(pages.text(path) for path in paths)
    assert all(words in offered for words in ("Run now", "New schedule", "Pause everything", 'href="/admin"'))
    world.read_only = True
    for path in paths:
        text = pages.text(path)
        assert "This server is read-only: everything can be seen, and nothing changed." in text
        for words in ("Run now", "Run once", "New schedule", "Pause everything", 'href="/admin"'):
            assert words not in text, path


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({}, "127.0.0.1"),
        ({"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1"),
        ({"X-Forwarded-For": "10.1.1.1"}, "10.1.1.1"),
        ({"X-Forwarded-For": "10.1.1.1, 127.0.0.1"}, "10.1.1.1"),
        ({"X-Real-IP": "192.0.2.7"}, "192.0.2.7"),
        ({"Forwarded": "for=192.0.2.7"}, "0.0.0.0"),
        ({"Host": "jobs.example.org"}, "0.0.0.0"),
    ],
)
def test_a_request_passed_on_by_a_proxy_is_not_from_this_machine(headers, seen):
    app = Flask(__name__)
    with app.test_request_context("/", headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"}):
        assert session.browser_address() == seen
