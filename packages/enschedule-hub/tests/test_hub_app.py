"""``enschedule(...)`` in this process: what it serves, what it loads, what it refuses, and how it treats forks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, fields
from werkzeug.serving import make_server

from enschedule_core.errors import ConfigurationError
from enschedule_core.registrar import collect
from enschedule_hub import ExternalWorker, FileWorker, InlineWorker, create_handler, enschedule
from enschedule_hub.hub import EXTENSION
from enschedule_worker.engine import streams

PATIENCE_SECONDS = 60


class Message(Schema):
    message = fields.String(required=True)


def greet(data: dict[str, Any]) -> None:
    print(f"hello {data['message']}")


GREET = create_handler(id="greet", job=greet, title="Greet", data_schema=Message, example={"message": "you"})


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("ENSCHEDULE_") or name in {"WORKER_URL", "SQLITE", "POSTGRES", "MARIADB", "HOST", "PORT"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENSCHEDULE_FETCH_ALLOW_PRIVATE", "false")  # or what enschedule() sets would stay
    monkeypatch.setattr("enschedule_worker.server.start_logging", lambda *_: None)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    streams.uninstall()


@pytest.fixture
def make() -> Iterator[Any]:
    made = []

    def make(**arguments: Any) -> Any:
        app = enschedule(**arguments)
        assert app is not None
        made.append(app)
        return app

    yield make
    for app in made:
        if EXTENSION in app.extensions:
            app.extensions[EXTENSION].stop()


def ran(client: Any, body: dict[str, Any], status: str = "succeeded") -> dict[str, Any]:
    answer = client.post("/api/v1/runs", json=body)
    assert answer.status_code == 202, answer.text
    until = time.monotonic() + PATIENCE_SECONDS
    while (run := client.get(f"/api/v1/runs/{answer.json['id']}").json)["status"] in {"queued", "running"}:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert run["status"] == status, run
    return dict(run)


def test_pages_and_api_share_an_app_and_a_run_prints_into_both(make: Any, capsys: Any) -> None:
    client = make(log_jobs=True, handlers=[GREET]).test_client()
    run = ran(client, {"handler": "greet", "data": {"message": "world"}})
    printed = client.get(f"/api/v1/runs/{run['id']}/output").json
    assert "".join(chunk["text"] for chunk in printed["items"]) == "hello world\n"
    assert f"[greet {run['id']}] hello world\n" in capsys.readouterr().out
    page = client.get(f"/runs/{run['id']}")
    assert page.status_code == 200
    assert "hello world" in page.text
    assert Path("enschedule.db").exists()


def test_with_handlers_of_its_own_a_program_has_no_others_unless_they_are_named(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLITE", ":memory:")
    own = make(handlers=[GREET]).test_client().get("/api/v1/handlers").json["items"]
    assert [one["id"] for one in own] == ["greet"]
    everything = make().test_client().get("/api/v1/handlers").json["items"]
    assert [one["id"] for one in everything] == ["fetch", "log-job"]
    monkeypatch.setenv("IMPORT_HANDLERS", "enschedule-log-handler")
    both = make(handlers=[GREET]).test_client().get("/api/v1/handlers").json["items"]
    assert [one["id"] for one in both] == ["greet", "log-job"]


@pytest.mark.parametrize(
    ("arguments", "pages", "api"),
    [({"api": False}, 200, 404), ({"dashboard": False}, 404, 200), ({"api": False, "dashboard": False}, 404, 404)],
)
def test_what_is_served_can_be_chosen_and_health_is_there_always(
    make: Any, arguments: dict[str, bool], pages: int, api: int
) -> None:
    client = make(handlers=[GREET], **arguments).test_client()
    assert client.get("/").status_code == pages
    assert client.get("/api/v1/runs").status_code == api
    assert client.get("/api/v1/healthz").status_code == 200
    until = time.monotonic() + PATIENCE_SECONDS
    while client.get("/api/v1/readyz").status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (lambda attempt: 40.0 * attempt, 40),
        (lambda: 7, 7),
        (lambda *attempts: 3 + len(attempts), 4),
        (lambda _attempt: 1 / 0, 60),
        (lambda _attempt: -1.0, 60),
    ],
    ids=["attempt", "nothing", "any", "raises", "no-delay"],
)
def test_a_retry_strategy_says_when_the_next_attempt_comes(make: Any, strategy: Any, expected: float) -> None:
    def fail(_data: Any) -> None:
        raise RuntimeError("no")

    client = make(retry_strategy=strategy, handlers=[create_handler(id="fail", job=fail)]).test_client()
    for id, retry in (("plain", {"max_attempts": 2}), ("own", {"max_attempts": 2, "delay_seconds": 500})):
        body = {"handler": "fail", "data": {}, "schedule": "manual", "retry": retry}
        assert client.put(f"/api/v1/schedules/{id}", json=body).status_code == 201
        assert client.post(f"/api/v1/schedules/{id}/runs", json={}).status_code == 202
    until = time.monotonic() + PATIENCE_SECONDS
    while len(again := second_attempts(client)) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    delays = {run["schedule"]["id"]: seconds(run["not_before"]) - seconds(run["queued_at"]) for run in again}
    assert delays["plain"] == pytest.approx(expected, abs=0.01)
    assert delays["own"] == pytest.approx(500, abs=0.01), "a schedule's own delay wins"


def second_attempts(client: Any) -> list[dict[str, Any]]:
    return [run for run in client.get("/api/v1/runs?status=queued").json["items"] if run["attempt"] == 2]


def seconds(instant: str) -> float:
    from enschedule_core.clock import parse_instant

    return parse_instant(instant).timestamp()


@pytest.mark.parametrize(
    ("arguments", "environ", "named"),
    [
        ({"retry_strategy": lambda a, b: a + b}, {}, "retry_strategy"),
        ({"worker": FileWorker("nowhere.py")}, {}, "FileWorker"),
        ({"worker": ExternalWorker("worker:8080")}, {}, "WORKER_URL"),
        ({"worker": InlineWorker(executor="fast")}, {}, "ENSCHEDULE_EXECUTOR"),
        ({}, {"SQLITE": "a.db", "POSTGRES": "true"}, "POSTGRES"),
        ({}, {"ENSCHEDULE_CONCURRENCY": "many"}, "ENSCHEDULE_CONCURRENCY"),
    ],
)
def test_what_is_wrong_is_one_message_with_a_way_out(
    arguments: dict[str, Any], environ: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        enschedule(**arguments)
    assert named in refused.value.detail
    assert refused.value.hint


def test_handlers_that_a_child_process_cannot_find_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, Any] = {"enschedule": enschedule, "GREET": GREET}
    with pytest.raises(ConfigurationError, match="cannot find greet@1 again"):
        exec("enschedule(worker=__import__('enschedule_hub').InlineWorker('process'), handlers=[GREET])", namespace)


def test_without_a_key_only_this_machine_is_answered_whatever_the_server_listens_on(make: Any) -> None:
    client = make(handlers=[GREET]).test_client()
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/api/v1/runs", environ_overrides=elsewhere).status_code == 401
    page = client.get("/schedules", environ_overrides=elsewhere)
    assert (page.status_code, page.headers["Location"]) == (303, "/login?next=/schedules")
    assert client.get("/schedules", headers={"Host": "jobs.example.org"}).status_code == 400
    assert client.get("/schedules").status_code == 200


def test_a_program_may_be_its_own_file_worker() -> None:
    program = """
from enschedule_core import handler
from enschedule_hub import FileWorker, create_handler, enschedule
import os, sys, time

@handler(id="alone")
def alone(data):
    return os.getppid()

app = enschedule(worker=FileWorker(__file__), handlers=[create_handler(id="given", job=lambda data: os.getppid())])
if app:
    client = app.test_client()
    for name in ("alone", "given"):
        run = client.post("/api/v1/runs", json={"handler": name, "data": {}}).json
        until = time.monotonic() + 60
        while run["status"] in ("queued", "running") and time.monotonic() < until:
            time.sleep(0.05)
            run = client.get(f"/api/v1/runs/{run['id']}").json
        assert run["result"] == os.getpid(), run
    print("fine")
"""
    Path("program.py").write_text(program)
    done = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def test_an_external_worker_is_shown_and_missed_and_found_again(
    make: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("API_KEY", "correct-horse")
    worker = make(handlers=[GREET])
    with caplog.at_level("WARNING"):
        server = make_server("127.0.0.1", 0, worker, threaded=True)
        url = f"http://127.0.0.1:{server.port}"
        pages = make(worker=ExternalWorker(url, api_key="correct-horse"), handlers=[GREET]).test_client()
    assert "handlers live there: greet ignored" in caplog.text
    server.server_close()
    down = pages.get("/schedules")
    assert down.status_code == 503
    assert url in down.text
    assert "data-reload" in down.text or "retry" in down.text, "the page looks again by itself"
    server = make_server("127.0.0.1", server.port, worker, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        assert pages.get("/schedules").status_code == 200
        assert "Greet" in pages.get("/handlers").text
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_before_an_external_worker_sqlalchemy_is_not_imported() -> None:
    code = (
        "import sys\nfrom enschedule_hub import *\n"
        "app = enschedule(worker=ExternalWorker('http://127.0.0.1:1', api_key='k'))\n"
        "assert app.test_client().get('/').status_code == 503\n"
        "assert not {'sqlalchemy', 'alembic', 'apscheduler'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not Path("enschedule.db").exists()


def test_while_a_program_is_loaded_for_its_handlers_there_is_no_app() -> None:
    with collect() as registration:
        assert enschedule(handlers=[GREET]) is None
    assert registration.handlers() == (GREET,)
    assert list(Path().iterdir()) == []


def test_a_wider_address_than_the_settings_say_is_refused(make: Any) -> None:
    app = make(handlers=[GREET])
    with pytest.raises(ConfigurationError, match=re.escape("app.run(host='0.0.0.0')")):
        app.run(host="0.0.0.0", port=0)


def test_a_forked_process_gets_a_worker_of_its_own(make: Any) -> None:
    """In a program of its own, because pytest's process has threads that a fork would not like."""
    program = """
import os, sys, time
from enschedule_hub import create_handler, enschedule

app = enschedule(handlers=[create_handler(id="pid", job=lambda data: print(os.getpid()))])
client = app.test_client()
assert client.get("/api/v1/healthz").status_code == 200
read, write = os.pipe()
child = os.fork()
if child == 0:
    status = client.get("/api/v1/healthz").status_code
    until = time.monotonic() + 60
    while client.get("/api/v1/readyz").status_code != 200 and time.monotonic() < until:
        time.sleep(0.05)
    os.write(write, f"{status} {client.get('/api/v1/readyz').status_code} {client.get('/').status_code}".encode())
    sys.exit(0)
os.waitpid(child, 0)
assert os.read(read, 100) == b"200 200 200", "the child answers by itself"
workers = client.get("/api/v1/workers").json["items"]
found = {worker["pid"]: worker["status"] for worker in workers}
assert found[os.getpid()] == "up", found
assert found.get(child) in (None, "stopped", "down"), "it signed off when it ended"
print("fine")
"""
    Path("program.py").write_text(program)
    done = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("fine\n")


def test_importing_the_hub_is_quick_because_nothing_is_made() -> None:
    code = "import enschedule_hub, sys; assert 'flask' not in sys.modules; enschedule_hub.enschedule"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(ImportError, match="nothing"):
        from enschedule_hub import nothing  # noqa: F401
