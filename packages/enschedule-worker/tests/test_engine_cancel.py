"""Runs that somebody cancels, runs past their deadline, and places that stay taken."""

from __future__ import annotations

from typing import Any

from engine_kit import NOON, World

from enschedule_worker.store import census


def test_cancelling_a_queued_run_ends_it_at_once(world: World) -> None:
    world.add(schedule="manual")
    run_id = world.run()
    world.cancel(run_id)
    row = world.row(run_id)
    assert (row.status, row.message, row.started_at) == ("cancelled", "Cancelled by ada before it started.", None)
    world.settle()
    assert world.handlers.calls == []
    assert world.schedule().open_runs == 0


def test_a_handler_that_obeys_ends_as_cancelled_by_who_asked(world: World) -> None:
    world.add(schedule="manual", handler="obey", retry={"max_attempts": 5})
    run_id = world.run()
    world.turn()
    context = world.handlers.gates["gate"].wait_entered()
    assert not context.cancelled
    world.cancel(run_id)
    assert world.row(run_id).status == "running", "it is the truth until it has stopped"
    world.until(lambda: world.row(run_id).status != "running")
    row = world.row(run_id)
    assert (row.status, row.outcome_kind, row.message) == ("cancelled", "cancelled", "Cancelled by ada.")
    assert world.engine.stuck == 0
    assert len(world.rows()) == 1, "what somebody cancelled is not tried again"


def test_a_run_that_finishes_in_spite_of_a_cancel_has_succeeded(world: World) -> None:
    world.add(schedule="manual", handler="block")
    run_id = world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.cancel(run_id)
    world.turn()
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.row(run_id).status == "succeeded"


def test_a_run_claimed_but_not_begun_is_taken_back_by_a_cancel(make_world: Any) -> None:
    world = make_world(places=1)
    world.engine._intake.ahead = 1
    world.add(schedule="manual", handler="block")
    first, second = world.run(), world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    assert world.statuses() == ["running", "running"]
    world.cancel(second)
    world.until(lambda: world.row(second).status != "running")
    assert world.row(second).status == "cancelled"
    world.handlers.gates["gate"].open()
    world.settle()
    assert (world.row(first).status, len(world.handlers.calls)) == ("succeeded", 1)


def ignoring_a_cancel(make_world: Any, **more: Any) -> tuple[World, int]:
    world = make_world(places=1, grace_seconds=30.0, **more)
    world.add(schedule="manual", handler="block", retry={"max_attempts": 5, "delay_seconds": 0}, on_lost="retry")
    run_id = world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.cancel(run_id)
    world.turn()
    world.advance(29)
    world.turn()
    assert world.row(run_id).status == "running"
    return world, run_id


def test_a_handler_that_ignores_a_cancel_is_given_up_after_the_grace_and_the_message_says_so(make_world: Any) -> None:
    world, run_id = ignoring_a_cancel(make_world)
    world.advance(1)
    world.turn()
    row = world.row(run_id)
    assert row.status == "cancelled"
    assert row.message.startswith("Cancelled by ada. The handler still runs")
    assert world.engine.stuck == 1
    assert world.statuses() == ["cancelled"]


def test_a_deadline_during_the_grace_of_a_cancel_is_no_timeout_and_no_retry(make_world: Any) -> None:
    world, run_id = ignoring_a_cancel(make_world, timeout_seconds=29.5)
    world.advance(0.5)
    world.turn()
    assert "still runs" in world.row(run_id).message
    assert world.statuses() == ["cancelled"]


def test_a_worker_that_stops_during_the_grace_of_a_cancel_does_not_bring_the_run_back(make_world: Any) -> None:
    world, _ = ignoring_a_cancel(make_world)
    world.engine.stop(grace_seconds=0)
    assert world.statuses() == ["cancelled"]


def test_a_cancelled_run_whose_worker_vanished_is_not_tried_again(make_world: Any) -> None:
    world, run_id = ignoring_a_cancel(make_world, lease_seconds=45.0)
    other = make_world(clock=world.clock, worker_id="w2")
    world.clock.advance(seconds=46)
    other.housekeeping.reap()
    assert world.row(run_id).status == "lost"
    assert len(world.rows()) == 1


# ---------------------------------------------------------------- deadlines and stuck places


def stuck(make_world: Any, **more: Any) -> tuple[World, int]:
    """Return a world of one place whose handler has outlived its deadline."""
    world = make_world(places=1, timeout_seconds=10.0)
    world.add(schedule="manual", handler="block", **more)
    run_id = world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.advance(9.9)
    world.turn()
    assert world.row(run_id).status == "running"
    world.advance(0.1)
    world.turn()
    return world, run_id


def test_a_deadline_ends_the_run_and_the_thread_keeps_its_place(make_world: Any) -> None:
    world, run_id = stuck(make_world)
    row = world.row(run_id)
    assert (row.status, row.outcome_kind, row.finished_at) == ("timed_out", "timeout", NOON + 10_000_000)
    assert "after 10 s" in row.message
    assert "cannot be killed" in row.message
    assert world.handlers.gates["gate"].contexts[0].cancelled
    assert world.engine.stuck == 1
    world.housekeeping.heartbeat()
    with world.database.read() as tx:
        assert [worker.stuck for worker in census.workers(tx)] == [1]

    world.add("next", schedule="manual")
    waiting = world.run("next")
    world.turn()
    assert world.row(waiting).status == "queued", "the place is taken"
    world.handlers.gates["gate"].open()
    world.until(lambda: world.row(waiting).status == "succeeded")
    assert world.engine.stuck == 0


def test_late_output_and_result_are_dropped(make_world: Any) -> None:
    world, run_id = stuck(make_world)
    world.handlers.gates["gate"].open()
    world.until(lambda: world.engine.stuck == 0)
    row = world.row(run_id)
    assert (row.status, row.finished_at) == ("timed_out", NOON + 10_000_000)
    assert world.printed(run_id) == "before\n"
    assert world.detail(run_id) is None


def test_a_retry_waits_for_the_stuck_thread_of_its_chain(make_world: Any) -> None:
    world = make_world(places=2, timeout_seconds=10.0)
    world.add(schedule="manual", handler="block", retry={"max_attempts": 2, "delay_seconds": 0})
    world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.advance(10)
    world.turn()
    world.turn()
    assert world.statuses() == ["timed_out", "queued"], "there is a place, but the first attempt still runs"
    world.handlers.gates["gate"].open()
    world.until(lambda: world.statuses() == ["timed_out", "succeeded"])
    assert [attempt for _, _, attempt in world.handlers.calls] == [1, 2]


def test_a_schedules_own_timeout_wins(make_world: Any) -> None:
    world = make_world(timeout_seconds=1000.0)
    world.add(schedule="manual", handler="block", timeout_seconds=2.5)
    run_id = world.run()
    assert world.turn() <= 2.5
    context = world.handlers.gates["gate"].wait_entered()
    assert (context.deadline - context.deadline.replace(minute=0, second=0, microsecond=0)).total_seconds() == 2.5
    world.advance(2.5)
    world.turn()
    assert world.row(run_id).status == "timed_out"


def test_a_handler_that_ends_at_its_deadline_counts_once(make_world: Any) -> None:
    world = make_world(places=1, timeout_seconds=10.0)
    world.handlers.custom["it"] = lambda _data, _context: world.advance(10)
    world.add(schedule="manual", handler="custom", data={"name": "it"})
    run_id = world.run()
    world.settle()
    assert world.row(run_id).status in {"succeeded", "timed_out"}
    assert world.engine.stuck == 0
    assert world.schedule().open_runs == 0
