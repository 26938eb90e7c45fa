"""What is refused for a while, or for its size: how long, how much, and that nothing typed is lost."""

from __future__ import annotations

import html
from typing import Any

import pytest
from browsing import Pages
from fake_client import Schedules, World
from submitting import submitted

from enschedule_core.errors import Conflict, EnscheduleError, RateLimited, TooLarge, Unavailable, WorkerUnreachable
from enschedule_dashboard.problems import retry_seconds
from enschedule_dashboard.security import MAX_FORM_BYTES

FORM = {
    "handler": "fetch@1",
    "title": "Kept title",
    "data_mode": "form",
    "data/url": "https://shop.example.org/kept",
    "when_mode": "words",
    "when_phrase": "every day at 02:30",
    "when_timezone": "Europe/Stockholm",
    "action": "save",
}
BUSY = Unavailable("The database is busy.", extra={"retry_after": "2"})
OFTEN = RateLimited("Too many requests.", extra={"retry_after_seconds": 40})
LARGE = TooLarge("The body is larger than 1 MiB: it has 1,310,720 bytes.")
STOPPED = Conflict(
    "Everything is paused by bob since 2026-11-23T08:12:00Z. Nothing starts now.",
    hint='PUT /api/v1/pause with {"paused": false} lets everything go on.',
)
STOPPED_SAID = "Everything is paused by bob since 09:12. Nothing starts now."


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (BUSY, 5),
        (OFTEN, 40),
        (RateLimited("Wait.", extra={"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}), 5),
        (RateLimited("Wait.", extra={"retry_after": "³"}), 5),
        (LARGE, None),
    ],
)
def test_how_long_to_wait_is_what_the_api_says_but_never_hastily(error: EnscheduleError, seconds: int | None) -> None:
    assert retry_seconds(error) == seconds


def test_a_page_that_is_asked_for_too_often_says_when_and_loads_again(pages: Pages, world: World) -> None:
    world.down = OFTEN
    answer = pages.get("/schedules")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "40")
    assert "Trying again in <span data-retry-left>40 s</span>." in answer.text
    assert '<noscript><meta http-equiv="refresh" content="40"></noscript>' in answer.text
    assert "Schedules keep running" not in answer.text


def test_what_was_sent_is_not_sent_again_by_itself(pages: Pages, world: World) -> None:
    token = pages.token()
    world.down = OFTEN
    form = {"csrf_token": token, "next": "/schedules?tag=shop"}
    answer = pages.client.post("/schedules/check-shop/pause", data=form, headers={"Origin": "http://localhost"})
    assert answer.status_code == 429
    assert "Try again in <span data-retry-left>40 s</span>." in answer.text
    assert "http-equiv" not in answer.text
    assert "data-retry-opens" not in answer.text
    assert 'href="/schedules?tag=shop">Back</a>' in answer.text


def test_a_wait_of_an_hour_is_no_reason_to_load_again(pages: Pages, world: World) -> None:
    world.down = RateLimited("Too many.", extra={"retry_after_seconds": 3600})
    text = pages.get("/schedules").text
    assert "Try again in <span data-retry-left>1 h</span>." in text
    assert "http-equiv" not in text


@pytest.mark.parametrize("error", [OFTEN, LARGE, BUSY])
def test_an_editor_that_is_refused_keeps_what_was_typed(pages: Pages, monkeypatch: Any, error: EnscheduleError) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Schedules, "create", refuse)
    answer = pages.post("/schedules/new", FORM)
    assert answer.status_code == error.status
    assert error.detail in answer.text
    assert 'value="Kept title"' in answer.text
    assert 'value="https://shop.example.org/kept"' in answer.text
    assert ("data-retry=" in answer.text) == (retry_seconds(error) is not None)


GONE = WorkerUnreachable("The worker at http://worker:8080 does not answer (connection refused).")
TYPED = {"title": 'Kept "title"', "description": "one line\r\n  another", "tags": "shop, nightly"}


@pytest.mark.parametrize("error", [GONE, BUSY, OFTEN])
@pytest.mark.parametrize("path", ["/schedules/new", "/schedules/check-shop/edit"])
def test_a_form_that_meets_no_worker_is_sent_again_as_it_was_typed(
    pages: Pages, world: World, path: str, error: EnscheduleError
) -> None:
    token = pages.token()
    form = {"csrf_token": token, **FORM, **TYPED, "once": "once-only-1"}
    world.down = error
    answer = pages.client.post(path, data=form, headers={"Origin": "http://localhost"})
    assert answer.status_code == error.status
    assert error.detail in answer.text
    assert "All that you typed is kept here" in answer.text
    assert 'href="/">Home</a>' in answer.text
    kept = answer.text.partition('id="typed">')[2].partition("</form>")[0]
    assert f'action="{path}" id="typed">' in answer.text
    assert submitted(kept).to_dict() == {**form, "csrf_token": submitted(kept)["csrf_token"]}
    still = pages.client.post(path, data=submitted(kept), headers={"Origin": "http://localhost"})
    assert "Send it again" in still.text
    world.down = None
    done = pages.client.post(path, data=submitted(kept), headers={"Origin": "http://localhost"})
    assert done.status_code == 303
    assert any(schedule["title"] == TYPED["title"] for schedule in world.schedules.values())


def test_a_password_is_not_carried(pages: Pages, world: World) -> None:
    token = pages.token()
    world.down = GONE
    form = {"csrf_token": token, "name": "ada", "password": "a made-up one"}
    answer = pages.client.post("/admin/users", data=form, headers={"Origin": "http://localhost"})
    assert answer.status_code == 503
    assert "a made-up one" not in answer.text


def test_a_run_with_other_data_that_is_refused_keeps_them(pages: Pages, monkeypatch: Any) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise STOPPED

    monkeypatch.setattr(Schedules, "run", refuse)
    typed = {"data_mode": "form", "data/url": "https://shop.example.org/kept", "action": "run"}
    answer = pages.post("/schedules/check-shop/run", typed)
    assert answer.status_code == 409
    assert f"{STOPPED_SAID}</p>" in answer.text  # and nothing that is for programs
    assert 'value="https://shop.example.org/kept"' in answer.text


def test_what_is_saved_and_may_not_run_is_said_to_be_saved(pages: Pages, monkeypatch: Any) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise STOPPED

    monkeypatch.setattr(Schedules, "run", refuse)
    answer = pages.post("/schedules/new", FORM | {"action": "save_run"})
    assert answer.location == "/schedules/kept-title"
    said = f"Kept title is saved, but does not run now: {STOPPED_SAID}"
    assert said in pages.text(answer.location)


def test_what_is_too_large_to_be_read_says_how_large_and_how_much_may_be(pages: Pages) -> None:
    origin = {"Origin": "http://localhost"}
    answer = pages.client.post("/theme", data={"x": "y" * (MAX_FORM_BYTES + 1_000_000)}, headers=origin)
    assert answer.status_code == 413
    said = "What was sent has 5.0 MB, and a form may have 4.0 MB. Nothing was changed."
    assert said in html.unescape(answer.text)
    fields = {f"f{number}": "x" for number in range(2000)}
    many = pages.client.post("/theme", data=fields, headers=origin, content_type="multipart/form-data")
    assert many.status_code == 403 or "more fields than any form here" in many.text
