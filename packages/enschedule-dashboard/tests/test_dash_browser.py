"""The shell in Chromium, over a worker that stands still: what script adds, and that pages do without it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from fake_client import NOW, FakeClient, World, worker
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from werkzeug.serving import make_server

from enschedule_core.errors import RateLimited, WorkerUnreachable
from enschedule_dashboard.app import create_app
from enschedule_dashboard.settings import DashboardSettings

pytestmark = pytest.mark.browser
PAGES = (
    "/",
    "/schedules",
    "/runs",
    "/calendar",
    "/handlers",
    "/handlers/fetch",
    "/workers",
    "/more",
    "/go?q=invoice",
    "/nope",
)
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


@pytest.fixture
def site(world: World) -> Iterator[str]:
    app = create_app(lambda token, _address: FakeClient(world, token), DashboardSettings(secret_key="k" * 32))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def opened(browser: Browser, site: str, faults: list[str], **options) -> BrowserContext:
    context = browser.new_context(**{"base_url": site, "timezone_id": "Europe/Stockholm", "viewport": DESK, **options})
    context.clock.install(time=NOW)
    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on(
        "console",
        lambda message: (
            faults.append(message.text) if message.type == "error" and " 404 " not in message.text else None
        ),
    )
    return context


@pytest.fixture
def context(browser: Browser, site: str) -> Iterator[BrowserContext]:
    faults: list[str] = []
    made = opened(browser, site, faults)
    yield made
    made.close()
    assert faults == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def test_a_page_keeps_itself_up_to_date(page: Page, world: World):
    page.goto("/schedules")
    row = page.get_by_role("row").filter(has_text="Check web shop")
    expect(row).to_contain_text("scheduled")
    page.evaluate("window.stayed = true")
    world.schedules["check-shop"]["status"] = "running"
    page.clock.run_for(2500)
    expect(row).to_contain_text("running")
    assert page.evaluate("window.stayed")


def test_what_is_under_the_pointer_waits(page: Page, world: World):
    page.goto("/schedules")
    row = page.get_by_role("row").filter(has_text="Check web shop")
    row.hover()
    world.schedules["check-shop"]["status"] = "running"
    with page.expect_response("**/schedules"):
        page.clock.run_for(2500)
    expect(page.get_by_role("link", name="Running 3")).not_to_be_visible()  # other regions go on
    expect(row).to_contain_text("scheduled")
    page.mouse.move(5, 5)
    page.clock.run_for(2500)
    expect(row).to_contain_text("running")


def test_the_clock_counts_on_and_relative_times_stay_true(page: Page):
    page.goto("/schedules")
    expect(page.locator(".clock b")).to_have_text("14:32:07")
    due = page.get_by_role("row").filter(has_text="Check web shop").locator("time[data-relative]")
    expect(due).to_have_text("in 53 s")
    page.route("**/schedules", lambda route: route.abort())  # the worker's clock stands still, the browser's goes on
    page.clock.run_for(1000)
    expect(page.locator(".clock b")).to_have_text("14:32:08")
    expect(due).to_have_text("in 52 s")


def counts_down(page: Page, place: Locator) -> None:
    """Expect that the seconds of a next try grow fewer."""
    expect(place).to_contain_text(re.compile(r"Trying again in \d s\."))
    before = place.inner_text()
    page.clock.run_for(1000)
    expect(place).not_to_have_text(before)


def test_a_worker_that_goes_away_is_said_and_leaves_the_page_standing(browser: Browser, site: str, world: World):
    with opened(browser, site, []) as context:
        page = context.new_page()
        page.goto("/schedules")
        world.down = WorkerUnreachable("The worker at http://worker:8080 does not answer.")
        page.clock.run_for(2500)
        counts_down(page, page.locator("#stale"))
        expect(page.get_by_text("Invoice export")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("The worker at http://worker:8080 does not answer.")
        counts_down(page, page.locator("[data-retry]"))
        world.down = None
        page.clock.run_for(6000)
        expect(page.get_by_role("heading", level=1)).to_have_text("Schedules")


def test_what_was_sent_too_often_counts_down_and_waits_to_be_sent_again(browser: Browser, site: str, world: World):
    with opened(browser, site, []) as context:
        page = context.new_page()
        page.goto("/schedules/check-shop")
        world.down = RateLimited("Too many requests.", extra={"retry_after_seconds": 62})
        page.get_by_role("button", name="Run now").click()
        expect(page.locator("[data-retry]")).to_have_text(re.compile(r"^Try again in 1 min 0\d s\.$"))
        page.clock.run_for(5000)
        expect(page.locator("[data-retry]")).to_have_text(re.compile(r"^Try again in 5\d s\.$"))
        page.clock.run_for(60_000)
        expect(page.locator("[data-retry]")).to_have_text("It can be tried again now.")
        expect(page.get_by_role("heading", level=1)).to_have_text("Too many requests.")


def test_a_schedule_under_two_tags_is_ticked_in_both_and_counted_once(page: Page, world: World):
    world.schedules["check-shop"]["tags"] = ["checks", "shop"]
    page.goto("/schedules?by=tag")
    boxes = page.locator('#list input[value="check-shop"]')
    expect(boxes).to_have_count(2)
    boxes.first.check()
    expect(boxes.last).to_be_checked()
    expect(page.locator("[data-picked]")).to_have_text("1 selected")
    boxes.last.uncheck()
    expect(boxes.first).not_to_be_checked()


def test_a_form_that_is_too_large_is_not_sent(page: Page):
    page.goto("/schedules/new?handler=log-job")
    page.get_by_label("Title").fill("Large")
    page.evaluate("document.querySelector('[data-editor]').dataset.most = '2000'")
    page.get_by_label("Message").fill("x" * 3000)
    page.get_by_role("button", name="Save Ctrl ↵").or_(page.locator("[data-save]")).first.click()
    expect(page.get_by_role("alert")).to_contain_text("a form may have 0.0 MB. Nothing was sent.")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Title")).to_have_value("Large")


def test_a_switch_works_in_its_place_and_can_be_undone(page: Page, world: World):
    world.missed = 0
    page.goto("/schedules")
    switch = page.get_by_role("switch", name="Hourly report")
    before = switch.bounding_box()
    switch.click()
    expect(switch).not_to_be_checked()
    assert world.schedules["hourly-report"]["paused"]
    assert switch.bounding_box() == before
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("switch", name="Hourly report")).to_be_checked()


def test_the_palette_goes_anywhere_and_does_anything_by_keyboard(page: Page, world: World):
    page.goto("/runs")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search or go to")
    expect(palette.get_by_role("link", name="Home")).to_be_visible()
    page.keyboard.type("invoice")
    page.clock.run_for(300)
    expect(palette.locator(".hit.on")).to_contain_text("Invoice export")
    assert Axe().run(page).response["violations"] == []
    page.keyboard.press("Escape")
    expect(palette).not_to_be_visible()
    page.keyboard.press("Control+k")
    expect(palette.locator(".hit.on")).to_contain_text("Home")
    page.keyboard.type("pause invoice")
    page.keyboard.press("Enter")  # sooner than the answer: what was typed is done, not what is still shown
    page.clock.run_for(300)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Invoice export")
    assert world.schedules["invoice-export"]["paused"]


def test_everything_is_done_without_script(browser: Browser, site: str, world: World):
    with opened(browser, site, [], java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/schedules?tag=finance")
        page.get_by_role("switch", name="Hourly report").click()
        expect(page).to_have_url(f"{site}/schedules?tag=finance")
        assert world.schedules["hourly-report"]["paused"]
        page.get_by_role("combobox", name="Search title").fill("status:paused")
        page.get_by_role("combobox", name="Search title").press("Enter")
        expect(page.get_by_role("row").filter(has_text="Vacuum database")).to_be_visible()
        page.locator("summary.avatar").click()
        page.get_by_role("button", name="Dark").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_keys(page: Page):
    page.goto("/schedules")
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search title")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page).to_have_url("/schedules/invoice-export")


def test_the_theme_is_there_before_the_first_paint(page: Page):
    page.goto("/")
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert 'data-theme="dark"' in page.request.get("/").text()
    assert page.evaluate("getComputedStyle(document.body).getPropertyValue('color-scheme')")


def test_the_readers_zone_is_found_out_once(browser: Browser, site: str):
    with opened(browser, site, [], timezone_id="Asia/Tokyo") as context:
        page = context.new_page()
        page.goto("/schedules")
        expect(page.locator("html")).to_have_attribute("data-zone", "Asia/Tokyo")
        expect(page.locator(".clock b")).to_have_text("22:32:07")


def test_each_place_of_a_rail_speaks(page: Page):
    page.goto("/schedules")
    box = page.locator("a[data-rail*=invoice-export] svg").bounding_box()
    page.mouse.move(box["x"] + 204, box["y"] + 20)
    page.mouse.move(box["x"] + 205, box["y"] + 20)
    expect(page.locator(".tip")).to_contain_text("failed after")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_and_nothing_sticks_out(browser: Browser, site: str, world: World, theme: str, viewport):
    world.workers.append(worker("web-3", "down", used=0, seen=720))
    options = {"color_scheme": theme, "viewport": viewport, "bypass_csp": True}  # axe is injected as a script
    with opened(browser, site, [], **options) as context:
        page = context.new_page()
        for path in PAGES:
            page.goto(path)
            found = Axe().run(page).response["violations"]
            assert [(path, rule["id"], rule["nodes"][0]["target"]) for rule in found] == []
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
