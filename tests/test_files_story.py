"""One story over a port: a crontab becomes files, files become schedules, an edit by hand is found and undone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CRONTAB = """\
MAILTO=ops@example.org
0 2 * * * echo "Hello, $NAME"
"""


@pytest.fixture
def enschedule(tmp_path: Path):
    def run(server, *arguments: str, stdin: str = "", exit_code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "enschedule_cli.main", *arguments],
            input=stdin,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ENSCHEDULE_URL": server.url, "NAME": "Ada"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_a_crontab_becomes_schedules_that_run_and_go_back_to_their_file(
    start_server, enschedule, tmp_path: Path
) -> None:
    (tmp_path / "crontab").write_text(f"NAME=Ada\n{CRONTAB}")
    with start_server(tmp_path / "server") as server:
        imported = subprocess.run(
            [sys.executable, "-m", "enschedule_cli.main", "import", "crontab", "crontab", "--timezone", "UTC"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "crontab:2: MAILTO=ops@example.org: nobody is mailed" in imported.stderr
        (tmp_path / "jobs.yml").write_text(imported.stdout)

        assert "+  handler: shell@1" in enschedule(server, "diff", "-f", "jobs.yml", exit_code=1)
        assert "echo: created, first run" in enschedule(server, "apply", "-f", "jobs.yml")
        run = server.run("echo")
        assert server.wait_run(run["id"])["status"] == "succeeded"
        assert server.output(run["id"]) == "Hello, Ada\n"

        assert server.call("PATCH", "schedules/echo", {"title": "Mine"})["overridden"]
        assert "-  name: Mine" in enschedule(server, "diff", "-f", "jobs.yml", exit_code=1)
        back = server.call("POST", "schedules/echo/revert")
        assert (back["title"], back["overridden"], back["managed_by"]) == ("echo", False, "file jobs.yml")
        assert enschedule(server, "diff", "-f", "jobs.yml") == ""

        exported = enschedule(server, "export")
        server.call("DELETE", "schedules/echo")
        assert "echo: created" in enschedule(server, "apply", "-f", "-", stdin=exported)
        assert enschedule(server, "export") == exported
