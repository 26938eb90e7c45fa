"""What reaches a terminal: nothing that steers it, tables that fit, times and data that people read and write."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enschedule_cli import times
from enschedule_cli.data import Data, json_value
from enschedule_cli.table import Cell, Column, cut, draw, width_of
from enschedule_cli.terminal import OutputFilter, clean, clean_lines
from enschedule_cli.yaml_text import NotYaml, dump, load

HOSTILE = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\rb",
    "\u202eevil",
    "\u2066x\u2069",
    "a\x00b",
    "\ud800",
    "x\u2028y",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def steers(text: str) -> list[str]:
    """The characters of a text that could do anything to a terminal."""
    return [
        one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") and one not in "\n\u200d"
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_left(text):
    assert steers(clean(text)) == []
    assert steers(clean_lines(text)) == []
    assert steers("".join(draw([Column("A"), Column("B")], [[text, Cell(text, "bad")]]))) == []


@given(st.text())
def test_nothing_of_any_text_steers_and_what_is_harmless_stays(text):
    assert steers(clean(text)) == []
    assert "\n" not in clean(text)
    harmless = "".join(one for one in text if one.isprintable())
    assert clean(harmless) == harmless


def test_letters_of_all_scripts_and_joined_emoji_stay():
    for text in ("åäö", "日本語", "العربية", "👨\u200d👩\u200d👧"):
        assert clean(text) == text


# --- What a run printed ---


def filtered(*pieces: str) -> str:
    one = OutputFilter()
    return "".join([*map(one.feed, pieces), one.end()])


def test_output_keeps_its_lines_and_colours_and_nothing_else():
    assert filtered("a\tb\n\x1b[1;31mred\x1b[0m\n") == "a\tb\n\x1b[1;31mred\x1b[0m\n\x1b[0m"
    assert filtered("x\x1b[2Jy\x1b]0;t\x07z") == "x�[2Jy�]0;t�z"
    assert filtered("50%\r100%\r\nend") == "50%\n100%\nend"


def test_a_colour_may_begin_in_one_piece_and_end_in_the_next():
    assert filtered("a\x1b", "[3", "1mred") == "a\x1b[31mred\x1b[0m"
    assert filtered("a\r", "\nb") == "a\nb"
    assert filtered("a\x1b") == "a�"


@given(st.lists(st.text(alphabet="a\x1b[;0123mJ\r\n\x07é"), max_size=6))
def test_however_it_is_cut_only_colours_are_left(pieces):
    text = filtered(*pieces)
    assert steers(re.sub(r"\x1b\[[0-9;:]*m", "", text)) == []
    assert filtered("".join(pieces)) == text


# --- Tables ---


def test_columns_are_as_wide_as_they_need_and_are_told_apart():
    lines = draw([Column("ID"), Column("TITLE"), Column("N", right=True)], [["a", "First", "1"], ["bbb", "", "10"]])
    assert lines == ["ID   TITLE   N", "a    First   1", "bbb         10"]


@pytest.mark.parametrize("width", [20, 30, 47, 80])
def test_no_line_is_wider_than_the_terminal(width):
    columns = [Column("ID"), Column("TITLE", gives_way=True), Column("STATUS"), Column("MESSAGE", gives_way=True)]
    rows = [["ping", "日本語" * 20, "failed", "x" * 200], ["p", "short", "succeeded", ""]]
    lines = draw(columns, rows, width=width)
    assert all(width_of(line) <= width for line in lines)
    if width >= 47:
        assert "ping" in lines[1]
        assert "failed" in lines[1]
        assert "…" in lines[1]


def test_where_room_is_short_empty_columns_go_first():
    columns = [Column("ID"), Column("NOTHING"), Column("STATUS")]
    assert draw(columns, [["a", "", "failed"]], width=80)[0] == "ID  NOTHING  STATUS"
    assert draw(columns, [["a", "", "failed"]], width=12) == ["ID  STATUS", "a   failed"]
    assert draw(columns, [["", "", ""]], width=5) == ["", ""]


def test_width_counts_what_a_terminal_shows():
    assert [width_of(text) for text in ("abc", "日本", "e\u0301", "👍")] == [3, 4, 1, 2]
    assert cut("日本語", 5) == "日本…"
    assert cut("abc", 3) == "abc"


@given(st.text(max_size=30), st.integers(0, 12))
def test_what_is_cut_fits(text, width):
    assert width_of(cut(clean(text), width)) <= width


# --- Times ---


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0.0123, "12 ms"),
        (1, "1 s"),
        (2.5, "2.5 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (86_460, "1 d"),
    ],
)
def test_durations_have_two_units(seconds, said):
    assert times.span(seconds) == said


def test_instants_are_said_from_now():
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert times.relative("2026-03-28T14:05:00Z", now) == "in 2 h 5 min"
    assert times.relative("2026-03-28T11:57:00Z", now) == "3 min ago"
    assert times.relative("2026-03-28T12:00:00.3Z", now) == "now"
    assert times.relative(None, now) == ""
    assert times.in_zone("2026-03-29T01:00:00Z", "Europe/Stockholm") == "Sun 29 Mar 2026 03:00:00 CEST"
    assert times.in_zone("2026-03-29T01:00:00Z", "No/Where").endswith("01:00:00 UTC")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("15min", 900), ("2h", 7200), ("1d12h", 129_600), ("2.5", 2.5)]
)
def test_durations_are_read(text, seconds):
    assert times.Duration().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "-3s", "3x", "1h1d", "9" * 30 + "d", "٣s"])
def test_what_is_no_duration_is_refused_with_one_that_is(text):
    with pytest.raises(click.BadParameter, match="for example"):
        times.Duration().convert(text, None, None)


def test_a_moment_is_an_instant_or_so_long_from_here():
    moment = times.Moment(ahead=True)
    assert moment.convert("2026-03-28T09:30:00+01:00", None, None) == datetime(2026, 3, 28, 8, 30, tzinfo=UTC)
    assert moment.convert("2h", None, None) > datetime.now(UTC) + timedelta(hours=1)
    assert times.Moment(ahead=False).convert("2h", None, None) < datetime.now(UTC) - timedelta(hours=1)
    for text in ("2026-03-28T09:30:00", "tomorrow", "9999999d"):
        with pytest.raises(click.BadParameter):
            moment.convert(text, None, None)


# --- Data ---


def test_data_is_an_object_from_here_or_from_a_file(tmp_path):
    (tmp_path / "data.json").write_text('{"a": "å"}', encoding="utf-8")
    assert Data().convert('{"a": [1]}', None, None) == {"a": [1]}
    assert Data().convert(f"@{tmp_path}/data.json", None, None) == {"a": "å"}


@pytest.mark.parametrize("text", ["", "[1]", "1", "{", "{'a': 1}", "@/nowhere/x.json", "[" * 100_000])
def test_data_that_is_none_is_refused(text):
    with pytest.raises(click.BadParameter):
        Data().convert(text, None, None)


def test_data_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "data.json").write_bytes(b"\xff\xfe")
    with pytest.raises(click.BadParameter, match="not text"):
        Data().convert(f"@{tmp_path}/data.json", None, None)


def test_a_value_is_json_or_the_text_itself():
    assert [json_value(text) for text in ("1", "true", '"1"', "[2]", "Nightly run")] == [
        1,
        True,
        "1",
        [2],
        "Nightly run",
    ]


# --- YAML ---


@given(JSON)
def test_yaml_says_the_same_and_nothing_in_it_steers(value):
    text = dump(value)
    assert load(text) == json.loads(json.dumps(value))
    assert steers(text) == []


def test_yaml_is_written_as_one_would():
    value = {"id": "ping", "on": "no", "text": "a\nb\n", "list": [1, {"x": None}], "empty": {}, "shared": [1]}
    value["again"] = value["shared"]
    assert dump(value) == (
        "id: ping\non: no\ntext: |\n  a\n  b\nlist:\n- 1\n- x: null\nempty: {}\nshared:\n- 1\nagain:\n- 1\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "line 1, column"),
        ("a: 1\na: 2", "line 2, column 1"),
        ("a: &x [1]\nb: *x", "Aliases"),
        ("a: !!python/object:os.system x", "line 1, column 4"),
        ("\t- x", "line 1, column 1"),
    ],
)
def test_yaml_that_is_not_taken_says_where(text, said):
    with pytest.raises(NotYaml, match=said):
        load(text)
