"""Lines from chunks: the same whether they come at once or a byte at a time, are read or only counted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enschedule_core.lines import LONGEST, Chunk, Reader
from enschedule_core.printed import carried, plain


def chunk(text, stream="stdout", seq=1, at=5):
    return Chunk(seq, stream, at, text)


def read(*chunks):
    """The lines as they stand in the end, in order, and the reader."""
    reader, found = Reader(), {}
    for one in chunks:
        for line in reader.read(one):
            found[line.number] = line
    assert sorted(found) == list(range(1, reader.lines + 1))
    return [found[number] for number in sorted(found)], reader


def texts(*chunks):
    return [plain(line.text) for line in read(*chunks)[0]]


def test_a_chunk_holds_many_lines_and_a_line_comes_in_many_chunks():
    assert texts(chunk("one\ntwo\nthr"), chunk("ee\n"), chunk("four")) == ["one", "two", "three", "four"]


def test_empty_lines_count_and_the_end_of_the_text_is_not_one():
    assert texts(chunk("a\n\n\nb\n")) == ["a", "", "", "b"]
    assert texts(chunk("\x1b[32mgreen\n\x1b[0m")) == ["green"]


def test_two_streams_do_not_run_into_each_other_and_are_counted_apart():
    lines, reader = read(chunk("out "), chunk("err\n", "stderr"), chunk("goes on\nmore\n"))
    found = [(line.number, line.position, line.stream, line.text, line.ended) for line in lines]
    assert found == [
        (1, 1, "stdout", "out goes on", True),
        (2, 1, "stderr", "err", True),
        (3, 2, "stdout", "more", True),
    ]
    assert (reader.count(), reader.count("stdout"), reader.count("stderr")) == (3, 2, 1)


def test_a_returned_carriage_writes_the_line_anew():
    assert texts(chunk("10 %\r50 %\r100 %\nnext\r\n")) == ["100 %", "next"]
    assert texts(chunk("10 %\r"), chunk("50 %\r"), chunk("\x1b[3"), chunk("1m100 %\r\r\n")) == ["100 %"]


def test_a_line_stands_alone_in_its_colours():
    lines, _ = read(
        chunk("a\x1b[1m\x1b[3"), chunk("1mred\nstill\n"), chunk("err\n", "stderr"), chunk("on\x1b[0m\nplain")
    )
    assert [line.text for line in lines] == [
        "a\x1b[1m\x1b[31mred",
        "\x1b[1m\x1b[31mstill",
        "err",
        "\x1b[1m\x1b[31mon\x1b[0m",
        "plain",
    ]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[31m", "\x1b[31m"),
        ("\x1b[1m\x1b[31m\x1b[4m\x1b[92m", "\x1b[1m\x1b[4m\x1b[92m"),
        ("\x1b[31m\x1b[m", ""),
        ("\x1b[1m\x1b[0;32m", "\x1b[0;32m"),
        ("\x9b38;5;0m", "\x9b38;5;0m"),
    ],
)
def test_what_a_reset_ends_is_not_carried_on(text, left):
    assert carried("", text) == left


def test_colours_without_end_are_not_carried_without_end():
    assert carried("", "\x1b[31m" * 10_000) == "\x1b[31m"
    assert len(carried("", "".join(f"\x1b[38;5;{number}m" for number in range(256)))) <= 200


def test_a_long_line_is_cut_and_says_how_much_follows():
    whole = "x" * 9_000 + "\x1b[31m" + "y" * 9_000 + "\n"
    (line,), _ = read(*(chunk(whole[at : at + 4_096]) for at in range(0, len(whole), 4_096)))
    assert len(line.text) <= LONGEST
    assert len(plain(line.text)) + line.left_out == 18_000


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fine\nConnectError: refused\nValueError: later\n", 2),
        ("INFO all good\n2026-11-23 ERROR disk full\n", 2),
        ("error: no such file\n", 1),
        ("\x1b[31mrequests.exceptions.HTTPError: 500\n", 1),
        ("0 errors, no exceptions\n", None),
        ("ErrorCount is 0\n", None),
    ],
)
def test_the_first_line_that_reads_like_an_error_is_found(text, line):
    expected = None if line is None else (line, "stderr", line)
    assert read(chunk(text, "stderr"))[1].error == expected
    skimmed = Reader()
    skimmed.skim(chunk(text, "stderr"))
    assert skimmed.error == expected


SCRAPS = st.lists(
    st.sampled_from(
        ["a", "b\n", "\r", "\x1b[31m", "\x1b[", "0m", "Error: x", "\n", "\r\n", "\x07", " ", "x" * 30, "\x1b]8;;u\x07"]
    )
)


@settings(max_examples=200, deadline=None)
@given(SCRAPS, SCRAPS, st.randoms(use_true_random=False))
def test_however_it_is_cut_and_whether_it_is_read_or_skimmed(out, err, random):
    rest = {"stdout": "".join(out), "stderr": "".join(err)}
    whole = {stream: texts(chunk(text, stream)) if text else [] for stream, text in rest.items()}
    chunks = []
    while any(rest.values()):
        stream, size = random.choice([name for name, text in rest.items() if text]), random.randint(1, 9)
        chunks.append(chunk(rest[stream][:size], stream, len(chunks) + 1))
        rest[stream] = rest[stream][size:]
    lines, reader = read(*chunks)
    for stream, expected in whole.items():
        assert [plain(line.text) for line in lines if line.stream == stream] == expected
    skimmed = Reader()
    for one in chunks:
        skimmed = skimmed.copy()
        (skimmed.skim if random.random() < 0.7 else skimmed.read)(one)
    assert skimmed == reader
