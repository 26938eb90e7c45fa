"""A worker that stops, and one whose database is busy."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

import pytest
from engine_kit import ACTOR, PATIENCE_SECONDS, World, going_on

from enschedule_core.errors import Unavailable
from enschedule_core.run import RunStatus
from enschedule_worker.service import runs as run_service
from enschedule_worker.store import runs
from enschedule_worker.store.clock import DatabaseClock

MakeWorld = Callable[..., World]


def test_a_stop_gives_back_what_has_not_begun_and_lets_the_rest_end(make_world: MakeWorld) -> None:
    world = make_world(places=1)
    world.engine._intake.ahead = 1
    world.add(schedule="manual", handler="block")
    begun, waiting = world.run(), world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    assert world.statuses() == ["running", "running"]
    world.engine._stopping = True
    world.turn()
    row = world.row(waiting)
    assert (row.status, row.worker_id, row.lease_until, row.started_at) == ("queued", None, None, None)
    assert world.schedule().running_runs == 1
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.row(begun).status == "succeeded"
    assert world.row(waiting).status == "queued", "a worker that stops claims nothing"
    other = make_world(clock=world.clock, worker_id="w2")
    other.handlers.gates["gate"].open()
    other.settle()
    assert other.row(waiting).status == "succeeded"
    assert other.row(waiting).worker_id == "w2"


def test_what_outlives_the_grace_is_lost_because_the_worker_stopped(make_world: MakeWorld) -> None:
    world = make_world()
    run_id = going_on(world)
    world.engine.stop(grace_seconds=0)
    row = world.row(run_id)
    assert (row.status, row.outcome_kind) == ("lost", "lost")
    assert "worker stopped" in row.message
    assert world.handlers.gates["gate"].contexts[0].cancelled
    assert world.printed(run_id) == "before\n"


@pytest.mark.usefixtures("sqlite_only")
def test_a_stop_while_the_database_is_busy_still_gives_back_what_has_not_begun(make_world: MakeWorld) -> None:
    world = make_world(places=1, busy_seconds=0.01)
    world.engine._intake.ahead = 1
    world.add(schedule="manual", handler="block")
    world.run()
    waiting = world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.engine._stopping = True
    locker = sqlite3.connect(world.place.path, isolation_level=None)
    world.engine._withdraw_waiting()
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        world.engine._give_back()
    locker.execute("ROLLBACK")
    locker.close()
    world.engine.stop(grace_seconds=0)
    assert world.row(waiting).status == "queued"
    assert world.statuses() == ["lost", "queued"]


def test_the_real_loop_ends_runs_within_the_grace(make_world: MakeWorld) -> None:
    world = make_world()
    world.add(schedule="manual", handler="block")
    run_id = world.run()
    world.go_live()
    world.handlers.gates["gate"].wait_entered()
    threading.Timer(0.05, world.handlers.gates["gate"].open).start()
    world.engine.stop(grace_seconds=PATIENCE_SECONDS)
    assert world.row(run_id).status == "succeeded"


# ---------------------------------------------------------------- the database is busy or away


@pytest.mark.usefixtures("sqlite_only")
def test_a_turn_that_could_not_commit_loses_nothing(make_world: MakeWorld) -> None:
    world = make_world(busy_seconds=0.01)
    run_id = going_on(world)
    locker = sqlite3.connect(world.place.path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    world.handlers.gates["gate"].open()
    assert world.engine._flag.wait(PATIENCE_SECONDS)
    for _ in range(3):
        with pytest.raises(Unavailable, match="busy"):
            world.turn()
    locker.execute("ROLLBACK")
    locker.close()
    world.settle()
    assert world.row(run_id).status == "succeeded"
    assert world.printed(run_id) == "before\nafter\n"
    assert world.schedule().open_runs == 0


@pytest.mark.usefixtures("sqlite_only")
def test_the_loop_waits_out_a_locked_database_and_goes_on(make_world: MakeWorld) -> None:
    world = make_world(busy_seconds=0.01, clock=DatabaseClock("sqlite"))
    world.add(schedule="manual", handler="ok")
    run_id = world.run()
    ended = threading.Event()
    world.database.on_change(ended.set)
    locker = sqlite3.connect(world.place.path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    refused = threading.Event()
    turn = world.engine.turn

    def seen() -> float:
        try:
            return turn()
        except Unavailable:
            refused.set()
            raise

    world.engine.turn = seen  # type: ignore[method-assign] - to know that the lock was met
    world.go_live()
    assert refused.wait(PATIENCE_SECONDS)
    locker.execute("ROLLBACK")
    locker.close()
    assert ended.wait(PATIENCE_SECONDS)
    world.engine.stop(grace_seconds=5)
    assert world.row(run_id).status == "succeeded"


def test_the_status_of_a_run_cannot_be_changed_by_hand_once_it_has_ended(world: World) -> None:
    world.add(schedule="manual")
    run_id = world.run()
    world.settle()
    with world.database.write() as tx:
        assert runs.request_cancel(tx, run_id, "ada") is None
        assert runs.give_back(tx, world.holder, {run_id: 1}) == 0
        assert runs.held(tx, world.holder, {run_id: 1}) == {}
    assert world.row(run_id).status == RunStatus.SUCCEEDED
    with pytest.raises(Exception, match="ended already"):
        run_service.cancel(world.database, ACTOR, run_id)
