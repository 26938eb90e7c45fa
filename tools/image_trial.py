"""Start the unpacked images as the documentation says, and look at them. image.py calls this, in a network of its own.

    python tools/image_trial.py ROOT <CONFIGURATIONS     ROOT holds the files, which all three share

There is no engine for containers here, so image_container.py does by hand what one would do. The commands are the
`docker run` lines of the pages, and the services of compose.yaml, with a PostgreSQL of this machine if there is one.
Prints what it sees; exits with 1 and the log where something is not so.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from image_container import (
    START_SECONDS,
    Api,
    Bind,
    Container,
    DockerRun,
    Missing,
    Start,
    check,
    docker_runs,
    wait_for,
)

ROOT = Path(__file__).resolve().parent.parent
KEY = "f3a1c0"  # the documentation's
SECRETS = "/run/enschedule"
# Of the network namespace of this trial; its services have one each, as in a network of Compose.
ADDRESSES = {"database": "10.99.0.1", "worker-1": "10.99.0.2", "worker-2": "10.99.0.3", "dashboard": "10.99.0.4"}
HANDLER = """
import os
import subprocess

from enschedule_core import handler


@handler(id="who", title="Who runs this")
def who(data):
    print("from a file that was mounted")
    if os.fork() == 0:  # what is left behind here goes to process 1
        subprocess.Popen(["sleep", "0.2"], start_new_session=True)
        os._exit(0)
    return {"user": os.getuid(), "file": __file__, "key": os.environ.get("API_KEY")}
"""


class Trial:
    """The images and a folder for what the trials write."""

    def __init__(self, tree: Path, configs: Mapping[str, Any], folder: Path) -> None:
        self.tree, self.configs, self.folder = tree, configs, folder
        self.jobs = folder / "jobs"
        self.jobs.mkdir()
        (self.jobs / "who.py").write_text(HANDLER, encoding="utf-8")
        folder.chmod(0o755)

    def documented(self, given: DockerRun) -> Start:
        """Return what a `docker run` of a page starts."""
        folders = [volume.split(":")[1] for volume in given.volumes]
        binds = [Bind(self.jobs, folder) for folder in folders if folder.endswith("/jobs")]
        return Start(self.tree, self.configs["enschedule"], given.environ, binds, given.arguments)

    @contextmanager
    def running(self, name: str, start: Start, ready: str) -> Iterator[Container]:
        """Start it, look at what holds for every start, and stop it as an engine does, unless that was done."""
        container = Container(start, self.folder / f"{name}.log")
        try:
            began = time.monotonic()
            wait_for("the first answer", lambda: container.is_up(ready), START_SECONDS)
            print(f"  {name} answers at {ready} after {time.monotonic() - began:.1f} s", flush=True)
            yield container
            if container.process.poll() is None:
                look_at(name, container)
                stop(name, container)
            check("Traceback" not in container.text, f"{name}: no traceback in the log")
        except BaseException:
            print(f"--- {name} ---\n{container.text[-6000:]}", file=sys.stderr)
            raise
        finally:
            container.kill()


def look_at(name: str, container: Container) -> None:
    """Look at the processes of a container, and at its health."""
    states = container.states()
    check(states[0]["Name"] == "tini" and states[0]["NSpid"].split()[-1] == "1", f"{name}: process 1 is tini")
    check({state["Uid"].split()[0] for state in states} == {container.user}, f"{name}: all run as {container.user}")
    check({int(state["CapEff"], 16) for state in states} == {0}, f"{name}: none of them has a capability")
    check(not [state for state in states if state["State"].startswith("Z")], f"{name}: no zombies")
    check(container.health() == 0, f"{name}: HEALTHCHECK says that it is well")


def stop(name: str, container: Container) -> None:
    """Stop a container as an engine does."""
    code, took = container.stop()
    check(code == 0, f"{name}: exit code {code}, {took:.1f} s after SIGTERM")


def quick_start(trial: Trial) -> None:
    """Do the README's quick start: the command, the printed link, and both handlers."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (given,) = [one for one in docker_runs(page) if one.environ.get("SQLITE") == ":memory:"]
    print(f"The quick start of the README: {given.environ}", flush=True)
    address = "127.0.0.1:3000"
    with trial.running("enschedule", trial.documented(given), f"http://{address}/api/v1/readyz") as container:
        pattern = rf"http://{re.escape(address)}/login\?key=(\S+)"
        link = wait_for("the link to log in", lambda: re.search(pattern, container.text))
        with urllib.request.urlopen(link[0], timeout=30) as answer:
            check(b"</html>" in answer.read(), "the printed link opens a page")
        check(Api(address).call("GET", "schedules")[0] == 401, "without a key the API refuses")
        status, made = Api(address).call("POST", "sessions", {"key": link[1]})
        check(status == 201, "the link opens a session")
        api = Api(address, made["token"])
        handlers = sorted(one["id"] for one in api.call("GET", "handlers")[1]["items"])
        check(handlers == ["fetch", "log-job"], f"handlers: {', '.join(handlers)}")
        runs_every_second(api)
        printed = api.ended_run("log-job", {"message": "from the image"})
        check(printed["text"] == "from the image\n", f"log-job printed {printed['text']!r}")
        refused = api.ended_run("fetch", {"url": f"http://{address}/api/v1/healthz"})
        check("ENSCHEDULE_FETCH_ALLOW_PRIVATE" in refused["outcome"]["message"], "fetch refuses a private address")


def runs_every_second(api: Api) -> None:
    """Make a schedule and see it run."""
    asked = {"handler": "log-job", "data": {"message": "hello"}, "schedule": "every second"}
    check(api.call("PUT", "schedules/hello", asked)[0] == 201, "a schedule is made")
    path = "runs?schedule=hello&status=succeeded"
    check(wait_for("two runs of it", lambda: len(api.call("GET", path)[1]["items"]) > 1), "it runs every second")


def mounted_file(trial: Trial) -> None:
    """A worker with its API on 8080 and a handler from a mounted folder, as on the page about containers."""
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    (given,) = [one for one in docker_runs(page) if one.environ.get("API_ENDPOINT") == "true"]
    given.environ["ENSCHEDULE_FETCH_ALLOW_PRIVATE"] = "127.0.0.0/8"
    print(f"A worker with a mounted file: {given.environ}", flush=True)
    address = "127.0.0.1:8080"
    with trial.running("enschedule", trial.documented(given), f"http://{address}/api/v1/readyz") as container:
        api = Api(address, KEY)
        handlers = sorted(one["id"] for one in api.call("GET", "handlers")[1]["items"])
        check(handlers == ["fetch", "log-job", "who"], f"handlers: {', '.join(handlers)}")
        run = api.ended_run("who", {})
        expected = {"user": int(container.user), "file": "/enschedule/jobs/who.py", "key": None}
        check(run["result"] == expected, f"who answered {run['result']} and printed {run['text']!r}")
        fetched = api.ended_run("fetch", {"url": f"http://{address}/api/v1/healthz"})
        check(fetched["status"] == "succeeded", f"fetch had {fetched['result']}")
        names = wait_for("the end of what was left behind", lambda: _names_without("sleep", container))
        check(names, f"what a handler left behind is gone; there are {', '.join(sorted(names))}")


def _names_without(name: str, container: Container) -> set[str]:
    """Return the names of all processes of a container, empty while one of them has this name."""
    names = {state["Name"] for state in container.states()}
    return set() if name in names else names


def nothing_set(trial: Trial) -> None:
    """Without a database the image says what it needs."""
    print("Nothing set", flush=True)
    container = Container(Start(trial.tree, trial.configs["enschedule"], {}), trial.folder / "nothing.log")
    code = container.process.wait(START_SECONDS)
    check(code == 2, f"exit code {code}: {' '.join(container.text.split())}")


# --- compose.yaml ---


def composed(trial: Trial) -> None:
    """Start the services of compose.yaml, their PostgreSQL being this machine's; then take one worker away."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        print("compose.yaml: not tried, because there is no PostgreSQL here (Debian: apt-get install postgresql)")
        return
    print("The services of compose.yaml", flush=True)
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    (trial.folder / "secrets").mkdir()
    (trial.folder / "hosts").write_text(
        "".join(f"{address} {name.partition('-')[0]}\n" for name, address in ADDRESSES.items()), encoding="utf-8"
    )
    make_secrets(trial, services["secrets"])
    password, key = ((trial.folder / "secrets" / name).read_text() for name in ("database_password", "api_key"))
    with ExitStack() as stack:
        stack.enter_context(postgresql(trial.folder, programs[-1], services["database"]["environment"], password))
        one, two = (stack.enter_context(service(trial, name, services[name])) for name in ("worker-1", "worker-2"))
        stack.enter_context(service(trial, "dashboard", services["dashboard"]))
        api = Api(f"{ADDRESSES['worker-2']}:8080", key)
        workers = sorted((one["id"], one["status"]) for one in api.call("GET", "workers")[1]["items"])
        check(workers == [("worker-1", "up"), ("worker-2", "up")], f"workers: {workers}")
        runs_every_second(api)
        check(b"worker-2" in page_of_workers(key), "the dashboard shows them")
        look_at("worker-1", one)
        stop("worker-1", one)
        check(b"worker-2" in page_of_workers(key), "with worker-1 gone, the dashboard shows them through worker-2")
        last = api.call("GET", "runs?schedule=hello")[1]["items"][0]["id"]
        path = "runs?schedule=hello&status=succeeded"
        wait_for("later runs", lambda: api.call("GET", path)[1]["items"][0]["id"] > last + 1)
        check(two.process.poll() is None, "with worker-1 gone, slots go on")


def make_secrets(trial: Trial, given: Mapping[str, Any]) -> None:
    """Run the service that makes key and password, and ends."""
    command = [part.replace("$$", "$") for part in given["entrypoint"]]
    config = {**trial.configs["worker"], "User": given["user"], "Entrypoint": command, "Cmd": []}
    binds = [Bind(trial.folder / "secrets", SECRETS, "rw")]
    container = Container(Start(trial.tree, config, {"API_KEY": ""}, binds), trial.folder / "secrets.log")
    check(container.process.wait(START_SECONDS) == 0, f"secrets: exit code 0 {container.text}".rstrip())


def service(trial: Trial, name: str, given: Mapping[str, Any]) -> Any:
    """Return the context of a service that runs; every one of them listens on an address of its own."""
    target = given["build"]["target"]
    environ = {key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for key, value in given["environment"].items()}
    environ["HOST"] = ADDRESSES[name]
    binds = [
        Bind(trial.folder / "secrets", SECRETS),
        Bind(trial.folder / "hosts", "/etc/hosts"),
        Bind(trial.jobs, "/enschedule/jobs"),
    ]
    start = Start(trial.tree, trial.configs[target], environ, binds, hostname=given.get("hostname", name))
    path = "3000/login" if target == "dashboard" else "8080/api/v1/readyz"
    return trial.running(name, start, f"http://{ADDRESSES[name]}:{path}")


def page_of_workers(key: str) -> bytes:
    """Return the page of workers, as a browser that has logged in sees it."""
    dashboard = f"http://{ADDRESSES['dashboard']}:3000"
    made = Api(f"{ADDRESSES['worker-2']}:8080").call("POST", "sessions", {"key": key})[1]
    request = urllib.request.Request(f"{dashboard}/workers", headers={"Cookie": f"enschedule={made['token']}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        page: bytes = answer.read()
        return page


@contextmanager
def postgresql(folder: Path, programs: Path, given: Mapping[str, str], password: str) -> Iterator[None]:
    """Run a PostgreSQL of this machine as compose.yaml has it: with its user, password and database."""
    data, user = folder / "postgresql", "postgres"
    as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
    data.mkdir()
    shutil.chown(data, user)
    (folder / "password").write_text(password, encoding="utf-8")
    made = [f"--username={given['POSTGRES_USER']}", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
    subprocess.run([*as_user, programs / "initdb", "-D", data, "-N", *made], check=True, stdout=subprocess.DEVNULL)
    with (data / "pg_hba.conf").open("a", encoding="utf-8") as file:
        file.write("host all all samenet scram-sha-256\n")
    address = ADDRESSES["database"]
    options = ["-D", str(data), "-h", address, "-k", str(data), "-c", "fsync=off"]
    with (folder / "postgresql.log").open("wb") as sink:
        process = subprocess.Popen([*as_user, programs / "postgres", *options], stdout=sink, stderr=sink)
    try:
        connection = [f"--host={address}", f"--username={given['POSTGRES_USER']}"]
        createdb = [str(programs / "createdb"), *connection, given["POSTGRES_DB"]]
        environ = {"PGPASSWORD": password}

        def made_database() -> bool:
            return subprocess.run(createdb, env=environ, capture_output=True, check=False).returncode == 0

        wait_for("the database", made_database)
        yield
    finally:
        process.terminate()
        process.wait(30)


def main(arguments: list[str]) -> int:
    """Run all trials; returns the exit code."""
    configs = json.load(sys.stdin)
    links = ["link set lo up", *(f"address add {address}/24 dev lo" for address in ADDRESSES.values())]
    for command in links:
        subprocess.run(f"ip {command}".split(), check=True)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(arguments[0]), configs, Path(folder))
        try:
            quick_start(trial)
            mounted_file(trial)
            nothing_set(trial)
            composed(trial)
        except (Missing, OSError, subprocess.SubprocessError) as fault:
            print(f"trial: {fault}", file=sys.stderr)
            return 1
    print("trial: done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
