"""A whole worker in this process, and its program: what readyz says, what is refused before anything starts."""

from __future__ import annotations

import logging
import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_kit import PATIENCE_SECONDS, Handlers
from sqlalchemy import text

from enschedule_core.errors import ConfigurationError, Unavailable
from enschedule_worker import build, server
from enschedule_worker import main as program
from enschedule_worker.build import Worker, build_worker
from enschedule_worker.databases import prepare
from enschedule_worker.engine import streams
from enschedule_worker.settings import WorkerSettings, read_settings
from enschedule_worker.store.answering import Undone


class Running:
    """A worker that runs, with handlers a test can hold, and its API."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.handlers = Handlers()
        self.worker: Worker = build_worker(settings, self.handlers.registry())
        self.changed = threading.Condition()
        self.worker.database.on_change(self._ring)
        self.client = self.worker.app.test_client()

    def _ring(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.client.open(f"/api/v1/{path}", method=method, json=body)

    def run(self, handler: str, **data: Any) -> int:
        return self._begun("runs", {"handler": handler, "data": data})

    def run_for(self, timeout_seconds: float, handler: str, **data: Any) -> int:
        """Run a handler that is told to stop after a while, as a schedule of its own."""
        body = {"handler": handler, "data": data, "schedule": "manual", "timeout_seconds": timeout_seconds}
        made = self.ask("POST", "schedules", {"title": "in time", **body})
        assert made.status_code == 201, made.text
        return self._begun(f"schedules/{made.json['id']}/runs", {})

    def _begun(self, path: str, body: Any) -> int:
        answer = self.ask("POST", path, body)
        assert answer.status_code == 202, answer.text
        return int(answer.json["id"])

    def wait_status(self, run_id: int, status: str) -> None:
        with self.changed:
            assert self.changed.wait_for(
                lambda: self.ask("GET", f"runs/{run_id}").json["status"] == status, PATIENCE_SECONDS
            )

    def close(self) -> None:
        for gate in self.handlers.gates.values():
            gate.open()
        self.worker.stop(grace_seconds=5)
        streams.uninstall()
        self.worker.database.dispose()


def settings(folder: Path, **environ: str) -> WorkerSettings:
    # Its handlers are made while the tests run, so no other process could find them.
    return read_settings({"SQLITE": "worker.db", "ENSCHEDULE_EXECUTOR": "thread", **environ}, folder=folder)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(settings(tmp_path, ENSCHEDULE_CONCURRENCY="2", ENSCHEDULE_POLL_SECONDS="0.05"))
    made.worker.start()
    yield made
    made.close()


def engine_check(running: Running) -> tuple[int, bool, str]:
    answer = running.ask("GET", "readyz")
    check = next(check for check in answer.json["checks"] if check["name"] == "engine")
    return answer.status_code, check["ok"], check["detail"]


def test_a_run_from_request_to_result(running: Running) -> None:
    run_id = running.run("ok", name="ada")
    running.wait_status(run_id, "succeeded")
    run = running.ask("GET", f"runs/{run_id}").json
    assert (run["result"], run["outcome"], run["worker"]["id"]) == (
        {"name": "ada"},
        None,
        running.worker.settings.worker_id,
    )
    chunks = running.ask("GET", f"runs/{run_id}/output").json["items"]
    assert "".join(chunk["text"] for chunk in chunks) == "ran {'name': 'ada'}\n"


def test_with_every_place_stuck_the_worker_is_not_ready_until_one_is_free(running: Running) -> None:
    assert engine_check(running)[:2] == (200, True)
    first, second = (running.run_for(0.2, "block", gate=gate) for gate in "ab")
    running.wait_status(first, "timed_out")
    running.wait_status(second, "timed_out")
    status, ok, detail = engine_check(running)
    assert (status, ok) == (503, False)
    assert "All 2 places" in detail
    waiting = running.run("ok")
    assert running.ask("GET", f"runs/{waiting}").json["status"] == "queued"
    running.handlers.gates["a"].open()
    running.wait_status(waiting, "succeeded")
    assert engine_check(running)[:2] == (200, True)


def test_a_worker_that_was_not_started_or_has_stopped_is_not_ready(tmp_path: Path) -> None:
    found = Running(settings(tmp_path))
    assert engine_check(found) == (503, False, "The engine has not been started.")
    found.worker.start()
    found.worker.start()
    assert engine_check(found)[0] == 200
    found.worker.stop(grace_seconds=1)
    found.worker.stop(grace_seconds=1)
    assert engine_check(found)[0] == 503
    found.close()


def test_a_busy_database_is_503_with_a_time_to_come_back_and_never_500(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enschedule_worker.store.connect.BUSY_TIMEOUT_SECONDS", 0.05)
    running = Running(settings(tmp_path, ENSCHEDULE_POLL_SECONDS="0.05"))
    running.worker.start()
    locker = sqlite3.connect(tmp_path / "worker.db", isolation_level=None, timeout=PATIENCE_SECONDS)
    locker.execute("BEGIN IMMEDIATE")
    answer = running.ask("POST", "runs", {"handler": "ok", "data": {}})
    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert running.ask("GET", "runs").status_code == 200
    locker.execute("ROLLBACK")
    locker.close()
    running.wait_status(running.run("ok"), "succeeded")
    running.close()


def test_secrets_survive_a_restart_and_differ_by_name(tmp_path: Path) -> None:
    first = build_worker(settings(tmp_path), Handlers().registry())
    made = first.secret("forms")
    assert first.secret("other") != made
    first.database.dispose()
    second = build_worker(settings(tmp_path), Handlers().registry())
    assert second.secret("forms") == made
    assert second.instance_id != first.instance_id
    second.database.dispose()


def test_a_database_that_somebody_keeps_locked_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = settings(tmp_path)
    locker = sqlite3.connect(tmp_path / "worker.db", isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("enschedule_worker.store.connect.BUSY_TIMEOUT_SECONDS", 0.01)
    with pytest.raises(ConfigurationError, match=r"SQLITE: .*worker\.db.* cannot be used") as refused:
        prepare(wanted)
    assert refused.value.hint is not None
    locker.close()
    prepare(wanted)


# ---------------------------------------------------------------- the program


def outcome(capsys: pytest.CaptureFixture[str], arguments: list[str], **environ: str) -> tuple[int, str]:
    """Return exit code and stderr of the program."""
    code = program.main(arguments, environ)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"SQLITE": "a.db", "MYSQL": "true"}, ["SQLITE", "MYSQL"]),
        ({"POSTGRES": "true"}, ["POSTGRES", "DB_USER", "DB_DATABASE"]),
        ({"SQLITE": "true"}, ["DB_DATABASE"]),
        ({"SQLITE": "."}, ["SQLITE", "folder"]),
        ({"SQLITE": "nowhere/a.db"}, ["SQLITE", "nowhere"]),
        ({"API_ENDPOINT": "perhaps"}, ["API_ENDPOINT", "true"]),
        ({"PORT": "tcp://10.0.0.1:80"}, ["PORT", "enableServiceLinks"]),
        ({"SQLITE": "a.db", "IMPORT_HANDLERS": "enschedule-nowhere"}, ["IMPORT_HANDLERS", "enschedule-nowhere"]),
        ({"SQLITE": "a.db", "HANDLERS_DIR": "nowhere"}, ["HANDLERS_DIR", "nowhere"]),
        ({"ENSCHEDULE_TIMEZONE": "Mars/Olympus"}, ["ENSCHEDULE_TIMEZONE"]),
        ({"SQLITE": "a.db", "ENSCHEDULE_EXECUTOR": "proces"}, ["ENSCHEDULE_EXECUTOR", "proces", "process, thread"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_one_message_and_exit_2(
    environ: dict[str, str],
    named: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(server, "start_logging", lambda *_: None)
    code, said = outcome(capsys, [], **environ)
    assert code == 2
    lines = said.splitlines()
    assert [line for line in lines if line.startswith("enschedule: ")] == lines[:1]
    assert re.search(r"[A-Z_]+=\S+", said), "a valid value is shown"
    assert "Traceback" not in said
    for name in named:
        assert name in said


def test_arguments_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--help"], {}) == 0
    shown = capsys.readouterr().out
    for name in ("SQLITE", "IMPORT_HANDLERS", "ENSCHEDULE_LEASE_SECONDS", "API_KEY"):
        assert name in shown
    code, said = outcome(capsys, ["--fast"])
    assert code == 2
    assert "--fast" in said


def test_a_worker_without_a_database_takes_a_file_here_and_says_so(tmp_path: Path) -> None:
    found = program.with_database(read_settings({}, folder=tmp_path), tmp_path)
    assert found.database is not None
    assert found.database.database == str(tmp_path / "enschedule.db")
    assert "SQLITE" in found.warnings[-1]
    named = settings(tmp_path)
    assert program.with_database(named, tmp_path) is named


# ---------------------------------------------------------------- addresses


def test_a_free_address_is_accepted_and_a_taken_one_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"PORT: {port} on 127.0.0.1 is taken"):
            server.check_address("127.0.0.1", port)
    server.check_address("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_named(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"HOST: '{host}'"):
        server.check_address(host, 0)


# ---------------------------------------------------------------- its log


def test_statements_are_logged_without_their_values(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("sqlalchemy.engine")
    before = logger.level
    try:
        worker = build_worker(replace(settings(tmp_path), orm_logging=True), Handlers().registry())
        with worker.database.write() as tx:
            tx.execute(text("INSERT INTO state (name, value) VALUES ('x', :value)"), {"value": "s3cret"})
        worker.database.dispose()
    finally:
        logger.setLevel(before)
    assert "INSERT INTO state" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_database_that_goes_down_while_a_worker_starts_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(build, "START_PAUSE_SECONDS", 0.0)
    gone = iter([Unavailable("The connection to the database was lost."), Undone("It was undone.")])
    recompute = build.rezoning.recompute

    def flaky(database: Any) -> Any:
        for problem in gone:
            raise problem
        return recompute(database)

    monkeypatch.setattr(build.rezoning, "recompute", flaky)
    running = Running(read_settings({"SQLITE": str(tmp_path / "e.db"), "ENSCHEDULE_EXECUTOR": "thread"}))
    running.worker.start()
    try:
        assert running.ask("GET", "readyz").json["status"] == "ready"
        assert caplog.text.count("the start waits for the database") == 2
    finally:
        running.close()


def test_a_database_that_stays_away_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "START_PATIENCE_SECONDS", 0.0)

    def gone(_: Any) -> Any:
        raise Unavailable("The connection to the database was lost.")

    monkeypatch.setattr(build.rezoning, "recompute", gone)
    running = Running(read_settings({"SQLITE": str(tmp_path / "e.db"), "ENSCHEDULE_EXECUTOR": "thread"}))
    with pytest.raises(Unavailable):
        running.worker.start()
    running.close()
