"""The lists: rows that are ticked, done to at once and undone; views, groups, completion; live without a jump."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
PLAIN = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])


def tick(page: Page, *titles: str) -> None:
    for title in titles:
        page.get_by_role("checkbox", name=f"Select {title}", exact=True).check()


def bar(page: Page):
    return page.get_by_role("group", name="What is selected")


def notice(page: Page):
    return page.locator("#notices")


@PLAIN
def test_ticked_rows_are_paused_at_once_and_that_is_undone(visit, server, javascript):
    tag = f"two-{javascript}".lower()
    for number in (1, 2, 3):
        server.make(f"{tag}-{number}", "every hour", title=f"{tag} {number}", tags=[tag])
    page = visit(javascript=javascript)
    page.goto(f"/schedules?tag={tag}")
    expect(bar(page)).to_be_hidden()
    tick(page, f"{tag} 1", f"{tag} 3")
    expect(bar(page)).to_be_visible()
    expect(page.locator(".filters")).to_be_hidden()
    if javascript:
        expect(bar(page)).to_contain_text("2 selected")
    bar(page).get_by_role("button", name="Pause", exact=True).click()
    expect(notice(page)).to_contain_text("Paused 2 schedules.")
    expect(page).to_have_url(re.compile(rf"\?tag={tag}$"))
    assert [server.get(f"schedules/{tag}-{number}")["paused"] for number in (1, 2, 3)] == [True, False, True]
    notice(page).get_by_role("button", name="Undo").click()
    expect(notice(page)).to_contain_text("Resumed 2 schedules.")
    assert not server.get(f"schedules/{tag}-3")["paused"]

    tick(page, f"{tag} 1", f"{tag} 2")
    bar(page).get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("heading", name="Delete 2 schedules?")).to_be_visible()
    page.get_by_role("button", name="Delete 2 schedules").click()
    expect(notice(page)).to_contain_text("Deleted 2 schedules.")
    expect(page.get_by_role("link", name=f"{tag} 1", exact=True)).to_have_count(0)
    notice(page).get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name=f"{tag} 1", exact=True)).to_be_visible()


@PLAIN
def test_all_that_match_are_done_after_their_number_was_asked(visit, server, javascript):
    tag = f"many-{javascript}".lower()
    for number in range(52):
        server.make(f"{tag}-{number}", title=f"{tag} {number:02}", tags=[tag])
    page = visit(javascript=javascript)
    page.goto(f"/schedules?tag={tag}&sort=title")
    tick(page, f"{tag} 00")
    bar(page).get_by_role("checkbox", name="Select all 52 that match" if javascript else "All that match").check()
    bar(page).get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("heading", name="Pause 52 schedules?")).to_be_visible()
    page.get_by_label("Why").fill("move")
    page.get_by_role("button", name="Pause 52 schedules").click()
    expect(notice(page)).to_contain_text("Paused 52 schedules.")
    assert server.get(f"schedules/{tag}-51")["pause"]["reason"] == "move"
    server.call("POST", "schedules/actions", {"action": "delete", "filter": {"tag": tag}})


def test_a_page_is_ticked_in_one_go_and_a_stretch_with_shift(filled, page):
    page.goto("/schedules?sort=title")
    boxes = page.locator("#list input[name=id]")
    count = boxes.count()
    over = page.get_by_role("checkbox", name="Select all of this page")
    boxes.nth(0).check()
    assert over.evaluate("box => box.indeterminate")
    boxes.nth(2).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("3 selected")
    over.check()
    expect(bar(page)).to_contain_text(f"{count} selected")
    page.keyboard.press("Escape")
    expect(bar(page)).to_be_hidden()
    over.check()
    bar(page).get_by_role("button", name="Clear").click()
    expect(bar(page)).to_be_hidden()


def test_a_row_takes_its_tick_along_when_others_come_before_it(page, server):
    server.make("stay-b", title="Stay B", tags=["stay"])
    page.goto("/schedules?tag=stay&sort=title")
    tick(page, "Stay B")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); window.stayed = document.querySelector('#s-stay-b')")
    server.make("stay-a", title="Stay A", tags=["stay"])
    expect(page.get_by_role("link", name="Stay A", exact=True)).to_be_visible()
    expect(page.get_by_role("checkbox", name="Select Stay B")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Select Stay A")).not_to_be_checked()
    assert page.evaluate("window.stayed === document.querySelector('#s-stay-b')"), "the row was made anew"
    expect(bar(page)).to_contain_text("1 selected")


@PLAIN
def test_a_view_is_saved_chosen_renamed_removed_and_brought_back(visit, server, javascript):
    name = f"<b>Shop</b> {javascript}"
    server.make(f"in-view-{javascript}".lower(), title="In view", tags=["viewed"])
    page = visit(javascript=javascript)
    page.goto("/schedules?tag=viewed&sort=title")
    views = page.locator("details.views")
    views.locator("summary").click()
    page.get_by_label("Save this as").fill(name)
    page.get_by_role("button", name="Save view").click()
    expect(notice(page)).to_contain_text(f"This is saved as {name}")

    page.goto("/schedules")
    views.locator("summary").click()
    views.get_by_role("link", name=name).click()
    expect(page).to_have_url(re.compile(r"tag=viewed"))
    expect(views.locator("summary")).to_contain_text("<b>Shop</b>")
    views.locator("summary").click()
    page.get_by_label("Its name").fill("Renamed")
    page.get_by_role("button", name="Rename").click()
    expect(views.locator("summary")).to_contain_text("Renamed")
    views.locator("summary").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(notice(page)).to_contain_text("The view Renamed is removed.")
    notice(page).get_by_role("button", name="Undo").click()
    expect(views.locator("summary")).to_contain_text("Renamed")
    server.call("PUT", "views", {"items": [{"list": "schedules", "name": "Renamed", "filters": None}]})


def test_the_search_completes_its_last_word(filled, page):
    page.goto("/schedules")
    search = page.get_by_role("combobox", name=re.compile("^Search title"))
    search.focus()
    options = page.locator("#words option")
    expect(options.first).to_have_attribute("value", "status:")
    search.fill("steady ta")
    expect(options.first).to_have_attribute("value", "steady tag:")
    search.fill("steady tag:sh")
    expect(options.first).to_have_attribute("value", "steady tag:shop")
    search.fill("tag:<i")
    expect(options.first).to_have_attribute("value", re.compile("^tag:<img"))
    assert page.evaluate("window.pwned") is None
    page.goto("/runs")
    page.get_by_role("combobox", name=re.compile("^Search schedule")).fill("schedule:by-h")
    expect(options.first).to_have_attribute("value", "schedule:by-hand")


def test_groups_stand_under_headings(filled, page):
    page.goto("/schedules?sort=title")
    page.get_by_text("Group: none").click()
    page.get_by_role("link", name="by handler").click()
    expect(page.locator("th[scope=colgroup] a").first).to_be_visible()
    headings = page.locator("th[scope=colgroup] a").all_inner_texts()
    assert headings == sorted(headings)
    assert "log-job" in headings
    page.locator("th[scope=colgroup]").get_by_role("link", name="log-job").click()
    expect(page.locator(".chip", has_text="handler:log-job")).to_be_visible()


def test_a_row_is_ticked_run_and_paused_by_keys(page, server):
    server.make("keyed-row", title="Keyed row", tags=["keyed-row"])
    page.goto("/schedules?tag=keyed-row")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(bar(page)).to_contain_text("1 selected")
    page.keyboard.press("x")
    expect(bar(page)).to_be_hidden()
    page.keyboard.press("p")
    expect(page.get_by_role("switch", name=re.compile("^Keyed row"))).not_to_be_checked()
    page.keyboard.press("r")
    expect(notice(page)).to_contain_text("Keyed row runs now.")
    assert len(server.get("runs?schedule=keyed-row")["items"]) == 1


def test_a_double_click_starts_one_run(page, server):
    server.make("two-clicks", title="Two clicks")
    page.goto("/schedules/two-clicks")
    page.get_by_role("button", name="Run now").dblclick()
    expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    page.wait_for_timeout(300)
    assert len(server.get("runs?schedule=two-clicks")["items"]) == 1
    page.goto("/schedules/two-clicks")
    page.get_by_role("button", name="Run now").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    assert len(server.get("runs?schedule=two-clicks")["items"]) == 2


@PLAIN
def test_runs_are_run_again_and_deleted_from_their_list(visit, server, javascript):
    name = f"again-{javascript}".lower()
    server.make(name, title=name)
    for _ in range(2):
        server.wait_run(server.run(name)["id"])
    page = visit(javascript=javascript)
    page.goto(f"/runs?schedule={name}")
    boxes = page.locator("#list input[name=id]")
    boxes.nth(0).check()
    bar(page).get_by_role("button", name="Run again").click()
    expect(notice(page)).to_contain_text("Started again 1 run.")
    expect(boxes).to_have_count(3)
    server.wait_run(server.get(f"runs?schedule={name}")["items"][0]["id"])
    page.reload()
    for index in range(3):
        boxes.nth(index).check()
    bar(page).get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete 3 runs").click()
    expect(notice(page)).to_contain_text("Deleted 3 runs.")
    assert server.get(f"runs?schedule={name}")["items"] == []


def test_the_palette_does_what_can_be_done_here(page, server):
    server.make("here", "every hour", title="Here")
    page.goto("/schedules/here")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search or go to")
    expect(palette.locator(".hit").first).to_have_text(re.compile("Run Here now"))
    page.keyboard.type("pau")
    expect(palette.locator(".hit").first).to_have_text(re.compile("Pause Here"))
    page.keyboard.press("Enter")
    expect(page.locator("#voice")).to_contain_text("Paused")
    assert server.get("schedules/here")["paused"]


def test_a_deleted_schedule_is_restored_from_its_own_address(visit, server):
    server.make("gone", title="Gone")
    server.call("DELETE", "schedules/gone")
    page = visit(javascript=False)
    page.goto("/schedules/gone")
    expect(page.get_by_role("heading", name="The schedule gone was deleted.")).to_be_visible()
    page.get_by_role("button", name="Restore it").click()
    expect(page.get_by_text("Gone is back.")).to_be_visible()


def test_a_zone_that_is_chosen_stays_though_the_browser_has_another(visit, server):
    page = visit(timezone_id="Europe/Stockholm")
    page.goto("/profile")
    page.get_by_label("Show times in").fill("America/New_York")
    page.get_by_role("button", name="Save the zone").click()
    expect(page.locator(".clock small")).to_contain_text("New York")
    page.goto("/schedules")
    expect(page.locator(".clock small")).to_contain_text("New York")
