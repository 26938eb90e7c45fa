"""One container without an engine: what an engine does before process 1, and requests to what runs then.

Namespaces for mounts, processes and the host name, a read-only root, tmpfs where a container may write, the user of
the image, no capability, no new right. Used by image_trial.py.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 90
STOP_SECONDS = 50
SEEN_SECONDS = 30
# What an engine does before it starts process 1. Nothing of it is seen outside of this mount namespace.
PREPARE = """
set -eu
root=$1 user=$2; shift 2
hostname "$1"; shift
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o "uid=$user,gid=$user,mode=755" tmpfs "$root/enschedule/data"
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir -p "$root$2"; else touch "$root$2"; fi
    mount --bind "$1" "$root$2"
    mount -o "remount,bind,$3" "$root$2"
    shift 3
done
shift
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \\
    --inh-caps=-all --bounding-set=-all -- "$@"
"""


class Missing(Exception):
    """Something that had to be seen was not."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder or a file of this machine at a place in the container."""

    source: Path
    target: str
    mode: str = "ro"


@dataclass(frozen=True, slots=True)
class DockerRun:
    """A `docker run` of a page: its environment, ports, volumes and what follows the image's name."""

    environ: dict[str, str]
    ports: list[str]
    volumes: list[str]
    image: str
    arguments: list[str]


def docker_runs(page: str) -> list[DockerRun]:
    """Return every `docker run` in the shell snippets of a page, in their order."""
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [read_docker_run(line) for line in lines if line.startswith("docker run ")]


def read_docker_run(line: str) -> DockerRun:
    """Read one command; argparse refuses an option that is not known here."""
    parser = argparse.ArgumentParser(prog="docker run", exit_on_error=False)
    for flag in ("--rm", "-d"):
        parser.add_argument(flag, action="store_true")
    for single in ("--name", "--stop-timeout"):
        parser.add_argument(single)
    for several in ("-e", "-p", "-v"):
        parser.add_argument(several, action="append", default=[])
    parser.add_argument("image")
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args(shlex.split(line, comments=True)[2:])
    environ = dict(pair.split("=", 1) for pair in given.e)
    return DockerRun(environ, given.p, given.v, given.image, given.arguments)


def check(seen: object, what: str) -> None:
    """Print what was seen, or raise with it."""
    if not seen:
        raise Missing(f"not so: {what}")
    print(f"  {what}", flush=True)


def wait_for(what: str, look: Callable[[], Any], seconds: float = SEEN_SECONDS) -> Any:
    """Return the first true answer of `look`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.2)
    raise Missing(f"not seen within {seconds:g} s: {what}")


@dataclass(frozen=True, slots=True)
class Start:
    """What to start from an image: its files and configuration, and what is said besides."""

    tree: Path
    config: Mapping[str, Any]
    environ: Mapping[str, str]
    binds: Sequence[Bind] = ()
    arguments: Sequence[str] = ()
    hostname: str = "container"


class Container:
    """What runs from an image: its first process, and its log."""

    def __init__(self, start: Start, log: Path) -> None:
        self.start, self.log = start, log
        config = start.config
        self.user = str(config["User"]).partition(":")[0]
        self.environ = {**dict(pair.split("=", 1) for pair in config["Env"]), **start.environ}
        self.environ["HOME"] = config["WorkingDir"]
        binds = [part for bind in start.binds for part in (str(bind.source), bind.target, bind.mode)]
        command = [*config["Entrypoint"], *(start.arguments or config["Cmd"] or [])]
        # --kill-child: if this script dies, process 1 dies, and with it all of its namespace.
        apart = ["unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child", "sh", "-c", PREPARE, "prepare"]
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                [*apart, str(start.tree), self.user, start.hostname, *binds, "--", *self._as_in_container(*command)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    def _as_in_container(self, *command: str) -> list[str]:
        variables = [f"{name}={value}" for name, value in self.environ.items()]
        return ["env", "-i", f"--chdir={self.start.config['WorkingDir']}", *variables, *command]

    @property
    def text(self) -> str:
        """What it printed until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def pids(self) -> list[int]:
        """Return the pids, as seen from here, of its process 1 and all below it."""
        found: list[int] = []
        rest = [self.process.pid]
        while rest:
            pid = rest.pop(0)
            below = [
                int(child) for each in Path(f"/proc/{pid}/task").glob("*/children") for child in _read(each).split()
            ]
            found += below
            rest += below
        return found

    def states(self) -> list[dict[str, str]]:
        """Return /proc/PID/status by its names, of each of them that has not ended meanwhile."""
        texts = [_read(Path(f"/proc/{pid}/status")) for pid in self.pids()]
        pairs = [[line.partition(":") for line in text.splitlines()] for text in texts if text]
        return [{name: value.strip() for name, _, value in each} for each in pairs]

    def health(self) -> int:
        """Return the exit code of the image's HEALTHCHECK, run inside."""
        test = self.start.config["Healthcheck"]["Test"][1:]
        inside = ["nsenter", f"--target={self.pids()[0]}", "--mount", "--pid", "--root"]
        inside += [f"--setuid={self.user}", f"--setgid={self.user}"]
        done = subprocess.run(
            [*inside, *self._as_in_container(*test)], capture_output=True, text=True, check=False, timeout=30
        )
        print(f"  health: {' '.join((done.stdout or done.stderr).split())[:100]} …")
        return done.returncode

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM to process 1; return the exit code and how long it took."""
        started = time.monotonic()
        os.kill(self.pids()[0], signal.SIGTERM)
        return self.process.wait(STOP_SECONDS), time.monotonic() - started

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def is_up(self, url: str) -> bool:
        """Whether it answers; that it has ended is a fault at once."""
        if self.process.poll() is not None:
            raise Missing(f"it ended with exit code {self.process.returncode} before it answered")
        try:
            with urllib.request.urlopen(url, timeout=10):
                return True
        except OSError:
            return False


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""  # its process has just ended


class Api:
    """The REST API of a container."""

    def __init__(self, address: str, key: str = "") -> None:
        self.base, self.key = f"http://{address}/api/v1", key

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and body of one request."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def ended_run(self, handler: str, data: object) -> dict[str, Any]:
        """Run a handler once and return the run as it ended, with what it printed as `text`."""
        status, queued = self.call("POST", "runs", {"handler": handler, "data": data})
        if status >= 300:
            raise Missing(f"a run of {handler}: {status} {queued}")

        def look() -> dict[str, Any] | None:
            run: dict[str, Any] = self.call("GET", f"runs/{queued['id']}")[1]
            return run if run["status"] not in ("queued", "running") else None

        run: dict[str, Any] = wait_for(f"the end of a run of {handler}", look)
        chunks = self.call("GET", f"runs/{run['id']}/output")[1]["items"]
        return {**run, "text": "".join(chunk["text"] for chunk in chunks)}
