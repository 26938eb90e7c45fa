"""Masks: no value is seen, wherever it is cut in two, and nothing else is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enschedule_core.masking import MASK, Mask, MaskedStream, RecentValues

ALPHABET = "abc\n"
VALUES = st.lists(st.text(ALPHABET, min_size=4, max_size=9), min_size=1, max_size=4)
TEXTS = st.text(ALPHABET + "xyz", max_size=60)
ODD = 'se"cr\\et ä/+&\ttail'
PEM = "-----BEGIN KEY-----\nMIIEvgIBADANBgkq\nhkiG9w0B\nab\n-----END KEY-----\n"


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    at = 0
    for cut in cuts:
        yield data[at : at + cut]
        at += cut
    yield data[at:]


@given(VALUES, TEXTS, st.data())
def test_however_it_is_cut_no_value_is_seen_and_all_is_as_if_it_had_come_at_once(
    values: list[str], around: str, data: st.DataObject
) -> None:
    text = around + data.draw(st.sampled_from(values)) + data.draw(TEXTS)
    mask = Mask(values)
    stream = MaskedStream(mask)
    cuts = data.draw(st.lists(st.integers(0, 5), max_size=40))
    seen = b"".join(stream.feed(piece) for piece in pieces(text.encode(), cuts)) + stream.feed(b"", last=True)
    assert seen.decode() == mask.text(text)
    assert not any(value in seen.decode() for value in values)
    assert MASK in seen.decode()


@given(TEXTS)
def test_what_is_no_value_passes_as_it_is(text: str) -> None:
    stream = MaskedStream(Mask(["q" * 8, "abcq"]))
    assert stream.feed(text.encode()) + stream.feed(b"", last=True) == text.encode()


def test_what_may_become_a_value_waits_and_nothing_else_does() -> None:
    stream = MaskedStream(Mask(["hunter2-and-more"]))
    assert stream.feed(b"say hunter2") == b"say "
    assert stream.feed(b"-and-more") == b"***"
    assert stream.feed(b" hunt\n") == b" hunt\n"
    assert stream.feed(b" hunt") == b" "
    assert stream.feed(b"", last=True) == b"hunt"


def test_a_stream_of_overlapping_values_is_not_kept_for_ever() -> None:
    stream = MaskedStream(Mask(["aaaa"]))
    for _ in range(1_000):
        stream.feed(b"a" * 1_000)
        assert len(stream._rest) < 10
    assert stream.feed(b"!", last=True) == b"!"


@pytest.mark.parametrize(
    "written",
    [ODD, json.dumps(ODD), json.dumps(ODD, ensure_ascii=False), repr(ODD), quote(ODD), quote(ODD, safe="")],
)
def test_a_value_is_found_in_the_forms_in_which_programs_write_it(written: str) -> None:
    shown = Mask([ODD]).text(f"before {written} after")
    assert "tail" not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


def test_white_space_made_single_and_each_longer_line_of_a_value_is_found() -> None:
    mask = Mask([PEM])
    assert mask.text(" ".join(PEM.split())) == MASK
    for line in ("-----BEGIN KEY-----", "MIIEvgIBADANBgkq", "hkiG9w0B"):
        assert mask.text(f"| {line} |") == f"| {MASK} |"
    assert mask.text("| ab |") == "| ab |"


def test_short_values_are_left() -> None:
    assert not Mask(["abc", ""])
    assert Mask(["abc", "abcd"]).text("abc abcd") == "abc ***"


def test_json_values_are_masked_with_their_names_and_numbers() -> None:
    found = Mask(["hunter2", "1234"]).value({"hunter2": [1234, "x hunter2", None, True, 12345.5]})
    assert found == {MASK: [MASK, f"x {MASK}", None, True, 12345.5]}


def test_a_log_knows_the_values_that_came_last() -> None:
    recent = RecentValues(most=2)
    assert recent.mask.text("first") == "first"
    recent.add(["first", "second"])
    recent.add(["third"])
    assert recent.mask.text("first second third") == "first *** ***"
