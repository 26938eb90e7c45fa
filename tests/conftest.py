"""Tests that cross packages: real processes of the installed `enschedule`, asked over REST, seen in Chromium."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

START_SECONDS = 60
STOP_SECONDS = 45
KEPT = ("PATH", "HOME", "LANG")


class Refused(Exception):
    """The API answered with a problem; ``status`` and ``problem`` say which."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status}: {problem}")
        self.status, self.problem = status, problem


def wait_for(what: str, look: Callable[[], Any], seconds: float = 20) -> Any:
    """Return the first true answer of ``look``; fails with ``what`` where none comes."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            pytest.fail(f"not seen within {seconds} s: {what}")
        time.sleep(0.05)


@dataclass
class Server:
    """A running ``enschedule up``: its address, its folder, and its REST API."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    probe: str = "/api/v1/readyz"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Return the JSON answer of the API, ``None`` for an empty one; raises Refused. ``If_Match=`` is a header."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **{name.replace("_", "-"): headers[name] for name in headers}}
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.loads(error.read() or b"{}")) from None

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def make(self, id: str, schedule: str | None = None, **more: Any) -> dict[str, Any]:
        """Create a schedule; ``log-job`` by hand unless told otherwise."""
        when = {"trigger": {"kind": "manual"}} if schedule is None else {"schedule": schedule}
        given = {"id": id, "handler": "log-job", "data": {"message": "hello"}, **when, **more}
        return self.call("POST", "schedules", given)

    def run(self, id: str, data: object = None) -> dict[str, Any]:
        """Run a schedule now; returns the run as it was queued."""
        return self.call("POST", f"schedules/{id}/runs", {} if data is None else {"data": data})

    def runs(self, schedule: str, status: str = "") -> list[dict[str, Any]]:
        """Return the newest runs of a schedule."""
        return self.get(f"runs?schedule={schedule}" + (f"&status={status}" if status else ""))["items"]

    def wait_run(self, id: int, *statuses: str) -> dict[str, Any]:
        """Return a run once it has one of ``statuses``; by default once it has ended."""
        wanted = statuses or ("succeeded", "failed", "timed_out", "lost", "cancelled", "skipped")

        def look() -> dict[str, Any] | None:
            run = self.get(f"runs/{id}")
            return run if run["status"] in wanted else None

        return wait_for(f"run {id} is {' or '.join(wanted)}", look)

    def wait_missed(self, id: str, slots: int) -> None:
        """Wait until the pause of a schedule has cost so many slots."""
        wait_for(f"{slots} slots are missed", lambda: self.get(f"schedules/{id}/diagnosis")["missed_slots"] >= slots)

    def output(self, id: int) -> str:
        """Return what a run printed, both streams."""
        return "".join(chunk["text"] for chunk in self.get(f"runs/{id}/output")["items"])

    def faults(self) -> list[str]:
        """Return the errors in its log, but for plugins that do not load: some are made so."""
        lines = self.log.splitlines()
        return [line for line in lines if re.search(r" (ERROR|CRITICAL) ", line) and "enschedule.plugins:" not in line]

    def is_up(self) -> bool:
        if self.process.poll() is not None:
            pytest.fail(f"the server ended with exit code {self.process.returncode}:\n{self.log[-4000:]}")
        try:
            with urllib.request.urlopen(self.url + self.probe, timeout=30):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False


class StartServer(Protocol):
    """Starts an ``enschedule`` as a context; stops it at its end and checks that it ended as it should."""

    def __call__(
        self, folder: Path, *, python: str = ..., command: str = ..., probe: str = ..., **environ: str
    ) -> Any: ...


def free_port() -> int:
    """Return a port that is free, below those that outgoing connections take."""
    for port in random.sample(range(20_000, 32_000), 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.fail("no free port found")


@contextmanager
def _serve(
    folder: Path, *, python: str = sys.executable, command: str = "up", probe: str = Server.probe, **environ: str
) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    port = int(environ.pop("PORT", 0)) or free_port()
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    with (folder / "server.log").open("ab") as sink:
        process = subprocess.Popen(
            [python, "-m", "enschedule_cli.main", command],
            cwd=folder,
            env={**kept, "PORT": str(port), **environ},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", folder, process, probe)
    try:
        wait_for("the server is ready", server.is_up, START_SECONDS)
        yield server
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0, f"SIGTERM: exit code {process.returncode}\n{server.log[-4000:]}"
        assert server.faults() == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def start_server() -> StartServer:
    """``with start_server(folder, HANDLERS_DIR=…) as server`` runs ``enschedule up`` in ``folder``.

    ``command`` is another command than ``up``; the server is there once ``probe`` answers with success.
    """
    return _serve


@pytest.fixture
def port() -> int:
    """A free port."""
    return free_port()
