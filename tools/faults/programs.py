"""Real processes of Enschedule, started, signalled and killed; their database is read from beside them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from faults.databases import FILE, Database, SqliteDatabase
from faults.waiting import PATIENCE_SECONDS, free_port, wait_for

HANDLERS = Path(__file__).parent / "handlers"
SITE = Path(__file__).parent / "site"
LEASE_SECONDS, HEARTBEAT_SECONDS = 1.5, 0.5
LOST_WITHIN_SECONDS = LEASE_SECONDS + 6
PROGRAMS = {
    "up": ("-m", "enschedule_cli.main", "up"),
    "worker": ("-m", "enschedule_worker.main"),
    "dashboard": ("-m", "enschedule_dashboard.main"),
    "script": ("script.py",),
    "migrate": ("-m", "enschedule_cli.main", "migrate"),
}
_KEPT = ("PATH", "HOME", "LANG")
_FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"


def wrong_clock(offset: str) -> dict[str, str]:
    """Return the environment of a process whose clock is wrong by ``+1h``, ``-1h``, ``+10y``; not its monotonic one."""
    libraries = sorted(Path("/").glob(_FAKETIME.lstrip("/")))
    if not libraries:
        raise AssertionError("libfaketime is not installed (Debian: apt-get install faketime)")
    return {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(SITE),
    }


def tampered(**how: str) -> dict[str, str]:
    """Return the environment of a process that :mod:`sitecustomize` of ``site/`` tampers with: ``canary="fence"``."""
    return {"PYTHONPATH": str(SITE), **{f"FAULTS_{name.upper()}": value for name, value in how.items()}}


class Program:
    """One started program, in a process group of its own."""

    def __init__(
        self, folder: Path, program: str, *arguments: str, database: Database | None = None, **environ: str
    ) -> None:
        self.folder = folder
        self.database = database or SqliteDatabase(folder, FILE)
        self.port = int(environ.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / f"{program}-{self.port}.log"
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        settings = {
            "PORT": str(self.port),
            "HANDLERS_DIR": str(HANDLERS),
            "ENSCHEDULE_LEASE_SECONDS": str(LEASE_SECONDS),
            "ENSCHEDULE_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
            "ENSCHEDULE_GRACE_SECONDS": "10",
            **({} if database is None else database.environ),
            **environ,
        }
        with self._log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, *PROGRAMS[program], *arguments],
                cwd=folder,
                env={**kept, **{name: value for name, value in settings.items() if value}},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """What it printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    # ------------------------------------------------------------ life

    def ready(self) -> Program:
        """Wait until the API answers that it is ready."""
        wait_for("it is ready", lambda: self.lives() and self.status("/api/v1/readyz") == 200)
        return self

    def said(self, pattern: str, seconds: float = PATIENCE_SECONDS) -> str:
        """Wait until it prints something, and return what the pattern found."""
        found = wait_for(
            f"it says {pattern}", lambda: self.lives() and re.search(pattern, self.log), seconds, lambda: self.log
        )
        assert isinstance(found, re.Match)
        return str(found[0])

    def lives(self) -> bool:
        """Return True; an :class:`AssertionError` with its log if it has ended."""
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with exit code {self.process.returncode}:\n{self.log[-3000:]}")
        return True

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the process, or to all of its group as a service manager does."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9 everything at once; nothing happens where it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def code(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Return the exit code, once it has one."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it still runs after {seconds} s:\n{self.log[-3000:]}") from None

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.code()

    # ------------------------------------------------------------ over HTTP

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        """Return status and text of an answer; 0 where nobody answers. Redirects are not followed."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        known = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json", **known}, method=method
        )
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=40) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def status(self, path: str, **headers: str) -> int:
        """Return the status of a page."""
        return self.ask("GET", path, **headers)[0]

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the JSON that the API answers to a request that must succeed."""
        status, text = self.ask(method, f"/api/v1/{path}", body)
        assert 200 <= status < 300, f"{method} {path}: {status} {text}\n{self.log[-2000:]}"
        return json.loads(text) if text else None

    def make(self, id: str, handler: str, schedule: str = "manual", **more: Any) -> None:
        """Make a schedule whose handler leaves its marks in the folder."""
        data = {"folder": str(self.folder)}
        self.call("PUT", f"schedules/{id}", {"handler": handler, "schedule": schedule, "data": data, **more})

    def run(self, id: str) -> int:
        """Run a schedule now; returns the run's id."""
        return int(self.call("POST", f"schedules/{id}/runs", {})["id"])

    # ------------------------------------------------------------ beside it

    def marks(self, name: str) -> list[list[str]]:
        """Return the marks of a handler: run id, attempt, slot, process id of the worker."""
        path = self.folder / f"{name}.log"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def wait_begun(self, count: int = 1) -> None:
        """Wait until the waiting handler was called."""
        wait_for("the handler was called", lambda: len(self.marks("wait")) >= count, tell=lambda: self.log)

    def go_on(self) -> None:
        """Let the waiting handler go on."""
        (self.folder / "go").touch()

    def rows(self, what: str) -> list[tuple[Any, ...]]:
        """Return rows of the database, read from beside the programs."""
        return self.database.rows(what)

    def run_status(self, run_id: int) -> str:
        """Return the status of a run as it is stored."""
        return str(self.database.value(f"SELECT status FROM runs WHERE id = {run_id}"))

    def wait_status(self, run_id: int, status: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a run has a status."""
        wait_for(
            f"run {run_id} is {status}",
            lambda: self.run_status(run_id) == status,
            seconds,
            lambda: f"it is {self.run_status(run_id)}\n{self.log}",
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""
