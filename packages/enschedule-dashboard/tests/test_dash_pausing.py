"""Pausing one schedule and taking it back, while somebody else does the same."""

from __future__ import annotations

import html
import re

import pytest
from browsing import Pages
from fake_client import World

SHOP = "/schedules/check-shop"


def notice(text: str) -> str:
    return html.unescape(re.search(r'<div class="notice .*?</div>', text, re.DOTALL)[0])


def fields(text: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', notice(text))}


@pytest.fixture(autouse=True)
def nothing_missed(world: World) -> None:
    world.missed = 0


@pytest.fixture
def theirs(pages: Pages, world: World):
    """Let bob pause it, in the place of whoever did."""

    def pause(at: str) -> None:
        world.schedules["check-shop"] |= {
            "paused": True,
            "status": "paused",
            "pause": {"reason": "vendor maintenance", "until": None, "by": "bob", "at": at},
        }

    return pause


def test_the_undo_says_what_it_undoes_and_does_that(pages: Pages, world: World) -> None:
    pages.post(f"{SHOP}/pause", {"reason": "a look"})
    text = pages.text(SHOP)
    assert f'aria-label="Undo: {world.schedules["check-shop"]["title"]} is paused."' in text
    pages.post(f"{SHOP}/resume", fields(text))
    assert not world.schedules["check-shop"]["paused"]
    again = notice(pages.text(SHOP))
    assert ">Pause it again</button>" in again
    assert 'name="reason" value="a look"' in again


def test_what_somebody_paused_is_told_not_replaced(pages: Pages, world: World, theirs) -> None:
    theirs("2026-11-23T08:12:00Z")
    pages.post(f"{SHOP}/pause", {"reason": "a look"})
    text = pages.text(SHOP)
    said = "is paused already, by bob since 09:12: “vendor maintenance”. Yours was not written."
    assert said in notice(text)
    assert world.schedules["check-shop"]["pause"]["by"] == "bob"
    pages.post(f"{SHOP}/pause", fields(text))
    assert world.schedules["check-shop"]["pause"]["reason"] == "a look"
    assert "<form" not in notice(pages.text(SHOP))  # what bob had written cannot be brought back


def test_a_double_click_pauses_once(pages: Pages, world: World) -> None:
    for _ in range(2):
        pages.post(f"{SHOP}/pause", {"reason": "a look"})
    assert len([call for call in world.calls if call[0] == "schedules.pause"]) == 1
    assert "is paused already" not in pages.text(SHOP)


def test_an_old_undo_leaves_a_newer_pause(pages: Pages, world: World, theirs) -> None:
    pages.post(f"{SHOP}/pause")
    undo = fields(pages.text(SHOP))
    theirs("2026-11-23T13:33:00Z")
    pages.post(f"{SHOP}/resume", undo)
    assert world.schedules["check-shop"]["paused"]
    said = "was paused anew, by bob since 14:33: “vendor maintenance”. That is another pause than the one you meant"
    assert said in notice(pages.text(SHOP))


def test_an_undo_that_comes_too_late_says_so(pages: Pages, world: World) -> None:
    pages.post(f"{SHOP}/pause")
    undo = fields(pages.text(SHOP))
    for _ in range(2):
        pages.post(f"{SHOP}/resume", undo)
    text = pages.text(SHOP)
    assert "runs again already." in text
    assert len([call for call in world.calls if call[0] == "schedules.resume"]) == 1


def test_to_pause_again_what_somebody_has_paused_by_then_changes_nothing(pages: Pages, world: World, theirs) -> None:
    pages.post(f"{SHOP}/pause", {"reason": "a look"})
    pages.post(f"{SHOP}/resume", fields(pages.text(SHOP)))
    again = fields(pages.text(SHOP))
    theirs("2026-11-23T13:33:00Z")
    pages.post(f"{SHOP}/pause", again)
    assert world.schedules["check-shop"]["pause"]["by"] == "bob"


def test_another_tab_that_looks_for_news_leaves_what_is_said_to_the_page_that_asked(pages: Pages) -> None:
    pages.post(f"{SHOP}/pause")
    assert "Undo:" not in pages.get("/schedules", headers={"X-Live": "1"}).text
    assert "Undo:" in pages.text(SHOP)


class TestResumingInOneGo:
    """The switch of a row, and an undo: neither says what becomes of missed slots."""

    form = {"next": "/schedules?tag=database"}  # noqa: RUF012

    def test_where_nothing_was_missed_one_click_is_enough(self, pages: Pages, world: World) -> None:
        answer = pages.post("/schedules/vacuum-db/resume", self.form)
        assert answer.location == "/schedules?tag=database"
        assert ("schedules.resume", "vacuum-db", "skip") in world.calls

    @pytest.mark.parametrize("slots", [1, 37, None])
    def test_where_slots_were_missed_it_is_asked_what_becomes_of_them(
        self, pages: Pages, world: World, slots: int | None
    ) -> None:
        world.missed = slots
        answer = pages.post("/schedules/vacuum-db/resume", self.form)
        assert (answer.status_code, world.schedules["vacuum-db"]["paused"]) == (303, True)
        text = pages.text(answer.location)
        assert "Resume Vacuum database?" in text
        assert 'href="/schedules?tag=database">Keep it paused</a>' in text
        sent = dict(re.findall(r'type="hidden" name="(next|pause_at)" value="([^"]*)"', text.partition("<main")[2]))
        done = pages.post("/schedules/vacuum-db/resume", {**sent, "missed": "latest"})
        assert done.location == "/schedules?tag=database"
        assert ("schedules.resume", "vacuum-db", "latest") in world.calls

    def test_an_undo_asks_too(self, pages: Pages, world: World) -> None:
        pages.post(f"{SHOP}/pause")
        world.missed = 2
        answer = pages.post(f"{SHOP}/resume", fields(pages.text(SHOP)))
        assert answer.location == f"{SHOP}/resume?next={SHOP}"
        assert world.schedules["check-shop"]["paused"]

    def test_an_old_undo_is_not_asked_about_another_pause(self, pages: Pages, world: World, theirs) -> None:
        pages.post(f"{SHOP}/pause")
        undo = fields(pages.text(SHOP))
        theirs("2026-11-23T13:33:00Z")
        world.missed = 2
        assert pages.post(f"{SHOP}/resume", undo).location == SHOP
        assert "so it stays" in notice(pages.text(SHOP))

    def test_the_question_leads_back_to_no_other_site(self, pages: Pages, world: World) -> None:
        world.missed = 2
        assert 'href="/schedules/vacuum-db">Keep it paused</a>' in pages.text(
            "/schedules/vacuum-db/resume?next=//evil.example"
        )
