"""What the tests of the worker share: a real database, a clock moved by hand, handlers, and the API over them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, fields, validate
from werkzeug.test import TestResponse

from enschedule_core.actor import Actor, ActorKind
from enschedule_core.clock import parse_instant, to_micros
from enschedule_core.handler import Handler, handler
from enschedule_core.registry import Registry
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_worker.api import ApiContext, AuthPolicy, attach, register
from enschedule_worker.service import endings, firing, passwords
from enschedule_worker.store import census, output, picking, runs
from enschedule_worker.store.bindings import Reach
from enschedule_worker.store.clock import ManualClock
from enschedule_worker.store.database import Database

sys.path.insert(0, str(Path(__file__).parent))  # the kits are modules beside the tests

import database_kit
from engine_kit import World

from enschedule_worker.store.holding import Ending, Holder

NOON = "2026-11-24T12:00:00Z"
API_KEY = "correct-horse-battery"
KINDS = ("cron", "every", "once", "manual")


class Address(Schema):
    """A nested part of the data."""

    street = fields.String(required=True)
    number = fields.Integer()


class Message(Schema):
    """The data of log-job."""

    message = fields.String(required=True)
    level = fields.String(validate=validate.OneOf(["info", "error"]))
    address = fields.Nested(Address)


def make_handlers() -> tuple[Handler, ...]:
    """Return log-job 1 and 2 (which takes data of 1), and echo, which takes any object."""

    @handler(id="log-job", title="Log message", description="Prints", data_schema=Message, example={"message": "hi"})
    def log_job(data: Any) -> None:
        print(data["message"])

    @handler(id="log-job", version=2, data_schema=Message)
    def log_job_2(data: Any) -> None:
        print(data["message"])

    @handler(id="echo")
    def echo(data: Any) -> Any:
        return data

    return log_job, log_job_2, echo


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at noon."""
    return ManualClock(to_micros(parse_instant(NOON)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what takes a database on every kind of it."""
    if "database_kind" in metafunc.fixturenames:
        kinds = database_kit.params(metafunc.module.__name__, metafunc.fixturenames)
        metafunc.parametrize("database_kind", kinds, scope="session")


@pytest.fixture
def sqlite_only() -> None:
    """Take this in a test that is about a SQLite file: it does not run on servers."""


@pytest.fixture
def postgresql_only() -> None:
    """Take this in a test of what PostgreSQL alone can do."""


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[database_kit.Places]:
    """The databases of this test process."""
    made = database_kit.Places(tmp_path_factory.mktemp("empty"))
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path, places: database_kit.Places, database_kind: str) -> Iterator[database_kit.Place]:
    """A migrated database without rows, which several programs may open."""
    made = places.take(database_kind, tmp_path)
    yield made
    made.close()


@pytest.fixture
def database(place: database_kit.Place, clock: ManualClock) -> Database:
    """A migrated database without rows."""
    return place.open(clock)


@pytest.fixture
def registry() -> Registry:
    """A registry with log-job@1 and echo@1."""
    made = Registry()
    log_job, _, echo = make_handlers()
    made.register(log_job)
    made.register(echo)
    return made


@pytest.fixture
def newer() -> Registry:
    """A registry that has only version 2 of log-job."""
    made = Registry()
    made.register(make_handlers()[1])
    return made


@pytest.fixture
def actor() -> Actor:
    """Somebody who may do everything."""
    return Actor(ActorKind.LOCAL, "ada")


def card(instance_id: str = "i1", worker_id: str = "web-1") -> census.WorkerCard:
    """Return what a worker says of itself."""
    return census.WorkerCard(
        instance_id=instance_id,
        id=worker_id,
        title=worker_id,
        host="host",
        pid=7,
        version="0.1.0",
        executor="thread",
        places=8,
        tags=("blue",),
    )


class Stage:
    """A worker's part, played by hand: it registers, fires, claims, prints and finishes when the test says so."""

    def __init__(self, database: Database, registry: Registry, clock: ManualClock) -> None:
        self.database = database
        self.registry = registry
        self.clock = clock
        self.holder = Holder("web-1", "i1", ("blue",))
        self.reach = Reach("web-1", ("blue",))

    def register(self, worker: census.WorkerCard | None = None, registry: Registry | None = None) -> None:
        """Enter a worker with its handlers."""
        with self.database.write() as tx:
            census.register(tx, worker or card(), registry or self.registry)

    def heartbeat(self) -> None:
        """Say that the worker lives."""
        with self.database.write() as tx:
            census.heartbeat(tx, "i1")

    def fire(self) -> None:
        """Fire what is due."""
        with self.database.write() as tx:
            firing.fire_due(tx, kinds=KINDS, limit=100)

    def claim(self) -> list[Any]:
        """Claim all that can be claimed."""
        with self.database.write() as tx:
            chosen = picking.choose(tx, self.registry.offers(), self.reach, limit=100)
            return runs.claim(tx, self.holder, chosen.ids, lease=45_000_000)

    def print(self, run_id: int, *texts: str, fence: int = 1, stream: str = "stdout", first: int = 1) -> None:
        """Store output chunks."""
        chunks = [
            output.Chunk(run_id, fence, number, stream, self.clock.now, text)
            for number, text in enumerate(texts, first)
        ]
        with self.database.write() as tx:
            output.append(tx, chunks)

    def finish(self, run: Any, status: RunStatus = RunStatus.SUCCEEDED, *, seconds: float = 2.0, **more: Any) -> None:
        """End a claimed run after ``seconds``."""
        self.clock.advance(seconds=seconds)
        if status is RunStatus.FAILED:
            more = {
                "outcome_kind": OutcomeKind.EXCEPTION,
                "message": "ValueError: no",
                "traceback": "Traceback…",
                **more,
            }
        ending = Ending(
            run_id=run.id,
            fence=run.fence,
            status=status,
            started_at=run.started_at,
            finished_at=self.clock.now,
            **more,
        )
        with self.database.write() as tx:
            assert endings.finish(tx, self.holder, [ending]) == {run.id}


@pytest.fixture
def stage(database: Database, registry: Registry, clock: ManualClock) -> Stage:
    """A worker, registered and up."""
    made = Stage(database, registry, clock)
    made.register()
    return made


class Api:
    """The REST API as a program at this machine sees it; ``ready`` is what its engine says of itself."""

    # Apps of tests that are over: all that differs is the context, and to add the routes takes as long as ten requests.
    _free: ClassVar[list[Flask]] = []

    def __init__(
        self, database: Database, registry: Registry, *, loopback: bool = True, read_only: bool = False
    ) -> None:
        self.ready = (True, "The engine runs.")
        self.app = self._app(
            ApiContext(
                database=database,
                registry=registry,
                auth=AuthPolicy(API_KEY, bound_to_loopback=loopback),
                engine_ready=lambda: self.ready,
                version="0.1.0",
                default_timezone="Europe/Stockholm",
                read_only=read_only,
            )
        )
        self.client: FlaskClient = self.app.test_client()

    def _app(self, context: ApiContext) -> Flask:
        if self._free:
            attach(app := self._free.pop(), context)
            return app
        register(app := Flask("test", static_folder=None), context)
        return app

    def close(self) -> None:
        """Leave the app to another test."""
        self._free.append(self.app)

    def ask(self, method: str, path: str, json: Any = None, **options: Any) -> TestResponse:
        """Send a request below ``/api/v1``."""
        if json is not None:
            options["json"] = json
        return self.client.open(f"/api/v1/{path}", method=method, **options)

    def ok(self, method: str, path: str, json: Any = None, *, status: int | None = None, **options: Any) -> Any:
        """Send a request that must succeed and return its JSON."""
        response = self.ask(method, path, json, **options)
        assert response.status_code == status if status else response.status_code < 300, response.get_data(as_text=True)
        return response.get_json(silent=True)

    def refused(self, status: int, method: str, path: str, json: Any = None, **options: Any) -> dict[str, Any]:
        """Send a request that must be refused and return the problem, whose shape is checked."""
        response = self.ask(method, path, json, **options)
        assert response.status_code == status, response.get_data(as_text=True)
        problem = response.get_json()
        check_problem(response.content_type, problem, status)
        return problem

    def field(self, method: str, path: str, json: Any = None, **options: Any) -> dict[str, Any]:
        """Send a request that must be refused with 422 for one field and return that error."""
        problem = self.refused(422, method, path, json, **options)
        assert len(problem["errors"]) == 1, problem
        return problem["errors"][0]


def check_problem(content_type: str | None, problem: Any, status: int) -> None:
    """Pin the one shape of every error."""
    assert content_type == "application/problem+json"
    assert set(problem) >= {"type", "title", "status", "detail", "code", "hint", "errors"}
    assert problem["type"] == f"urn:enschedule:error:{problem['code']}"
    assert problem["status"] == status
    assert problem["detail"]
    assert "Traceback" not in str(problem)
    for error in problem["errors"]:
        assert set(error) <= {"field", "message", "start", "end", "suggestion"}
        assert error["message"]


@pytest.fixture
def api(database: Database, registry: Registry, stage: Stage) -> Iterator[Api]:
    """The API, with a worker up."""
    made = Api(database, registry)
    yield made
    made.close()


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with as little work as Argon2 lets one, for tests that make many people."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()


@pytest.fixture
def make_api(database: Database, registry: Registry) -> Iterator[Callable[..., Api]]:
    """Return a function that makes an API, to choose how the server is bound or which handlers its process has."""
    made: list[Api] = []

    def make(*, loopback: bool = True, registry: Registry = registry, read_only: bool = False) -> Api:
        made.append(Api(database, registry, loopback=loopback, read_only=read_only))
        return made[-1]

    yield make
    for api in made:
        api.close()


@pytest.fixture
def hourly(api: Api) -> dict[str, Any]:
    """A schedule that is due each hour, from 13:00 on."""
    body = {
        "id": "hourly",
        "handler": "log-job",
        "data": {"message": "tick"},
        "schedule": "every hour",
        "timezone": "UTC",
    }
    made: dict[str, Any] = api.ok("POST", "schedules", body)
    return made


@pytest.fixture
def at() -> Any:
    """Return a function from an ISO instant to microseconds."""

    def read(text: str | datetime) -> int:
        return to_micros(parse_instant(text) if isinstance(text, str) else text)

    return read


@pytest.fixture
def make_world(place: database_kit.Place) -> Iterator[Callable[..., World]]:
    """Return a function that makes an engine moved by hand; all of them share one database."""
    made: list[World] = []

    def make(**options: Any) -> World:
        made.append(World(place, **options))
        return made[-1]

    yield make
    for found in made:
        found.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """An engine moved by hand, at noon."""
    return make_world()
