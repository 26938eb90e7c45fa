"""Every kind of field of the data form: with scripts, without, by keyboard alone, with hostile values."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

HOSTILE = "<script>window.pwned=1</script>\"'><img src=x onerror=window.pwned=2> {{7*7}} \u202egnp \u05d0\u05d1"
LONG = "ten characters " * 667


def save(page: Page) -> None:
    page.locator("footer").get_by_role("button", name=re.compile("^Save(?! and)")).click()


def start(page: Page, title: str) -> None:
    page.goto("/schedules/new?handler=order")
    page.get_by_label("Title", exact=True).fill(title)
    page.get_by_label("Customer").fill("ada@example.org")
    page.get_by_role("radio", name="By hand").check()


def fill_one_by_one(data, javascript):
    data.get_by_label("Web site").fill("https://shop.example.org/?a=1&b=<2>")
    data.get_by_label("Note").fill("two\nlines")
    data.get_by_label("Password").fill("s3cret")
    data.get_by_label("Due at", exact=True).fill("2026-07-01T09:30")
    zone = data.get_by_label("Time zone of Due at")
    if javascript:  # which tells the zone of the browser
        expect(zone).to_have_value("Europe/Stockholm")
    zone.fill("Europe/Stockholm")
    data.get_by_label("Day").fill("2026-07-02")
    data.get_by_label("Weight").fill("2.5")
    data.get_by_role("radiogroup", name="Speed").get_by_role("radio", name="fast").check()
    data.get_by_label("Country").select_option("SE")
    data.get_by_label("Insured").check()
    data.get_by_role("radiogroup", name="Signed").get_by_role("radio", name="no", exact=True).check()
    data.get_by_label("Codes").fill("3, 1 2")


def fill_rows(data, javascript):
    for number, (article, count) in enumerate((("Ink", "2"), ("Paper", "")), 1):
        data.get_by_role("button", name="Add a line").click()
        row = data.get_by_role("group", name=f"line {number}", exact=True)
        row.get_by_label("Article").fill(article)
        row.get_by_label("Count").fill(count)
    data.get_by_role("button", name="Move line 2 up").click()
    expect(data.get_by_role("group", name="line 1", exact=True).get_by_label("Article")).to_have_value("Paper")
    for number, name in enumerate(("a@example.org", "b@example.org", "c@example.org"), 1):
        data.get_by_role("button", name="Add a recipient").click()
        data.get_by_label(f"recipient {number}", exact=True).fill(name)
    data.get_by_role("button", name="Remove recipient 2").click()
    expect(data.get_by_label("recipient 2", exact=True)).to_have_value("c@example.org")
    if javascript:
        expect(data.get_by_role("button", name="Add a recipient")).to_be_focused()
    data.get_by_role("button", name="Add a label").click()
    data.get_by_label("Name of label 1").fill("Fragile")
    data.get_by_label("Value of label 1").fill("yes")
    data.get_by_role("button", name="Add a bin").click()
    data.get_by_label("Name of bin 1").fill("A 1")
    data.get_by_role("group", name="bin 1").get_by_label("Article").fill("Glue")


@pytest.mark.parametrize("javascript", [True, False], ids=["scripted", "plain"])
def test_each_kind_of_field_gives_its_value(visit, server, javascript):
    page = visit(javascript=javascript)
    id = f"order-{javascript}".lower()
    start(page, id)
    data = page.locator("#step-data")
    fill_one_by_one(data, javascript)
    fill_rows(data, javascript)
    shape = data.get_by_label("Payment, what it is")
    shape.select_option("Card")
    if not javascript:
        data.get_by_role("group", name="Payment").get_by_role("button", name="Show").click()
    data.get_by_label("Number").fill("4000")
    data.get_by_label("Anything").fill('{"a": [1, null]}')
    save(page)
    expect(page).to_have_url(re.compile(f"/schedules/{id}$"))
    found = server.get(f"schedules/{id}")["data"]
    found.pop("password")
    assert found == {
        "customer": "ada@example.org",
        "website": "https://shop.example.org/?a=1&b=<2>",
        "note": "two\nlines",
        "due": "2026-07-01T09:30:00+02:00",
        "day": "2026-07-02",
        "weight": 2.5,
        "speed": "fast",
        "country": "SE",
        "insured": True,
        "signed": False,
        "codes": [3, 1, 2],
        "lines": [{"article": "Paper"}, {"article": "Ink", "count": 2}],
        "recipients": ["a@example.org", "c@example.org"],
        "labels": {"Fragile": "yes"},
        "bins": {"A 1": {"article": "Glue"}},
        "payment": {"kind": "card", "number": "4000"},
        "anything": {"a": [1, None]},
    }
    page.goto(f"/schedules/{id}/edit")
    expect(page.get_by_label("Password")).to_have_value("")
    save(page)
    expect(page.get_by_text("Nothing changed.")).to_be_visible()
    assert server.get(f"schedules/{id}")["revision"] == 1


def test_what_the_server_refuses_stands_at_the_row_and_is_a_link_away(page, server):
    start(page, "Refused order")
    page.get_by_label("Customer").fill("nobody")
    page.get_by_role("button", name="Add a line").click()
    row = page.get_by_role("group", name="line 1", exact=True)
    row.get_by_label("Article").fill("Ink")
    row.get_by_label("Count").fill("100")
    save(page)
    status = page.locator("footer").get_by_role("status")
    expect(status).to_contain_text("2 fields need attention")
    expect(page.get_by_label("Customer")).to_be_focused()
    count = page.get_by_role("group", name="line 1", exact=True).get_by_label("Count")
    expect(count).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Write a number from 1 to 99.")).to_be_visible()
    status.get_by_role("link", name="Count").click()
    expect(count).to_be_focused()
    page.get_by_label("Customer").fill("ada@example.org")
    count.fill("99")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile("/schedules/refused-order$"))


def test_an_order_is_made_by_keyboard_alone(page, server):
    page.goto("/schedules/new?handler=order")
    keys = page.keyboard
    expect(page.get_by_label("Title", exact=True)).to_be_focused()
    keys.type("By key")
    page.get_by_label("Customer").focus()
    keys.type("ada@example.org")
    page.get_by_role("radiogroup", name="Speed").get_by_role("radio", name="normal").focus()
    keys.press("ArrowRight")
    page.get_by_role("button", name="Add a recipient").focus()
    keys.press("Enter")
    expect(page.get_by_label("recipient 1", exact=True)).to_be_focused()
    keys.type("a@example.org")
    page.get_by_role("button", name="Add a recipient").focus()
    keys.press("Enter")
    expect(page.get_by_label("recipient 2", exact=True)).to_be_focused()
    keys.type("b@example.org")
    keys.press("Tab")
    expect(page.get_by_role("button", name="Move recipient 2 up")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_label("recipient 1", exact=True)).to_have_value("b@example.org")
    page.get_by_role("radio", name="In words").focus()
    keys.press("ArrowLeft")
    expect(page.get_by_role("radio", name="By hand")).to_be_checked()
    expect(page.get_by_role("radio", name="By hand")).to_be_focused()
    keys.press("Control+Enter")
    expect(page).to_have_url(re.compile("/schedules/by-key$"))
    found = server.get("schedules/by-key")["data"]
    assert (found["recipients"], found["speed"]) == (["b@example.org", "a@example.org"], "fast")


def test_hostile_and_long_values_stay_what_they_are(page, server):
    data = {"customer": "ada@example.org", "note": HOSTILE, "labels": {HOSTILE: LONG}, "anything": {HOSTILE: [HOSTILE]}}
    server.make("hostile-order", handler="order", data=data, title=f"Order {HOSTILE}"[:190])
    page.goto("/schedules/hostile-order/edit")
    expect(page.get_by_label("Note")).to_have_value(HOSTILE)
    expect(page.get_by_label("Name of label 1")).to_have_value(HOSTILE)
    expect(page.get_by_label("Value of label 1")).to_have_value(LONG)
    page.get_by_role("button", name="JSON", exact=True).click()
    page.get_by_role("button", name="Form", exact=True).click()
    expect(page.get_by_label("Note")).to_have_value(HOSTILE)
    page.get_by_label("Description").evaluate("box => box.value = 'new'")
    save(page)
    expect(page).to_have_url(re.compile("/schedules/hostile-order$"))
    assert page.evaluate("window.pwned") is None
    stored = server.get("schedules/hostile-order")
    assert (stored["data"], stored["description"]) == (data, "new")


def test_a_handler_is_run_once_by_its_form(page, server):
    page.goto("/handlers/order")
    page.get_by_label("Customer").fill("nobody")
    page.get_by_role("button", name="Run once").click()
    expect(page.get_by_label("Customer")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Customer").fill("ada@example.org")
    page.get_by_role("button", name="Add a label").click()
    page.get_by_label("Name of label 1").fill("Fragile")
    page.get_by_role("button", name="Run once").dblclick()
    expect(page).to_have_url(re.compile(r"/runs/\d+$"))
    run = server.wait_run(int(page.url.rsplit("/", 1)[1]))
    assert run["data"] == {"customer": "ada@example.org", "labels": {"Fragile": ""}}
    assert len(server.get("runs?handler=order")["items"]) == 1
