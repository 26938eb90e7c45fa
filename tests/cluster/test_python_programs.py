"""Programs in Python as real processes: the dashboard's script, and pages in several processes."""

from __future__ import annotations

import http.cookiejar
import os
import re
import signal
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from cluster_kit import Program, Start, wait_for

pytestmark = pytest.mark.cluster
# No worker dies here, so a busy machine must not make it look like that.
CALM = {"ENSCHEDULE_LEASE_SECONDS": "45", "ENSCHEDULE_HEARTBEAT_SECONDS": "5"}
OWN = {"SQLITE": "enschedule.db", "HANDLERS_DIR": "", **CALM}
README = Path(__file__).parents[2] / "packages" / "enschedule-dashboard" / "README.md"


def children(program: Program) -> list[int]:
    pid = program.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_readmes_script_schedules_serves_and_runs_its_own_handler(start: Start, tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n# script.py\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "script.py").write_text(source)
    for change in ("created", "unchanged"):
        program = start("script", ENSCHEDULE_LOG_JOBS="true", **OWN).ready()
        assert f"tidy-up: {change}\n" in program.log
        assert program.log.count("tidy-up: ") == 1, "not in the serving process again"
        run = program.run("tidy-up")
        program.said(rf"\[tidy-up {run}\] nothing older than 7 days left")
        program.wait_status(run, "succeeded")
        found = program.call("GET", f"runs/{run}")
        assert found["handler"] == {"id": "tidy", "version": 1}
        assert [one["executor"] for one in program.call("GET", "workers")["items"] if one["status"] == "up"] == [
            "process"
        ]
        assert program.stop() == 0
    (tmp_path / "script.py").write_text(source.replace('"days": 7}, schedule', '"days": 8}, schedule'))
    edited = start("script", **OWN).ready()
    assert "tidy-up: updated\n" in edited.log
    assert edited.stop() == 0


def test_several_processes_share_sessions_and_forms(start: Start) -> None:
    worker = start(
        "worker", API_ENDPOINT="true", HOST="0.0.0.0", SQLITE="w.db", API_KEY="correct-horse", **CALM
    ).ready()
    key = {"WORKER_URL": worker.url, "API_KEY": "correct-horse"}
    dashboard = start("dashboard", **key, HOST="0.0.0.0", ENSCHEDULE_PROCESSES="2", HANDLERS_DIR="")
    dashboard.said("showing the worker at")
    wait_for("two processes", lambda: len(children(dashboard)) == 2)
    first, second = children(dashboard)
    wait_for("it answers", lambda: dashboard.status("/login") == 200)
    assert dashboard.log.count("showing the worker at") == 1
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(path: str) -> str:
        with browser.open(dashboard.url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(path: str, page: str, **fields: str) -> str:
        token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
        assert token is not None, page
        data = urllib.parse.urlencode({"csrf_token": token[1], **fields}).encode()
        request = urllib.request.Request(dashboard.url + path, data, {"Origin": dashboard.url})
        with browser.open(request, timeout=30) as answer:
            return str(answer.url)

    def only(process: int, other: int) -> None:
        os.kill(process, signal.SIGCONT)
        os.kill(other, signal.SIGSTOP)

    only(first, second)
    page = get("/login")
    only(second, first)
    assert "/login" not in post("/login", page, key="correct-horse"), "a form of the one is taken by the other"
    body = {"id": "s", "handler": "log-job", "data": {"message": "x"}, "schedule": "manual"}
    assert worker.ask("POST", "/api/v1/schedules", body, X_API_Key="correct-horse")[0] == 201
    page = get("/schedules/s")
    only(first, second)
    assert "/login" not in post("/schedules/s/run", page), "and so is a session"
    assert len(get("/runs").split("/runs/")) > 1
    os.kill(second, signal.SIGCONT)
    assert dashboard.stop() == 0
    assert worker.stop() == 0


GREET = """
from enschedule_core import handler
from marshmallow import Schema, fields


class Data(Schema):
    {field} = fields.String(required=True, metadata={{"title": "{field} of whom"}})


@handler(id="{id}", data_schema=Data)
def run(data):
    print("hello", data["{field}"])
"""


def test_an_edit_in_the_folder_is_live_and_one_of_a_plugin_starts_the_server_again(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "greet.py").write_text(GREET.format(id="greet", field="name"))
    (tmp_path / "plugin.py").write_text(GREET.format(id="plugged", field="first"))
    program = start("up", "--reload", HANDLERS_DIR="jobs", IMPORT_HANDLERS="plugin.py", **CALM).ready()
    (server,) = children(program)
    assert "name of whom" in program.ask("GET", "/schedules/new?handler=greet")[1]
    (tmp_path / "jobs" / "greet.py").write_text(GREET.format(id="greet", field="whom"))
    wait_for("the form is new", lambda: "whom of whom" in program.ask("GET", "/schedules/new?handler=greet")[1])
    body = {"handler": "greet", "data": {"whom": "you"}}
    run = program.call("POST", "runs", body)["id"]
    program.wait_status(run, "succeeded")
    assert "hello you" in program.ask("GET", f"/runs/{run}")[1]
    assert children(program) == [server], "nothing was started again for that"

    (tmp_path / "plugin.py").write_text(GREET.format(id="plugged", field="second"))
    wait_for("the form is new", lambda: "second of whom" in program.ask("GET", "/schedules/new?handler=plugged")[1])
    assert "plugin.py changed, starting again" in program.log
    assert children(program) != [server]
    assert program.stop() == 0
