"""Program output is hostile text: only colours survive, as classes from a white list."""

from __future__ import annotations

import time

import pytest

from enschedule_core.printed import plain, split_unfinished
from enschedule_dashboard import ansi


def painted(text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(segment.text, segment.classes) for segment in ansi.paint(text)[0]]


def test_colours_become_classes_and_end_at_the_reset() -> None:
    assert painted("a \x1b[31mred\x1b[0m b") == [("a ", ()), ("red", ("ansi-bad",)), (" b", ())]


def test_a_style_goes_on_in_the_next_text_until_it_is_reset() -> None:
    _, style = ansi.paint("\x1b[1;32mok")
    assert ansi.paint("still", style)[0] == [ansi.Segment("still", ("ansi-ok", "ansi-bold"))]
    assert ansi.paint("\x1b[mplain", style)[0] == [ansi.Segment("plain")]


@pytest.mark.parametrize(
    ("sequence", "classes"),
    [
        ("\x1b[30m", ("ansi-faint",)),
        ("\x1b[37m", ("ansi-text",)),
        ("\x1b[93m", ("ansi-warn", "ansi-bold")),
        ("\x1b[2m", ("ansi-faint",)),
        ("\x1b[4;3;9m", ("ansi-italic", "ansi-underline", "ansi-strike")),
        ("\x1b[38;5;196m", ("ansi-bad",)),
        ("\x1b[38;5;46m", ("ansi-ok",)),
        ("\x1b[38;5;244m", ("ansi-faint",)),
        ("\x1b[38;2;10;20;240m", ("ansi-accent",)),
        ("\x1b[38:2:255:0:255m", ("ansi-magenta",)),
        ("\x1b[38;2;0;200;210m", ("ansi-cyan",)),
        ("\x1b[41m", ()),
        ("\x1b[48;5;196m", ()),
        ("\x1b[1;22m", ()),
        ("\x1b[31;39m", ()),
        ("\x1b[38m", ()),
        ("\x1b[38;5m", ("ansi-faint",)),
        ("\x1b[999;;m", ()),
    ],
)
def test_each_sequence_maps_to_the_palette(sequence: str, classes: tuple[str, ...]) -> None:
    assert painted(sequence + "x") == [("x", classes)]


def test_every_colour_of_every_kind_is_in_the_white_list() -> None:
    sequences = [f"\x1b[38;5;{number}m" for number in range(300)]
    sequences += [f"\x1b[38;2;{r};{g};{b}m" for r in (0, 99, 255, 999) for g in (0, 99, 255) for b in (0, 99, 255)]
    sequences += [f"\x1b[{number}m" for number in range(120)]
    for sequence in sequences:
        for _, classes in painted(sequence + "x"):
            assert ansi.CLASSES.issuperset(classes), sequence


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;window title\x07x",
        "\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\",
        "\x1b[2J\x1b[10;10Hx",
        "\x1bPdevice string\x1b\\x",
        "\x1b(Bx",
        "\x9b31mx"[:0] + "x",
        "\x00\x01\x07\x08x\x7f\x85\x9c",
        "\u202ex\u202c\u2066\u2069\u200f",
    ],
)
def test_everything_else_is_taken_out(text: str) -> None:
    assert "".join(segment for segment, _ in painted(text)) == "x"
    assert plain(text) == "x"


def test_text_stays_as_it_is() -> None:
    text = "\tåäö 日本 👩‍👩‍👧 <b>&amp;</b> {{ x }}"
    assert painted(text) == [(text, ())]


def test_lone_surrogates_and_line_separators_cannot_break_a_page() -> None:
    assert plain("a\ud800b\u2028c").encode() == "a\ufffdb c".encode()


def test_an_unterminated_sequence_does_not_swallow_what_follows() -> None:
    assert plain("\x1b]0;never closed" + "y" * 5_000).endswith("y" * 5_000)


def test_a_sequence_that_is_cut_off_waits_for_its_end() -> None:
    text, pending = split_unfinished("done \x1b[3")
    assert (text, pending) == ("done ", "\x1b[3")
    assert split_unfinished("done \x1b[31m") == ("done \x1b[31m", "")


@pytest.mark.parametrize("hostile", ["\x1b]", "\x1b[", "\x1b[1", "\x1b", "\x1b[38;5;1m", "\x9b;"])
def test_the_work_grows_with_the_length_and_not_with_its_square(hostile: str) -> None:
    text = hostile * (400_000 // len(hostile))
    before = time.process_time()
    split_unfinished(text)
    ansi.paint(text)
    assert time.process_time() - before < 5.0
