"""The pause of everything: a banner on every page, the way out of it, and two people who do it at once."""

from __future__ import annotations

import html
import re

import pytest
from browsing import Pages
from fake_client import FakeClient, World

from enschedule_core.schedule import SkipReason
from enschedule_dashboard.views.everything import missed_words
from enschedule_dashboard.views.schedule import SKIP_WORDS


def pause_of(by: str, reason: str | None = None, slots: int | None = 1) -> dict:
    return {"paused": True, "reason": reason, "until": None, "by": by, "at": "2026-11-23T08:12:00Z", "slots": slots}


def undo(text: str) -> dict[str, str]:
    """Return the hidden fields of the button beside what was said."""
    form = re.search(r'<div class="notice.*?<form[^>]*>(.*?)</form>', text, re.DOTALL)[1]
    return {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form)}


@pytest.mark.parametrize("path", ["/workers", "/schedules"])
def test_everything_is_paused_with_a_reason_and_resumed_from_the_banner(pages: Pages, world: World, path: str) -> None:
    assert "Pause everything" in pages.text(path)
    pages.post("/everything/pause", {"reason": "database move", "next": path})
    assert ("pause.begin", "database move") in world.calls
    shown = pages.text(path)
    assert "Everything is paused by ada lovelace since" in shown
    assert "“database move”" in shown
    assert "Pause everything…" not in shown
    assert f'href="/everything/resume?next={path}"' in shown
    asked = pages.text(f"/everything/resume?next={path}")
    assert "18 slots were missed." in asked
    assert all(
        words in asked for words in ("Skip them", "Run the latest of each schedule", "Run all", "Keep it paused")
    )
    assert pages.post("/everything/resume", {"next": path, "missed": "skip"}).location == path
    assert ("pause.end", "skip") in world.calls
    shown = pages.text(path)
    assert "Everything goes on. 18 slots were skipped." in shown
    assert "Everything is paused by" not in shown


@pytest.mark.parametrize(
    ("missed", "said"),
    [
        ("latest", "Everything goes on. Of each schedule the latest missed slot runs."),
        ("all", "Everything goes on. The missed slots run, as many as each schedule allows."),
    ],
)
def test_what_was_missed_runs_where_that_is_chosen(pages: Pages, world: World, missed: str, said: str) -> None:
    pages.post("/everything/pause", {})
    pages.post("/everything/resume", {"missed": missed})
    assert ("pause.end", missed) in world.calls
    assert said in pages.text("/")


def test_an_undo_asks_too_once_slots_have_passed(pages: Pages, world: World) -> None:
    pages.post("/everything/pause", {"next": "/schedules"})
    fields = undo(pages.text("/schedules"))
    assert pages.post("/everything/resume", fields).location == "/everything/resume?next=/schedules"
    assert ("pause.end", "skip") not in world.calls
    world.paused = pause_of("ada lovelace", slots=0)
    assert pages.post("/everything/resume", fields).location == "/schedules"
    assert "Everything goes on." in pages.text("/schedules")


def test_missed_slots_that_are_too_many_to_count_or_only_one() -> None:
    assert missed_words(None).words == "Very many slots were missed."
    assert missed_words(1).ways == [("skip", "Skip it"), ("latest", "Run it")]
    assert [key for key, _ in missed_words(0).ways] == ["skip"]


class TestTwoPeople:
    def test_the_second_is_told_who_has_paused_and_may_write_another_reason(self, pages: Pages, world: World) -> None:
        world.paused, world.pause_revision = pause_of("bob", "database move"), 7
        pages.post("/everything/pause", {"reason": "upgrade", "next": "/schedules"})
        assert world.paused["reason"] == "database move"
        shown = pages.text("/schedules")
        assert (
            "Everything is paused already, by bob since 09:12: “database move”. Your reason was not written." in shown
        )
        fields = undo(shown)
        assert (fields["reason"], fields["revision"]) == ("upgrade", "7")
        pages.post("/everything/pause", fields)
        assert ("pause.begin", "upgrade") in world.calls
        assert undoes_nothing(pages.text("/schedules"))

    def test_also_at_the_same_moment(self, pages: Pages, world: World) -> None:
        def bob() -> None:
            world.paused, world.pause_revision = pause_of("bob", "database move"), 1

        world.meanwhile = bob
        pages.post("/everything/pause", {"next": "/schedules"})
        assert "Everything is paused already, by bob since 09:12: “database move”." in pages.text("/schedules")
        assert not [call for call in world.calls if call[0] == "pause.begin"]

    def test_a_double_click_is_one_pause(self, pages: Pages, world: World) -> None:
        for _ in range(2):
            pages.post("/everything/pause", {"reason": "move", "next": "/schedules"})
        assert world.calls.count(("pause.begin", "move")) == 1
        assert "Everything is paused already" not in pages.text("/schedules")

    def test_an_undo_does_not_lift_the_pause_of_somebody_else(self, pages: Pages, world: World) -> None:
        pages.post("/everything/pause", {"next": "/schedules"})
        fields = undo(pages.text("/schedules"))
        world.paused, world.pause_revision = pause_of("bob", "database move"), 3
        pages.post("/everything/resume", fields)
        assert world.paused is not None
        assert "That is another pause than the one you meant, so it stays." in pages.text("/schedules")
        world.paused = None
        pages.post("/everything/resume", fields)
        assert "Everything goes on already." in pages.text("/schedules")


def undoes_nothing(text: str) -> bool:
    return "<form" not in re.search(r'<div class="notice .*?</div>', text, re.DOTALL)[0]


def test_home_says_it_first(pages: Pages, world: World) -> None:
    pages.post("/everything/pause", {})
    assert "Everything is paused by ada lovelace since" in pages.text("/")
    assert "18 slots skipped so far." in pages.text("/")


def test_who_may_only_look_sees_no_button(pages: Pages, world: World) -> None:
    world.permissions = ["read"]
    world.paused = pause_of("bob")
    shown = pages.text("/workers")
    assert "Everything is paused by bob since 09:12." in shown
    assert "/everything/" not in shown


def test_every_reason_of_a_skip_has_words() -> None:
    assert {reason.value for reason in SkipReason} <= SKIP_WORDS.keys()


def test_a_worker_that_is_older_says_with_its_queue_that_everything_is_paused(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = FakeClient.me

    def without(self: FakeClient) -> dict:
        return {name: said for name, said in asked(self).items() if name != "server"}

    monkeypatch.setattr(FakeClient, "me", without)
    pages.post("/everything/pause", {"reason": "database move", "next": "/runs"})
    shown = pages.text("/runs")
    assert "Everything is paused by ada lovelace since" in shown
    assert "Everything is paused by" in pages.text("/schedules")
