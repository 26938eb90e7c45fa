"""The pause of everything: a banner on every page, and the way out of it."""

from __future__ import annotations

import pytest
from browsing import Pages
from fake_client import World

from enschedule_core.schedule import SkipReason
from enschedule_dashboard.views.schedule import SKIP_WORDS


@pytest.mark.parametrize("path", ["/workers", "/schedules"])
def test_everything_is_paused_with_a_reason_and_resumed_from_the_banner(pages: Pages, world: World, path: str) -> None:
    assert "Pause everything" in pages.text(path)
    pages.post("/everything/pause", {"reason": "database move", "next": path})
    assert ("pause.begin", "database move") in world.calls
    shown = pages.text(path)
    assert "Everything is paused by ada lovelace since" in shown
    assert "“database move”" in shown
    assert "Pause everything…" not in shown
    pages.post("/everything/resume", {"next": path})
    assert ("pause.end",) in world.calls
    shown = pages.text(path)
    assert "Everything goes on. 18 slots were skipped." in shown
    assert "Everything is paused by" not in shown


def test_home_says_it_first(pages: Pages, world: World) -> None:
    pages.post("/everything/pause", {})
    assert "Everything is paused by ada lovelace since" in pages.text("/")
    assert "18 slots skipped so far." in pages.text("/")


def test_who_may_only_look_sees_no_button(pages: Pages, world: World) -> None:
    world.permissions = ["read"]
    world.paused = {
        "paused": True,
        "reason": None,
        "until": None,
        "by": "bob",
        "at": "2026-11-23T08:12:00Z",
        "slots": 1,
    }
    shown = pages.text("/workers")
    assert "Everything is paused by bob since 09:12." in shown
    assert "/everything/" not in shown


def test_every_reason_of_a_skip_has_words() -> None:
    assert {reason.value for reason in SkipReason} <= SKIP_WORDS.keys()
