"""ENSCHEDULE_EXECUTOR: ours and those of plugins; what children see of the environment; a whole worker with it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from enschedule_core.environment import handler_environment
from enschedule_core.errors import ConfigurationError, Conflict
from enschedule_core.executor import ExecutorOptions, ExecutorRegistration
from enschedule_core.registry import Registry
from enschedule_core.source import Source
from enschedule_worker.build import build_worker
from enschedule_worker.engine import executors
from enschedule_worker.engine.executor import ThreadExecutor
from enschedule_worker.engine.processes import ProcessExecutor
from enschedule_worker.settings import read_settings

PLUGIN = """
from enschedule_core import hookimpl
from enschedule_worker.engine.executor import ThreadExecutor

class Cluster(ThreadExecutor):
    name = "cluster"

@hookimpl
def enschedule_register_executors(executors):
    executors.register({name!r}, Cluster)
"""


def plugin(folder: Path, name: str) -> Registry:
    path = folder / "cluster_plugin.py"
    path.write_text(PLUGIN.format(name=name))
    return Registry.load([Source("file", "cluster_plugin", path=str(path))])


def test_ours_are_there() -> None:
    options = ExecutorOptions(Registry(), 1)
    assert isinstance(executors.make("process", options), ProcessExecutor)
    assert isinstance(executors.make("thread", options), ThreadExecutor)


def test_a_plugin_offers_one(tmp_path: Path) -> None:
    registry = plugin(tmp_path, "cluster")
    assert executors.offers(registry).names() == ("cluster", "process", "thread")
    made = executors.make("cluster", ExecutorOptions(registry, 3))
    assert (made.name, made.places) == ("cluster", 3)


def test_an_unknown_one_names_the_variable_and_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ENSCHEDULE_EXECUTOR.*'clustr'.*cluster, process, thread") as refused:
        executors.make("clustr", ExecutorOptions(plugin(tmp_path, "cluster"), 1))
    assert refused.value.hint == "For example ENSCHEDULE_EXECUTOR=cluster"


@pytest.mark.parametrize(("name", "reason"), [("process", "already"), ("No Name", "lower-case")])
def test_a_plugin_that_takes_a_name_it_may_not_is_broken_and_the_others_count(
    tmp_path: Path, name: str, reason: str
) -> None:
    registry = plugin(tmp_path, name)
    assert executors.offers(registry).names() == ("process", "thread")
    assert reason in registry.broken[0].error


def test_a_name_twice_is_a_conflict() -> None:
    found = ExecutorRegistration()
    found.register("mine", ThreadExecutor)
    with pytest.raises(Conflict, match="mine"):
        found.register("mine", ThreadExecutor)


def test_the_environment_of_handlers_is_an_allow_list() -> None:
    environ = {
        "PATH": "/bin",
        "LC_TIME": "sv_SE",
        "https_proxy": "http://proxy:3128",
        "AWS_REGION": "eu-north-1",
        "SMTP_HOST": "mail",
        "SMTP_PASSWORD": "secret",
        "API_KEY": "secret",
        "DB_PASSWORD": "secret",
        "ENSCHEDULE_SECRET_KEY": "secret",
        "ENSCHEDULE_FETCH_ALLOW_PRIVATE": "true",
    }
    usual = {"PATH", "LC_TIME", "https_proxy", "ENSCHEDULE_FETCH_ALLOW_PRIVATE"}
    assert set(handler_environment(environ)) == usual
    assert set(handler_environment(environ, ["AWS_*", "SMTP_HOST"])) == usual | {"AWS_REGION", "SMTP_HOST"}


def test_a_worker_runs_files_of_handlers_dir_in_children_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "open sesame")
    monkeypatch.setenv("API_KEY", "correct-horse-battery")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "_shared.py").write_text("NAME = 'shared'\n")
    (tmp_path / "jobs" / "mine.py").write_text(
        "import os\n"
        "from enschedule_core import handler\n"
        "from _shared import NAME\n"
        "@handler(id='mine')\n"
        "def mine(data):\n"
        "    print(NAME, data)\n"
        "    return {'pid': os.getpid(), 'key': os.environ['SHOP_KEY'], 'api': os.environ.get('API_KEY')}\n"
    )
    environ = {"SQLITE": "w.db", "HANDLERS_DIR": "jobs", "ENSCHEDULE_HANDLER_ENV": "SHOP_*"}
    worker = build_worker(read_settings(environ, folder=tmp_path))
    assert worker.engine.executor.name == "process"
    client, changed = worker.app.test_client(), threading.Event()
    worker.database.on_change(changed.set)
    worker.start()
    try:
        answer: Any = client.post("/api/v1/runs", json={"handler": "mine", "data": {"a": 1}})
        assert answer.status_code == 202, answer.text
        run = {"status": "queued"}
        while run["status"] in {"queued", "running"}:
            assert changed.wait(60)
            changed.clear()
            run = client.get(f"/api/v1/runs/{answer.json['id']}").json  # type: ignore[assignment]
        assert run["status"] == "succeeded", run
        assert run["result"]["key"] == "open sesame"  # type: ignore[index]
        assert run["result"]["api"] is None  # type: ignore[index]
        chunks = client.get(f"/api/v1/runs/{answer.json['id']}/output").json["items"]  # type: ignore[index]
        assert "".join(chunk["text"] for chunk in chunks) == "shared {'a': 1}\n"
        workers = client.get("/api/v1/workers").json["items"]  # type: ignore[index]
        assert [found["executor"] for found in workers] == ["process"]
    finally:
        worker.stop(grace_seconds=5)
        worker.database.dispose()
