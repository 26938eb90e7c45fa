"""Every action without JavaScript: pages that stand still, forms that work."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def page(visit) -> Page:
    return visit(javascript=False)


def save(page: Page) -> None:
    page.locator("footer").get_by_role("button", name=re.compile("^Save(?! and)")).click()


def test_a_schedule_is_made_checked_corrected_and_saved(page, server):
    page.goto("/")
    page.get_by_role("link", name="New schedule").first.click()
    page.get_by_role("searchbox", name="Find a handler").fill("print")
    page.get_by_role("searchbox", name="Find a handler").press("Enter")
    page.get_by_role("link", name=re.compile("^log-job")).click()
    page.get_by_label("Title").fill("Plain")
    page.get_by_label("Message").fill("without scripts")
    page.get_by_label("When, in words").fill("every day at 25:00")
    page.get_by_role("button", name="Show what will happen").click()
    expect(page.locator("#when-said")).to_contain_text("Hours go from 0 to 23.")
    page.locator("#when-said").get_by_role("button", name=re.compile("^Use")).click()
    expect(page.get_by_label("When, in words")).to_have_value("every day at 23:00")
    expect(page.locator("#outlook").get_by_role("listitem")).to_have_count(5)
    expect(page.get_by_label("Message")).to_have_value("without scripts")
    save(page)
    expect(page).to_have_url(re.compile("/schedules/plain$"))
    expect(page.get_by_text("Plain is saved")).to_be_visible()


@pytest.mark.parametrize(
    ("mode", "fill"), [("Cron", ("Cron expression", "5 4 * * *")), ("Every", ("Every", "7")), ("By hand", None)]
)
def test_every_way_to_say_when_can_be_chosen(page, server, mode, fill):
    title = f"Plain {mode.lower()}"
    page.goto("/schedules/new?handler=log-job")
    page.get_by_label("Title").fill(title)
    page.get_by_role("radio", name=mode, exact=True).check()
    if fill:
        page.get_by_role("textbox", name=fill[0], exact=True).fill(fill[1])
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    kinds = {"Cron": "cron", "Every": "every", "By hand": "manual"}
    assert server.get(f"schedules/{title.lower().replace(' ', '-')}")["trigger"]["kind"] == kinds[mode]


def test_the_form_and_json_and_the_rows_of_a_map(page, server):
    page.goto("/schedules/new?handler=fetch")
    page.get_by_label("Title").fill("Plain map")
    page.get_by_label("URL").fill(f"{server.url}/api/v1/healthz")
    page.get_by_role("button", name="Add a header").click()
    page.get_by_label("Name of header 1").fill("Accept")
    page.get_by_label("Value of header 1").fill("*/*")
    page.get_by_role("button", name="JSON", exact=True).click()
    expect(page.get_by_label("Data as JSON")).to_have_value(re.compile(r'"Accept": "\*/\*"'))
    page.get_by_role("radio", name="By hand").check()
    save(page)
    expect(page).to_have_url(re.compile("/schedules/plain-map$"))
    assert server.get("schedules/plain-map")["data"]["headers"] == {"Accept": "*/*"}


def test_run_now_reload_cancel_and_run_again(page, server):
    server.make("plain-run", handler="ticker", data={"lines": 600}, title="Plain run")
    page.goto("/schedules/plain-run")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Run")
    server.wait_run(int(page.url.rsplit("/", 1)[1]), "running")
    page.reload()
    page.get_by_role("button", name="Cancel").click()
    server.wait_run(int(page.url.rsplit("/", 1)[1]), "cancelled")
    page.reload()
    expect(page.locator("#voice")).to_contain_text("Cancelled by local after")
    expect(page.get_by_role("list", name="Output")).to_contain_text("tick 1 of 600")
    page.get_by_role("link", name="stderr", exact=True).click()
    expect(page.get_by_text("tick 1 of 600")).to_have_count(0)
    before = page.url
    page.get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(before)
    server.call("POST", f"runs/{page.url.rsplit('/', 1)[1]}/cancel")


def test_pause_resume_delete_and_undo(page, server):
    server.make("plain-stop", "every hour", title="Plain stop")
    page.goto("/schedules/plain-stop")
    page.get_by_text("Pause…").click()
    page.get_by_label("Why").fill("no scripts here")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator("#voice")).to_contain_text("no scripts here")
    page.get_by_text("Resume…").filter(visible=True).first.click()
    page.get_by_role("button", name="Resume", exact=True).click()
    assert not server.get("schedules/plain-stop")["paused"]
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete 1 schedule").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Plain stop is back.")).to_be_visible()


def test_the_switch_asks_what_becomes_of_missed_slots(page, server):
    server.make("plain-often", "every second", title="Plain often")
    page.goto("/schedules?q=plain-often")
    page.get_by_role("switch", name=re.compile("^Plain often")).click()
    server.wait_missed("plain-often", 2)
    page.get_by_role("switch", name=re.compile("^Plain often")).click()
    page.get_by_role("button", name="Skip them").click()
    expect(page).to_have_url(re.compile(r"q=plain-often"))
    expect(page.get_by_role("switch", name=re.compile("^Plain often"))).to_be_checked()
    server.call("DELETE", "schedules/plain-often")


def test_the_switch_and_the_theme(page, server):
    server.make("plain-switch", "every hour", title="Plain switch")
    page.goto("/schedules?q=plain-switch")
    page.get_by_role("switch", name=re.compile("^Plain switch")).click()
    expect(page.get_by_role("switch", name=re.compile("^Plain switch"))).not_to_be_checked()
    expect(page).to_have_url(re.compile(r"q=plain-switch"))
    page.goto("/more")
    page.locator("main").get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_clock_says_that_it_stands(page):
    page.goto("/")
    expect(page.locator("header").get_by_text("as of")).to_be_visible()
