"""HANDLERS_DIR under a whole worker: an edit is in the API, in what is offered, and in the runs that follow."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from enschedule_core import kept
from enschedule_core.errors import Unavailable
from enschedule_worker.build import Worker, build_worker
from enschedule_worker.engine import streams
from enschedule_worker.engine.folder_watch import FolderWatch
from enschedule_worker.settings import read_settings

PATIENCE_SECONDS = 60
HANDLER = """
from enschedule_core import handler
from marshmallow import Schema, fields


class Data(Schema):
    {field} = fields.String(required=True)


@handler(id="{id}", data_schema=Data)
def run(data):
    return {{"{field}": data["{field}"], "text": "{text}"}}
"""


class Running:
    def __init__(self, folder: Path, executor: str) -> None:
        self.jobs = folder / "jobs"
        self.jobs.mkdir()
        self.write(field="name", text="old")
        environ = {"SQLITE": "worker.db", "HANDLERS_DIR": "jobs", "ENSCHEDULE_EXECUTOR": executor}
        self.worker: Worker = build_worker(read_settings(environ, folder=folder))
        self.worker.start()
        self.client = self.worker.app.test_client()

    def write(self, *, field: str, text: str, id: str = "greet", name: str = "greet.py") -> None:
        self.put(name, HANDLER.format(id=id, field=field, text=text))

    def put(self, name: str, text: str) -> None:
        fresh = self.jobs / f"{name}.new"
        fresh.write_text(text)
        fresh.replace(self.jobs / name)

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}").json

    def until(self, look: Any) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not look():
            assert time.monotonic() < until
            time.sleep(0.05)

    def run(self, handler: str = "greet", **data: Any) -> dict[str, Any]:
        answer = self.client.post("/api/v1/runs", json={"handler": handler, "data": data})
        assert answer.status_code == 202, answer.text
        self.until(lambda: self.get(f"runs/{answer.json['id']}")["status"] not in {"queued", "running"})
        return dict(self.get(f"runs/{answer.json['id']}"))

    def fields(self) -> list[str]:
        return list(self.get("handlers/greet")["schema"]["properties"])


@pytest.fixture(params=["thread", "process"])
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    before = list(sys.path)
    made = Running(tmp_path, request.param)
    yield made
    made.worker.stop(grace_seconds=1)
    made.worker.close()
    streams.uninstall()
    kept.forget_modules(str(made.jobs))
    kept._kept.pop(str(made.jobs), None)
    sys.path[:] = before


def test_an_edit_is_live_and_a_broken_one_leaves_the_old_handler_and_is_listed(running: Running) -> None:
    assert running.fields() == ["name"]
    assert running.run(name="a")["result"] == {"name": "a", "text": "old"}
    running.write(field="whom", text="new")
    running.until(lambda: running.fields() == ["whom"])
    refused = running.client.post("/api/v1/runs", json={"handler": "greet", "data": {"name": "a"}})
    assert refused.status_code == 422, "the new schema is what data is checked with"
    assert running.run(whom="b")["result"] == {"whom": "b", "text": "new"}

    running.put("greet.py", "this is no Python")
    running.until(lambda: [one["error"] for one in running.get("plugins")["items"] if one["status"] == "broken"])
    (broken,) = [one for one in running.get("plugins")["items"] if one["status"] == "broken"]
    assert broken["source"]["path"] == str(running.jobs / "greet.py")
    assert "SyntaxError" in broken["error"]
    assert running.run(whom="c")["result"] == {"whom": "c", "text": "new"}

    running.write(field="whom", text="mended")
    running.until(lambda: all(one["status"] == "loaded" for one in running.get("plugins")["items"]))
    assert running.run(whom="d")["result"] == {"whom": "d", "text": "mended"}


def test_what_is_dropped_is_offered_no_more_and_what_is_added_runs(running: Running) -> None:
    assert [one["id"] for one in running.get("handlers/greet")["workers"]] == [running.worker.settings.worker_id]
    (running.jobs / "greet.py").unlink()
    running.write(field="x", text="second", id="second", name="second.py")
    running.until(lambda: running.get("handlers/greet")["workers"] == [])
    assert running.run("second", x="y")["result"] == {"x": "y", "text": "second"}
    assert running.get("workers")["items"][0]["status"] == "up"


def look_until_settled(watch: FolderWatch) -> None:
    for _ in range(3):
        watch.look()


def test_what_could_not_be_registered_is_registered_the_next_time(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = running.worker._folder_watch
    assert watch is not None
    watch.stop()
    register, tried = watch._register, []

    def fail() -> None:
        tried.append(1)
        raise Unavailable("The database is locked.") from OperationalError("", {}, Exception())

    monkeypatch.setattr(watch, "_register", fail)
    running.write(field="whom", text="new")
    with pytest.raises(Unavailable):
        look_until_settled(watch)
    assert running.fields() == ["name"]
    monkeypatch.setattr(watch, "_register", register)
    watch.look()
    assert running.fields() == ["whom"]
    assert tried
