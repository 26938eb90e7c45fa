"""Workers: one that is gone is forgotten, after a question that names it."""

from __future__ import annotations

import pytest
from browsing import Pages
from fake_client import World
from fake_data import worker


@pytest.fixture(autouse=True)
def gone(world: World) -> None:
    world.workers.append(worker("web-3", "down", used=0, seen=720))


def test_a_worker_is_removed_after_a_question_with_its_name(pages: Pages, world: World) -> None:
    text = pages.text("/workers")
    assert 'href="/workers/web-3-a/remove" aria-label="Remove web-3…">Remove…</a>' in text
    assert 'action="/workers/' not in text
    asks = pages.text("/workers/web-3-a/remove")
    assert "<h1>Remove web-3?</h1>" in asks
    assert "It was last seen 12 min ago." in asks
    assert ">Remove web-3</button>" in asks
    assert len(world.workers) == 3
    assert pages.post("/workers/web-3-a/remove").location == "/workers"
    assert [one["id"] for one in world.workers] == ["web-1", "web-2"]
    assert "The worker is forgotten." in pages.text("/workers")


def test_one_that_is_forgotten_already_is_not_found(pages: Pages) -> None:
    assert pages.get("/workers/web-9/remove").status_code == 404


def test_who_may_not_remove_it_is_not_offered_that(pages: Pages, world: World) -> None:
    world.permissions = ["read", "operate", "edit"]
    assert "/remove" not in pages.text("/workers")
