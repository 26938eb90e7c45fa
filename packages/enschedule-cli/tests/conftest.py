"""A worker in this process, and the command line in front of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import CliRunner, Result

from enschedule_cli.connection import Surroundings, Target
from enschedule_cli.main import cli
from enschedule_client import Client, InlineTransport
from enschedule_core import Cancel, handler
from enschedule_core.errors import Conflict
from enschedule_core.registry import Registry
from enschedule_worker.build import Worker, build_worker
from enschedule_worker.settings import read_settings

KEY = "cli-key"


@handler(id="say", version=1, title="Say things", description="Prints, fails, or goes on for a while")
def say_things(data: dict[str, Any], context: Any) -> Any:
    for line in data.get("lines", []):
        print(line)
    until = time.monotonic() + data.get("seconds", 0)
    while time.monotonic() < until and not context.cancelled:
        time.sleep(0.02)
    if context.cancelled:
        raise Cancel
    if "error" in data:
        raise RuntimeError(data["error"])
    return data.get("result")


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """A worker with its engine running, on a database of its own; it wants a key."""
    environ = {
        "SQLITE": ":memory:",
        "IMPORT_HANDLERS": "enschedule-log-handler",
        "API_KEY": KEY,
        "ENSCHEDULE_EXECUTOR": "thread",
        "HOST": "0.0.0.0",
        "ENSCHEDULE_WORKER_ID": "here",
    }
    settings = read_settings(environ)
    registry = Registry()
    registry.register(say_things)
    built = build_worker(settings, _with_log_job(registry))
    built.start()
    yield built
    built.stop(grace_seconds=0)


def _with_log_job(registry: Registry) -> Registry:
    from enschedule_log_handler import log_job

    registry.register(log_job)
    return registry


@dataclass
class Terminal:
    """The command line in front of a worker: called with arguments, it returns what the command did."""

    worker: Worker
    environ: dict[str, str]
    targets: list[Target] = field(default_factory=list)
    sleep: Callable[[float], None] = lambda _: None

    def __call__(self, *arguments: str, input: str | None = None) -> Result:
        around = Surroundings(self.environ, self._open, self.sleep)
        return CliRunner().invoke(cli, list(arguments), obj=around, input=input, catch_exceptions=False)

    def ok(self, *arguments: str, input: str | None = None) -> str:
        """Return what a command that succeeds prints on stdout."""
        done = self(*arguments, input=input)
        assert done.exit_code == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def client(self) -> Client:
        return Client(transport=InlineTransport(self.worker.app), api_key=KEY)

    def _open(self, target: Target) -> Client:
        self.targets.append(target)
        return Client(
            target.url, transport=InlineTransport(self.worker.app), api_key=target.api_key, token=target.token
        )


@pytest.fixture
def terminal(worker: Worker, tmp_path: Any) -> Terminal:
    """The command line with a key, and a context file of its own."""
    return Terminal(worker, {"ENSCHEDULE_API_KEY": KEY, "ENSCHEDULE_CONTEXT_FILE": str(tmp_path / "contexts.json")})


@pytest.fixture
def name() -> str:
    """An id that no other test has."""
    return f"s-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def schedule(terminal: Terminal, name: str) -> Iterator[str]:
    """A schedule that runs by hand and prints a line; gone after the test."""
    with terminal.client() as client:
        client.schedules.put(name, {"handler": "say", "data": {"lines": ["hello"]}, "schedule": "manual"})
        yield name
        for run in client.runs.list(schedule=name, status=["queued", "running"])["items"]:
            with suppress(Conflict):  # it has just ended
                client.runs.cancel(run["id"])
        client.schedules.delete(name)
