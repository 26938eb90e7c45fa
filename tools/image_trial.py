"""Start an unpacked image as the documentation says, and look at it. image.py calls this, in a network of its own.

    python tools/image_trial.py ROOT <CONFIGURATION     ROOT holds the image's files, CONFIGURATION is its JSON

There is no engine for containers here, so what one would do is done by hand: namespaces for mounts and processes, a
read-only root, tmpfs where a container may write, the user of the image, no capability, no new right. The commands are
the `docker run` lines of the pages themselves. Prints what it sees; exits with 1 and the log where something is not so.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90
STOP_SECONDS = 50
SEEN_SECONDS = 30
KEY = "f3a1c0"  # the documentation's
HANDLER = """
import os

from enschedule_core import handler


@handler(id="who", title="Who runs this")
def who(data):
    print("from a file that was mounted")
    return {"user": os.getuid(), "file": __file__, "key": os.environ.get("API_KEY")}
"""
# What an engine does before it starts process 1. Nothing of it is seen outside of this mount namespace.
PREPARE = """
set -eu
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o "uid=$user,gid=$user,mode=755" tmpfs "$root/enschedule/data"
while [ "$1" != -- ]; do
    mount --bind "$1" "$root$2"
    mount -o remount,bind,ro "$root$2"
    shift 2
done
shift
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \\
    --inh-caps=-all --bounding-set=-all -- "$@"
"""


class Missing(Exception):
    """Something that had to be seen was not."""


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


class Container:
    """What runs from an image: its first process, its log, and requests to it."""

    def __init__(self, tree: Path, config: Mapping[str, Any], given: DockerRun, jobs: Path, log: Path) -> None:
        self.tree, self.config, self.log = tree, config, log
        self.user = str(config["User"]).partition(":")[0]
        self.environ = {**dict(pair.split("=", 1) for pair in config["Env"]), **given.environ}
        self.environ["HOME"] = config["WorkingDir"]
        folders = [volume.split(":")[1] for volume in given.volumes]
        binds = [part for folder in folders if folder.endswith("/jobs") for part in (str(jobs), folder)]
        command = [*config["Entrypoint"], *(given.arguments or config["Cmd"] or [])]
        # --kill-child: if this script dies, process 1 dies, and with it all of its namespace.
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", PREPARE, "prepare"]
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                [*apart, str(tree), self.user, *binds, "--", *self._as_in_container(*command)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    def _as_in_container(self, *command: str) -> list[str]:
        variables = [f"{name}={value}" for name, value in self.environ.items()]
        return ["env", "-i", f"--chdir={self.config['WorkingDir']}", *variables, *command]

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
            below = [int(child) for each in Path(f"/proc/{pid}/task").glob("*/children") for child in _words(each)]
            found += below
            rest += below
        return found

    def health(self) -> int:
        """Return the exit code of the image's HEALTHCHECK, run inside."""
        test = self.config["Healthcheck"]["Test"][1:]
        inside = ["nsenter", f"--target={self.pids()[0]}", "--mount", "--pid", f"--root={self.tree}"]
        inside += [f"--setuid={self.user}", f"--setgid={self.user}"]
        done = subprocess.run(
            [*inside, *self._as_in_container(*test)], capture_output=True, text=True, check=False, timeout=30
        )
        print(f"  health: {done.returncode}, {(done.stdout or done.stderr).strip()[:200]}")
        return done.returncode

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM to process 1; return the exit code and how long it took."""
        started = time.monotonic()
        os.kill(self.pids()[0], signal.SIGTERM)
        return self.process.wait(STOP_SECONDS), time.monotonic() - started

    def is_up(self, url: str) -> bool:
        """Whether it answers; that it has ended is a fault at once."""
        if self.process.poll() is not None:
            raise Missing(f"it ended with exit code {self.process.returncode} before it answered")
        try:
            with urllib.request.urlopen(url, timeout=10):
                return True
        except OSError:
            return False


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").split()
    except OSError:
        return []


class Trial:
    """One image and a folder for what the trials write."""

    def __init__(self, tree: Path, config: Mapping[str, Any], folder: Path) -> None:
        self.tree, self.config, self.folder = tree, config, folder
        self.jobs = folder / "jobs"
        self.jobs.mkdir()
        (self.jobs / "who.py").write_text(HANDLER, encoding="utf-8")
        folder.chmod(0o755)

    @contextmanager
    def running(self, title: str, given: DockerRun) -> Iterator[Container]:
        """Start it, look at what holds for every start, and stop it as an engine does."""
        print(title, flush=True)
        container = Container(self.tree, self.config, given, self.jobs, self.folder / "log")
        try:
            port = given.ports[0].rpartition(":")[2]
            started = time.monotonic()
            ready = f"http://127.0.0.1:{port}/api/v1/readyz"
            wait_for("the first answer", lambda: container.is_up(ready), START_SECONDS)
            print(f"  ready on port {port} after {time.monotonic() - started:.1f} s")
            yield container
            self._look_at(container)
            code, took = container.stop()
            check(code == 0, f"SIGTERM: exit code {code} after {took:.1f} s")
            check("Traceback" not in container.text, "no traceback in the log")
        except BaseException:
            print(container.text[-6000:], file=sys.stderr)
            raise
        finally:
            if container.process.poll() is None:
                container.process.kill()
                container.process.wait()

    def _look_at(self, container: Container) -> None:
        states = [_status(pid) for pid in container.pids()]
        check(states[0]["Name"] == "tini" and states[0]["NSpid"].split()[-1] == "1", "process 1 is tini")
        check({state["Uid"].split()[0] for state in states} == {container.user}, f"all run as user {container.user}")
        check({int(state["CapEff"], 16) for state in states} == {0}, "none of them has a capability")
        check(not [state for state in states if state["State"].startswith("Z")], "no zombies")
        check(container.health() == 0, "HEALTHCHECK says that it is well")


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


class Api:
    """The REST API of a container."""

    def __init__(self, port: int, key: str) -> None:
        self.base, self.key = f"http://127.0.0.1:{port}/api/v1", key

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


def quick_start(trial: Trial) -> None:
    """Do the README's quick start: the command, the printed link, and both handlers."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (given,) = [one for one in docker_runs(page) if one.environ.get("SQLITE") == ":memory:"]
    with trial.running(f"The quick start of the README: {given.environ}", given) as container:
        pattern = r"http://127\.0\.0\.1:3000/login\?key=(\S+)"
        link = wait_for("the link to log in", lambda: re.search(pattern, container.text))
        with urllib.request.urlopen(link[0], timeout=30) as answer:
            check(b"</html>" in answer.read(), "the printed link opens a page")
        check(Api(3000, "").call("GET", "schedules")[0] == 401, "without a key the API refuses")
        status, made = Api(3000, "").call("POST", "sessions", {"key": link[1]})
        check(status == 201, "the link opens a session")
        api = Api(3000, made["token"])
        handlers = sorted(one["id"] for one in api.call("GET", "handlers")[1]["items"])
        check(handlers == ["fetch", "log-job"], f"handlers: {', '.join(handlers)}")
        asked = {"handler": "log-job", "data": {"message": "hello"}, "schedule": "every second"}
        check(api.call("PUT", "schedules/hello", asked)[0] == 201, "a schedule is made")
        path = "runs?schedule=hello&status=succeeded"
        runs = wait_for("two runs of it", lambda: len(api.call("GET", path)[1]["items"]) > 1)
        check(runs, "it runs")
        printed = api.ended_run("log-job", {"message": "from the image"})
        check(printed["text"] == "from the image\n", f"log-job printed {printed['text']!r}")
        refused = api.ended_run("fetch", {"url": "http://127.0.0.1:3000/api/v1/healthz"})
        check("ENSCHEDULE_FETCH_ALLOW_PRIVATE" in refused["outcome"]["message"], "fetch refuses a private address")


def mounted_file(trial: Trial) -> None:
    """A worker with its API on 8080 and a handler from a mounted folder, as on the page about containers."""
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    (given,) = [one for one in docker_runs(page) if one.environ.get("API_ENDPOINT") == "true"]
    given.environ["ENSCHEDULE_FETCH_ALLOW_PRIVATE"] = "127.0.0.0/8"
    with trial.running(f"A worker with a mounted file: {given.environ}", given) as container:
        api = Api(8080, KEY)
        handlers = sorted(one["id"] for one in api.call("GET", "handlers")[1]["items"])
        check(handlers == ["fetch", "log-job", "who"], f"handlers: {', '.join(handlers)}")
        run = api.ended_run("who", {})
        expected = {"user": int(container.user), "file": "/enschedule/jobs/who.py", "key": None}
        check(run["result"] == expected, f"who answered {run['result']} and printed {run['text']!r}")
        fetched = api.ended_run("fetch", {"url": "http://127.0.0.1:8080/api/v1/healthz"})
        check(fetched["status"] == "succeeded", f"fetch had {fetched['result']}")


def nothing_set(trial: Trial) -> None:
    """Without a database the image says what it needs."""
    print("Nothing set", flush=True)
    given = DockerRun({}, [], [], "enschedule", [])
    container = Container(trial.tree, trial.config, given, trial.jobs, trial.folder / "log")
    code = container.process.wait(START_SECONDS)
    check(code == 2, f"exit code {code}: {' '.join(container.text.split())}")


def loopback_up() -> None:
    """Switch on the loopback of a new network namespace (netdevice(7): SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        flags = struct.unpack("16sh", fcntl.ioctl(sock, 0x8913, struct.pack("16sh", b"lo", 0)))[1]
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh", b"lo", flags | 1))


def main(arguments: list[str]) -> int:
    """Run all trials; returns the exit code."""
    config = json.load(sys.stdin)
    loopback_up()
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(arguments[0]), config, Path(folder))
        try:
            quick_start(trial)
            mounted_file(trial)
            nothing_set(trial)
        except (Missing, OSError, subprocess.TimeoutExpired) as fault:
            print(f"trial: {fault}", file=sys.stderr)
            return 1
    print("trial: done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
