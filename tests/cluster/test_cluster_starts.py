"""Processes that start: together, on old and new files, in memory, behind keys, in front of a worker elsewhere."""

from __future__ import annotations

import http.cookiejar
import re
import socket
import sqlite3
import threading
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from cluster_kit import Program, Start, refused, wait_for

pytestmark = pytest.mark.cluster


def test_programs_that_start_together_on_an_empty_file_migrate_it_once(start: Start) -> None:
    programs = [start("up"), start("worker", SQLITE="enschedule.db", ENSCHEDULE_WORKER_ID="b"), start("up")]
    programs[0].ready()
    programs[1].said("Worker b runs")
    programs[2].ready()
    assert sum(program.log.count("migrating the database") for program in programs) == 1
    assert [program.stop() for program in programs] == [0, 0, 0]


def test_a_program_refuses_a_database_of_a_newer_one(start: Start, tmp_path: Path) -> None:
    program = start("up").ready()
    assert program.stop() == 0
    connection = sqlite3.connect(tmp_path / "enschedule.db")
    (known,) = connection.execute("SELECT version_num FROM enschedule_version").fetchone()
    connection.execute("UPDATE enschedule_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for name in ("up", "worker"):
        said = refused(start(name, SQLITE="enschedule.db"))
        assert "9999" in said
        assert known in said


def test_a_port_that_is_taken_is_named(start: Start) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        said = refused(start("up", PORT=port))
        assert f"PORT: {port}" in said
        assert "is taken" in said
        assert "PORT: " in refused(start("worker", PORT=port, API_ENDPOINT="true", SQLITE="x.db"))


def test_what_is_wrong_with_the_environment_is_one_message(start: Start) -> None:
    said = refused(start("up", IMPORT_HANDLERS="enschedule-nowhere-handler"))
    assert "IMPORT_HANDLERS" in said
    assert "enschedule-nowhere-handler" in said
    assert "WORKER_URL" in refused(start("dashboard"))
    said = refused(start("worker", SQLITE="a.db", POSTGRES="true"))
    assert "POSTGRES" in said
    assert "SQLITE" in said


def test_an_unknown_variable_is_warned_about_and_a_broken_plugin_reported(start: Start, tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    (jobs / "broken.py").write_text("import nonsense_that_is_not_there\n")
    (jobs / "hello.py").write_text(
        "from enschedule_core import handler\n\n\n@handler(id='hello')\ndef hello(data):\n    print('hi')\n"
    )
    program = start("up", HANDLERS_DIR="jobs", ENSCHEDULE_CONCURENCY="3").ready()
    assert "ENSCHEDULE_CONCURENCY is not a setting; did you mean ENSCHEDULE_CONCURRENCY?" in program.log
    assert re.search(r"Plugin .*broken.* could not be loaded: .*nonsense_that_is_not_there", program.log)
    assert "hello@1" in program.log
    assert program.stop() == 0


# ---------------------------------------------------------------- in memory


def folders_of(program: Program) -> set[Path]:
    """Return the private folders in memory that a process has files open in."""
    links = Path(f"/proc/{program.process.pid}/fd").iterdir()
    found = {str(link.readlink()) for link in links if link.is_symlink()}
    return {Path(name).parent for name in found if "enschedule-memory-" in name}


def test_a_database_in_memory_works_with_all_threads_and_leaves_nothing(start: Start) -> None:
    program = start("up", "--database", ":memory:").ready()
    (folder,) = folders_of(program)
    assert (folder / "memory.db").exists()
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for count in range(10):
                program.make(f"s-{number}-{count}", "tick")
                program.run(f"s-{number}-{count}")
                program.call("GET", "runs")
        except BaseException as problem:  # noqa: BLE001 - the assertion below shows it
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    wait_for("all ran", lambda: len(program.marks("tick")) == 80)
    assert program.stop() == 0
    assert not folder.exists()
    assert not (program.folder / "enschedule.db").exists()


def test_what_a_killed_process_left_in_memory_is_swept_by_the_next(start: Start) -> None:
    killed = start("up", SQLITE=":memory:").ready()
    (left,) = folders_of(killed)
    living = start("up", SQLITE=":memory:").ready()
    (other,) = folders_of(living)
    assert left.exists(), "it is in use"
    killed.kill()
    assert left.exists()
    assert start("up", SQLITE=":memory:").ready().stop() == 0
    assert not left.exists()
    assert other.exists()
    assert living.status("/api/v1/schedules") == 200
    assert living.stop() == 0


# ---------------------------------------------------------------- who gets in


def test_bound_to_the_network_a_key_is_needed_and_the_printed_link_logs_in(start: Start) -> None:
    program = start("up", HOST="0.0.0.0", API_KEY="correct-horse")
    link = program.said(r"http://127\.0\.0\.1:\d+/login\?key=\S+")
    program.ready()
    assert program.status("/api/v1/schedules") == 401
    assert program.status("/api/v1/schedules", X_API_Key="wrong") == 401
    assert program.status("/api/v1/schedules", X_API_Key="correct-horse") == 200
    assert program.status("/api/v1/schedules", Authorization="Bearer correct-horse") == 200
    status, page = program.ask("GET", "/")
    assert status in {302, 303, 401}
    assert "correct-horse" not in page
    status, page = program.ask("GET", "/login")
    assert (status, "password" in page or "key" in page) == (200, True)

    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with browser.open(link, timeout=30) as answer:
        shown = answer.read().decode()
    if "<form" in shown and "/login" in answer.url:  # a page that asks before it uses the link up
        form = re.search(r'name="csrf_token" value="([^"]+)"', shown)
        assert form is not None
        fields = {"csrf_token": form[1], "key": link.partition("key=")[2]}
        data = urllib.parse.urlencode(fields).encode()
        browser.open(urllib.request.Request(f"{program.url}/login", data, {"Origin": program.url}), timeout=30).close()
    with browser.open(f"{program.url}/schedules", timeout=30) as answer:
        assert answer.status == 200
        assert "/login" not in answer.url
    assert program.stop() == 0


# ---------------------------------------------------------------- a dashboard in front of a worker elsewhere


def maps(program: Program) -> str:
    """Return what the processes of a program have mapped into memory."""
    pids = [program.process.pid, *_children(program.process.pid)]
    return "".join(Path(f"/proc/{pid}/maps").read_text() for pid in pids)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_dashboard_in_front_of_a_worker_elsewhere(start: Start, tmp_path: Path) -> None:
    worker = start("worker", API_ENDPOINT="true", SQLITE="enschedule.db").ready()
    dashboard = start("dashboard", WORKER_URL=worker.url, SQLITE="mine.db", IMPORT_HANDLERS="nowhere", folder=tmp_path)
    dashboard.said("showing the worker at")
    assert "the worker decides: IMPORT_HANDLERS, HANDLERS_DIR, SQLITE ignored" in dashboard.log
    worker.make("each", "tick", title="Seen from afar")
    wait_for("the page is there", lambda: "Seen from afar" in dashboard.ask("GET", "/schedules")[1])
    assert "sqlalchemy" in maps(worker), "else the next line proves nothing"
    assert "sqlalchemy" not in maps(dashboard)
    assert not (tmp_path / "mine.db").exists()
    assert worker.stop() == 0
    status, page = dashboard.ask("GET", "/schedules")
    assert status == 503
    assert worker.url in page
    again = start("worker", API_ENDPOINT="true", SQLITE="enschedule.db", PORT=str(worker.port)).ready()
    assert "Seen from afar" in dashboard.ask("GET", "/schedules")[1]
    assert dashboard.stop() == 0
    assert again.stop() == 0


def test_a_locked_database_makes_requests_wait_and_loses_nothing(start: Start, tmp_path: Path) -> None:
    program = start("up").ready()
    program.make("each", "tick", "every 1 second")
    wait_for("a tick", lambda: program.marks("tick"))
    locker = sqlite3.connect(tmp_path / "enschedule.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    assert program.status("/api/v1/schedules") == 200, "reading goes on"
    assert program.status("/api/v1/healthz") == 200
    waiting: list[int] = []
    body = {"id": "other", "handler": "log-job", "data": {"message": "x"}, "schedule": "manual"}
    thread = threading.Thread(target=lambda: waiting.append(program.ask("POST", "/api/v1/schedules", body)[0]))
    thread.start()
    thread.join(2)
    assert waiting == [], "it waits for the lock"
    locker.execute("ROLLBACK")
    thread.join(30)
    assert waiting == [201]
    ticks = len(program.marks("tick"))
    wait_for("it goes on", lambda: len(program.marks("tick")) > ticks + 1)
    locker.close()
    assert program.stop() == 0
