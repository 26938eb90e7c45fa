"""An apply whose server is killed halfway: it says what is done, and the next one does the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_kit import Start

pytestmark = pytest.mark.cluster
COUNT = 250


def test_a_server_that_is_killed_in_the_middle_of_an_apply(start: Start, tmp_path: Path) -> None:
    spec = "spec: {{id: s-{0:03}, handler: log-job, data: {{message: hi}}, schedule: every day at 2 am}}\n"
    (tmp_path / "many.yml").write_text("---\n".join(spec.format(number) for number in range(COUNT)))
    server = start("up", HANDLERS_DIR="").ready()
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ENSCHEDULE_URL": server.url}
    command = [sys.executable, "-m", "enschedule_cli.main", "apply", "-f", "many.yml"]
    applying = subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert applying.stdout is not None
    printed = [applying.stdout.readline() for _ in range(30)]
    server.kill()
    # Not communicate(): it leaves out what readline() has read ahead.
    assert applying.stderr is not None
    printed += applying.stdout.read().splitlines()
    said = applying.stderr.read()
    applying.wait(timeout=60)
    assert applying.returncode == 3, said
    assert 30 <= len(printed) < COUNT
    assert all(": created, first run " in line for line in printed)
    assert f"{len(printed)} of {COUNT} are done; what was printed is saved. Apply again to finish." in said
    assert "Traceback" not in said

    server = start("up", HANDLERS_DIR="", PORT=str(server.port)).ready()
    there = int(server.call("GET", "stats/schedules")["total"])
    assert len(printed) <= there < COUNT
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, f"{there} unchanged, {COUNT - there} created.\n")
    assert int(server.call("GET", "stats/schedules")["total"]) == COUNT
    assert server.stop() == 0
