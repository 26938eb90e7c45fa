"""``from enschedule_dashboard import scheduler, server, worker``: a script with its own handlers and schedules."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from enschedule_core.errors import ConfigurationError, InvalidData, Unauthenticated, UnknownHandler, WorkerUnreachable
from enschedule_core.registrar import collect
from enschedule_dashboard.program import InProcessWorker, Program, Scheduler, Server
from enschedule_worker.engine import streams

PATIENCE_SECONDS = 60


def greet(data: dict[str, Any]) -> None:
    print(f"hello {data['name']}")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    monkeypatch.chdir(tmp_path)
    made = Program({"SQLITE": "script.db", "ENSCHEDULE_EXECUTOR": "thread"})
    yield made
    made.leave_to_server()
    streams.uninstall()


def test_a_schedule_is_created_updated_or_unchanged(program: Program) -> None:
    scheduler = Scheduler(program)
    scheduler.register_job(id="greet", title="Greet", job=greet)
    wanted: dict[str, Any] = {"id": "hi", "handler": "greet", "data": {"name": "a"}, "schedule": "every day at 2 am"}
    assert scheduler.schedule(**wanted) == "created"
    assert scheduler.schedule(**wanted) == "unchanged"
    assert scheduler.schedule(**wanted | {"data": {"name": "b"}}, tags=["x"]) == "updated"
    found = program.client.schedules.get("hi")
    assert (found["data"], found["tags"], found["handler"]["id"]) == ({"name": "b"}, ["x"], "greet")
    assert program.client.workers.list()["items"] == [], "nothing runs yet"


def test_what_the_api_refuses_is_raised(program: Program) -> None:
    scheduler = Scheduler(program)
    with pytest.raises(UnknownHandler, match="nobody"):
        scheduler.schedule(id="a", handler="nobody", schedule="every minute")
    with pytest.raises(InvalidData, match="data"):
        scheduler.schedule(id="a", handler="log-job", data={"massage": "x"}, schedule="every minute")


def test_without_handlers_of_its_own_a_script_has_the_installed_ones(program: Program) -> None:
    assert Scheduler(program).schedule(id="a", handler="log-job", data={"message": "x"}, schedule="manual") == "created"
    assert [one.id for one in program.own.handlers()] == ["fetch", "log-job"]


def test_a_handler_that_comes_late_can_be_scheduled_too(program: Program) -> None:
    scheduler = Scheduler(program)
    scheduler.register_job(id="early", job=greet)
    scheduler.schedule(id="a", handler="early", schedule="manual")
    scheduler.register_job(id="late", job=greet)
    assert scheduler.schedule(id="b", handler="late", schedule="manual") == "created"


def test_the_worker_runs_schedules_without_pages(program: Program) -> None:
    worker = InProcessWorker(program)
    worker.register_job(id="greet", job=greet)
    worker.schedule(id="hi", handler="greet", data={"name": "you"}, schedule="manual")
    worker.start()
    run = program.client.schedules.run("hi")
    until = time.monotonic() + PATIENCE_SECONDS
    while program.client.runs.get(run["id"])["status"] != "succeeded":
        assert time.monotonic() < until
        time.sleep(0.02)
    worker.stop()
    assert [one["status"] for one in program.client.workers.list()["items"]] == ["stopped"]


def test_in_a_child_process_only_handlers_are_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program = Program({"SQLITE": "script.db"})
    with collect() as registration:
        Scheduler(program).register_job(id="greet", job=greet)
        assert Scheduler(program).schedule(id="a", handler="greet", schedule="manual") == "unchanged"
        Server(program).start()
        InProcessWorker(program).start()
        InProcessWorker(program).stop()
    assert [one.id for one in registration.handlers()] == ["greet"]
    assert program.own.handlers() == ()
    assert list(tmp_path.iterdir()) == []


def test_before_a_worker_elsewhere_handlers_are_ignored_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    program = Program({"WORKER_URL": "http://127.0.0.1:1", "API_KEY": "k"})
    scheduler = Scheduler(program)
    scheduler.register_job(id="greet", job=greet)
    with caplog.at_level(logging.WARNING, "enschedule_dashboard.program"):
        program.tell_where_handlers_live()
        program.tell_where_handlers_live()
    assert [record.getMessage() for record in caplog.records] == [
        "with WORKER_URL, handlers live on that worker: greet ignored"
    ]
    with pytest.raises(ConfigurationError, match="no worker in this process"):
        InProcessWorker(program).start()


def test_schedules_go_to_the_worker_elsewhere_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there = Program({"SQLITE": "there.db", "API_KEY": "correct-horse", "HOST": "0.0.0.0"})
    there.worker.enter_handlers()
    server = make_server("127.0.0.1", 0, there.worker.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.port}"
        wanted: dict[str, Any] = {"id": "a", "handler": "log-job", "data": {"message": "x"}, "schedule": "manual"}
        here = Scheduler(Program({"WORKER_URL": url, "API_KEY": "correct-horse"}))
        assert [here.schedule(**wanted) for _ in range(2)] == ["created", "unchanged"]
        with pytest.raises(Unauthenticated):
            Scheduler(Program({"WORKER_URL": url, "API_KEY": "wrong"})).schedule(**wanted)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        there.leave_to_server()
    with pytest.raises(WorkerUnreachable, match=url):
        Scheduler(Program({"WORKER_URL": url})).schedule(**wanted)


def test_settings_that_are_wrong_are_raised_or_end_the_server_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError, match="WORKER_URL"):
        Scheduler(Program({})).schedule(id="a", handler="x", schedule="manual")
    with pytest.raises(SystemExit) as ended:
        Server(Program({"SQLITE": "a.db", "PORT": "many"})).start()
    assert ended.value.code == 2
    assert "PORT: 'many'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["scheduler", "server", "worker"])
def test_the_package_offers_them_and_nothing_is_opened_by_that(name: str, tmp_path: Path) -> None:
    code = f"from enschedule_dashboard import {name}; import sys; assert 'sqlalchemy' not in sys.modules"
    environ = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environ)
    assert list(tmp_path.iterdir()) == []
