"""What turns a text around stays in the fields it was typed in, and out of all that a page says."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from fake_client import World

from enschedule_dashboard.reordering import spelled, without_bidi_controls

BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
TITLE = "\u202eevil\u2067 title"


class Texts(HTMLParser):
    """Collects the texts of a page but those of textareas, and the values of its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.values: list[str] = []
        self._field = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._field = tag == "textarea"
        self.values += [value or "" for name, value in attrs if tag == "input" and name == "value"]

    def handle_endtag(self, _: str) -> None:
        self._field = False

    def handle_data(self, data: str) -> None:
        (self.values if self._field else self.texts).append(data)


def test_bidi_controls_are_taken_out_of_texts_only() -> None:
    page = '<p title="\u202ea">\u202eb\u2066c “d…”</p><textarea name="x">\u202de</textarea>\u202cf<br>'
    kept = '<p title="\u202ea">bc “d…”</p><textarea name="x">\u202de</textarea>f<br>'
    assert without_bidi_controls(page.encode()).decode() == kept
    plain = "<p>“שלום\u200f” – …\u2028</p>".encode()
    assert without_bidi_controls(plain) is plain


def test_in_data_they_are_spelled() -> None:
    assert spelled('{"a": "\u202eb\u2069"}') == r'{"a": "\u202eb\u2069"}'


SCHEDULE = "/schedules/invoice-export"


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/schedules", "/runs", "/runs/88214", "/go?q=evil", "/calendar"),
        *(SCHEDULE, f"{SCHEDULE}/edit", f"{SCHEDULE}/delete", f"{SCHEDULE}/run"),
    ],
)
def test_no_page_says_any(pages: Any, world: World, path: str) -> None:
    data = {"url": f"https://x.example/{TITLE}"}
    world.schedules["invoice-export"].update(title=TITLE, description=TITLE, tags=[TITLE], data=data)
    world.runs[88214]["outcome"]["message"] = TITLE
    world.runs[88214]["schedule"]["title"] = TITLE
    for answer in (pages.get(path), pages.get(path, headers={"Accept-Encoding": "gzip, identity;q=0"})):
        assert answer.status_code == 200
    found = Texts(pages.text(path))
    assert [text for text in found.texts if BIDI_CONTROLS.search(text)] == []
    if path.endswith("/edit"):
        assert TITLE in found.values
        assert any(TITLE in value for value in found.values if value.startswith("https"))


def test_what_was_typed_comes_back_as_it_was(pages: Any) -> None:
    sent = {"title": TITLE, "handler": "fetch@1", "when_mode": "words", "when_phrase": TITLE, "action": "preview"}
    assert Texts(pages.post("/schedules/new", data=sent).text).values.count(TITLE) >= 2
