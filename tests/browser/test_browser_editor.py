"""The editor: fields made from a handler's schema, mistakes said at their place, the preview, two people at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def save(page: Page) -> None:
    page.locator("footer").get_by_role("button", name=re.compile("^Save(?! and)")).click()


def error_of(page: Page, control) -> str:
    """Return the text of the errors that the control itself points at."""
    ids = (control.get_attribute("aria-describedby") or "").split()
    return " ".join(page.locator(f"[id='{id}']").inner_text() for id in ids if id.endswith("-error"))


def test_a_form_is_made_from_the_schema_of_a_handler(page, server):
    page.goto("/schedules/new?handler=report")
    page.get_by_label("Title", exact=True).first.fill("Weekly report")
    data = page.locator("#step-data")
    choice = data.get_by_role("radiogroup", name="Format")
    expect(choice.get_by_role("radio", name="pdf")).to_be_checked()  # the handler's example
    expect(choice.get_by_role("radio")).to_have_count(3)
    choice.get_by_role("radio", name="csv").check()
    data.get_by_label("Copies").fill("3")
    data.get_by_label("Scale").fill("1.5")
    data.get_by_label("Draft").check()
    data.get_by_role("group", name="To").get_by_label("Street").fill("Short Lane 2")
    data.get_by_label("Rows").fill('[{"a": 1}]')
    page.get_by_role("radio", name="By hand").check()
    save(page)
    expect(page).to_have_url(re.compile("/schedules/weekly-report$"))
    assert server.get("schedules/weekly-report")["data"] == {
        "title": "Sales",
        "format": "csv",
        "copies": 3,
        "scale": 1.5,
        "draft": True,
        "to": {"street": "Short Lane 2", "zip_code": "12345"},
        "rows": [{"a": 1}],
    }


def test_wrong_data_is_said_at_its_fields_and_nothing_typed_is_lost(page, server):
    page.goto("/schedules/new?handler=report")
    page.get_by_label("Title", exact=True).first.fill("Wrong report")
    copies = page.get_by_label("Copies")
    copies.fill("many")
    page.get_by_role("group", name="To").get_by_label("Zip code").fill("12")
    page.get_by_label("When, in words").fill("every day at 02:30")
    save(page)

    expect(page.locator("footer").get_by_role("status")).to_contain_text("attention")
    expect(copies).to_have_attribute("aria-invalid", "true")
    expect(copies).to_have_value("many")
    assert "many" in error_of(page, copies)
    copies.fill("3")
    save(page)
    zip_code = page.get_by_role("group", name="To").get_by_label("Zip code")
    expect(zip_code).to_have_attribute("aria-invalid", "true")
    assert "Write five digits, for example 12345." in error_of(page, zip_code)
    expect(zip_code).to_be_focused()
    expect(page.get_by_label("When, in words")).to_have_value("every day at 02:30")
    zip_code.fill("54321")
    save(page)
    expect(page).to_have_url(re.compile("/schedules/wrong-report$"))
    assert server.get("schedules/wrong-report")["data"]["to"]["zip_code"] == "54321"


def test_the_form_and_its_json_are_two_views_of_the_same_data(page, server):
    page.goto("/schedules/new?handler=report")
    page.get_by_label("Title", exact=True).first.fill("As JSON")
    page.get_by_label("Copies").fill("7")
    page.get_by_role("button", name="JSON", exact=True).click()
    text = page.get_by_label("Data as JSON")
    expect(text).to_have_value(re.compile('"copies": 7'))
    text.fill('{"title": "T", "format": "html", "copies": 2, "to": {"street": "S"}')
    page.get_by_role("button", name="Form", exact=True).click()
    # The last brace is missing: the text stays as it is.
    expect(page.locator("#data-json-error")).to_contain_text("Line 1, column 68")
    text.fill('{"title": "T", "format": "html", "copies": 2, "to": {"street": "S"}}')
    page.get_by_role("button", name="Form", exact=True).click()
    expect(page.get_by_label("Copies")).to_have_value("2")
    expect(page.get_by_role("radio", name="html")).to_be_checked()
    page.get_by_role("button", name="JSON", exact=True).click()
    page.get_by_role("radio", name="By hand").check()
    save(page)
    expect(page).to_have_url(re.compile("/schedules/as-json$"))
    assert server.get("schedules/as-json")["data"]["to"] == {"street": "S"}


def test_rows_of_a_map_are_added_and_removed(page, server):
    page.goto("/schedules/new?handler=fetch")
    page.get_by_label("Title").fill("With headers")
    page.get_by_label("URL").fill(f"{server.url}/api/v1/healthz")
    page.get_by_role("button", name="Add a header").click()
    page.get_by_label("Name of header 1").fill("Accept")
    page.get_by_label("Value of header 1").fill("application/json")
    page.get_by_role("button", name="Add a header").click()
    page.get_by_label("Name of header 2").fill("X-Extra")
    page.get_by_role("button", name="Remove header 2").click()
    expect(page.get_by_label("Name of header 2")).to_have_count(0)
    page.get_by_role("radio", name="By hand").check()
    save(page)
    expect(page).to_have_url(re.compile("/schedules/with-headers$"))
    assert server.get("schedules/with-headers")["data"]["headers"] == {"Accept": "application/json"}


def test_the_preview_follows_what_is_typed(page):
    page.goto("/schedules/new?handler=log-job")
    outlook = page.locator("#outlook")
    expect(outlook).to_contain_text("Say when, and the next runs stand here.")
    expect(outlook).to_have_attribute("aria-live", "polite")
    page.get_by_label("When, in words").fill("every day at 2:30 am")
    expect(outlook).to_contain_text("Every day at 02:30, Stockholm time.")
    expect(outlook.get_by_role("listitem")).to_have_count(5)
    expect(outlook.locator("time").first).to_have_attribute("datetime", re.compile(r"T01:30:00Z$"))  # Stockholm
    expect(page.locator("#when-said")).to_contain_text("30 2 * * *")
    page.get_by_role("radio", name="Cron").check()
    expect(page.get_by_label("Cron expression")).to_have_value("30 2 * * *")
    expect(page.get_by_role("radio", name="Cron")).to_be_focused()
    page.get_by_label("Cron expression").fill("*/10 9-17 * * mon-fri")
    expect(outlook).not_to_contain_text("Every day at 02:30, Stockholm time.")
    expect(outlook.get_by_role("listitem")).to_have_count(5)


def test_a_wrong_phrase_is_underlined_where_it_is_wrong_and_a_suggestion_is_one_click(page, server):
    page.goto("/schedules/new?handler=log-job")
    page.get_by_label("Title").fill("Late")
    phrase = page.get_by_label("When, in words")
    phrase.fill("every day at 25:00")
    said = page.locator("#when-said")
    expect(said).to_contain_text("Hours go from 0 to 23.")
    expect(page.locator(".words u")).to_have_text("25:00")
    expect(phrase).to_have_attribute("aria-invalid", "true")
    save(page)
    expect(page.locator("footer").get_by_role("status")).to_contain_text("1 field needs attention")
    expect(phrase).to_have_value("every day at 25:00")
    page.locator("#when-said").get_by_role("button", name=re.compile("^Use")).click()
    expect(phrase).to_have_value("every day at 23:00")
    expect(page.locator("#outlook")).to_contain_text("Every day at 23:00")
    save(page)
    expect(page).to_have_url(re.compile("/schedules/late$"))
    assert server.get("schedules/late")["trigger"]["phrase"] == "every day at 23:00"


def test_an_unknown_zone_is_said_at_the_zone(page):
    page.goto("/schedules/new?handler=log-job")
    page.get_by_label("Title").fill("Nowhere")
    page.get_by_label("When, in words").fill("every day at 02:30")
    page.get_by_text("Europe/Stockholm").click()
    zone = page.get_by_label("Time zone")
    expect(zone).to_have_value("Europe/Stockholm")
    zone.fill("Europe/Stockhom")
    save(page)
    expect(zone).to_have_attribute("aria-invalid", "true")
    assert "is not a time zone" in error_of(page, zone)
    page.get_by_role("button", name=re.compile("^Use")).click()
    expect(zone).to_have_value("Europe/Stockholm")


@pytest.mark.parametrize("javascript", [True, False], ids=["scripted", "plain"])
def test_two_people_edit_and_the_second_decides(visit, server, javascript):
    id = f"shared-{javascript}".lower()
    server.make(id, "every hour", title="Shared", description="as it was")
    page, other = visit(javascript=javascript), visit()
    page.goto(f"/schedules/{id}/edit")
    other.goto(f"/schedules/{id}/edit")
    other.get_by_label("Message").fill("hers")
    other.get_by_label("Title", exact=True).fill("Shared by her")
    other.get_by_label("When, in words").fill("every 2 hours")
    save(other)
    expect(other).to_have_url(re.compile(f"/schedules/{id}$"))

    page.get_by_label("Title", exact=True).fill("Shared by me")
    page.get_by_label("Message").fill("mine")
    save(page)
    compared = page.get_by_role("alert")
    expect(compared).to_contain_text("Your changes are still here; theirs are marked beside them.")
    expect(compared.get_by_role("row", name="Title")).to_contain_text("Shared by her")
    expect(compared.get_by_role("row", name="Message")).to_contain_text("hers")
    # Nobody has touched this here, so hers stands in the form.
    expect(page.get_by_label("When, in words")).to_have_value("every 2 hours")
    expect(page.get_by_label("Title", exact=True)).to_have_value("Shared by me")
    assert server.get(f"schedules/{id}")["title"] == "Shared by her"
    compared.get_by_role("button", name="Take theirs for Title").click()
    expect(page.get_by_label("Title", exact=True)).to_have_value("Shared by her")
    expect(page.locator("#step-data").get_by_label("Message")).to_have_value("mine")
    page.get_by_role("button", name="Keep mine").click()
    expect(page).to_have_url(re.compile(f"/schedules/{id}$"))
    stored = server.get(f"schedules/{id}")
    assert (stored["title"], stored["data"], stored["description"]) == (
        "Shared by her",
        {"message": "mine"},
        "as it was",
    )
    assert stored["trigger"]["phrase"] == "every 2 hours"


def test_a_double_click_saves_once_and_runs_once(page, server):
    page.goto("/schedules/new?handler=log-job")
    page.get_by_label("Title").fill("Twice")
    page.get_by_label("Message").fill("once, please")
    page.get_by_role("radio", name="By hand").check()
    page.get_by_role("button", name="Save and run now").dblclick()
    expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    page.goto("/schedules/twice/run")
    page.get_by_label("Message").fill("again")
    page.get_by_role("button", name="Run now").dblclick()
    expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    assert [item["id"] for item in server.get("schedules?q=twice")["items"]] == ["twice"]
    assert len(server.runs("twice")) == 2


def test_a_minute_that_is_free_is_one_click_away(page, server):
    for name in ("one", "two"):
        server.make(f"crowd-{name}", "every day at 03:30", title=f"Crowd {name}", timezone="Europe/Stockholm")
    page.goto("/schedules/new?handler=log-job")
    phrase = page.get_by_label("When, in words")
    phrase.fill("every day at 03:30")
    outlook = page.locator("#outlook")
    expect(outlook).to_contain_text("2 other schedules start in this minute.")
    outlook.get_by_role("button", name=re.compile("which is free")).click()
    expect(phrase).to_have_value("every day at 03:31")
    expect(outlook).to_contain_text("Every day at 03:31")
    expect(outlook).not_to_contain_text("start in this minute")


def test_a_second_schedule_with_the_same_id_is_refused_at_the_id(page, server):
    server.make("taken", "every hour", title="Taken")
    page.goto("/schedules/new?handler=log-job")
    page.get_by_label("Title").fill("Taken")
    page.get_by_role("radio", name="By hand").check()
    save(page)
    id = page.get_by_label("Id", exact=True)
    expect(id).to_have_attribute("aria-invalid", "true")
    assert "taken" in error_of(page, id)


def test_an_edit_that_changes_nothing_says_so(page, server):
    server.make("same", "every hour", title="Same", description="a line\nanother", tags=["x"])
    page.goto("/schedules/same/edit")
    save(page)
    expect(page.get_by_text("Nothing changed.")).to_be_visible()
    assert server.get("schedules/same")["revision"] == 1


def test_what_was_typed_is_not_lost_by_leaving(page, server):
    server.make("leaving", "every hour", title="Leaving")
    page.goto("/schedules/leaving/edit")
    page.get_by_label("Title", exact=True).press_sequentially("!")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="Cancel").click()
    expect(page).to_have_url(re.compile("/schedules/leaving$"))
    assert asked == ["beforeunload"]
