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
OWN = {"SQLITE": "enschedule.db", "HANDLERS_DIR": ""}
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
        assert program.log.count("tidy-up: ") == 1, "not in the serving process, nor in a child"
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
    worker = start("worker", API_ENDPOINT="true", HOST="0.0.0.0", SQLITE="w.db", API_KEY="correct-horse").ready()
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
