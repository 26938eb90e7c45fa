"""What holds for every page: accessible in both themes, at home on a phone, light, still, complete without scripts."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

PAGE_BYTES = 100_000
SCRIPT_BYTES = 40_000
# Axe's own words for WCAG 2.2 AA, and what it calls best practice. Of what holds, it need not describe every place.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
PHONE = 390
DESK = 1440


def nothing(found: dict[str, object]) -> None:
    """Fail with all that was found."""
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


def each(filled, page: Page):
    """Go to every page; yields its name. A page that answers with an error page is one too."""
    for name, path in filled.pages.items():
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        yield name


def places(violation: dict) -> list[str]:
    """Return the first few places of a violation, and what is wrong there."""
    return [f"{node['html'][:160]} — {node['failureSummary']}" for node in violation["nodes"][:3]]


# Its whole answer would be most of what goes between the browser and the test.
RUN_AXE = "(rules) => axe.run(rules).then(({violations, passes}) => ({violations, held: passes.length}))"


@pytest.mark.timeout(400)
def test_axe_finds_nothing(filled, visit):
    """On any page, in both themes and on a phone."""
    found = {}
    page, script = visit(), Axe().axe_script
    for name in each(filled, page):
        page.evaluate(script)
        for theme, width in (("light", 1440), ("dark", 1440), ("light", PHONE)):
            page.emulate_media(color_scheme=theme)
            page.set_viewport_size({"width": width, "height": 900})
            # As high as the page, because axe takes what a bar covers at this moment for covered.
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": max(900, height)})
            told = page.evaluate(RUN_AXE, RULES)
            wrong, asked = told["violations"], told["held"]
            print(f"{len(wrong)} violations, {asked:2d} rules hold: {name}, {theme}, {width}")  # shown by pytest -rP
            assert asked > 10, f"{name}: axe has looked at next to nothing"
            for violation in wrong:
                found[f"{name}, {theme}, {width}: {violation['id']}"] = places(violation)
    nothing(found)


@pytest.mark.timeout(300)
def test_no_page_is_wider_than_the_window(filled, visit, wider):
    page = visit()
    found = {name: wider(page, 320, PHONE, 720, 721, 1024) for name in each(filled, page)}
    nothing({name: wide for name, wide in found.items() if wide})


TIGHT = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const style = getComputedStyle(element);
  const speaks = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  return speaks && element.getClientRects().length && parseFloat(style.lineHeight) < 1.1 * parseFloat(style.fontSize);
}).map((element) => element.outerHTML.slice(0, 120))"""
SMALL_FIELDS = """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea")].filter(
  (element) => element.checkVisibility() && parseFloat(getComputedStyle(element).fontSize) < 20
).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.mark.timeout(300)
def test_text_of_twice_the_size_is_laid_out_as_at_twice_the_zoom(filled, visit, wider):
    """Who sets a larger text in the browser gets narrower pages, not lines that lie upon each other."""
    page = visit()
    sizes = {"standard": 32, "fixed": 26}
    page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": sizes})
    found = {}
    for name in each(filled, page):
        assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "28px"
        found[name] = [*wider(page, 1440, 1024).values(), *page.evaluate(TIGHT), *page.evaluate(SMALL_FIELDS)]
    nothing({name: wrong for name, wrong in found.items() if wrong})


SMALL = """() => {
const pressed = document.querySelectorAll("a, button, input:not([type=hidden]), select, summary, textarea");
return [...pressed].filter((element) => {
  const box = element.getBoundingClientRect();
  const inline = element.matches("a, button.link, summary") && getComputedStyle(element).display.startsWith("inline");
  const labelled = element.matches("input") && element.closest("label");
  const seen = element.tabIndex >= 0 && element.checkVisibility({visibilityProperty: true}) && box.width > 1;
  return seen && !inline && !labelled && (box.height < 24 || box.width < 24);
}).map((element) => `${element.outerHTML.slice(0, 120)} ${JSON.stringify(element.getBoundingClientRect())}`);
}"""


SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    window.shifts.push([entry.value, entry.sources.map(({node}) => node?.outerHTML?.slice(0, 100) ?? node?.nodeName)]);
  }
}).observe({type: "layout-shift", buffered: true});
"""
# The page is not brought up to date, however long the machine takes to load it.
STAND_STILL = """
const ask = window.fetch;
window.fetch = (what, how) => (how?.headers?.["X-Live"] ? new Promise(() => {}) : ask(what, how));
"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# What each page is asked, once it stands there.
ASKED = {
    "shifts": "window.shifts",
    "small": SMALL,
    "pwned": "window.pwned",
    "protocols": """[...document.querySelectorAll('a[href]')].map(
      (link) => new URL(link.getAttribute('href'), link.baseURI).protocol)""",
    "foreign": "document.querySelectorAll('main :is(img, iframe, object, embed, script)').length",
}


@pytest.fixture(scope="module")
def looked(filled, visit_for_all):
    """``looked(width)``: what one look at each page tells; many tests only look, and to open a page takes longest."""

    @cache
    def look(width: int) -> dict[str, dict]:
        page = visit_for_all(width=width, has_touch=width == PHONE)
        page.add_init_script(SHIFTS + STAND_STILL)
        page.goto("/")
        seen = {}
        for name in each(filled, page):
            page.evaluate(TWO_FRAMES)
            seen[name] = {what: page.evaluate(script) for what, script in ASKED.items()}
        page.context.close()
        return seen

    return look


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_what_can_be_pressed_is_at_least_24_pixels_square(looked, width):
    nothing({name: seen["small"] for name, seen in looked(width).items() if seen["small"]})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_nothing_shifts_while_a_page_loads(looked, width):
    found = {name: seen["shifts"] for name, seen in looked(width).items()}
    nothing({name: shifts for name, shifts in found.items() if sum(value for value, _ in shifts) > 0.001})


@pytest.mark.timeout(300)
def test_nothing_hostile_runs_on_any_page(looked):
    for name, seen in looked(DESK).items():
        assert seen["pwned"] is None, name
        assert set(seen["protocols"]) <= {"http:"}, name
        assert seen["foreign"] == 0, name


@pytest.mark.timeout(300)
def test_every_page_keeps_within_its_budget(filled, visit, server):
    """The weight of a first visit, as sent: each page by a browser that has kept nothing."""
    too_heavy, scripts = {}, {}
    page = visit(timezone_id="UTC")
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    loaded: list = []
    page.on("response", lambda answer: loaded.append(answer) if ".js" in answer.url else None)
    for name, path in filled.pages.items():
        page.goto("about:blank")  # what the page before went on asking for is not counted here
        page.context.clear_cookies()
        sizes.clear()
        loaded.clear()
        page.goto(path)
        page.wait_for_load_state("load")
        assert len(sizes) > 3, f"{name}: only {len(sizes)} requests were counted"
        for answer in loaded:
            scripts.setdefault(answer.url, len(answer.body()))
        code = sum(scripts[answer.url] for answer in loaded)
        print(f"{sum(sizes):8,.0f} bytes sent, {code:6,} of scripts: {name}")  # shown by pytest -rP
        if sum(sizes) > PAGE_BYTES or code > SCRIPT_BYTES:
            too_heavy[name] = (sum(sizes), code)
    assert scripts
    nothing(too_heavy)


def test_nothing_jumps_when_a_page_refreshes_itself(filled, visit):
    """Rows that move because the list changed are news; what has not changed stays where it is."""
    page = visit()
    page.add_init_script(SHIFTS)
    for path in ("/workers", "/handlers", f"/runs/{filled.runs['ticks']}"):
        page.goto(path)
        with page.expect_response(lambda answer: "x-live" in answer.request.headers):
            pass
        page.evaluate(TWO_FRAMES)
        assert sum(value for value, _ in page.evaluate("window.shifts")) < 0.0001, path


PAINTED = """() => new Promise((done) => {
  const look = (list) => {
    const paint = list.getEntriesByName("first-contentful-paint")[0];
    if (paint) done(paint.startTime);
  };
  new PerformanceObserver(look).observe({type: "paint", buffered: true});
})"""


def test_the_first_paint_does_not_wait_for_scripts(filled, visit):
    page = visit()
    page.route(re.compile(r"\.js$"), lambda _: None)  # never answered
    for path in ("/", "/schedules", f"/runs/{filled.runs['ticks']}"):
        page.goto(path, wait_until="commit")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate(PAINTED) > 0


def test_the_theme_that_was_chosen_is_there_from_the_first_paint(visit):
    page = visit(theme="light")
    page.goto("/schedules")
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.keyboard.press("t")
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert dark != light
    page.route(re.compile(r"\.js$"), lambda _: None)
    page.goto("/runs", wait_until="commit")
    assert page.evaluate(PAINTED) > 0  # before it the heading is there already, but may be without its style sheet
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == dark


def test_every_answer_carries_the_policy_that_forbids_foreign_code(filled, visit, server):
    page = visit()
    for path in ("/", "/schedules/new?handler=fetch", "/nowhere", "/login", "/api/v1/docs", "/api/v1/schedules"):
        policy = page.request.get(path).headers.get("content-security-policy", "")
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert "http" not in policy, path


INLINE_HANDLERS = """() => [...document.querySelectorAll("*")].flatMap((element) =>
  element.getAttributeNames().filter((name) => name.startsWith("on")).map((name) => `${element.tagName} ${name}`))"""


def test_no_page_holds_anything_the_policy_would_block(filled, visit):
    """`watched` fails on violations; this finds what is written but would not even be tried."""
    page = visit(javascript=False)
    for name in each(filled, page):
        assert page.locator("[style], style, script:not([src])").count() == 0, name
        handlers = page.evaluate(INLINE_HANDLERS)
        assert handlers == [], name
