"""JSON as it travels: quick where it can be, and the same where it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enschedule_core import json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_it_reads_and_writes_as_the_standard_library(value: Any) -> None:
    written = json_text.encode(value)
    assert json.loads(written) == value == json_text.decode(written)
    assert json_text.decode(json.dumps(value)) == value


def test_whole_numbers_of_any_size_stay_what_they_are() -> None:
    large = {"n": 10**40 + 1}
    assert json_text.decode(json_text.encode(large)) == large


def test_half_a_surrogate_pair_is_carried_as_an_escape() -> None:
    assert json_text.encode("\ud800") == b'"\\ud800"'
    assert json_text.decode(b'"\\ud800"') == "\ud800"


def test_a_subclass_of_str_is_text() -> None:
    class Marked(str):
        __slots__ = ()

    assert json_text.decode(json_text.encode([Marked("<b>")])) == ["<b>"]


def test_members_keep_their_order_and_the_last_of_two_alike_counts() -> None:
    assert list(json_text.decode(b'{"b": 1, "a": 2}')) == ["b", "a"]
    assert json_text.decode(b'{"b": 1, "b": 2}') == {"b": 2}


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": }', b"\xff", b"<html>"])
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        json_text.decode(text)


def test_what_cannot_be_json_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        json_text.encode(object())


def test_what_is_too_deep_is_said_so() -> None:
    with pytest.raises(RecursionError):
        json_text.decode(b"[" * 100_000)
