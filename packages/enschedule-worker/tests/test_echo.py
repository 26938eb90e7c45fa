"""What runs print, repeated on the server's own standard output: whole lines, each with whose it is."""

from __future__ import annotations

import io
import sys

import pytest

from enschedule_core.context import Stream
from enschedule_worker.engine import streams
from enschedule_worker.engine.echo import LINE_MAX, Echo


def test_a_line_is_said_when_it_is_whole_and_the_rest_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    echo = Echo("ping", 7)
    echo.write(Stream.STDOUT, b"one\ntw")
    assert capsys.readouterr().out == "[ping 7] one\n"
    echo.write(Stream.STDERR, b"oops\r\n")
    echo.write(Stream.STDOUT, b"o\nthr")
    assert capsys.readouterr().out == "[ping 7] oops\n[ping 7] two\n"
    echo.close()
    echo.close()
    assert capsys.readouterr().out == "[ping 7] thr\n"


def test_characters_may_be_cut_anywhere_and_bytes_be_anything(capsys: pytest.CaptureFixture[str]) -> None:
    echo = Echo("ping", 7)
    for byte in "å€\n".encode() + b"\xff\n":
        echo.write(Stream.STDOUT, bytes([byte]))
    assert capsys.readouterr().out == "[ping 7] å€\n[ping 7] \\xff\n"


def test_a_line_without_an_end_is_not_kept_for_ever(capsys: pytest.CaptureFixture[str]) -> None:
    Echo("ping", 7).write(Stream.STDOUT, b"x" * (LINE_MAX + 1))
    assert len(capsys.readouterr().out) == LINE_MAX + len("[ping 7] ") + 2


def test_in_a_handlers_thread_it_is_the_servers_output(capsys: pytest.CaptureFixture[str]) -> None:
    class Nobody:
        cancelled = False

        def write(self, _stream: Stream, data: bytes) -> None:
            raise AssertionError(data)

    streams.install()
    try:
        with streams.captured(Nobody()):  # type: ignore[arg-type]
            Echo("ping", 7).write(Stream.STDOUT, b"hello\n")
    finally:
        streams.uninstall()
    assert capsys.readouterr().out == "[ping 7] hello\n"


def test_an_output_that_is_gone_or_small_minded_is_no_runs_business(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    Echo("ping", 7).write(Stream.STDOUT, b"hello\n")
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    Echo("ping", 7).write(Stream.STDOUT, "blå\n".encode())
    assert ascii_only.buffer.getvalue() == b"[ping 7] bl\\xe5\n"  # type: ignore[attr-defined]
