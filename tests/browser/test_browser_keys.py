"""The dashboard without a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

FOCUSED = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  // A radio button may be drawn by the words beside it.
  const drawn = element.matches("input[type=radio]") ? (element.nextElementSibling ?? element) : element;
  const style = getComputedStyle(drawn);
  return {
    name: (element.ariaLabel || element.innerText || element.getAttribute("name") || element.tagName).trim(),
    seen: drawn.checkVisibility({opacityProperty: true, visibilityProperty: true}),
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  };
}"""


def tab_through(page: Page, most: int = 150) -> list[dict]:
    """Press Tab until the focus is back at the start; returns what had it."""
    found: list[dict] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        now = page.evaluate(FOCUSED)
        if now is None or (found and now == found[0]):
            break
        found.append(now)
    return found


def test_every_action_of_a_schedule_is_reached_by_tab_and_the_focus_is_seen(filled, page):
    page.goto("/schedules/on-hold")
    stops = tab_through(page)
    names = [stop["name"] for stop in stops]
    assert names[0] == "Skip to the content"
    wanted = ["New schedule", "Run now", "Edit", "Resume…", "More actions"]
    places = [next((n for n, name in enumerate(names) if name.startswith(word)), None) for word in wanted]
    assert None not in places, f"not reached: {dict(zip(wanted, places, strict=True))} of {names}"
    assert places == sorted(places)
    assert [stop["name"] for stop in stops if not stop["seen"]] == []
    assert [stop["name"] for stop in stops if not stop["ring"]] == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "path", ["/", "/schedules", "/runs?schedule=ticks", "/schedules/new?handler=report", "/handlers/report"]
)
def test_the_focus_is_always_seen(filled, page, path):
    page.goto(path)
    stops = tab_through(page)
    assert len(stops) > 8
    assert [stop["name"] for stop in stops if not stop["seen"]] == []
    assert [stop["name"] for stop in stops if not stop["ring"]] == []


def test_the_skip_link_leads_past_the_bar(filled, page):
    page.goto("/schedules")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_one_key_each(filled, page, server):
    page.goto("/schedules")
    page.keyboard.press("/")
    search = page.get_by_role("combobox", name=re.compile("^Search title"))
    expect(search).to_be_focused()
    page.keyboard.type("nt?")
    expect(search).to_have_value("nt?")  # inside a field a key is a letter
    page.keyboard.press("Escape")
    expect(search).not_to_be_focused()

    root = page.locator("html")
    page.keyboard.press("t")
    expect(root).to_have_attribute("data-theme", "dark")
    page.keyboard.press("t")
    expect(root).to_have_attribute("data-theme", "light")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()

    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("/schedules/new$"))
    page.goto("/schedules/by-hand")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    page.goto("/schedules/by-hand")
    page.keyboard.press("e")
    expect(page).to_have_url(re.compile("/schedules/by-hand/edit$"))


def test_rows_are_walked_and_opened(filled, page):
    page.goto("/schedules?q=tag:shop&sort=title")
    titles = page.locator("[data-row]").all_inner_texts()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(titles[0])


def test_a_schedule_is_paused_and_resumed_by_keys(page, server):
    server.make("keyed", "every hour", title="Keyed")
    page.goto("/schedules/keyed")
    page.keyboard.press("p")
    expect(page.get_by_label("Why")).to_be_visible()
    while not page.get_by_label("Why").evaluate("field => field === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.type("by keys")
    page.keyboard.press("Enter")
    expect(page.locator("#voice")).to_contain_text("by keys")
    page.keyboard.press("p")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Keyed runs again")).to_be_visible()
    assert not server.get("schedules/keyed")["paused"]


def test_a_menu_is_opened_walked_and_closed_by_keys(filled, page):
    page.goto("/schedules/by-hand")
    menu = page.get_by_label("More actions")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Clone")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Run with other data…")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Clone")).to_be_hidden()
    expect(menu).to_be_focused()


def test_a_form_is_sent_by_ctrl_enter(page, server):
    page.goto("/schedules/new?handler=log-job")
    page.get_by_label("Title").fill("By keys")
    page.get_by_label("Message").fill("typed")
    page.get_by_label("When, in words").fill("every hour")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile("/schedules/by-keys$"))
