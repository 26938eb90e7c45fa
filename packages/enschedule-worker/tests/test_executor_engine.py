"""The engine with child processes: deadlines and cancels that are kept, lost runs that are killed, drains."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from engine_kit import NOON, Gate, World
from test_child_faults import HANDLERS, eventually, is_alive

from enschedule_core.registry import Registry
from enschedule_worker.engine.processes import ProcessExecutor
from enschedule_worker.store import census


class FileHandlers:
    """The faulty handlers, found by children too."""

    def __init__(self) -> None:
        self.gates: defaultdict[str, Gate] = defaultdict(Gate)

    def registry(self) -> Registry:
        """Return a registry of them."""
        return Registry.load([HANDLERS])


@pytest.fixture
def make(make_world: Callable[..., World]) -> Callable[..., World]:
    """Return a function that makes an engine with child processes."""

    def made(**options: Any) -> World:
        return make_world(**{"handlers": FileHandlers(), "executor": ProcessExecutor, "places": 1, **options})

    return made


def start(world: World, what: str, **more: Any) -> int:
    """Begin a run that goes on, and return its id."""
    world.add("s", schedule="manual", handler="h", data={"do": what}, **more)
    run_id = world.run("s")
    world.turn()
    assert world.row(run_id).status == "running"
    assert eventually(lambda: world.engine._held.get(run_id)._progress is not None), "the handler was not called"
    return run_id


def child_of(world: World, run_id: int) -> int:
    executor = world.engine.executor
    assert isinstance(executor, ProcessExecutor)
    return executor._crew.running[run_id].pid


def ended(world: World, run_id: int) -> Any:
    world.until(lambda: world.row(run_id).status not in {"queued", "running"})
    return world.row(run_id)


def works(world: World) -> None:
    world.add("next", schedule="manual", handler="h", data={"do": "pid"})
    run_id = world.run("next")
    world.until(lambda: world.row(run_id).status == "succeeded")


def test_a_runs_schedule_sets_variables_for_it_and_for_no_other(make: Callable[..., World]) -> None:
    world = make()
    look = {"handler": "h", "data": {"do": "look_around"}, "schedule": "manual"}
    world.add("with", **look, env={"STAGE": "live", "TZ": "Asia/Tokyo"})
    world.add("without", **look)
    expected = {"with": ["live", 9], "without": [None, time.localtime(0).tm_hour]}
    for name in ("with", "without", "with", "without"):
        for own in ({}, {"data": {"do": "look_around", "again": True}}):  # data of a run's own too
            row = ended(world, world.run(name, **own))
            assert (row.status, json.loads(world.detail(row.id).result)) == ("succeeded", expected[name])


def test_a_run_that_stops_when_told_at_its_deadline(make: Callable[..., World]) -> None:
    world = make(timeout_seconds=3600.0)
    run_id = start(world, "sleep", retry={"max_attempts": 2, "delay_seconds": 3600})
    world.advance(3599)
    world.turn()
    assert world.row(run_id).status == "running"
    world.advance(1)
    row = ended(world, run_id)
    assert (row.status, row.outcome_kind) == ("timed_out", "timeout")
    assert row.message == "Timed out after 1 h. It stopped when it was told to."
    assert row.finished_at == NOON + 3_600_000_000
    assert world.printed(run_id) == "before cleaned up\n"
    assert world.statuses() == ["timed_out", "queued"]
    assert world.engine.stuck == 0


def test_a_run_that_does_not_stop_is_killed_after_10_seconds_and_its_place_is_free(make: Callable[..., World]) -> None:
    world = make(timeout_seconds=3600.0)
    run_id = start(world, "swallow")
    pid = child_of(world, run_id)
    world.advance(3600)
    world.turn()
    world.advance(9)
    world.turn()
    assert world.row(run_id).status == "running"
    assert is_alive(pid)
    world.advance(1)
    row = ended(world, run_id)
    assert row.status == "timed_out"
    assert row.message == "Timed out after 1 h. It ignored the request to stop for 10 s and was killed."
    assert world.printed(run_id) == "before"
    assert not is_alive(pid)
    works(world)
    assert world.engine.stuck == 0


def test_a_cancel_is_told_and_then_enforced(make: Callable[..., World]) -> None:
    world = make(places=2)
    first = start(world, "swallow", retry={"max_attempts": 5, "delay_seconds": 0})
    world.cancel(first)
    world.turn()
    world.turn()
    assert world.row(first).status == "running", "it is the truth until it has stopped"
    world.advance(10)
    row = ended(world, first)
    assert (row.status, row.outcome_kind) == ("cancelled", "cancelled")
    assert row.message == "Cancelled by ada. It ignored the request to stop for 10 s and was killed."
    assert world.statuses() == ["cancelled"], "what somebody cancelled is not tried again"
    works(world)


def test_a_cancel_that_is_heard(make: Callable[..., World]) -> None:
    world = make()
    run_id = start(world, "sleep")
    world.cancel(run_id)
    row = ended(world, run_id)
    assert (row.status, row.message) == ("cancelled", "Cancelled by ada.")


def test_lost_runs_are_killed_before_their_lease_is_over(make: Callable[..., World]) -> None:
    world = make(lease_seconds=45.0)
    run_id = start(world, "swallow")
    pid = child_of(world, run_id)
    world.seconds += 45.0 * 0.7
    world.housekeeping.fence()
    assert is_alive(pid)
    world.seconds += 45.0 * 0.1
    world.housekeeping.fence()
    assert eventually(lambda: not is_alive(pid), seconds=2)
    assert world.row(run_id).status == "running", "the database says what it said, until somebody reaps it"
    assert eventually(lambda: world.engine.stuck == 0)


def test_a_worker_that_stops_kills_what_outlives_its_grace(make: Callable[..., World]) -> None:
    world = make()
    run_id = start(world, "swallow")
    pid = child_of(world, run_id)
    world.engine.stop(grace_seconds=0)
    assert world.row(run_id).status == "lost"
    assert not is_alive(pid)


def test_the_census_names_the_executor(make: Callable[..., World]) -> None:
    world = make()
    with world.database.read() as tx:
        assert [worker.executor for worker in census.workers(tx)] == ["process"]


def test_many_runs_in_few_children(make: Callable[..., World]) -> None:
    world = make(places=2)
    world.add("s", schedule="every minute", handler="h", data={"do": "pid"}, overlap="allow")
    world.multiply("s", 100, due_at=NOON)
    world.settle()
    assert world.statuses() == ["succeeded"] * 100
    assert all(world.printed(row.id) == "before" for row in world.rows())
