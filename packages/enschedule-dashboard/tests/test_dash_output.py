"""Lines as they are drawn: colours and hits as classes, the gap and the first error told, times in a column."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fake_data import NOW

from enschedule_dashboard.output import Row, rows, since, times
from enschedule_dashboard.present import Viewer

VIEWER = Viewer(NOW, ZoneInfo("Europe/Stockholm"))


def answer(*texts: str, **more: Any) -> Any:
    items = [
        {
            "line": number,
            "position": number,
            "at": "2026-11-23T13:32:02.114Z",
            "stream": "stdout",
            "text": text,
            "left_out": 0,
        }
        for number, text in enumerate(texts, 1)
    ]
    end = {
        "lines": len(items),
        "first_error": None,
        "next_after": 1,
        "complete": True,
        "fence": 1,
        "status": "succeeded",
    }
    return {"items": items, **end, "truncated": False, **more}


def parts(text: str, find: str = "") -> list[tuple[str, str]]:
    return list(rows(answer(text), find)[0].parts)


def test_a_hit_is_marked_whatever_its_case_and_colour() -> None:
    assert parts("a \x1b[31mTime\x1b[1mout\x1b[0m timeout", "timeout") == [
        ("a ", ""),
        ("Time", "ansi-bad sought"),
        ("out", "ansi-bad ansi-bold sought"),
        (" ", ""),
        ("timeout", "sought"),
    ]
    assert parts("aaa", "aa") == [("aa", "sought"), ("a", "")]
    assert parts("a.c abc", ".") == [("a", ""), (".", "sought"), ("c abc", "")]
    assert parts("nothing", "x") == [("nothing", "")]


def test_the_text_stays_the_same_however_it_is_marked() -> None:
    text = "one \x1b[32mtwo\x1b[0m two 😀 two"
    assert "".join(part for part, _ in parts(text, "two")) == "one two two 😀 two"


def test_the_first_error_and_what_was_left_out_are_told() -> None:
    note = "[1,234 bytes of output were left out here]"
    assert [row.kind for row in rows(answer("a", note, "ValueError: x", truncated=True, first_error=3))] == [
        "",
        "gap",
        "error",
    ]
    assert rows(answer(note))[0].kind == ""  # a program may print the same


def test_a_repeated_second_is_left_out() -> None:
    start = NOW.replace(hour=13, minute=32, second=2, microsecond=114_000)
    after = (0, 0.006, 0.006, 0.887, 0.887)
    found = [Row(n, n, start + timedelta(seconds=plus), "stdout", ()) for n, plus in enumerate(after, 1)]
    shown = [time.shown for time in times(found, VIEWER, start)]
    assert shown == ["14:32:02.114", ".120", ".120", "14:32:03.001", ".001"]
    shown = [time.shown for time in times(found, VIEWER, start, since_start=True)]
    assert shown == ["+0.000", "+0.006", "+0.006", "+0.887", "+0.887"]


def test_a_line_says_its_time_in_words_and_for_machines() -> None:
    start = NOW.replace(hour=13, minute=32, second=2, microsecond=114_000)
    (time,) = times([Row(1, 1, start + timedelta(seconds=2), "stdout", ())], VIEWER, start)
    assert time.exact.endswith("14:32:04.114, Europe/Stockholm, +2.000 since the start")
    assert time.wire == "2026-11-23T13:32:04.114+00:00"
    (time,) = times([Row(1, 1, start, "stdout", ())], VIEWER, None)
    assert time.exact.endswith("14:32:02.114, Europe/Stockholm")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.131, "+0.131"), (59.9996, "+1:00.000"), (62.5, "+1:02.500"), (3725.5, "+1:02:05.500"), (-1, "+0.000")],
)
def test_the_time_since_the_start(seconds: float, words: str) -> None:
    start = datetime(2026, 11, 23, tzinfo=ZoneInfo("UTC"))
    assert since(start, start + timedelta(seconds=seconds)) == words
    assert since(None, start) == ""
