"""Schedules that run after others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engine_kit import ACTOR, World, going_on, reap_after

from enschedule_core.errors import InvalidInput
from enschedule_worker.service import chains, endings, halting, schedules
from enschedule_worker.store.holding import Ending

MakeWorld = Callable[..., World]


def refused(world: World, id: str, **more: Any) -> list[tuple[str, str]]:
    """Return the errors of a schedule that cannot be saved."""
    with pytest.raises(InvalidInput) as found:
        world.add(id, schedule="manual", **more)
    return [(error.field, error.message) for error in found.value.errors]


def edit(world: World, id: str, **patch: Any) -> None:
    schedules.edit(world.database, world.registry, ACTOR, id, patch)


def pair(world: World, handler: str = "ok", **more: Any) -> None:
    """Make the schedule "first", and "good" and "bad" that follow it."""
    world.add("good", schedule="manual", data={"who": "good"}, priority=3)
    world.add("bad", schedule="manual", data={"who": "bad"})
    world.add("first", schedule="manual", handler=handler, on_success="good", on_failure="bad", **more)


def test_a_success_is_followed_by_the_run_of_another_schedule(world: World) -> None:
    pair(world)
    world.run("first")
    world.settle()
    (followed,) = world.rows("good")
    assert (followed.status, followed.origin_kind, followed.origin_actor) == ("succeeded", "chain", "first")
    assert (followed.depth, followed.rank, followed.slot_at) == (1, -3, None)
    assert followed.occurrence_key.startswith("m")
    assert world.handlers.calls[-1][1] == {"who": "good"}
    assert world.rows("bad") == []
    assert (world.schedule("good").open_runs, world.schedule("good").running_runs) == (0, 0)


def test_a_failure_is_followed_once_when_the_attempts_are_used_up(world: World) -> None:
    pair(world, "fail", retry={"max_attempts": 3, "delay_seconds": 10})
    world.run("first")
    for _ in range(3):
        assert world.rows("bad") == []
        world.settle()
        world.advance(10)
    assert world.statuses("first") == ["failed"] * 3
    world.settle()
    assert world.statuses("bad") == ["succeeded"]
    assert world.rows("good") == []


def test_nothing_follows_before_the_last_attempt(world: World) -> None:
    pair(world, "fail", retry={"max_attempts": 2, "delay_seconds": 10})
    world.run("first")
    world.settle()
    assert world.statuses("first") == ["failed", "queued"]
    assert world.rows("bad") == []


def test_a_cancelled_run_is_followed_by_nothing(world: World) -> None:
    pair(world, "fail", data={"cancel": "not today"})
    world.run("first")
    world.settle()
    assert world.statuses("first") == ["cancelled"]
    assert world.rows("good") + world.rows("bad") == []


def test_a_lost_run_that_is_left_is_followed_as_a_failure(make_world: MakeWorld) -> None:
    world = make_world(lease_seconds=45.0)
    world.add("bad", schedule="manual")
    going_on(world, on_failure="bad", on_lost="leave")
    reap_after(make_world(clock=world.clock, worker_id="w2"), 46)
    assert world.statuses("s") == ["lost"]
    assert [row.origin_kind for row in world.rows("bad")] == ["chain"]


def test_a_lost_run_that_is_repeated_is_followed_by_nothing_yet(make_world: MakeWorld) -> None:
    world = make_world(lease_seconds=45.0)
    world.add("bad", schedule="manual")
    going_on(world, on_failure="bad", on_lost="retry")
    reap_after(make_world(clock=world.clock, worker_id="w2"), 46)
    assert world.statuses("s") == ["lost", "queued"]
    assert world.rows("bad") == []


def test_following_twice_makes_one_run(world: World) -> None:
    pair(world)
    run_id = world.run("first")
    world.settle()
    row = world.row(run_id)
    found = chains.standing.End.of(row, chains.RunStatus.SUCCEEDED, finished_at=row.finished_at)
    again = chains.standing.Standing(world.schedule("first"), [found], None)
    with world.database.write() as tx:
        assert chains.follow(tx, [again]) == 0
    assert len(world.rows("good")) == 1


def test_a_refused_result_is_followed_by_nothing(make_world: MakeWorld) -> None:
    world = make_world(lease_seconds=45.0)
    world.add("good", schedule="manual")
    run_id = going_on(world, on_success="good", on_lost="leave")
    reap_after(make_world(clock=world.clock, worker_id="w2"), 46)
    late = Ending(
        run_id=run_id,
        fence=1,
        status=chains.RunStatus.SUCCEEDED,
        started_at=world.clock.now,
        finished_at=world.clock.now,
    )
    with world.database.write() as tx:
        assert endings.finish(tx, world.holder, [late]) == set()
    assert world.rows("good") == []


def test_a_follow_up_does_not_ask_for_overlap_and_keeps_its_own_limits(world: World) -> None:
    world.add("after", schedule="manual", handler="block", overlap="skip", max_running=1)
    world.add("first", schedule="manual", on_success="after")
    world.run("after")
    world.turn()
    world.run("first")
    world.until(lambda: world.statuses("first") == ["succeeded"])
    assert world.statuses("after") == ["running", "queued"]


@pytest.mark.parametrize(
    ("hinder", "reason"),
    [
        (lambda world: world.pause("good"), "it is paused by ada"),
        (lambda world: schedules.delete(world.database, ACTOR, "good"), "there is no such schedule any more"),
    ],
)
def test_a_follow_up_that_cannot_be_is_noted_at_the_run(world: World, hinder: Any, reason: str) -> None:
    pair(world)
    hinder(world)
    run_id = world.run("first")
    world.settle()
    assert world.row(run_id).status == "succeeded"
    assert world.detail(run_id).note == f"good was not started after it: {reason}."
    assert len(world.rows()) == 1


def test_a_deleted_schedule_is_followed_by_nothing(world: World) -> None:
    world.add("good", schedule="manual")
    going_on(world, on_success="good")
    schedules.delete(world.database, ACTOR, "s")
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.rows("good") == []


def test_while_everything_is_paused_a_follow_up_waits(world: World) -> None:
    world.add("good", schedule="manual")
    run_id = going_on(world, on_success="good")
    halting.put(world.database, ACTOR, paused=True)
    world.handlers.gates["gate"].open()
    world.settle()
    assert (world.row(run_id).status, world.statuses("good")) == ("succeeded", ["queued"])
    halting.put(world.database, ACTOR, paused=False)
    world.settle()
    assert world.statuses("good") == ["succeeded"]


def test_circles_and_unknown_schedules_are_refused_at_save(world: World) -> None:
    assert refused(world, "a", on_success="a") == [("on_success", "A schedule cannot run after itself.")]
    assert refused(world, "a", on_failure="b") == [("on_failure", "There is no schedule b.")]
    world.add("c", schedule="manual")
    world.add("b", schedule="manual", on_failure="c")
    world.add("a", schedule="manual", on_success="b")
    with pytest.raises(InvalidInput) as found:
        edit(world, "c", on_success="a")
    (error,) = found.value.errors
    assert (error.field, error.message) == ("on_success", "This is a circle: c → a → b → c.")
    schedules.delete(world.database, ACTOR, "c")
    edit(world, "b", title="Still to be edited")  # what it names has gone, and that is not this edit's fault


def test_two_that_closed_a_circle_at_once_end_after_twenty(world: World) -> None:
    world.add("a", schedule="manual")
    world.add("b", schedule="manual", on_success="a")
    world.change("a", on_success="b")
    world.run("a")
    world.settle()
    world.until(lambda: world.schedule("a").open_runs + world.schedule("b").open_runs == 0)
    assert len(world.rows()) == chains.MAX_DEPTH + 1
    last = world.rows()[-1]
    assert last.depth == chains.MAX_DEPTH
    assert world.detail(last.id).note == "b was not started after it: 20 runs have followed one another already."
