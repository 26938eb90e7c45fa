"""A program with ``enschedule(...)`` under Flask's own server, gunicorn and waitress; at the root and under a prefix.

What runs here is what the README and docs/python.md show.
"""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[3]
README = ROOT / "packages" / "enschedule-hub" / "README.md"
PAGE = ROOT / "docs" / "python.md"
PATIENCE_SECONDS = 30.0
COMMANDS = {
    "python": [sys.executable, "{file}"],
    "gunicorn": [
        *[sys.executable, "-m", "gunicorn", "{module}:app", "--bind", "127.0.0.1:{port}"],
        *["--workers", "1", "--threads", "16", "--timeout", "0"],
    ],
    "preload": [
        *[sys.executable, "-m", "gunicorn", "{module}:app", "--bind", "127.0.0.1:{port}", "--preload"],
        *["--workers", "2", "--threads", "8", "--timeout", "0"],
    ],
    "waitress": [sys.executable, "-m", "waitress", "--listen=127.0.0.1:{port}", "--threads=16", "{module}:app"],
}


def snippet(page: Path, name: str) -> str:
    """The Python block of a page whose first line names the file."""
    (found,) = re.findall(rf"```python\n# {re.escape(name)}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


class Served:
    """A server that was started with a program, and a browser for it."""

    def __init__(self, folder: Path, server: str, file: str, prefix: str = "", **environ: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}{prefix}"
        self.log = folder / "server.log"
        source = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(source.replace("port=3000", f"port={port}"), encoding="utf-8")
        command = [part.format(file=file, module=Path(file).stem, port=port) for part in COMMANDS[server]]
        with self.log.open("wb") as sink:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | environ,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(jar)

    def wait(self, what: str, look: Callable[[], Any]) -> Any:
        until = time.monotonic() + PATIENCE_SECONDS
        while not (seen := look()):
            said = self.log.read_text(errors="replace")[-3000:]
            assert self.process.poll() is None, said
            assert time.monotonic() < until, f"{what}\n{said}"
            time.sleep(0.1)
        return seen

    def open(self, path: str, body: Any = None, *, method: str | None = None) -> Any:
        data, kind = None, {}
        if body is not None:
            data, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
        return self.browser.open(urllib.request.Request(self.url + path, data, kind, method=method), timeout=30)

    def ready(self) -> Served:
        def look() -> bool:
            try:
                return self.open("/api/v1/readyz").status == 200
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                return False

        self.wait("it is ready", look)
        return self

    def json(self, path: str, body: Any = None, method: str | None = None) -> Any:
        with self.open(path, body, method=method) as answer:
            return json.load(answer)

    def text(self, path: str) -> str:
        with self.open(path) as answer:
            return answer.read().decode()

    def ended(self, run_id: int) -> dict[str, Any]:
        def look() -> Any:
            run = self.json(f"/api/v1/runs/{run_id}")
            return run if run["status"] not in {"queued", "running"} else None

        return self.wait(f"run {run_id} ends", look)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE_SECONDS)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(server: str, file: str, **more: str) -> Served:
        started.append(Served(tmp_path, server, file, **more))
        return started[-1].ready()

    yield start
    for served in started:
        if served.process.poll() is None:
            os.killpg(served.process.pid, signal.SIGKILL)
            served.process.wait()


def walk(server: Served, prefix: str) -> None:
    """Do what a person does: look at pages and what they load, make a schedule, run it, read its output."""
    home = server.text("/")
    for address in re.findall(r'(?:href|src|action)="(/[^"]*)"', home):
        assert address.startswith(f"{prefix}/"), address
    statics = sorted(set(re.findall(r'(?:href|src)="(/[^"]*static/[^"]+)"', home)))
    assert statics
    origin = server.url.removesuffix(prefix)
    for address in statics:
        with server.browser.open(origin + address.split("#")[0], timeout=30) as answer:
            assert answer.status == 200
            assert "immutable" in answer.headers["Cache-Control"] or "max-age" in answer.headers["Cache-Control"]
    body = {"handler": "log-job", "data": {"message": "from the form"}, "schedule": "manual"}
    assert server.json("/api/v1/schedules/walk", body, "PUT")["change"] == "created"
    page = server.text("/schedules/walk")
    token = re.search(r'name="csrf_token" (?:type="hidden" )?value="([^"]+)"', page)
    action = re.search(r'<form[^>]*action="([^"]*/run)"', page)
    assert token is not None
    assert action is not None
    form = urllib.parse.urlencode({"csrf_token": token[1]}).encode()
    with server.browser.open(origin + action[1], form, timeout=30) as answer:
        assert answer.url.startswith(server.url + "/"), "a redirect stays under the prefix"
        assert answer.status == 200
    (run,) = server.json("/api/v1/runs?schedule=walk")["items"]
    assert server.ended(run["id"])["status"] == "succeeded"
    assert "from the form" in server.text(f"/runs/{run['id']}")
    with server.open("/api/v1/runs", {"handler": "log-job", "data": {"message": "by hand"}}) as answer:
        assert answer.headers["Location"].startswith(f"{prefix}/api/v1/runs/")
    assert f"[walk {run['id']}] from the form" in server.log.read_text()


@pytest.mark.parametrize("server", ["python", "gunicorn", "waitress"])
def test_the_readmes_program_runs_under(server: str, start: Callable[..., Served], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(snippet(README, "app.py"))
    served = start(server, "app.py")
    walk(served, "")
    assert served.stop() in (0, -signal.SIGTERM)
    (stopped,) = sqlite3.connect(tmp_path / "enschedule.db").execute("SELECT stopped_at FROM workers").fetchone()
    assert stopped is not None, "its worker has signed off"


@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_mounted_under_a_prefix_everything_stays_under_it(
    server: str, start: Callable[..., Served], tmp_path: Path
) -> None:
    (tmp_path / "jobs.py").write_text(snippet(README, "app.py"))
    (tmp_path / "site.py").write_text("")  # so that nobody imports the standard library's by that name
    (tmp_path / "whole.py").write_text(snippet(PAGE, "whole.py"))
    served = start(server, "whole.py", prefix="/jobs")
    walk(served, "/jobs")
    with urllib.request.urlopen(served.url.removesuffix("/jobs") + "/", timeout=30) as answer:
        assert answer.read() == b"the rest of the site"


def test_with_preload_each_forked_process_has_a_worker_of_its_own(start: Callable[..., Served], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(snippet(README, "app.py"))
    served = start("preload", "app.py")
    for _ in range(40):
        served.open("/api/v1/healthz").close()
    run = served.json("/api/v1/runs", {"handler": "log-job", "data": {"message": "x"}})
    assert served.ended(run["id"])["status"] == "succeeded"
    pids = {worker["pid"] for worker in served.json("/api/v1/workers")["items"] if worker["status"] == "up"}
    assert len(pids) >= 2, "the master's, and that of whichever has answered"
    served.stop()


def test_a_file_worker_runs_its_handlers_in_child_processes(start: Callable[..., Served], tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(snippet(PAGE, "worker.py"))
    (tmp_path / "app.py").write_text(snippet(PAGE, "app.py"))
    served = start("gunicorn", "app.py")
    pid = served.process.pid
    run = served.json("/api/v1/runs", {"handler": "whoami", "data": {}})
    ended = served.ended(run["id"])
    assert ended["status"] == "succeeded"
    assert ended["result"]["parent"] not in {None, pid}, "a child of the serving process"
    assert ended["result"]["pid"] != ended["result"]["parent"]
    own = served.json("/api/v1/runs", {"handler": "in-the-app", "data": {}})
    assert served.ended(own["id"])["status"] == "succeeded", "the app's own handlers are found again too"
    served.stop()
