"""Output from bytes to chunks: order, streams, characters, and the cap."""

from __future__ import annotations

import threading

import pytest

from enschedule_core.context import Stream
from enschedule_worker.engine.capture import CHUNK_BYTES, MERGE_MICROS, Capture, Printed

OUT, ERR = Stream.STDOUT, Stream.STDERR


class Ticks:
    """A clock in microseconds."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def capture(ticks: Ticks) -> Capture:
    return Capture(ticks, limit=1_000_000)


def text(printed: list[Printed]) -> str:
    return "".join(piece.text for piece in printed)


def test_two_streams_keep_their_order_and_times(capture: Capture, ticks: Ticks) -> None:
    capture.write(OUT, b"one\n")
    ticks.now = 10
    capture.write(ERR, b"two\n")
    ticks.now = 20
    capture.write(OUT, b"three\n")
    assert [(piece.stream, piece.at, piece.text) for piece in capture.take()] == [
        (OUT, 0, "one\n"),
        (ERR, 10, "two\n"),
        (OUT, 20, "three\n"),
    ]
    assert capture.take() == []
    assert (capture.bytes, capture.lines) == (14, 3)


def test_neighbours_of_one_moment_are_one_chunk(capture: Capture, ticks: Ticks) -> None:
    for _ in range(10):
        capture.write(OUT, b"x")
    assert [piece.text for piece in capture.take()] == ["x" * 10]
    capture.write(OUT, b"a")
    ticks.now += MERGE_MICROS
    capture.write(OUT, b"b")
    assert [piece.text for piece in capture.take()] == ["a", "b"]
    capture.write(OUT, b"a" * CHUNK_BYTES)
    capture.write(OUT, b"b")
    assert [len(piece.text) for piece in capture.take()] == [CHUNK_BYTES, 1]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"bad \xff\xfe end", "bad \\xff\\xfe end"),
        (b"nul \x00 end", "nul \\x00 end"),
        (b"over\rwritten\r\n", "over\rwritten\r\n"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        ("\U0001f600".encode(), "\U0001f600"),
    ],
)
def test_bytes_become_text_that_can_be_stored(capture: Capture, raw: bytes, shown: str) -> None:
    capture.write(OUT, raw)
    assert text(capture.take(last=True)) == shown


def test_a_character_cut_by_a_flush_is_put_together(capture: Capture) -> None:
    raw = "a\U0001f600b".encode()
    for byte in raw:
        capture.write(OUT, bytes([byte]))
        capture.write(ERR, b"-")
        capture.take()
    found = Capture(Ticks(), limit=1_000)
    seen = ""
    for byte in raw:
        found.write(OUT, bytes([byte]))
        seen += text(found.take())
    assert seen + text(found.take(last=True)) == "a\U0001f600b"


def test_a_character_never_finished_is_shown_at_the_end(capture: Capture) -> None:
    capture.write(OUT, b"cut \xf0\x9f")
    assert text(capture.take()) == "cut "
    assert text(capture.take(last=True)) == "\\xf0\\x9f"


def test_lines_are_counted_also_without_a_newline_at_the_end(capture: Capture) -> None:
    capture.write(OUT, b"one\ntwo")
    capture.take()
    capture.write(OUT, b" and a half\nthree")
    capture.take(last=True)
    assert capture.lines == 3


def test_a_line_of_ten_megabytes_is_kept_whole_under_a_larger_cap() -> None:
    capture = Capture(Ticks(), limit=32 * 1024 * 1024)
    capture.write(OUT, b"x" * 10_000_000 + b"\n")
    assert len(text(capture.take(last=True))) == 10_000_001
    assert (capture.lines, capture.truncated) == (1, False)


def test_over_the_cap_head_and_tail_are_kept_and_the_rest_is_counted_exactly() -> None:
    capture = Capture(Ticks(), limit=2_000)
    for number in range(10_000):
        capture.write(OUT, b"%08d\n" % number)
    seen = text(capture.take()) + text(capture.take(last=True))
    head, note, tail = (
        seen.partition("\n[")[0],
        seen[seen.index("[") : seen.index("]") + 1],
        seen.rpartition("here]\n")[2],
    )
    assert head.startswith("00000000\n00000001\n")
    assert tail.endswith("00009999\n")
    left_out = 90_000 - len(head.encode()) - len(tail.encode())
    assert note == f"[{left_out:,} bytes of output were left out here]"
    assert len(head) == 1_000
    assert 1_000 <= len(tail) <= 1_000 + CHUNK_BYTES
    assert (capture.bytes, capture.truncated) == (90_000, True)


@pytest.mark.parametrize("size", [1_999, 2_000])
def test_output_up_to_the_cap_is_whole(size: int) -> None:
    capture = Capture(Ticks(), limit=2_000)
    capture.write(OUT, b"x" * size)
    assert text(capture.take(last=True)) == "x" * size
    assert not capture.truncated


def test_a_gigabyte_stays_small_in_memory() -> None:
    capture = Capture(Ticks(), limit=1_000_000)
    block = b"x" * 10_000_000
    for _ in range(100):
        capture.write(OUT, block)
    held = sum(len(piece.data) for piece in [*capture._pieces, *capture._tail])
    assert held <= 1_000_000 + CHUNK_BYTES
    assert capture.bytes == 1_000_000_000
    assert "999,000,000 bytes" in text(capture.take(last=True))


def test_characters_at_the_gap_are_not_made_up_of_both_sides(ticks: Ticks) -> None:
    capture = Capture(ticks, limit=2)
    capture.write(OUT, b"\xc3")  # the head ends inside a character
    capture.write(OUT, b"abcdef")
    ticks.now += MERGE_MICROS
    capture.write(OUT, b"\xa9")  # the tail begins inside another
    assert text(capture.take(last=True)) == "\\xc3\n[6 bytes of output were left out here]\n\\xa9"


def test_what_comes_after_the_end_is_dropped(capture: Capture) -> None:
    capture.write(OUT, b"in time\n")
    capture.close()
    capture.write(OUT, b"too late\n")
    assert text(capture.take(last=True)) == "in time\n"
    assert capture.bytes == 8


def test_many_threads_lose_no_byte(capture: Capture) -> None:
    def work(mark: bytes) -> None:
        for _ in range(500):
            capture.write(OUT, mark * 10 + b"\n")

    threads = [threading.Thread(target=work, args=(bytes([65 + number]),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = text(capture.take(last=True)).splitlines()
    assert len(lines) == 4_000
    assert all(len(set(line)) == 1 and len(line) == 10 for line in lines), "a line is never cut by another"


def test_one_large_write_becomes_chunks_that_a_row_can_hold() -> None:
    capture = Capture(Ticks(), limit=1_000_000)
    capture.write(OUT, ("é" * 50_000).encode())
    taken = capture.take(last=True)
    assert max(len(piece.text.encode()) for piece in taken) <= CHUNK_BYTES + 3
    assert text(taken) == "é" * 50_000


def test_each_stream_says_what_was_left_out_of_it(ticks: Ticks) -> None:
    capture = Capture(ticks, limit=20)
    for _ in range(10):
        capture.write(OUT, b"out\n")
        capture.write(ERR, b"err\n")
        ticks.now += MERGE_MICROS
    printed = capture.take(last=True)
    notes = [piece for piece in printed if "left out" in piece.text]
    assert [note.stream for note in notes] == [OUT, ERR]
    for note in notes:
        kept = sum(len(piece.text) for piece in printed if piece.stream is note.stream and piece is not note)
        assert note.text == f"\n[{40 - kept} bytes of {note.stream} were left out here]\n"


def test_lines_that_were_left_out_are_counted_too() -> None:
    capture = Capture(Ticks(), limit=2_000)
    for number in range(10_000):
        capture.write(OUT, b"%08d\n" % number)
    capture.write(OUT, b"and one without an end")
    capture.take(last=True)
    assert (capture.lines, capture.truncated) == (10_001, True)
