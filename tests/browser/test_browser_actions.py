"""What can be done to schedules and runs, by pressing what stands on the pages."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def notice(page: Page):
    return page.get_by_role("status").filter(has_text=re.compile(r"\w"))


def more(page: Page) -> None:
    page.get_by_label("More actions").click()


def test_a_schedule_is_paused_with_a_reason_and_resumed(page, server):
    server.make("pausable", "every hour", title="Pausable")
    page.goto("/schedules/pausable")
    page.get_by_text("Pause…").click()
    page.get_by_label("Why").fill("vendor maintenance")
    page.get_by_label("How long").select_option(label="for a day")
    page.get_by_role("button", name="Pause", exact=True).click()

    expect(page.locator("#voice")).to_contain_text(re.compile("Paused .*vendor maintenance"))
    expect(page.locator("#why")).to_contain_text("vendor maintenance")
    stored = server.get("schedules/pausable")
    assert stored["paused"]
    assert stored["pause"]["reason"] == "vendor maintenance"
    assert stored["pause"]["until"] is not None

    page.get_by_text("Resume…").filter(visible=True).first.click()
    expect(page.get_by_text("No slot was missed.")).to_be_visible()
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(notice(page).first).to_contain_text("Pausable runs again")
    assert not server.get("schedules/pausable")["paused"]


def test_a_pause_is_undone_from_its_notice(page, server):
    server.make("hasty", "every hour", title="Hasty")
    page.goto("/schedules/hasty")
    page.get_by_text("Pause…").click()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(notice(page).first).to_contain_text("Hasty is paused")
    page.get_by_role("button", name="Undo").click()
    expect(notice(page).first).to_contain_text("Hasty runs again")
    assert not server.get("schedules/hasty")["paused"]


def test_of_two_who_pause_everything_the_second_is_told_and_resuming_asks(page, server, new_context):
    second = new_context(base_url=server.url).new_page()
    page.goto("/workers")
    second.goto("/workers")
    try:
        for tab, reason in ((page, "database move"), (second, "upgrade")):
            tab.evaluate("document.querySelector('.pause-panel').closest('details').open = true")  # as loaded before
            tab.get_by_label("Why").fill(reason)
            tab.get_by_role("button", name="Pause everything", exact=True).click()
        expect(page.get_by_text("Everything is paused. What runs goes on to its end.")).to_be_visible()
        told = second.locator(".notice")
        expect(told).to_contain_text("“database move”. Your reason was not written.")
        told.get_by_role("button", name=re.compile("^Write mine instead")).click()
        expect(second.locator("#banners")).to_contain_text("“upgrade”")
        page.get_by_role("button", name=re.compile("^Undo")).click()  # of a pause that is another one by now
        expect(page.locator(".notice")).to_contain_text("That is another pause than the one you meant, so it stays.")
        second.get_by_role("link", name="Resume everything").click()
        expect(second.get_by_role("heading", level=1)).to_have_text("Resume everything?")
        assert Axe().run(second).response["violations"] == []
        second.locator("main form button").first.click()
        expect(second.locator(".notice")).to_contain_text("Everything goes on.")
        assert not server.get("pause")["paused"]
    finally:
        server.call("PUT", "pause", {"paused": False})


def test_the_switch_in_the_list_pauses_without_leaving_the_page(page, server):
    server.make("switched", "every hour", title="Switched")
    page.goto("/schedules?q=switched")
    page.evaluate("window.stayed = true")
    switch = page.get_by_role("switch", name=re.compile("^Switched"))
    expect(switch).to_be_checked()
    switch.click()
    expect(switch).not_to_be_checked()
    assert server.get("schedules/switched")["paused"]
    switch.click()
    expect(switch).to_be_checked()
    assert not server.get("schedules/switched")["paused"]
    assert page.evaluate("window.stayed"), "the page was loaded again"


def test_a_switch_that_would_skip_slots_asks_on_a_page_of_its_own(page, server):
    server.make("often", "every second", title="Often")
    page.goto("/schedules?q=often")
    switch = page.get_by_role("switch", name=re.compile("^Often"))
    switch.click()
    expect(switch).not_to_be_checked()
    server.wait_missed("often", 2)
    switch.click()
    expect(page.get_by_role("heading", name="Resume Often?")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("link", name="Keep it paused").click()
    expect(page).to_have_url(re.compile(r"/schedules\?q=often$"))
    assert server.get("schedules/often")["paused"]
    switch.click()
    page.get_by_role("button", name="Run the latest").click()
    expect(page).to_have_url(re.compile(r"/schedules\?q=often$"))
    expect(switch).to_be_checked()
    server.call("DELETE", "schedules/often")


def test_deleting_asks_and_can_be_undone(page, server):
    server.make("doomed", "every hour", title="Doomed")
    page.goto("/schedules/doomed")
    more(page)
    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_role("heading", name="Delete Doomed?")).to_be_visible()
    page.get_by_role("link", name="Keep").click()
    assert server.get("schedules/doomed")["id"] == "doomed"

    more(page)
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete 1 schedule").click()
    expect(page).to_have_url(re.compile("/schedules$"))
    expect(notice(page).first).to_contain_text("Doomed is deleted")
    expect(page.get_by_role("link", name="Doomed", exact=True)).to_have_count(0)

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name=re.compile("^Doomed"))).to_be_visible()
    expect(notice(page).first).to_contain_text("Doomed is back")
    assert server.get("schedules/doomed")["due_at"] is not None


def test_a_clone_is_a_new_schedule_with_the_same_definition(page, server):
    server.make("original", "every day at 02:30", title="Original", tags=["shop"], retry={"max_attempts": 4})
    page.goto("/schedules/original")
    more(page)
    page.get_by_role("link", name="Clone").click()
    expect(page.get_by_label("Title")).to_have_value("Original (copy)")
    expect(page.get_by_label("When, in words")).to_have_value("every day at 02:30")
    page.get_by_role("button", name=re.compile("^Save(?! and)")).last.click()
    expect(page).to_have_url(re.compile("/schedules/original-copy$"))
    copy, original = server.get("schedules/original-copy"), server.get("schedules/original")
    for name in ("data", "handler", "tags", "retry"):
        assert copy[name] == original[name]
    assert copy["trigger"]["phrase"] == "every day at 02:30"


def test_a_running_run_is_cancelled(page, server):
    server.make("stoppable", handler="ticker", data={"lines": 600}, title="Stoppable")
    page.goto("/schedules/stoppable")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("list", name="Output")).to_contain_text("tick 1 of 600")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#voice")).to_contain_text("Cancelled by local after")
    expect(page.get_by_role("button", name="Run again")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_run_is_run_again_with_the_data_it_had_and_with_todays(page, server):
    server.make("again", data={"message": "first"})
    run = server.wait_run(server.run("again")["id"])
    server.call("PATCH", "schedules/again", {"data": {"message": "second"}})

    page.goto(f"/runs/{run['id']}")
    page.get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(re.compile(f"/runs/{run['id']}$"))
    expect(page.get_by_role("list", name="Output")).to_contain_text("first")
    expect(page.get_by_text("Repeats")).to_be_visible()

    page.goto(f"/runs/{run['id']}")
    more(page)
    page.get_by_role("button", name="Run with the schedule's present data").click()
    expect(page.get_by_role("list", name="Output")).to_contain_text("second")


def test_a_handler_is_run_once_without_a_schedule(page):
    page.goto("/handlers/log-job")
    page.get_by_label("Message").fill("once only")
    page.get_by_role("button", name="Run once").click()
    expect(page.get_by_role("list", name="Output")).to_contain_text("once only")


def test_what_a_handler_refuses_stands_at_its_data(page):
    page.goto("/handlers/report")
    page.get_by_role("button", name="JSON", exact=True).click()
    field = page.get_by_label("Data as JSON")
    field.fill('{"title": "x", "format": "docx", "to": {"street": "y"}}')
    page.get_by_role("button", name="Run once").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value(re.compile("docx"))
    expect(page.locator("#data-json-error")).to_contain_text("Must be one of: pdf, html, csv.")


def test_schedules_are_found_by_words_and_filters(page, server):
    server.make("find-me", "every hour", title="Find me", tags=["needle"])
    server.make("find-not", "every hour", title="Another")
    page.goto("/schedules")
    search = page.get_by_role("combobox", name=re.compile("^Search title"))
    search.fill("find me")
    search.press("Enter")
    expect(page.get_by_role("link", name="Find me", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Another", exact=True)).to_have_count(0)
    search = page.get_by_role("combobox", name=re.compile("^Search title"))
    search.fill("tag:needle")
    search.press("Enter")
    expect(page.get_by_role("link", name="Find me", exact=True)).to_be_visible()
    page.get_by_role("link", name=re.compile("^tag:needle")).click()
    expect(page.get_by_role("link", name="Another", exact=True)).to_be_visible()
    page.goto("/schedules?q=nothing-is-called-so")
    expect(page.get_by_text("No schedule matches")).to_be_visible()
