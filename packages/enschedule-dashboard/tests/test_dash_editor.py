"""New and edit, as a browser without script sees them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fake_client import World
from submitting import submitted
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from enschedule_core.errors import InvalidInput, StaleRevision

HOSTILE = """<script>alert(1)</script>" onmouseover="x" {{ 7 * 7 }} '"""


def asked(world: World, name: str) -> list[tuple[Any, ...]]:
    return [call for call in world.calls if call[0] == name]


FORM = {
    "handler": "fetch@1",
    "title": "Check web shop",
    "data_mode": "form",
    "data/url": "https://shop.example.org/health",
    "data/timeout_seconds": "2.5",
    "data/verify": "on",
    "when_mode": "words",
    "when_phrase": "every day at 02:30",
    "when_timezone": "Europe/Stockholm",
    "retry_attempts": "3",
    "retry_delay": "2 min",
    "tags": "shop, nightly",
    "action": "save",
}


def inputs(page: TestResponse) -> dict[str, str]:
    """Return the text inputs of a page by name."""
    found = re.findall(r'<input class="text[^>]* name="([^"]+)" value="([^"]*)"', page.text)
    return dict(found)


def test_the_first_step_offers_every_handler_and_finds_one(pages: Any) -> None:
    page = pages.get("/schedules/new")
    assert "/schedules/new?handler=log-job" in page.text
    found = pages.get("/schedules/new?q=HTTP").text
    assert "handler=fetch" in found
    assert "handler=log-job" not in found
    assert "No handler matches “zebra”." in pages.get("/schedules/new?q=zebra").text


def test_the_form_is_filled_with_the_handlers_example(pages: Any) -> None:
    page = pages.get("/schedules/new?handler=fetch&title=Ping&schedule=every+minute")
    found = inputs(page)
    assert found["data/url"] == "https://shop.example.org/health"
    assert found["title"] == "Ping"
    assert found["when_phrase"] == "every minute"
    assert "At 02:30 every day" in page.text  # what the preview said


def test_saving_sends_what_was_typed_and_shows_the_schedule(pages: Any, world: World) -> None:
    answer = pages.post("/schedules/new", data=FORM)
    body = asked(world, "schedules.create")[0][1]
    assert answer.status_code == 303
    assert answer.location == "/schedules/check-web-shop"
    assert body["id"] == "check-web-shop"
    assert body["handler"] == "fetch@1"
    assert body["data"] == {"url": "https://shop.example.org/health", "timeout_seconds": 2.5, "verify": True}
    assert body["trigger"] == {"kind": "phrase", "phrase": "every day at 02:30", "timezone": "Europe/Stockholm"}
    assert body["retry"]["max_attempts"] == 3
    assert body["retry"]["delay_seconds"] == 120
    assert body["tags"] == ["shop", "nightly"]
    assert "Check web shop is saved." in pages.get(answer.location).text


def test_save_and_run_goes_to_the_run(pages: Any, world: World) -> None:
    answer = pages.post("/schedules/new", data=FORM | {"action": "save_run"})
    assert asked(world, "schedules.run")[0][1] == "check-web-shop"
    (number,) = re.fullmatch(r"/runs/(\d+)", answer.location).groups()
    notice = pages.get(answer.location).text.partition('id="notices"')[2]
    assert "Check web shop is saved, and runs now." in notice
    assert f'<a href="/runs/{number}">Open run {int(number):,}</a>' in notice


def test_an_error_of_the_api_stands_at_its_field_and_nothing_typed_is_lost(pages: Any) -> None:
    typed = FORM | {
        "data/url": "shop.example.org",
        "description": "kept too",
        "data/headers:row": "0",
        "data/headers#0:key": "A",
        "data/headers#0": "b",
    }
    page = pages.post("/schedules/new", data=typed)
    assert page.status_code == 422
    near = page.text[page.text.index('name="data/url"') :]
    assert near.index("A URL starts with http:// or https://.") < near.index('name="data/method"')
    assert 'name="data/url" value="shop.example.org"' in page.text
    assert "aria-invalid" in page.text
    assert "kept too" in page.text
    assert re.search(r'name="data/headers#0" value="b"', page.text)
    assert "1 field needs attention" in page.text
    assert '<a href="#f-data-2f-url">URL</a>' in page.text


def test_what_cannot_be_read_is_never_sent(pages: Any, world: World) -> None:
    wrong = {
        "title": " ",
        "data/timeout_seconds": "soon",
        "retry_delay": "a while",
        "priority": "high",
        "when_timezone": "Mars",
    }
    page = pages.post("/schedules/new", data=FORM | wrong)
    assert page.status_code == 422
    assert asked(world, "schedules.create") == []
    assert "5 fields need attention" in page.text
    for text in (
        "Give it a title",
        "“soon” is not a number",
        "“a while” is not a length",
        "“high” is not",
        "“Mars” is not",
    ):
        assert text in page.text


def test_a_mistake_in_the_phrase_is_underlined_and_its_suggestion_can_be_taken(pages: Any) -> None:
    wrong = FORM | {"when_phrase": "every day at 25:00", "action": "preview"}
    page = pages.post("/schedules/new", data=wrong)
    assert "every day at <u>25:00</u>" in page.text
    assert 'value="phrase:every day at 23:00"' in page.text
    taken = pages.post("/schedules/new", data=wrong | {"use": "phrase:every day at 23:00"})
    assert inputs(taken)["when_phrase"] == "every day at 23:00"
    assert "<u>" not in taken.text


def test_buttons_inside_the_form_save_nothing(pages: Any, world: World) -> None:
    for action in ("preview", "mode", "to_json", "to_form", "add:data/headers", "remove:data/headers:0", "vary:data/x"):
        assert pages.post("/schedules/new", data=FORM | {"action": action}).status_code == 200
    assert asked(world, "schedules.create") == []


def test_form_and_json_show_the_same_data(pages: Any, world: World) -> None:
    page = pages.post("/schedules/new", data=FORM | {"action": "to_json"})
    assert "&#34;timeout_seconds&#34;: 2.5" in page.text
    text = '{"url": "https://a.example", "headers": {"X": "1"}}'
    back = pages.post("/schedules/new", data=FORM | {"data_mode": "json", "data_json": text, "action": "to_form"})
    assert inputs(back)["data/url"] == "https://a.example"
    assert 'name="data/headers#0:key" value="X"' in back.text
    pages.post("/schedules/new", data=FORM | {"data_mode": "json", "data_json": text})
    assert asked(world, "schedules.create")[0][1]["data"] == {"url": "https://a.example", "headers": {"X": "1"}}


def test_an_id_that_is_taken_is_said_at_the_id(pages: Any) -> None:
    page = pages.post("/schedules/new", data=FORM | {"id": "invoice-export"})
    assert page.status_code == 409
    assert "There is already a schedule invoice-export." in page.text
    assert '<details class="inline-more" open>' in page.text


def test_an_edit_changes_what_was_changed_against_the_revision_it_saw(pages: Any, world: World) -> None:
    page = pages.get("/schedules/invoice-export/edit")
    assert inputs(page)["title"] == "Invoice export"
    assert 'name="revision" value="7"' in page.text
    answer = pages.post("/schedules/invoice-export/edit", data=FORM | {"title": "Invoices", "revision": "7"})
    _, id, body, revision = asked(world, "schedules.patch")[0]
    assert answer.location == "/schedules/invoice-export"
    assert (id, revision, body["title"]) == ("invoice-export", 7, "Invoices")
    assert "id" not in body


@pytest.fixture
def stale(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Somebody has saved invoice-export meanwhile; returns what is stored now, to be changed."""

    def patch(_: Any, id: str, body: Any, if_match: Any = None) -> Any:
        if if_match != world.schedules[id]["revision"]:
            raise StaleRevision(extra={"current": world.schedules[id]})
        world.note("schedules.patch", id, body, if_match)
        world.schedules[id].update(body, handler=world.schedules[id]["handler"])
        return world.schedules[id] | {"change": "updated"}

    monkeypatch.setattr("fake_client.Schedules.patch", patch)
    return world.schedules["invoice-export"]


def test_two_edits_are_put_side_by_side_and_nothing_is_lost(pages: Any, world: World, stale: dict[str, Any]) -> None:
    opened = submitted(pages.get("/schedules/invoice-export/edit").text)
    url = stale["data"]["url"]
    stale.update(revision=9, title="Theirs", description="New words", data={"url": "https://theirs.example"})
    typed = MultiDict([*opened.items(multi=True)])
    typed["title"], typed["data/url"], typed["action"] = "Mine", "https://mine.example", "save"
    page = pages.post("/schedules/invoice-export/edit", data=typed)
    assert page.status_code == 412
    assert "ada saved this 5 h ago." in page.text
    assert inputs(page)["title"] == "Mine"
    assert 'name="revision" value="9"' in page.text
    rows = re.findall(
        r'<th scope="row">.*?>([^<]+)</a></th><td>.*?</span>([^<]*)</td><td>.*?</span>([^<]*)</td>', page.text
    )
    assert rows == [("Title", "Mine", "Theirs"), ("Url", "https://mine.example", "https://theirs.example")]
    assert 'class="theirs"' in page.text
    assert url not in page.text
    # What was not changed here is as they saved it; of the others one can be taken.
    assert "New words</textarea>" in page.text
    kept = submitted(page.text, action="theirs:title")
    assert kept["data/url"] == "https://mine.example"
    again = pages.post("/schedules/invoice-export/edit", data=kept)
    assert (inputs(again)["title"], inputs(again)["data/url"]) == ("Theirs", "https://mine.example")
    pages.post("/schedules/invoice-export/edit", data=submitted(again.text, action="save"))
    _, _, body, revision = asked(world, "schedules.patch")[-1]
    assert (revision, body["title"], body["description"]) == (9, "Theirs", "New words")
    assert body["data"]["url"] == "https://mine.example"


def test_a_form_that_is_sent_twice_saves_and_runs_once(pages: Any, world: World, stale: dict[str, Any]) -> None:
    form = submitted(pages.get("/schedules/new?handler=fetch").text)
    form["title"], form["when_phrase"], form["action"] = "Check web shop", "every day at 02:30", "save_run"
    first, second = (pages.post("/schedules/new", data=form) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    keys = [call[3] for call in asked(world, "schedules.run")]
    assert keys[0]
    assert keys[0] == keys[1]
    other = form.copy()
    other["once"] = "0" * 32
    other["data/url"] = "https://other.example"
    assert pages.post("/schedules/new", data=other).status_code == 409  # not the same again: the id is taken
    edited = submitted(pages.get("/schedules/invoice-export/edit").text, action="save")
    edited["title"] = "Renamed"
    assert pages.post("/schedules/invoice-export/edit", data=edited).status_code == 303
    stale["revision"] = 8
    assert pages.post("/schedules/invoice-export/edit", data=edited).status_code == 303


def test_another_way_to_say_when_keeps_what_was_meant(pages: Any) -> None:
    changed = FORM | {"when_was": "words", "when_mode": "cron", "action": "mode"}
    page = pages.post("/schedules/new", data=changed)
    assert inputs(page)["when_cron"] == "30 2 * * *"
    every = pages.post("/schedules/new", data=changed | {"when_mode": "every"})
    assert (inputs(every)["when_every"], "<option selected>days" in every.text) == ("1", True)
    once = pages.post("/schedules/new", data=changed | {"when_mode": "once"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", inputs(once)["when_at"])
    # Without script the page is sent later, and what was typed by then is what is meant.
    typed = pages.post("/schedules/new", data=changed | {"when_cron": "5 4 * * *", "action": "preview"})
    assert inputs(typed)["when_cron"] == "5 4 * * *"


def test_an_error_that_belongs_to_no_field_stands_above_the_form(pages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(*_: Any) -> Any:
        raise InvalidInput("Two schedules cannot share a name.", hint="Take another one.")

    monkeypatch.setattr("fake_client.Schedules.create", create)
    page = pages.post("/schedules/new", data=FORM)
    assert page.status_code == 422
    assert "Two schedules cannot share a name. Take another one." in page.text


def test_a_clone_is_a_new_schedule_with_the_same_values(pages: Any) -> None:
    page = pages.get("/schedules/invoice-export/clone")
    assert inputs(page)["title"] == "Invoice export (copy)"
    assert 'action="/schedules/new"' in page.text
    assert 'name="revision"' not in page.text
    assert 'name="cloned" value="invoice-export"' in page.text


def test_a_clone_keeps_a_secret_that_is_not_shown(pages: Any, world: World) -> None:
    world.handlers["fetch"]["schema"]["properties"]["token"] = {"type": "string", "format": "password"}
    world.schedules["invoice-export"]["data"]["token"] = "s3cret"
    page = pages.get("/schedules/invoice-export/clone")
    assert "s3cret" not in page.text
    pages.post("/schedules/new", data=submitted(page.text, action="save"))
    assert asked(world, "schedules.create")[0][1]["data"]["token"] == "s3cret"


def test_the_preview_answers_with_the_parts_that_script_exchanges(pages: Any, world: World) -> None:
    page = pages.post("/preview", data=FORM)
    assert page.text.count('id="when-said"') == 1
    assert page.text.count('id="outlook"') == 1
    assert "<html" not in page.text
    assert "At 02:30 every day" in page.text
    assert "14 other schedules start in this minute." in page.text
    assert 'name="use" value="phrase:every day at 02:37"' in page.text
    assert pages.post("/preview", data={"when_mode": "words"}).status_code == 200
    assert [call for call in world.calls if call[0].startswith("schedules.create")] == []


def test_hostile_text_stays_text(pages: Any, world: World) -> None:
    world.schedules["invoice-export"].update(title=HOSTILE, description=HOSTILE, tags=[HOSTILE], data={"url": HOSTILE})
    for path in ("/schedules/invoice-export/edit", "/schedules/invoice-export/clone", "/schedules/invoice-export/run"):
        page = pages.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert '" onmouseover="' not in page.text
        assert " 49 " not in page.text
    back = pages.post("/schedules/new", data=FORM | {"title": HOSTILE, "when_phrase": HOSTILE, "action": "preview"})
    assert "<script>alert" not in back.text


def test_no_page_needs_what_the_policy_forbids(pages: Any) -> None:
    for path in ("/schedules/new", "/schedules/new?handler=fetch", "/schedules/invoice-export/edit"):
        page = pages.get(path).text
        assert not re.search(r"\sstyle=|\son[a-z]+=|<script(?![^>]* src=)|javascript:", page)


def test_each_control_has_a_name_and_each_description_exists(pages: Any) -> None:
    page = pages.post("/schedules/new", data=FORM | {"data/url": "", "title": "", "data/timeout_seconds": "x"}).text
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for names in re.findall(r'aria-describedby="([^"]+)"', page):
        assert set(names.split()) <= set(ids)
    assert set(re.findall(r'<label for="([^"]+)"', page)) <= set(ids)


def test_a_handler_that_is_gone_is_edited_as_json(pages: Any, world: World) -> None:
    del world.handlers["sql"]
    page = pages.get("/schedules/hourly-report/edit")
    assert page.status_code == 200
    assert 'name="data_json"' in page.text
