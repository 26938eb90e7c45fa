"""Printing and logging in threads: each run has its own, and nobody else's."""

from __future__ import annotations

import asyncio
import io
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from engine_kit import World

from enschedule_core.context import Stream
from enschedule_worker.engine import streams


class Notebook:
    """A channel that remembers."""

    cancelled = False

    def __init__(self) -> None:
        self.written: list[tuple[Stream, bytes]] = []

    def write(self, stream: Stream, data: bytes) -> None:
        self.written.append((stream, data))

    def progress(self, fraction: float, text: str) -> None:
        """Nothing is reported here."""

    def text(self, stream: Stream = Stream.STDOUT) -> str:
        return b"".join(data for found, data in self.written if found is stream).decode()


@contextmanager
def console() -> Iterator[io.TextIOWrapper]:
    """Put the proxies in front of a stream that can be looked into. No fixture: pytest sets its own before the test."""
    before = sys.stdout
    sys.stdout = shown = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    streams.install()
    try:
        yield shown
    finally:
        streams.uninstall()
        sys.stdout = before


def seen(shown: io.TextIOWrapper) -> str:
    return shown.buffer.getvalue().decode()  # type: ignore[attr-defined] - it is a BytesIO


def test_only_what_is_printed_in_the_context_is_taken() -> None:
    with console() as shown:
        book = Notebook()
        print("before")
        with streams.captured(book):
            print("inside", end="!\n")
            sys.stdout.writelines(["a\n", "b\n"])
            print("to stderr", file=sys.stderr)
            sys.stdout.buffer.write(b"\xff bytes\n")
            sys.stdout.flush()
        print("after")
        assert seen(shown) == "before\nafter\n"
        assert book.written[-1] == (Stream.STDOUT, b"\xff bytes\n")
        assert book.text(Stream.STDERR) == "to stderr\n"
        assert b"".join(data for stream, data in book.written if stream is Stream.STDOUT).startswith(b"inside!\na\nb\n")


def test_a_run_has_no_terminal_and_no_descriptor() -> None:
    with console(), streams.captured(Notebook()):
        assert not sys.stdout.isatty()
        assert sys.stdout.encoding == "utf-8"
        with pytest.raises(io.UnsupportedOperation, match="no file descriptor"):
            sys.stdout.fileno()


def test_a_handler_that_closes_its_stdout_does_not_close_everybodys() -> None:
    with console() as shown:
        book = Notebook()
        with streams.captured(book), sys.stdout:
            print("in a with block")
        with streams.captured(book):
            sys.stdout.close()
            print("still there")
        print("and here")
        assert not sys.stdout.closed
        assert book.text() == "in a with block\nstill there\n"
        assert seen(shown) == "and here\n"


def test_async_handlers_and_their_tasks_print_to_their_run() -> None:
    with console():
        book = Notebook()

        async def child() -> None:
            print("task")

        async def main() -> None:
            print("main")
            await asyncio.create_task(child())

        with streams.captured(book):
            asyncio.run(main())
        assert book.text() == "main\ntask\n"


def test_installing_twice_wraps_once() -> None:
    with console() as shown:
        first = sys.stdout
        streams.install()
        assert sys.stdout is first
        handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, streams.RunLog)]
        assert len(handlers) == 1
        streams.uninstall()
        assert sys.stdout is shown


def test_logging_of_a_run_goes_to_its_stderr_and_not_into_the_servers_log() -> None:
    with console():
        server = logging.StreamHandler(target := io.StringIO())
        server.addFilter(streams.is_server_record)
        logging.getLogger().addHandler(server)
        book = Notebook()
        try:
            with streams.captured(book):
                logging.getLogger("shop").warning("sold %s", "out")
            logging.getLogger("server").warning("mine")
        finally:
            logging.getLogger().removeHandler(server)
        assert book.text(Stream.STDERR) == "WARNING shop: sold out\n"
        assert target.getvalue() == "mine\n"


def test_a_thread_that_a_handler_starts_escapes_and_so_does_a_child_process(capfd: pytest.CaptureFixture[str]) -> None:
    """What the documentation says that the thread executor cannot catch; nothing is lost, it goes where it went."""
    with console() as shown:
        book = Notebook()
        with streams.captured(book):
            thread = threading.Thread(target=print, args=("from a thread",))
            thread.start()
            thread.join()
            subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        assert book.written == []
        assert seen(shown) == "from a thread\n"
        assert capfd.readouterr().out == "from a child\n"


def test_prints_of_runs_that_go_on_together_never_mix(make_world: Any) -> None:
    world: World = make_world(places=8)
    together = threading.Barrier(8, timeout=60)

    def work(data: Any, _context: Any) -> None:
        together.wait()
        for number in range(200):
            print(data["mark"], number)
            logging.getLogger("shop").warning("%s %s", data["mark"], number)

    world.handlers.custom["it"] = work
    ids = []
    for number in range(8):
        mark = chr(97 + number)
        world.add(f"s{number}", schedule="manual", handler="custom", data={"name": "it", "mark": mark})
        ids.append((world.run(f"s{number}"), mark))
    world.settle()
    for run_id, mark in ids:
        out = "".join(text for stream, text in world.chunks(run_id) if stream == "stdout")
        err = "".join(text for stream, text in world.chunks(run_id) if stream == "stderr")
        assert out == "".join(f"{mark} {number}\n" for number in range(200))
        assert err == "".join(f"WARNING shop: {mark} {number}\n" for number in range(200))


def test_output_over_the_cap_is_stored_with_its_head_tail_and_note(make_world: Any) -> None:
    world: World = make_world(output_max_bytes=4_000)

    def work(_data: Any, _context: Any) -> None:
        for number in range(5_000):
            print(f"line {number:06}")

    world.handlers.custom["it"] = work
    world.add(schedule="manual", handler="custom", data={"name": "it"})
    run_id = world.run()
    world.settle()
    printed, row = world.printed(run_id), world.row(run_id)
    assert printed.startswith("line 000000\n")
    assert printed.endswith("line 004999\n")
    assert "bytes of output were left out here" in printed
    assert (row.output_bytes, row.output_truncated) == (60_000, True)
    assert len(printed) < 20_000
