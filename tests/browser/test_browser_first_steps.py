"""The first minutes: an empty dashboard that teaches, a worker that is away, a dashboard that wants a key."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

KEY = "a-key-of-at-least-sixteen-characters"


@pytest.fixture(scope="module")
def server(start_server, tmp_path_factory):
    """An empty server."""
    with start_server(tmp_path_factory.mktemp("empty")) as running:
        yield running


@pytest.mark.parametrize("path", ["/", "/schedules", "/runs", "/calendar", "/handlers", "/workers"])
def test_an_empty_page_teaches_and_is_accessible(page, path):
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    violations = Axe().run(page).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"][:160]) for violation in violations] == []


def test_one_button_leads_to_the_first_run(page, server):
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is scheduled yet.")
    page.get_by_role("link", name="Make one that prints a line every minute").click()
    expect(page.get_by_label("Title")).to_have_value("Hello")
    expect(page.get_by_label("When, in words")).to_have_value("every minute")
    expect(page.get_by_label("Message")).not_to_have_value("")  # the handler's example
    page.get_by_role("button", name="Save and run now").click()
    expect(page.locator("#voice")).to_contain_text("Succeeded in")
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("The one schedule is fine")
    server.call("DELETE", "schedules/hello")


def test_a_worker_that_is_away_is_said_and_the_page_comes_back_by_itself(start_server, tmp_path, port, new_context):
    away = {"WORKER_URL": f"http://127.0.0.1:{port}", "API_KEY": KEY}
    worker = {"PORT": str(port), "SQLITE": "enschedule.db", "API_ENDPOINT": "true", "API_KEY": KEY}
    with start_server(tmp_path / "pages", command="dashboard", probe="/healthz", **away) as pages:
        page = new_context(base_url=pages.url).new_page()
        page.goto("/schedules")
        headline = page.get_by_role("heading", level=1)
        expect(headline).to_contain_text("does not answer")
        expect(page.get_by_text("Schedules keep running without this page.")).to_be_visible()
        assert [found["id"] for found in Axe().run(page).response["violations"]] == []
        with start_server(tmp_path / "worker", command="worker", **worker) as behind:
            expect(headline).to_have_text("Schedules", timeout=30_000)
            behind.make("a", "every day at 02:30", title="A")
            expect(page.get_by_role("link", name="A", exact=True)).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="does not answer")).to_be_visible(timeout=30_000)
        expect(page.get_by_role("link", name="A", exact=True)).to_be_visible()  # what was known stays


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
def test_what_was_typed_outlives_the_worker(start_server, tmp_path, port, new_context, javascript):
    away = {"WORKER_URL": f"http://127.0.0.1:{port}", "API_KEY": KEY}
    worker = {"PORT": str(port), "SQLITE": "enschedule.db", "API_ENDPOINT": "true", "API_KEY": KEY}
    with start_server(tmp_path / "pages", command="dashboard", probe="/healthz", **away) as pages:
        page = new_context(base_url=pages.url, java_script_enabled=javascript).new_page()
        with start_server(tmp_path / "worker", command="worker", **worker):
            page.goto("/schedules/new?handler=log-job")
            page.get_by_label("Title").fill('Kept "as typed"')
            page.get_by_label("Message").fill("one line\nand  another")
            page.get_by_label("When, in words").fill("every day at 02:30")
        page.get_by_role("button", name=re.compile("^Save(?! and)")).last.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("does not answer")
        expect(page.get_by_text("All that you typed is kept here")).to_be_visible()
        if javascript:
            assert [found["id"] for found in Axe().run(page).response["violations"]] == []
        with start_server(tmp_path / "worker", command="worker", **worker) as behind:
            page.get_by_role("button", name="Send it again").click()
            expect(page.get_by_role("heading", level=1)).to_contain_text('Kept "as typed"')
            saved = behind.get("schedules/kept-as-typed")
            assert (saved["data"]["message"], saved["trigger"]["phrase"]) == (
                "one line\nand  another",
                "every day at 02:30",
            )


def test_a_dashboard_that_others_can_reach_wants_a_key(start_server, tmp_path, new_context):
    with start_server(tmp_path, HOST="0.0.0.0", API_KEY=KEY) as guarded:
        context = new_context(base_url=guarded.url)
        page = context.new_page()
        page.goto("/schedules?q=x")
        expect(page.get_by_label("Key")).to_be_focused()  # nobody has a name and a password yet
        assert [found["id"] for found in Axe().run(page).response["violations"]] == []
        page.get_by_label("Key").fill("not the key")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_label("Key")).to_have_attribute("aria-invalid", "true")
        page.get_by_label("Key").fill(KEY)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(re.compile(r"/schedules\?q=x$"))
        cookie = next(cookie for cookie in context.cookies() if cookie["name"] == "enschedule")
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Lax"
        assert KEY not in cookie["value"]
        page.get_by_label(re.compile("log out")).click()
        page.get_by_role("button", name="Log out").click()
        page.goto("/")
        expect(page.get_by_label("Key")).to_be_focused()
