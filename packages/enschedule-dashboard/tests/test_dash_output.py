"""Lines from chunks: the same whether they come at once or a byte at a time."""

from __future__ import annotations

from typing import Any

import pytest

from enschedule_dashboard.output import Assembler, Piece, merge


def chunk(text: str, stream: str = "stdout", at: str = "2026-11-23T13:32:02.114Z") -> dict[str, Any]:
    return {"seq": 1, "at": at, "stream": stream, "text": text}


def lines(*items: dict[str, Any]) -> list[str]:
    return [piece.text for piece in merge(Assembler().feed(items))]


def test_a_chunk_holds_many_lines_and_a_line_comes_in_many_chunks() -> None:
    assert lines(chunk("one\ntwo\nthr"), chunk("ee\n"), chunk("four")) == ["one", "two", "three", "four"]


def test_empty_lines_count_and_the_end_of_the_text_is_not_one() -> None:
    assert lines(chunk("a\n\n\nb\n")) == ["a", "", "", "b"]


def test_two_streams_do_not_run_into_each_other() -> None:
    pieces = Assembler().feed([chunk("out "), chunk("err\n", "stderr"), chunk("goes on\n")])
    found = [(piece.line, piece.stream, piece.text) for piece in merge(pieces)]
    assert found == [(1, "stdout", "out goes on"), (2, "stderr", "err")]


def test_a_returned_carriage_writes_the_line_anew() -> None:
    assert lines(chunk("10 %\r50 %\r100 %\nnext\r\n")) == ["100 %", "next"]
    assert lines(chunk("10 %\r"), chunk("50 %\r"), chunk("100 %\r\n")) == ["100 %"]


def test_a_colour_that_is_cut_between_two_chunks_is_still_a_colour() -> None:
    pieces = Assembler().feed([chunk("a\x1b[3"), chunk("1mred\nstill")])
    assert [(segment.text, segment.classes) for piece in pieces for segment in piece.segments] == [
        ("a", ()),
        ("red", ("ansi-bad",)),
        ("still", ("ansi-bad",)),
    ]


TEXT = "plain\n\x1b[1;31mred\r\nbar 1\rbar 2\n\nTraceback:\nValueError: no\nlast \x1b]0;t\x07one"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_page_that_follows_shows_what_a_page_that_is_opened_later_shows(size: int) -> None:
    at_once = merge(Assembler().feed([chunk(TEXT)]))
    state, pieces = "", list[Piece]()
    for start in range(0, len(TEXT), size):  # each step is an answer of its own, as for a page that polls
        assembler = Assembler.resume(state)
        pieces += assembler.feed([chunk(TEXT[start : start + size])])
        state = assembler.state()
    assert [(line.line, line.text) for line in merge(pieces)] == [(line.line, line.text) for line in at_once]
    styles = [[segment.classes for segment in line.segments][:1] for line in merge(pieces)]
    assert styles == [[segment.classes for segment in line.segments][:1] for line in at_once]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fine\nConnectError: refused\nValueError: later\n", 2),
        ("INFO all good\n2026-11-23 ERROR disk full\n", 2),
        ("error: no such file\n", 1),
        ("requests.exceptions.HTTPError: 500\n", 1),
        ("0 errors, no exceptions\n", None),
        ("ErrorCount is 0\n", None),
    ],
)
def test_the_first_line_that_reads_like_an_error_is_found_once(text: str, line: int | None) -> None:
    found = [piece.line for piece in Assembler().feed([chunk(text, "stderr")]) if piece.is_error]
    assert found == ([] if line is None else [line])


def test_a_repeated_second_is_left_out() -> None:
    assembler = Assembler()
    assert [assembler.stamp(clock) for clock in ("14:32:02.114", "14:32:02.120", "14:32:03.001")] == [
        "14:32:02.114",
        ".120",
        "14:32:03.001",
    ]
    assert Assembler.resume(assembler.state()).stamp("14:32:03.500") == ".500"


@pytest.mark.parametrize("state", ["", "x", "!!!", "WzFd", "bnVsbA", "W10", "A" * 5_000, "eyJhIjoxfQ", "å"])
def test_a_state_that_nobody_gave_is_the_start(state: str) -> None:
    assert Assembler.resume(state).feed([chunk("a")])[0].line == 1


def test_a_forged_state_brings_no_class_that_is_not_ours() -> None:
    good = Assembler()
    good.feed([chunk("\x1b[31mred")])
    import base64
    import json

    raw = json.loads(base64.urlsafe_b64decode(good.state() + "=="))
    raw[3]["stdout"][2]["tone"] = 'x" onclick="alert(1)'
    forged = base64.urlsafe_b64encode(json.dumps(raw).encode()).decode()
    assert Assembler.resume(forged).feed([chunk("a")])[0].segments[0].classes == ()
