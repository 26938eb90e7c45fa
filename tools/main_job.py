"""The main job from outside: start `enschedule up`, make a schedule over REST, see a run end with its output, stop.

    python tools/main_job.py FOLDER        FOLDER holds the `enschedule` executable, such as .venv/bin

Standard library only, so that nothing but what was installed there can make it work. Exits 0 when everything was
seen, else 1 with what was missing and the end of the server's log.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

START_SECONDS = 30
RUN_SECONDS = 20
STOP_SECONDS = 40  # the grace for runs is 30 s
Seen = TypeVar("Seen")

MESSAGE = "the main job, from end to end"
HANDLERS = {"fetch", "log-job"}
PAGES = ("/", "/schedules", "/runs", "/calendar", "/handlers", "/workers")


class Missing(Exception):
    """Something that had to be seen was not."""


@contextmanager
def server(executable: Path, folder: Path) -> Iterator[str]:
    """Run `enschedule up` in `folder` on a free port; yields its base URL, stops it and checks how it ended."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    log = folder / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [executable, "up"],
            cwd=folder,
            env={**kept, "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        base = f"http://127.0.0.1:{port}"
        started = time.monotonic()
        wait_for("the first answer", START_SECONDS, lambda: answers(process, base))
        print(f"up after {time.monotonic() - started:.1f} s")
        yield base
        process.terminate()
        code = process.wait(STOP_SECONDS)
        if code:
            raise Missing(f"SIGTERM ended the server with exit code {code} instead of 0")
    except (Missing, OSError, subprocess.TimeoutExpired):
        print(log.read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
        raise
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def answers(process: subprocess.Popen[bytes], base: str) -> bool:
    """Whether the server is ready; a server that has ended is a fault at once."""
    if process.poll() is not None:
        raise Missing(f"the server ended with exit code {process.returncode} before it answered")
    try:
        return call("GET", f"{base}/api/v1/readyz") is not None
    except (urllib.error.URLError, ConnectionError):
        return False


def call(method: str, url: str, body: object = None) -> Any:
    """Return the JSON answer of one request, or raise Missing with the refusal's text."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 503:
            raise
        raise Missing(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}") from error


def wait_for(what: str, seconds: float, look: Callable[[], Seen | None]) -> Seen:
    """Return the first true answer of `look`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.1)
    raise Missing(f"{what} was not seen within {seconds} s")


def main_job(base: str) -> None:
    """Do the main job against the server at `base`."""
    api = f"{base}/api/v1"
    known = {handler["id"] for handler in call("GET", f"{api}/handlers")["items"]}
    if not known >= HANDLERS:
        raise Missing(f"handlers {sorted(HANDLERS - known)} are not registered, only {sorted(known)}")
    schedule = {"id": "main-job", "handler": "log-job", "data": {"message": MESSAGE}, "schedule": "every 1 second"}
    call("POST", f"{api}/schedules", schedule)

    def succeeded() -> list[Any]:
        items: list[Any] = call("GET", f"{api}/runs?schedule=main-job&status=succeeded")["items"]
        return items if len(items) >= 2 else []

    runs = wait_for("two succeeded runs", RUN_SECONDS, succeeded)
    slots = {run["slot_at"] for run in runs}
    if len(slots) != len(runs):
        raise Missing(f"{len(runs)} runs for {len(slots)} slots: each slot has to run once")
    for run in runs:
        chunks = call("GET", f"{api}/runs/{run['id']}/output")["items"]
        output = "".join(chunk["text"] for chunk in chunks if chunk["stream"] == "stdout")
        if output != MESSAGE + "\n":
            raise Missing(f"run {run['id']} printed {output!r} instead of {MESSAGE!r}")
    print(f"{len(runs)} runs of {len(slots)} slots succeeded, with their output")
    for page in PAGES:
        with urllib.request.urlopen(base + page, timeout=30) as answer:
            if b"</html>" not in answer.read():
                raise Missing(f"the page {page} has no end")
    print(f"{len(PAGES)} pages answered")


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python tools/main_job.py FOLDER    (the folder of the enschedule executable)", file=sys.stderr)
        return 2
    executable = Path(arguments[0]).resolve() / "enschedule"
    with tempfile.TemporaryDirectory() as folder:
        try:
            with server(executable, Path(folder)) as base:
                main_job(base)
        except (Missing, OSError, subprocess.TimeoutExpired) as fault:
            print(f"main job: {fault}", file=sys.stderr)
            return 1
    print("main job: done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
