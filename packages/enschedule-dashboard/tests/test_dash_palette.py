"""Search or go to: what typed words mean, as a page; the palette of Ctrl-K shows the same."""

from __future__ import annotations

import html
import re

import pytest
from browsing import Pages
from fake_client import World


def hits(pages: Pages, words: str) -> dict[str, list[str]]:
    """Return the labels under each heading."""
    answer = pages.client.get("/go", query_string={"q": words})
    assert answer.status_code == 200
    found = answer.text.partition('id="found"')[2]
    parts = re.findall(r"<h2>([^<]+)</h2>(.*?)</section>", found, re.DOTALL)
    return {name: [html.unescape(label) for label in re.findall(r'hit-label">([^<]*)<', body)] for name, body in parts}


def test_nothing_typed_are_the_pages(pages: Pages) -> None:
    assert hits(pages, "")["Pages"][:3] == ["Home", "Schedules", "Runs"]
    assert "New schedule" in hits(pages, "")["Pages"]


def test_words_find_schedules_handlers_and_pages(pages: Pages) -> None:
    found = hits(pages, "invoice")
    assert found["Schedules"] == ["Invoice export"]
    assert hits(pages, "work")["Pages"] == ["Workers"]
    assert hits(pages, "fetch")["Handlers"] == ["Fetch"]


def test_a_number_is_a_run(pages: Pages, world: World) -> None:
    number = next(iter(world.runs))
    for words in (str(number), f"{number:,}", f"run {number}"):
        assert hits(pages, words)["Runs"] == [f"Run {number:,}"]
    assert "Runs" not in hits(pages, "99999999")
    assert "Runs" not in hits(pages, "9" * 30)


@pytest.mark.parametrize("verb", ["run", "pause", "edit", "clone", "delete"])
def test_a_verb_before_words_does_something_to_what_they_find(pages: Pages, verb: str) -> None:
    said = {"run": "Run Invoice export now", "delete": "Delete Invoice export…"}
    assert hits(pages, f"{verb} invoice")["Actions"] == [said.get(verb, f"{verb.capitalize()} Invoice export")]


def test_an_action_is_a_form_that_works_without_script(pages: Pages, world: World) -> None:
    text = pages.client.get("/go", query_string={"q": "run invoice"}).text
    action = re.search(r'<form method="post" action="([^"]+)"', text)[1]
    assert pages.post(action, page="/go?q=run+invoice").status_code == 303
    assert any(call[0] == "schedules.run" for call in world.calls)


def test_only_what_can_be_done_is_offered(pages: Pages, world: World) -> None:
    assert "Actions" not in hits(pages, "resume invoice")  # it is not paused
    assert hits(pages, "resume vacuum")["Actions"] == ["Resume Vacuum database…"]
    assert "Actions" not in hits(pages, "resume everything")
    pause = {"reason": None, "until": None, "by": "ada", "at": "2026-11-23T08:12:00Z"}
    world.paused = pause | {"paused": True, "slots": 0}
    assert hits(pages, "resume everything")["Actions"] == ["Resume everything…"]
    world.paused = None
    assert hits(pages, "pause")["Actions"] == ["Pause everything"]
    world.permissions = ["read"]
    assert "Actions" not in hits(pages, "run invoice")
    assert "Actions" not in hits(pages, "pause")
    assert "New schedule" not in hits(pages, "")["Pages"]


@pytest.mark.parametrize("words", ["<b>x</b>", "{{7*7}}", "\u202egnp", "x" * 10_000, "run " + "é" * 300, "%00"])
def test_hostile_words_stay_words(pages: Pages, words: str) -> None:
    answer = pages.client.get("/go", query_string={"q": words})
    assert answer.status_code == 200
    assert "Nothing is called" in answer.text
    assert "<b>x</b>" not in answer.text
