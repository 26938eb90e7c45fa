"""Titles, data and output are hostile text: they are shown as they are, and nothing in them ever runs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

TAG = "<script>window.pwned=1</script>"


def test_a_hostile_title_is_shown_as_it_is(filled, page):
    page.goto("/schedules/evil")
    expect(page.get_by_role("heading", level=1)).to_contain_text(TAG)
    expect(page.get_by_role("heading", level=1)).to_contain_text("{{ 7*7 }}")
    assert TAG in page.title()


@pytest.mark.parametrize("path", ["/", "/schedules", "/schedules/evil", "/runs", "/handlers/hostile", "/go?q=script"])
def test_a_hostile_title_turns_nothing_around_that_stands_beside_it(filled, page, path):
    page.goto(path)
    assert TAG in page.inner_text("main"), "the title is on this page"
    seen = page.evaluate("document.title + document.body.innerText")
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069]", seen)


def test_a_field_keeps_what_turns_its_text_around(filled, page):
    page.goto("/schedules/evil/edit")
    assert "\u202e" in page.get_by_label("Title", exact=True).input_value()
    assert "\u202e" in page.get_by_label("Description", exact=True).input_value()


def test_hostile_output_is_shown_as_text_and_its_colours_as_classes(filled, page, server):
    run = filled.runs["evil"]
    page.goto(f"/runs/{run}")
    lines = page.get_by_role("list", name="Output")
    said = lines.locator(".said")
    expect(said.first).to_contain_text(TAG)
    expect(lines).to_contain_text("red")
    assert lines.get_by_role("link", name="link", exact=True).count() == 0
    text = "\n".join(said.all_inner_texts())
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), "control characters reach the page"
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069]", text), "bidirectional overrides reach the page"
    assert "bytes" in text
    assert "end" in text
    assert page.evaluate("window.pwned") is None


def test_hostile_output_is_inert_while_it_is_followed(visit, server):
    """The live way writes lines by script; it has to be as careful as the page."""
    server.make("evil-live", handler="hostile", data={})
    page = visit()
    page.goto("/schedules/evil-live")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("list", name="Output")).to_contain_text(TAG)
    expect(page.locator("#result")).to_contain_text(TAG)
    assert page.evaluate("window.pwned") is None


def test_the_download_is_a_file_and_not_a_page(filled, page):
    answer = page.request.get(f"/runs/{filled.runs['evil']}/output.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "target", ["//evil.example/", "/\\evil.example", "/\t/evil.example", "https:evil.example", "javascript:1"]
)
def test_an_action_never_leads_to_another_site(page, server, target):
    server.make("led", "every hour")
    page.goto("/schedules/led")
    token = page.locator("input[name=csrf_token]").first.get_attribute("value")
    answer = page.request.post(
        "/schedules/led/pause",
        form={"csrf_token": token, "next": target},
        headers={"Origin": server.url},
        max_redirects=0,
    )
    assert answer.status == 303
    assert answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith(("//", "/\\"))
    server.call("DELETE", "schedules/led")


@pytest.mark.parametrize(
    ("headers", "with_token"),
    [({"Origin": "http://evil.example"}, True), ({"Sec-Fetch-Site": "cross-site"}, True), ({}, False)],
    ids=["foreign origin", "cross-site", "no token"],
)
def test_another_site_cannot_press_a_button(page, server, headers, with_token):
    if not any(item["id"] == "guarded" for item in server.get("schedules?q=guarded")["items"]):
        server.make("guarded", "every hour")
    page.goto("/schedules/guarded")
    token = page.locator("input[name=csrf_token]").first.get_attribute("value")
    form = {"csrf_token": token} if with_token else {}
    answer = page.request.post("/schedules/guarded/pause", form=form, headers=headers or {"Origin": server.url})
    assert answer.status == 403
    assert not server.get("schedules/guarded")["paused"]


def test_a_name_that_only_resolves_to_this_machine_gets_no_page(page):
    answer = page.request.get("/", headers={"Host": "evil.example"})
    assert answer.status == 400
    assert "Steady" not in answer.text()
