"""Dockerfile, entry point, health check, compose.yaml, compared with settings and programs; no engine needed."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from enschedule_client import Client
from enschedule_core import settings as core_settings
from enschedule_dashboard import main as dashboard_main
from enschedule_dashboard.app import create_app
from enschedule_dashboard.main import SETTINGS as DASHBOARD_SETTINGS
from enschedule_dashboard.main import read_plan
from enschedule_worker import main as worker_main
from enschedule_worker import server
from enschedule_worker.setting_table import OTHERS
from enschedule_worker.setting_table import SETTINGS as WORKER_SETTINGS
from enschedule_worker.settings import read_settings
from enschedule_worker.store.seal import read_keys

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
START = ROOT / "docker" / "start.sh"
FINAL = ("dashboard", "worker", "enschedule")
PORTS = {
    "dashboard": [dashboard_main.PORT],
    "worker": [worker_main.PORT],
    "enschedule": [dashboard_main.PORT, worker_main.PORT],
}
EVERY_SETTING = (*WORKER_SETTINGS, *DASHBOARD_SETTINGS, *OTHERS)


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


health = load(ROOT / "docker" / "health.py")
image_container = load(ROOT / "tools" / "image_container.py")


def known_variables():
    names = {name for one in EVERY_SETTING for name in (one.name, *one.aliases)}
    return names | {f"{name}_FILE" for one in EVERY_SETTING if one.secret for name in (one.name, *one.aliases)}


# --- The Dockerfile ---


@cache
def stages():
    """The instructions of each stage by its name, in order; what it is based on comes first."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found[name] = list(found.get(base, []))
            instructions = found[name]
        elif line and found:
            instructions.append((word, " ".join(rest.split())))
    return found


def instruction(stage, word):
    """The arguments of an instruction, those of the stages below first."""
    return [rest for each, rest in stages()[stage] if each == word]


def image_environment(stage):
    return dict(pair.split("=", 1) for line in instruction(stage, "ENV") for pair in shlex.split(line))


def test_there_are_three_images_and_the_last_one_is_the_one_without_a_target():
    assert set(stages()) == {"build", "runtime", *FINAL}
    assert list(stages())[-1] == "enschedule"


@pytest.mark.parametrize("stage", FINAL)
def test_an_image_exposes_the_ports_of_its_programs(stage):
    assert [int(port) for line in instruction(stage, "EXPOSE") for port in line.split()] == PORTS[stage]


@pytest.mark.parametrize("stage", FINAL)
def test_an_image_runs_as_a_user_without_rights_who_is_a_number(stage):
    user, group = instruction(stage, "USER")[-1].split(":")

    assert int(user) == int(group) > 1000
    (made,) = [line for line in instruction(stage, "RUN") if "useradd" in line]
    assert f"--uid {user} --gid {group}" in made
    assert f"--owner {user} --group {group} /enschedule /enschedule/data /enschedule/jobs" in made


@pytest.mark.parametrize("stage", FINAL)
def test_an_image_sets_only_variables_that_are_read(stage):
    environment = image_environment(stage)

    assert set(environment) - known_variables() == {"PATH", "PYTHONUNBUFFERED"}
    settings = read_settings(environment)
    assert settings.host == "0.0.0.0"
    assert settings.handlers_dir == Path("/enschedule/jobs")
    assert settings.warnings == ()
    assert settings.database is None


@pytest.mark.parametrize(("stage", "asks"), [("dashboard", ["dashboard"]), ("worker", ["worker"]), ("enschedule", [])])
def test_an_image_starts_and_looks_after_its_program(stage, asks):
    check = instruction(stage, "HEALTHCHECK")[-1]

    assert json.loads(instruction(stage, "ENTRYPOINT")[-1]) == ["/usr/bin/tini", "--", "enschedule-start"]
    assert json.loads((instruction(stage, "CMD") or ["[]"])[-1]) == asks
    assert json.loads(check.partition(" CMD ")[2]) == ["enschedule-health", *asks]


def test_the_image_has_every_driver():
    project = tomllib.loads((ROOT / "packages/enschedule-worker/pyproject.toml").read_text(encoding="utf-8"))["project"]
    (installed,) = re.findall(r"enschedule-worker\[([\w,]+)\]", " ".join(instruction("build", "RUN")))

    assert set(installed.split(",")) == set(project["optional-dependencies"])


def test_what_is_copied_exists_and_is_not_kept_back():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[-2] for stage in FINAL for line in instruction(stage, "COPY") if "--from" not in line]
    copied += [line.split()[-2] for line in instruction("build", "COPY")]

    assert "*" in ignored
    assert "packages" in copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert {path.partition("/")[0] for path in copied} == {line[1:] for line in ignored if line.startswith("!")}


def test_hadolint_finds_nothing():
    done = subprocess.run([BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


# --- The entry point ---


@pytest.fixture
def start(tmp_path):
    """Runs the entry point with a stand-in for the command `enschedule`; returns what that was asked and told."""
    command = tmp_path / "enschedule"
    command.write_text('#!/bin/sh\necho "$*|${HANDLERS_DIR-unset}"\n', encoding="utf-8")
    command.chmod(0o755)

    def run(*arguments, **environ):
        path = f"{tmp_path}:{os.environ['PATH']}"
        environ = {"PATH": path, "HANDLERS_DIR": image_environment("enschedule")["HANDLERS_DIR"], **environ}
        done = subprocess.run(["sh", START, *arguments], env=environ, capture_output=True, text=True, check=True)
        return tuple(done.stdout.strip().split("|"))

    return run


@pytest.mark.parametrize("spelling", [*sorted(core_settings._TRUE), "True", " YES "])
def test_with_an_api_it_is_a_worker_in_any_spelling_of_true(start, spelling):
    assert start(API_ENDPOINT=spelling) == ("worker", "/enschedule/jobs")


@pytest.mark.parametrize("spelling", [*sorted(core_settings._FALSE), "", "perhaps"])
def test_without_it_is_a_dashboard_which_also_refuses_what_is_neither(start, spelling):
    assert start(API_ENDPOINT=spelling) == ("dashboard", "/enschedule/jobs")


def test_arguments_are_those_of_the_command(start):
    assert start("migrate", API_ENDPOINT="true")[0] == "migrate"
    assert start("dashboard", API_ENDPOINT="true")[0] == "dashboard"


def test_before_a_worker_elsewhere_the_folder_of_the_image_is_not_named(start):
    assert start(WORKER_URL="http://worker:8080") == ("dashboard", "unset")
    assert start(WORKER_URL="http://worker:8080", HANDLERS_DIR="/mine") == ("dashboard", "/mine")


# --- The health check ---


@pytest.fixture
def answering():
    """Starts a server that answers every path with a status; returns its port and the paths that it was asked for."""
    servers = []

    def start(status):
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        asked = []
        one = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(one)
        return one.server_address[1], asked

    yield start
    for one in servers:
        one.shutdown()
        one.server_close()


def test_the_health_check_knows_the_ports_and_the_spellings_of_the_programs():
    assert health.PORTS == {"dashboard": dashboard_main.PORT, "worker": worker_main.PORT}
    assert health.TRUE == core_settings._TRUE


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
@pytest.mark.parametrize(("arguments", "api"), [(["dashboard"], ""), (["worker"], "true"), ([], ""), ([], "yes")])
def test_a_worker_is_well_when_it_is_ready(answering, capsys, status, code, arguments, api):
    port, asked = answering(status)

    assert health.main(arguments, {"PORT": str(port), "HOST": "0.0.0.0", "API_ENDPOINT": api}) == code
    assert asked == ["/api/v1/readyz"]
    assert str(status) in capsys.readouterr().out


@pytest.mark.parametrize(("status", "code"), [(200, 0), (404, 1), (500, 1)])
def test_a_dashboard_before_a_worker_elsewhere_only_has_to_answer(answering, status, code):
    port, asked = answering(status)

    environ = {"ENSCHEDULE_PORT": str(port), "PORT": "1", "HOST": "0.0.0.0", "WORKER_URL": "http://worker:8080"}
    assert health.main(["dashboard"], environ) == code
    assert asked == [health.ALIVE]


def test_the_command_of_the_container_says_what_to_ask(answering):
    port, asked = answering(200)
    started_with = ["/usr/bin/tini", "--", "enschedule-start", "dashboard", ""]

    assert (
        health.main([], {"PORT": str(port), "API_ENDPOINT": "true", "WORKER_URL": "http://worker"}, started_with) == 0
    )
    assert asked == [health.ALIVE]


def test_a_worker_without_an_api_is_well_while_it_runs(capsys):
    assert health.main(["worker"], {"PORT": "1"}) == 0
    assert "API_ENDPOINT" in capsys.readouterr().out


def test_what_does_not_answer_is_not_well(port, capsys):
    assert health.main(["dashboard"], {"PORT": str(port)}) == 1
    assert f"127.0.0.1:{port}" in capsys.readouterr().out


def test_a_dashboard_answers_that_while_its_worker_is_gone(port):
    pages = create_app(lambda token, address: Client(f"http://127.0.0.1:{port}")).test_client()

    assert pages.get(health.ALIVE, headers={"Host": "127.0.0.1:3000"}).status_code == 200


# --- compose.yaml ---


@cache
def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


OURS = ("worker-1", "worker-2", "dashboard")


def test_compose_fits_the_specification():
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_compose_starts_postgresql_two_workers_and_a_dashboard():
    assert set(compose()["services"]) == {"secrets", "database", *OURS}
    assert compose()["services"]["database"]["image"].startswith("postgres:")


@pytest.mark.parametrize("name", ["secrets", *OURS])
def test_a_service_of_ours_can_be_built_and_needs_no_checkout(name):
    service = compose()["services"][name]

    assert service["build"]["target"] in FINAL
    assert service["image"] == f"enschedule-{service['build']['target']}"
    assert "env_file" not in service
    # A folder that is missing is made; a file would have to be there.
    mounted = [volume.split(":")[0] for volume in service.get("volumes", ())]
    assert set(mounted) <= {*compose()["volumes"], "./jobs"}


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    """The folder that the service `secrets` fills, after its own script has run."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    *shell, script = compose()["services"]["secrets"]["entrypoint"]
    script = script.replace("$$", "$").replace("/run/enschedule", str(folder))

    def make(key=""):
        subprocess.run([*shell, script], env={"PATH": os.environ["PATH"], "API_KEY": key}, check=True)
        return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}

    return folder, make


def test_the_secrets_are_made_once_and_are_nobody_elses(secrets):
    _, make = secrets
    first = make()

    assert make() == first
    assert set(first) == {"api_key", "database_password", "encryption_keys"}
    assert len(read_keys([first.pop("encryption_keys")])) == 1
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in first.values())
    assert first["api_key"] != first["database_password"]


def test_a_key_of_the_user_is_taken_and_the_password_stays(secrets):
    _, make = secrets
    before = make()

    assert make("mine") == {**before, "api_key": "mine"}


def environment_of(name, folder):
    """What the service sets, with files that are there."""
    values = {**image_environment("worker"), **compose()["services"][name]["environment"]}
    values = {key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for key, value in values.items()}
    return {key: value.replace("/run/enschedule", str(folder)) for key, value in values.items()}


@pytest.mark.parametrize("name", ["worker-1", "worker-2"])
def test_a_worker_of_compose_has_the_database_and_the_key(secrets, name):
    folder, make = secrets
    made = make()
    settings = read_settings(environment_of(name, folder))
    database = compose()["services"]["database"]["environment"]

    assert settings.warnings == ()
    assert settings.api_endpoint
    assert settings.api_key == made["api_key"]
    assert settings.encryption_keys == (made["encryption_keys"].strip(),)
    assert settings.database.shown == f"PostgreSQL, {database['POSTGRES_DB']} on database:5432"
    assert settings.database.password == made["database_password"]
    assert compose()["services"][name]["hostname"] == name


def test_the_dashboard_of_compose_is_before_the_workers_and_on_this_machine_only(secrets, capsys):
    folder, make = secrets
    made = make()
    service = compose()["services"]["dashboard"]
    environ = environment_of("dashboard", folder)
    del environ["HANDLERS_DIR"]  # as the entry point does
    plan = read_plan(environ)

    assert plan.worker_url == f"http://worker:{worker_main.PORT}"
    assert plan.worker.api_key == made["api_key"]
    assert capsys.readouterr().err == ""
    assert service["ports"] == [f"127.0.0.1:${{PORT:-3000}}:{dashboard_main.PORT}"]
    aliases = [compose()["services"][name]["networks"]["default"]["aliases"] for name in ("worker-1", "worker-2")]
    assert aliases == [["worker"]] * 2


@pytest.mark.parametrize("name", OURS)
def test_compose_waits_longer_than_a_worker_takes_to_stop(name):
    least = read_settings({}).grace_seconds + server._EXTRA_STOP_SECONDS

    assert int(compose()["services"][name]["stop_grace_period"].removesuffix("s")) > least


# --- What the pages say ---


def documented_runs():
    pages = ("README.md", "docs/containers.md")
    return [one for page in pages for one in image_container.docker_runs((ROOT / page).read_text(encoding="utf-8"))]


def test_the_documented_starts_are_of_images_that_are_made():
    found = documented_runs()

    assert len(found) >= 4
    assert {one.image for one in found} == {"enschedule"}
    assert {volume.split(":")[1] for one in found for volume in one.volumes} == {"/enschedule/data", "/enschedule/jobs"}


@pytest.mark.parametrize("given", documented_runs(), ids=lambda given: " ".join(given.environ))
def test_a_documented_start_publishes_the_port_of_its_program_on_this_machine(given):
    settings = read_settings({**image_environment("enschedule"), **given.environ})
    port = worker_main.PORT if settings.api_endpoint else dashboard_main.PORT

    assert settings.database is not None
    assert settings.warnings == ()
    assert given.ports == [f"127.0.0.1:{port}:{port}"]
