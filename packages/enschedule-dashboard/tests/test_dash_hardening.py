"""What somebody hostile sends to the pages: each list is a fault with its payloads, named in docs/security.md."""

from __future__ import annotations

import re

import pytest
from fake_client import FakeClient, World
from werkzeug.test import EnvironBuilder, run_wsgi_app

from enschedule_core.errors import EnscheduleError, Unavailable
from enschedule_dashboard.app import OPEN_ENDPOINTS, create_app
from enschedule_dashboard.security import CONTENT_SECURITY_POLICY
from enschedule_dashboard.session import safe_next
from enschedule_dashboard.settings import DashboardSettings

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PART = re.compile(r"<(?:\w+:)?(\w+)>")


def address(rule) -> str:
    """An address that a rule takes; what it names need not exist."""
    return _PART.sub("7", rule.rule)


def rules(app, method: str) -> list:
    return [rule for rule in app.url_map.iter_rules() if method in rule.methods and rule.endpoint != "static"]


def test_every_page_and_every_error_has_every_header(app, pages):
    answers = [(address(rule), pages.get(address(rule))) for rule in rules(app, "GET")]
    answers += [
        ("400", pages.get("/", headers={"Host": "evil.example"})),
        ("403", pages.client.post("/theme", data={}, headers={"Origin": "http://evil.example"})),
        ("404", pages.get("/nowhere")),
        ("405", pages.client.post("/calendar", headers={"Origin": "http://localhost"})),
        ("413", pages.client.post("/theme", data={"x": "y" * 5_000_000}, headers={"Origin": "http://localhost"})),
    ]
    assert {answer.status_code for _, answer in answers} >= {200, 303, 400, 403, 404, 405, 413}
    for said, answer in answers:
        missing = {name for name, value in HEADERS.items() if answer.headers.get(name) != value}
        assert not missing, (said, answer.status_code, missing)


@pytest.mark.parametrize("error", [Unavailable("away"), EnscheduleError("broken"), RuntimeError("secret detail")])
def test_a_fault_behind_a_page_has_the_headers_too_and_tells_nothing(world, error):
    client = FakeClient(world)

    def fails(*_, **__):
        raise error

    client.handlers.list = fails
    app = create_app(lambda _token, _address: client, DashboardSettings(secret_key="k" * 32))
    answer = app.test_client().get("/handlers")
    assert answer.status_code in {500, 503}
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text


def test_no_form_is_taken_without_its_token_or_from_another_site(app, pages):
    token = pages.token()
    own = {"Origin": "http://localhost"}
    foreign = [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "localhost"}]
    foreign += [{"Origin": "http://localhost:81"}, {"Origin": ""}, {"Sec-Fetch-Site": "cross-site"}]
    foreign += [{"Sec-Fetch-Site": "same-site"}, {"Origin": "http://localhost.evil.example"}]
    forms = rules(app, "POST")
    assert len(forms) > 30
    for rule in forms:
        for headers, data in [
            (own, {}),
            (own, {"csrf_token": ""}),
            (own, {"csrf_token": "x" * 50}),
            *((headers, {"csrf_token": token}) for headers in foreign),
        ]:
            answer = pages.client.post(address(rule), data=data, headers=headers)
            assert answer.status_code == 403, (rule.rule, headers, data, answer.status_code)


def test_no_page_changes_anything_when_it_is_only_looked_at(app):
    """Whatever a link, an image or a prefetch of another site can ask for is a GET."""
    changing = re.compile(r"/(run|pause|resume|delete|cancel|retry|remove|revoke|end|logout|password|members)$")
    looks = {rule.rule for rule in rules(app, "GET") if changing.search(rule.rule)}
    assert looks <= {
        "/schedules/<id>/run",
        "/schedules/<id>/delete",
        "/admin/users/<name>/delete",
        "/admin/groups/<id>/delete",
        "/schedules/<id>/pause",
        "/schedules/<id>/resume",
        "/admin/secrets/<name>/delete",
        "/admin/keys/<id>/revoke",
        "/profile/keys/<id>/revoke",
        "/everything/resume",
        "/workers/<instance_id>/remove",
    }, "these ask before something is done, and may not do it"


@pytest.mark.parametrize(("base", "secure"), [("http://localhost", False), ("https://localhost", True)])
def test_every_cookie_is_for_this_site_and_over_tls_for_tls_only(base, secure):
    world = World()
    world.needs_key = True
    app = create_app(lambda token, _address: FakeClient(world, token), DashboardSettings(secret_key="k" * 32))
    client = app.test_client()
    page = client.get("/login", base_url=base)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    origin = {"Origin": base}
    sent = [page]
    sent.append(client.post("/theme", data={"csrf_token": token, "theme": "dark"}, base_url=base, headers=origin))
    sent.append(client.post("/login", data={"csrf_token": token, "key": "right-key"}, base_url=base, headers=origin))
    cookies = [line for answer in sent for line in answer.headers.getlist("Set-Cookie")]
    names = {line.partition("=")[0] for line in cookies}
    assert names == {"enschedule_form", "enschedule_theme", "__Host-enschedule" if secure else "enschedule"}
    for line in cookies:
        parts = {part.strip().lower() for part in line.split(";")[1:]}
        assert "samesite=lax" in parts, line
        assert ("secure" in parts) is secure, line
        assert "path=/" in parts, line
        assert not any(part.startswith("domain") for part in parts), line
        # The theme alone is for scripts: it changes before the server is asked.
        assert ("httponly" in parts) is not line.startswith("enschedule_theme"), line


LEAVING = [
    "//e",
    "///e",
    "////e",
    "/\\e",
    "\\/e",
    "\\\\e",
    "/\t/e",
    "\t//e",
    "/\n/e",
    "/\r/e",
    "/\x00/e",
    " //e",
    "/ /e",
    "https:e",
    "https:/e",
    "https://e",
    "HTTPS://e",
    "http:\\\\e",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "e",
    "e/x",
    "@e",
    "?next=/",
    "#x",
    "/x" * 1200,
    "//e@localhost/",
    "/\\localhost@e",
    "//[::1",
    "",
    None,
]


@pytest.mark.parametrize("target", LEAVING)
def test_next_leads_nowhere_else(target):
    assert safe_next(target) == "/"


@pytest.mark.parametrize("target", ["//e", "/\\e", "/\t/e", "https:e", "javascript:alert(1)"])
@pytest.mark.parametrize("path", ["/theme", "/login"])
def test_no_form_sends_a_browser_elsewhere(pages, path, target):
    data = {"next": target, "theme": "dark", "key": "right-key"}
    location = pages.post(path, data).headers["Location"]
    assert location == "/"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example:3000",
        "localhost, evil.example",
        "localhost/evil.example",
        "[::2]",
        "[::1",
        "0",
        "10.0.0.1",
        "localhost%00.evil.example",
        "*",
    ],
)
def test_a_name_that_is_not_ours_gets_no_page(app, host):
    _, status, _ = run_wsgi_app(app, EnvironBuilder("/", headers={"Host": host}).get_environ())
    assert status == "400 BAD REQUEST"  # Flask's test client would read the name itself, and stumble over some


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Prefix": "//evil.example"},
        {"X-Forwarded-Proto": "javascript"},
        {"X-Original-URL": "/admin"},
        {"X-Rewrite-URL": "/admin"},
    ],
)
def test_headers_of_proxies_mean_nothing_without_a_proxy(pages, headers):
    answer = pages.get("/handlers", headers=headers)
    assert "evil.example" not in answer.text + str(answer.headers)
    assert 'href="/static/' in answer.text


def test_more_fields_than_any_form_has_are_refused(pages):
    fields = {f"f{number}": "x" for number in range(2000)}
    answer = pages.client.post(
        "/theme", data=fields, headers={"Origin": "http://localhost"}, content_type="multipart/form-data"
    )
    assert answer.status_code in {403, 413}


def test_what_needs_nobody_to_be_logged_in_is_listed():
    """A new page is behind the log-in unless somebody adds it here."""
    assert {
        "static",
        "favicon",
        "login.enter",
        "login.enter_post",
        "login.to_provider",
        "login.from_provider",
        "login.set_up",
        "login.set_up_post",
        "login.theme",
        "probes.health",
        "probes.readiness",
    } == OPEN_ENDPOINTS
