"""``enschedule up --reload``: what is watched, and when the server is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from enschedule_core.plugins import plugin_places
from enschedule_hub.reload import marks

PATIENCE_SECONDS = 60
#: A stand-in for the server: it says that it starts, and ends as the file says; SIGINT and SIGTERM end it.
SERVER = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("told TERM", flush=True), sys.exit(0)))
signal.signal(signal.SIGINT, lambda *_: (print("told INT", flush=True), sys.exit(0)))
print("started", flush=True)
code = pathlib.Path("code.txt").read_text()
if code:
    sys.exit(int(code))
time.sleep(600)
"""
RELOADER = """
import os, sys
from pathlib import Path
from enschedule_hub.reload import Reloader
sys.exit(Reloader([sys.executable, "server.py"], os.environ, lambda: [Path("plugin"), Path("one.py")]).run())
"""


class Reloading:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "plugin").mkdir()
        (folder / "server.py").write_text(SERVER)
        (folder / "run.py").write_text(RELOADER)
        (folder / "one.py").write_text("1")
        self.ends_with("")
        self.log = folder / "log.txt"
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "run.py"], cwd=folder, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
            )

    def ends_with(self, code: str) -> None:
        (self.folder / "code.txt").write_text(code)

    def said(self, *lines: str) -> None:
        def look() -> bool:
            return self.log.read_text().splitlines() == list(lines)

        until = time.monotonic() + PATIENCE_SECONDS
        while not look():
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Reloading]]:
    started: list[Reloading] = []

    def start() -> Reloading:
        started.append(Reloading(tmp_path))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


def test_a_change_starts_it_again_and_a_signal_ends_both(start: Callable[[], Reloading]) -> None:
    reloading = start()
    reloading.said("started")
    (reloading.folder / "plugin" / "new.py").write_text("2")
    again = "enschedule: plugin/new.py changed, starting again"
    reloading.said("started", again, "told INT", "started")
    (reloading.folder / "plugin" / "notes.txt").write_text("of no interest")
    (reloading.folder / "one.py").unlink()
    gone = "enschedule: one.py changed, starting again"
    reloading.said("started", again, "told INT", "started", gone, "told INT", "started")
    reloading.process.send_signal(signal.SIGTERM)
    assert reloading.process.wait(PATIENCE_SECONDS) == 0
    assert reloading.log.read_text().endswith("started\ntold TERM\n")


def test_a_server_that_fails_waits_for_a_change(start: Callable[[], Reloading]) -> None:
    reloading = start()
    reloading.said("started")
    reloading.ends_with("2")
    (reloading.folder / "one.py").write_text("broken")
    changed = "enschedule: one.py changed, starting again"
    over = "enschedule: the server ended with exit code 2; waiting for a change"
    reloading.said("started", changed, "told INT", "started", over)
    reloading.ends_with("")
    (reloading.folder / "one.py").write_text("mended")
    reloading.said("started", changed, "told INT", "started", over, changed, "started")
    reloading.process.send_signal(signal.SIGINT)
    assert reloading.process.wait(PATIENCE_SECONDS) == 0


def test_while_it_waits_a_signal_ends_it_with_the_servers_exit_code(start: Callable[[], Reloading]) -> None:
    reloading = start()
    reloading.said("started")
    reloading.ends_with("3")
    (reloading.folder / "one.py").write_text("broken")
    reloading.said(
        "started",
        "enschedule: one.py changed, starting again",
        "told INT",
        "started",
        "enschedule: the server ended with exit code 3; waiting for a change",
    )
    reloading.process.send_signal(signal.SIGTERM)
    assert reloading.process.wait(PATIENCE_SECONDS) == 3


def test_marks_tell_edits_apart_and_bear_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = marks([tmp_path, tmp_path / "gone.py"])
    assert list(first) == [str(tmp_path / "a.py")]
    (tmp_path / "b.new").write_text("2")
    (tmp_path / "b.new").replace(tmp_path / "a.py")
    assert marks([tmp_path]) != first


def test_the_places_of_plugins_are_found_without_importing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme_x").mkdir()
    (tmp_path / "acme_x" / "__init__.py").write_text("raise AssertionError")
    (tmp_path / "acme_y.py").write_text("raise AssertionError")
    (tmp_path / "job.py").write_text("raise AssertionError")
    before = list(sys.path)
    try:
        found = plugin_places("acme_x.handlers:one, acme_y, job.py, gone.py, acme_nowhere, @enschedule/log-handler")
    finally:
        sys.path[:] = before
    ours = {"enschedule_log_handler", "acme_x", "acme_y.py", "job.py"}
    assert {path.name for path in found} == ours
    assert {path.name for path in plugin_places()} >= {"enschedule_log_handler", "enschedule_fetch_handler"}
    assert {path.name for path in plugin_places(" ")} == {path.name for path in plugin_places()}
