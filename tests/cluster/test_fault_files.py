"""A database file that is locked, and a disk that is full."""

from __future__ import annotations

import resource
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from cluster_kit import Program, Start, every_slot_once, serving, wait_for

pytestmark = pytest.mark.cluster
BODY = {"id": "other", "handler": "tick", "data": {}, "schedule": "manual"}


@pytest.mark.long
def test_a_file_that_is_locked_for_longer_than_anybody_waits(start: Start, tmp_path: Path) -> None:
    """For 33 s: writing is refused with 503, reading goes on, no slot is lost, and the worker goes on by itself."""
    program = serving(start)
    program.make("each", "tick", "every 1 second", catch_up={"mode": "all"})
    wait_for("a tick", lambda: program.marks("tick"))
    answers: list[int] = []
    asking = [
        threading.Thread(target=lambda: answers.append(program.ask("POST", "/api/v1/schedules", BODY)[0]))
        for _ in range(3)
    ]
    with closing(sqlite3.connect(tmp_path / "enschedule.db", isolation_level=None, timeout=30)) as locker:
        locker.execute("BEGIN IMMEDIATE")
        for thread in asking:
            thread.start()
        until = time.monotonic() + 33
        while time.monotonic() < until:
            assert program.status("/api/v1/schedules") == 200
            assert program.status("/api/v1/healthz") == 200
            time.sleep(1)
        locker.execute("ROLLBACK")
    for thread in asking:
        thread.join(40)
    assert set(answers) <= {503, 201, 409}
    assert 503 in answers
    ticks = len(program.marks("tick"))
    wait_for("it goes on", lambda: len(program.marks("tick")) > ticks + 1)
    assert "Traceback" not in program.log
    assert program.stop() == 0
    every_slot_once(program, "each")


def limit_files(program: Program, size: int) -> None:
    """Let no process of a program make a file larger than that: to SQLite that is what a full disk is."""
    pid = program.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, children)):
        hard = resource.prlimit(one, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(one, resource.RLIMIT_FSIZE, (size, hard))


def test_a_full_disk_is_said_and_outlived(start: Start, tmp_path: Path) -> None:
    program = serving(start)
    program.make("each", "tick", "every 1 second")
    wait_for("a tick", lambda: program.marks("tick"))
    wal = tmp_path / "enschedule.db-wal"
    with closing(sqlite3.connect(tmp_path / "enschedule.db")) as beside:
        beside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    limit_files(program, 4096)  # not one page more
    status, text = wait_for(
        "a change is refused",
        lambda: (found := program.ask("POST", "/api/v1/schedules", BODY))[0] != 201 and found,
        tell=lambda: str(wal.stat().st_size),
    )
    assert status == 503
    assert "The database does not answer." in text
    assert "disk" in text
    assert program.status("/api/v1/schedules") == 200, "reading goes on"
    program.said("disk I/O error|disk is full")
    limit_files(program, resource.RLIM_INFINITY)
    ticks = len(program.marks("tick"))
    wait_for("it goes on", lambda: len(program.marks("tick")) > ticks + 1, tell=lambda: program.log)
    assert program.ask("POST", "/api/v1/schedules", BODY)[0] in (201, 409)
    assert "Traceback" not in program.log
    assert program.stop() == 0
    with closing(sqlite3.connect(tmp_path / "enschedule.db")) as beside:
        assert beside.execute("PRAGMA integrity_check").fetchone() == ("ok",)
