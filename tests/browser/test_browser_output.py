"""The viewer of a run's output: long, live, hostile; by script, without it, and by keyboard alone."""

from __future__ import annotations

import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

HANDLERS = Path(__file__).parent / "handlers"
LINES = 100_000
NO_EVENTS = """
  window.EventSource = class extends EventTarget {
    static CLOSED = 2;
    readyState = 2;
    constructor() {
      super();
      setTimeout(() => this.dispatchEvent(new Event("error")));
    }
    close() {}
  };
"""
NODES = 160  # rows that may be in the page at once, whatever the run has printed


@pytest.fixture(scope="module")
def long_run(server) -> int:
    """A run that printed 100,000 lines, and failed to read well in the middle of them."""
    server.make("printed", handler="printer", data={"lines": LINES, "fails_at": 60_000}, title="Printed a lot")
    run = server.run("printed")["id"]
    assert server.wait_run(run)["status"] == "succeeded"
    return run


@pytest.fixture
def going(server):
    """A run that prints until the test is over."""
    if not any(one["id"] == "going" for one in server.get("schedules?q=going")["items"]):
        server.make("going", handler="printer", data={"lines": 300, "goes_on": True}, title="Goes on")
    run = server.run("going")["id"]
    server.wait_run(run, "running")
    yield run
    if server.get(f"runs/{run}")["status"] == "running":
        server.call("POST", f"runs/{run}/cancel")
    server.wait_run(run)


def view(page: Page):
    return page.locator(".out-view")


def rows(page: Page):
    return page.locator("#lines > li")


def is_in_view(page: Page, line: int) -> bool:
    return page.evaluate(
        """(line) => {
          const row = document.getElementById(`L${line}`)?.getBoundingClientRect();
          const box = document.querySelector(".out-view").getBoundingClientRect();
          return Boolean(row) && row.bottom > box.top && row.top < box.bottom;
        }""",
        line,
    )


def test_a_hundred_thousand_lines_are_read_from_end_to_end(page, long_run):
    page.goto(f"/runs/{long_run}")
    expect(rows(page).first).to_contain_text("line 1")
    expect(page.locator("#output-size")).to_contain_text("100,000 lines")
    heights = page.evaluate(
        "[document.querySelector('.out-view').clientHeight, document.querySelector('.out-view').scrollHeight]"
    )
    assert heights[1] > LINES * 20 > heights[0] * 1000, "the scroll bar is that of all lines"
    for share in (0.1, 0.5, 0.9, 0.3):
        view(page).evaluate("(view, share) => { view.scrollTop = view.scrollHeight * share; }", share)
        number = int(LINES * share)
        expect(page.locator(f"#L{number} .said")).to_have_text(f"line {number}")
        assert rows(page).count() < NODES
    view(page).evaluate("(view) => { view.scrollTop = view.scrollHeight; }")
    expect(page.locator(f"#L{LINES} .said")).to_have_text(f"line {LINES}")
    assert is_in_view(page, LINES)


def test_a_far_line_has_its_link_and_the_first_error_is_one_click_away(page, long_run):
    page.goto(f"/runs/{long_run}#L77777")
    expect(page.locator("#L77777.chosen .said")).to_have_text("needle 77777")
    assert is_in_view(page, 77_777)
    page.get_by_role("link", name="First error").click()
    expect(page.locator("#L60000.first-error .said")).to_have_text("ValueError: the line that went wrong")
    assert is_in_view(page, 60_000)
    expect(page).to_have_url(re.compile("#L60000$"))
    page.locator("#L60001 .ln").click()
    expect(page).to_have_url(re.compile("#L60001$"))
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    page.reload()
    expect(page.locator("#L60001.chosen")).to_be_visible()


def test_all_lines_are_searched_by_keyboard_alone(page, long_run):
    page.goto(f"/runs/{long_run}")
    page.keyboard.press("/")
    page.keyboard.type("NEEDLE")
    expect(page.locator("[data-find-count]")).to_have_text("100 lines")
    page.keyboard.press("Enter")
    expect(page.locator("li.here mark")).to_have_text("needle")
    expect(page.locator("[data-find-count]")).to_have_text("1 of 100 lines")
    page.keyboard.press("Shift+Enter")  # before the first comes the last
    expect(page.locator("[data-find-count]")).to_have_text("100 of 100 lines")
    expect(page.locator("#L99777.here mark")).to_be_visible()
    assert is_in_view(page, 99_777)
    page.keyboard.press("Escape")
    expect(page.locator("[data-find-count]")).to_have_text("")
    expect(page.locator("#lines mark")).to_have_count(0)
    view(page).focus()
    page.keyboard.press("Home")
    expect(page.locator("#L1")).to_be_visible()
    page.keyboard.press("End")
    expect(page.locator(f"#L{LINES} .said")).to_have_text(f"line {LINES}")
    page.get_by_role("link", name="stderr", exact=True).press("Enter")
    expect(rows(page).first).to_have_text(re.compile("^777"))
    expect(page.locator("#L60000")).to_have_count(0)
    view(page).evaluate("(view) => { view.scrollTop = 0; }")
    page.get_by_role("link", name="First error").press("Enter")
    expect(page.locator("#L60000.first-error")).to_be_visible()


def test_more_lines_found_than_an_answer_has_are_gone_through_all_the_same(page, long_run):
    page.goto(f"/runs/{long_run}#L60000")
    expect(page.locator("#L60000.chosen")).to_be_visible()
    count = page.locator("[data-find-count]")
    page.get_by_label("Find in the output").fill("line")
    page.get_by_label("Find in the output").press("Enter")
    expect(count).to_have_text(re.compile(r"^5\d,\d{3} of 99,900 lines$"))
    place = int(count.inner_text().split(" ")[0].replace(",", ""))
    page.get_by_role("button", name="Next line found").click()
    expect(count).to_have_text(f"{place + 1:,} of 99,900 lines")
    for step in (0, -1):
        page.get_by_role("button", name="Previous line found").click()
        expect(count).to_have_text(f"{place + step:,} of 99,900 lines")
    view(page).evaluate("(view) => { view.scrollTop = 0; }")
    page.get_by_label("Find in the output").fill("line 1")
    expect(count).to_have_text("11,101 lines")
    page.get_by_role("button", name="Previous line found").click()
    expect(count).to_have_text("11,101 of 11,101 lines")
    page.get_by_role("button", name="Next line found").click()
    expect(count).to_have_text("1 of 11,101 lines")


def test_wrapped_lines_stay_where_they_are_while_others_are_measured(page, server):
    server.make("wide", handler="log-job", data={"message": "\n".join(["short", "long " * 300] * 200)})
    run = server.wait_run(server.run("wide")["id"])["id"]
    page.goto(f"/runs/{run}#L200")
    expect(page.locator("#L200.chosen")).to_be_visible()
    assert is_in_view(page, 200)
    assert page.locator("#L200").bounding_box()["height"] > 40
    page.get_by_role("button", name="Wrap").click()
    expect(page.locator("#lines.nowrap")).to_be_visible()
    assert page.locator("#L200").bounding_box()["height"] < 30
    page.get_by_role("button", name="Wrap").click()
    view(page).evaluate("(view) => { view.scrollTop = view.scrollHeight; }")
    expect(page.locator("#L400")).to_be_visible()
    page.get_by_role("button", name="Since start").click()
    expect(page.locator("#L400 time")).to_have_text(re.compile(r"^\+\d+\.\d{3}$"))
    page.evaluate("localStorage.clear()")


def test_what_goes_on_is_followed_until_the_reader_scrolls_up(page, going, server):
    page.goto(f"/runs/{going}")
    expect(page.locator("#lines")).to_contain_text("tick 20")
    expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "true")
    last = """() => {
      const rows = document.querySelectorAll("#lines > li"), box = document.querySelector(".out-view");
      return rows[rows.length - 1].getBoundingClientRect().bottom <= box.getBoundingClientRect().bottom + 1;
    }"""
    assert page.evaluate(last)
    page.evaluate("window.stayed = true")
    view(page).hover()
    page.mouse.wheel(0, -2_000)
    new = page.get_by_role("button", name=re.compile(r"^\d+ new lines ↓$"))
    expect(new).to_be_visible()
    before = view(page).evaluate("(view) => view.scrollTop")
    told = int(re.match(r"\d+", new.inner_text())[0])
    expect(new).not_to_have_text(f"{told} new lines ↓")
    assert view(page).evaluate("(view) => view.scrollTop") == before
    new.click()
    expect(new).to_be_hidden()
    expect(page.locator("#lines")).to_contain_text(f"tick {told + 40}")
    assert page.evaluate(last)
    assert rows(page).count() < NODES

    page.get_by_role("button", name=re.compile("^Cancel")).click()
    expect(page.locator("#voice")).to_contain_text("Cancelled")
    server.wait_run(going)
    expect(page.get_by_role("button", name="Follow")).to_be_hidden()
    expect(page.locator("#output-size")).to_have_text(re.compile(r"^\d+ lines, [\d.]+ kB$"))


def test_a_run_that_ends_changes_its_page_and_not_its_place(page, server):
    server.make("ends", handler="ticker", data={"lines": 15}, title="Ends")  # 3 s: the page has to come before its end
    run = server.run("ends")["id"]
    server.wait_run(run, "running")
    page.goto(f"/runs/{run}")
    expect(page.locator("#voice")).to_contain_text("Running for")
    page.evaluate("window.stayed = true")
    top = page.locator(".out-view").bounding_box()["y"]
    expect(page.locator("#voice")).to_contain_text("Succeeded in")
    assert page.evaluate("window.stayed")
    assert page.locator(".out-view").bounding_box()["y"] == top
    expect(page.get_by_role("button", name=re.compile("^Run again"))).to_be_visible()


def test_a_page_from_before_the_end_that_comes_after_it_does_not_stay(page, server):
    server.make("late", handler="ticker", data={"lines": 40}, title="Late")
    run = server.run("late")["id"]
    server.wait_run(run, "running")
    held = []

    def hold(route):
        if "x-live" not in route.request.headers or held:
            return route.continue_()
        held.append(route.fetch())
        server.wait_run(run)
        time.sleep(1)  # until the event stream has told the page of the end
        return route.fulfill(response=held[0])

    page.route(f"**/runs/{run}", hold)
    page.goto(f"/runs/{run}")
    expect(page.locator("#output-size")).to_have_text(re.compile(r"^\d+ lines, [\d.]+ (kB|bytes)$"), timeout=20_000)
    assert 'id="output-size" data-lines' in held[0].text()


def test_many_who_look_leave_the_server_its_threads(going, server):
    """More pages than the server has threads: each is answered, and so is everything else."""

    def look(_: int) -> str:
        with urllib.request.urlopen(f"{server.url}/runs/{going}/output.events", timeout=20) as answer:
            seen = b""
            while b"event: lines" not in seen:
                seen += answer.read1(65_536)
            began = time.monotonic()
            while answer.read1(65_536) and time.monotonic() - began < 2:
                pass
            return seen.decode()

    with ThreadPoolExecutor(40) as pool:
        looking = [pool.submit(look, number) for number in range(40)]
        slowest = 0.0
        for _ in range(5):
            began = time.monotonic()
            server.get("healthz")
            slowest = max(slowest, time.monotonic() - began)
        assert all("retry: 1000" in one.result(30) for one in looking)
    assert slowest < 5


def test_hostile_output_is_inert_however_long(visit, server):
    server.make("monster", handler="printer", data={"lines": 3, "monster": True}, title="Monster")
    run = server.wait_run(server.run("monster")["id"])["id"]
    for javascript in (True, False):
        page = visit(javascript=javascript)
        page.goto(f"/runs/{run}")
        lines = page.locator("#lines")
        expect(lines).to_contain_text("more characters, in the download")
        expect(lines).to_contain_text("left out here")
        page.goto(f"/runs/{run}?from=-5")
        if javascript:
            view(page).evaluate("(view) => { view.scrollTop = view.scrollHeight; }")
        expect(lines).to_contain_text("link gnp \\x00nul")
        expect(lines).to_contain_text("\\xff\\xfe bytes")
        expect(lines).to_contain_text("100 %")
        expect(lines).not_to_contain_text("10 %")
        assert lines.locator("a:not(.ln)").count() == 0
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", "".join(lines.locator(".said").all_inner_texts()))
        assert len(page.content()) < 400_000


def test_without_script_the_output_is_pages_of_lines(visit, long_run):
    page = visit(javascript=False)
    page.goto(f"/runs/{long_run}")
    expect(rows(page)).to_have_count(500)
    page.get_by_role("link", name="Last", exact=True).click()
    expect(page.locator("#L100000")).to_be_visible()
    page.get_by_role("link", name="Previous", exact=True).click()
    expect(rows(page).last).to_contain_text("line 99500")
    page.get_by_label("Find in the output").fill("needle")
    page.get_by_label("Find in the output").press("Enter")
    expect(page.get_by_text("100 lines", exact=True)).to_be_visible()
    expect(rows(page).first.locator("mark")).to_have_text("needle")
    page.get_by_role("link", name="Next line found").click()
    expect(rows(page).first).to_contain_text("needle 1777")
    page.get_by_role("link", name="First error").click()
    expect(page.locator("#L60000.first-error")).to_be_visible()
    page.get_by_role("link", name="stderr", exact=True).click()
    expect(rows(page).first).to_contain_text("needle 777")


def test_it_is_live_in_front_of_a_worker_elsewhere(start_server, tmp_path, port, new_context):
    key = {"API_KEY": "correct-horse-battery-staple"}
    worker = {"PORT": str(port), "SQLITE": "enschedule.db", "API_ENDPOINT": "true", **key}
    away = {"WORKER_URL": f"http://127.0.0.1:{port}", **key}
    with (
        start_server(tmp_path / "worker", command="worker", HANDLERS_DIR=str(HANDLERS), **worker) as behind,
        start_server(tmp_path / "pages", command="dashboard", probe="/favicon.ico", **away) as pages,
    ):
        behind.make("far", handler="ticker", data={"lines": 15}, title="Far")
        run = behind.run("far")["id"]
        page = new_context(base_url=pages.url).new_page()
        with page.expect_request("**/output.events*"):
            page.goto(f"/runs/{run}")
        expect(page.locator("#lines")).to_contain_text("tick 3 of 15")
        expect(page.locator("#lines")).not_to_contain_text("tick 15 of 15")
        expect(page.locator("#lines")).to_contain_text("tick 15 of 15")
        expect(page.locator("#voice")).to_contain_text("Succeeded in")


def test_where_events_do_not_come_through_it_asks_again_and_again(page, going):
    page.route("**/output.events*", lambda route: route.abort())
    page.add_init_script(NO_EVENTS)
    page.goto(f"/runs/{going}")
    expect(page.locator("#lines")).to_contain_text(re.compile(r"tick \d"))
    # Which lines are in the page at a moment is luck where a machine is busy; that there are later ones is not.
    newest = "Number(document.querySelector('#lines > li:last-child .said').textContent.split(' ')[1])"
    for _ in range(2):
        page.wait_for_function(f"seen => {newest} >= seen + 20", arg=page.evaluate(newest))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_while_something_is_found(visit, long_run, theme):
    page = visit(theme=theme, bypass_csp=True)
    page.goto(f"/runs/{long_run}#L60000")
    expect(page.locator("#L60000.chosen")).to_be_visible()
    page.get_by_label("Find in the output").fill("line")
    page.get_by_label("Find in the output").press("Enter")
    expect(page.locator("li.here mark").first).to_be_visible()
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["target"], rule["nodes"][0]["failureSummary"]) for rule in found] == []
