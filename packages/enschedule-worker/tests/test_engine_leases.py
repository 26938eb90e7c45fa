"""Leases and fences: what follows when a worker vanishes, freezes, or cannot reach the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest
from engine_kit import ACTOR, MINUTE, NOON, PATIENCE_SECONDS, World, going_on, reap_after, take

from enschedule_core.errors import Unavailable
from enschedule_worker.service import output as output_service
from enschedule_worker.store import census, runs, runs_by_hand

MakeWorld = Callable[..., World]


def test_a_crash_between_claim_and_finish_loses_that_run_and_no_slot(make_world: MakeWorld) -> None:
    dead = make_world(lease_seconds=45.0)
    run_id = going_on(dead)
    alive = make_world(clock=dead.clock, worker_id="w2", lease_seconds=45.0)
    alive.handlers.gates["gate"].open()
    reap_after(alive, 44)
    assert alive.row(run_id).status == "running"
    reap_after(alive, 1.1)
    row = alive.row(run_id)
    assert (row.status, row.outcome_kind, row.finished_at) == ("lost", "lost", NOON + 105_100_000)
    assert "w1" in row.message
    assert alive.schedule().open_runs == 0
    alive.advance(60)
    alive.settle()
    assert alive.slots() == [NOON + MINUTE, NOON + 2 * MINUTE]
    assert alive.statuses() == ["lost", "succeeded"]
    assert len({row.occurrence_key for row in alive.rows()}) == 2


def test_a_heartbeat_keeps_a_run(make_world: MakeWorld) -> None:
    world = make_world(lease_seconds=45.0)
    run_id = going_on(world)
    for _ in range(10):
        world.advance(40)
        world.housekeeping.heartbeat()
        world.housekeeping.reap()
    assert world.row(run_id).status == "running"
    assert world.row(run_id).lease_until == world.clock.now + 45_000_000


def test_a_machine_that_slept_does_not_lose_its_own_runs(make_world: MakeWorld) -> None:
    world = make_world(lease_seconds=45.0)
    run_id = going_on(world)
    reap_after(world, 3600)  # only the database's time went on, as in a sleep or when a clock is set
    assert world.row(run_id).status == "running"
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.row(run_id).status == "succeeded"


@pytest.mark.parametrize("hours", [-1, 24 * 3650])
def test_a_clock_that_is_set_starts_nothing_early_and_nothing_twice(make_world: MakeWorld, hours: int) -> None:
    world = make_world(lease_seconds=45.0)
    run_id = going_on(world)
    due_at = world.schedule().due_at
    world.clock.advance(seconds=hours * 3600)
    world.housekeeping.reap()
    world.turn()
    assert world.row(run_id).status == "running"
    assert all(row.slot_at <= world.clock.now or row.id == run_id for row in world.rows())
    if hours < 0:
        assert world.schedule().due_at == due_at
        world.clock.advance(seconds=-hours * 3600)
    world.handlers.gates["gate"].open()
    world.settle()
    keys = [row.occurrence_key for row in world.rows()]
    assert len(keys) == len(set(keys))
    assert world.schedule().open_runs == 0


def test_a_heartbeat_also_keeps_a_result_that_waits_to_be_stored(make_world: MakeWorld) -> None:
    world = make_world(lease_seconds=45.0)
    run_id = going_on(world)
    world.handlers.gates["gate"].open()
    assert world.engine._flag.wait(PATIENCE_SECONDS)
    world.advance(40)
    world.housekeeping.heartbeat()
    reap_after(world, 10)
    world.settle()
    assert world.row(run_id).status == "succeeded"


def test_a_late_finish_is_refused_and_changes_nothing(make_world: MakeWorld, caplog: pytest.LogCaptureFixture) -> None:
    frozen = make_world(lease_seconds=45.0)
    run_id = going_on(frozen)
    other = make_world(clock=frozen.clock, worker_id="w2")
    reap_after(other, 46)
    before = frozen.row(run_id)
    frozen.handlers.gates["gate"].open()
    frozen.settle()
    assert frozen.row(run_id) == before
    assert frozen.detail(run_id) is None
    assert "was lost meanwhile" in caplog.text


def test_a_worker_that_lost_a_run_tells_its_handler_to_stop(make_world: MakeWorld) -> None:
    frozen = make_world(lease_seconds=45.0)
    run_id = going_on(frozen, "obey")
    context = frozen.handlers.gates["gate"].contexts[0]
    other = make_world(clock=frozen.clock, worker_id="w2")
    reap_after(other, 46)
    frozen.housekeeping.heartbeat()
    assert context.cancelled
    assert frozen.engine.held_ids() == set()
    frozen.until(lambda: frozen.engine.stuck == 0)
    assert frozen.row(run_id).status == "lost"


def test_the_output_of_an_earlier_fence_is_not_shown(make_world: MakeWorld) -> None:
    """A run that was given back and claimed again has a new fence; what the first holder prints late is nobody's."""
    slow = make_world()
    run_id = going_on(slow)
    with slow.database.write() as tx:  # what a drain does, though this handler was called: the worst case
        assert runs.give_back(tx, slow.holder, {run_id: 1}) == 1
    quick = make_world(clock=slow.clock, worker_id="w2")
    quick.turn()
    quick.handlers.gates["gate"].wait_entered()
    slow.handlers.gates["gate"].open()
    slow.settle()
    assert quick.row(run_id).status == "running", "the first holder's result is refused by its fence"
    quick.handlers.gates["gate"].open()
    quick.settle()
    row = quick.row(run_id)
    assert (row.status, row.fence, row.worker_id) == ("succeeded", 2, "w2")
    assert quick.printed(run_id) == "before\nafter\n"
    shown = output_service.read(quick.database, ACTOR, run_id, output_service.Cursor())
    assert "".join(item["text"] for item in shown["items"]) == "before\nafter\n"


def test_a_worker_removed_by_somebody_enters_itself_again(world: World) -> None:
    with world.database.write() as tx:
        assert census.forget(tx, world.holder.instance_id)
    world.housekeeping.heartbeat()
    with world.database.read() as tx:
        assert [worker.id for worker in census.workers(tx)] == ["w1"]
        assert {row.handler_id for row in census.offers(tx)} >= {"ok", "fail"}


# ---------------------------------------------------------------- on_lost


@pytest.mark.parametrize(
    ("handler", "on_lost", "again"),
    [("block", None, False), ("safe", None, True), ("block", "retry", True), ("safe", "leave", False)],
)
def test_a_lost_run_is_tried_again_if_that_does_no_harm(
    make_world: MakeWorld, handler: str, on_lost: str | None, again: bool
) -> None:
    dead = make_world(lease_seconds=45.0)
    run_id = going_on(dead, handler, on_lost=on_lost)
    alive = make_world(clock=dead.clock, worker_id="w2")
    reap_after(alive, 46)
    rows = alive.rows()
    assert [row.status for row in rows] == ["lost", "queued"][: 1 + again]
    if again:
        assert (rows[1].attempt, rows[1].losses, rows[1].retry_of) == (2, 1, run_id)
        assert alive.schedule().open_runs == 1


def test_a_run_that_kills_its_worker_each_time_stops_at_three_losses(make_world: MakeWorld) -> None:
    first = make_world(lease_seconds=45.0)
    first.add(schedule="manual", handler="safe", retry={"max_attempts": 50, "delay_seconds": 0})
    first.run()
    clock = first.clock
    for number in range(6):
        victim = make_world(clock=clock, worker_id=f"victim-{number}", lease_seconds=45.0)
        victim.turn()
        reap_after(first, 46)
    assert first.statuses() == ["lost"] * 4
    assert [row.losses for row in first.rows()] == [0, 1, 2, 3]
    assert first.schedule().open_runs == 0
    assert first.schedule().failures_in_row == 1


def test_losses_do_not_use_up_the_attempts_of_the_policy(make_world: MakeWorld) -> None:
    dead = make_world(lease_seconds=45.0)
    dead.add(schedule="manual", handler="fail", retry={"max_attempts": 2, "delay_seconds": 0}, on_lost="retry")
    dead.run()
    with dead.database.write() as tx:
        assert take(tx, dead.holder, dead.registry, limit=1, lease=45_000_000)
    alive = make_world(clock=dead.clock, worker_id="w2")
    reap_after(alive, 46)
    alive.settle()
    assert alive.statuses() == ["lost", "failed", "failed"]


# ---------------------------------------------------------------- self-fencing


@pytest.mark.usefixtures("sqlite_only")
def test_a_worker_that_cannot_renew_stops_its_runs_before_their_leases_end(make_world: MakeWorld) -> None:
    world = make_world(lease_seconds=45.0, busy_seconds=0.01)
    run_id = going_on(world, "obey")
    context = world.handlers.gates["gate"].contexts[0]
    world.housekeeping.heartbeat()
    locker = sqlite3.connect(world.place.path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    world.seconds += 30
    with pytest.raises(Unavailable):
        world.housekeeping.heartbeat()
    world.housekeeping.fence()
    assert not context.cancelled
    world.seconds += 5
    world.housekeeping.fence()
    assert context.cancelled, "three quarters of a lease have passed"
    locker.execute("ROLLBACK")
    locker.close()
    world.housekeeping.heartbeat()
    world.clock.advance(seconds=46)
    world.housekeeping.heartbeat()
    world.housekeeping.reap()
    assert world.row(run_id).status == "lost", "the heartbeat must not keep alive what was given up"
    assert world.schedule().open_runs == 0
    world.until(lambda: world.engine.stuck == 0)


def test_what_has_not_begun_goes_back_to_the_queue_when_its_worker_fences_itself(make_world: MakeWorld) -> None:
    world = make_world(lease_seconds=45.0, places=1)
    run_id = going_on(world, "obey")
    with world.database.write() as tx:
        ahead = runs_by_hand.new_manual(tx, world.schedule(), data=None, actor_name="ann")[0]
    world.engine._intake.ahead = 1  # as after quick runs: one more than it has places for
    world.turn()
    assert [world.row(one).status for one in (run_id, ahead)] == ["running", "running"]
    world.seconds += 40
    world.housekeeping.fence()
    assert world.engine.held_ids() == set()
    world.until(lambda: world.row(ahead).fence == 2)  # given back, and taken again once there is a place
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.row(ahead).status == "cancelled", "it ran after all, and ended as its handler says"
    assert world.row(run_id).status == "running", "its lease is not over yet"


def test_heartbeats_that_come_through_fence_nothing(make_world: MakeWorld) -> None:
    world = make_world(lease_seconds=45.0)
    going_on(world, "obey")
    for _ in range(5):
        world.advance(20)
        world.housekeeping.heartbeat()
        world.housekeeping.fence()
    assert not world.handlers.gates["gate"].contexts[0].cancelled
