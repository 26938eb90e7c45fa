"""Which worker may take a run, how many go on at once, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engine_kit import ACTOR, World
from sqlalchemy import event

from enschedule_core.errors import InvalidInput
from enschedule_core.wire.definition import Definition
from enschedule_worker.service import concurrency_groups, diagnosis, schedules
from enschedule_worker.store import limits, picking

MakeWorld = Callable[..., World]


def status(world: World, id: str = "s") -> str:
    return str(schedules.get(world.database, ACTOR, id)["status"])


def edit(world: World, id: str = "s", **patch: Any) -> Any:
    return schedules.edit(world.database, world.registry, ACTOR, id, patch)[0]


def sentence(world: World, id: str = "s") -> str:
    return str(diagnosis.diagnose(world.database, ACTOR, id)["sentence"])


def running(world: World) -> list[int]:
    return [row.id for row in world.rows() if row.status == "running"]


# ---------------------------------------------------------------- bindings


@pytest.mark.parametrize(
    ("worker", "mine"),
    [
        ({"id": "w1"}, True),
        ({"id": "w2"}, False),
        ({"tags": ["gpu"]}, True),
        ({"tags": ["gpu", "big"]}, True),
        ({"tags": ["gpu", "small"]}, False),
        ({"tags": ["GPU"]}, False),
        ({"tags": ["g_u"]}, False),
        ({"id": "w1", "tags": ["big"]}, True),
        ({"id": "w1", "tags": ["small"]}, False),
        ({}, True),
    ],
)
def test_a_run_is_taken_by_the_workers_that_its_schedule_names(
    make_world: MakeWorld, worker: dict[str, Any], mine: bool
) -> None:
    world = make_world(worker_id="w1", tags=("gpu", "big"))
    world.add(schedule="manual", worker=worker)
    assert status(world) == ("manual" if mine else "waiting")
    world.run()
    world.settle()
    assert world.statuses() == (["succeeded"] if mine else ["queued"])
    assert status(world) == ("manual" if mine else "waiting")
    with world.database.read() as tx:
        counts = schedules.lists.counts(tx, ACTOR.scope, overdue_before=0)
    assert counts.status_waiting == (0 if mine else 1)
    if not mine:
        assert sentence(world).startswith("It may run only on ")
        assert sentence(world).endswith("and none of that kind is up. w1 offers ok v1.")


def test_a_binding_that_is_made_later_is_noticed(make_world: MakeWorld) -> None:
    one = make_world(worker_id="w1")
    two = make_world(worker_id="w2", clock=one.clock)
    one.add(schedule="manual")
    for world in (one, two):
        world.turn()
    one.add("bound", schedule="manual", worker={"id": "w2"})
    one.run("bound")
    one.turn()
    assert one.statuses("bound") == ["queued"]
    two.settle()
    assert [row.worker_id for row in one.rows("bound")] == ["w2"]
    edit(one, "bound", worker={"id": "w1"})
    one.run("bound")
    two.turn()
    one.settle()
    assert [row.worker_id for row in one.rows("bound")] == ["w2", "w1"]


def test_a_retry_stays_with_the_workers_of_the_first_attempt(make_world: MakeWorld) -> None:
    world = make_world(worker_id="w1")
    world.add(schedule="manual", handler="fail", worker={"id": "w1"}, retry={"max_attempts": 2, "delay_seconds": 0})
    world.run()
    world.settle()
    first, second = world.rows()
    assert first.binding == second.binding != 0
    assert second.status == "failed"


# ---------------------------------------------------------------- limits


def test_a_schedule_has_at_most_so_many_runs_at_once(world: World) -> None:
    world.add(schedule="manual", handler="block", max_running=2)
    ids = [world.run() for _ in range(4)]
    world.turn()
    world.turn()
    assert running(world) == ids[:2]
    assert "2 of 2 of its own runs" in sentence(world)
    world.handlers.gates["gate"].open()
    world.until(lambda: world.statuses() == ["succeeded"] * 4)


def test_a_group_that_nobody_has_defined_lets_one_run_at_a_time(world: World) -> None:
    for id in ("one", "two"):
        world.add(id, schedule="manual", handler="block", concurrency_group="erp", title=id.title())
        world.run(id)
    world.turn()
    assert world.statuses() == ["running", "queued"]
    assert sentence(world, "two").startswith("Group erp is full: 1 of 1, held by One. It has waited since ")
    (group,) = concurrency_groups.listing(world.database, ACTOR)
    assert (group["max_running"], group["schedules"], group["running"], group["queued"]) == (1, 2, 1, 1)
    assert group["updated_by"] is None
    (group,) = concurrency_groups.put(world.database, ACTOR, {"erp": 2})
    assert (group["max_running"], group["updated_by"]) == (2, "ada")
    world.turn()
    assert world.statuses() == ["running", "running"]


def test_a_handler_has_at_most_so_many_runs_at_once(make_world: MakeWorld) -> None:
    world = make_world()
    world.add("a", schedule="manual", handler="single")
    world.add("b", schedule="manual", handler="single")
    for id in ("a", "b"):
        world.run(id)
    world.turn()
    assert world.statuses() == ["running", "queued"]
    assert sentence(world, "b").startswith("The handler single is full: 1 of 1, held by a. It has waited since ")


def test_what_a_limit_holds_back_holds_back_nobody_behind_it(make_world: MakeWorld) -> None:
    world = make_world(places=4)
    world.add("full", schedule="manual", handler="block", max_running=1, priority=10)
    world.add("group", schedule="manual", handler="block", concurrency_group="erp", priority=9)
    world.add("other", schedule="manual", handler="block", max_running=1)
    world.add("free", schedule="manual", handler="block")
    for id in ("full", "group"):
        for _ in range(20):
            world.run(id)
    world.run("other")
    world.run("free")
    wait = world.turn()
    assert [world.statuses(id).count("running") for id in ("full", "group", "other", "free")] == [1, 1, 1, 1]
    assert wait > 0  # what waits for a limit does not keep the loop busy
    assert world.turn() > 0


def test_a_limit_that_is_set_later_holds_for_what_waits_already(world: World) -> None:
    world.add(schedule="manual", handler="block")
    for _ in range(3):
        world.run()
    edit(world, max_running=1)
    world.turn()
    assert world.statuses() == ["running", "queued", "queued"]
    edit(world, max_running=None, concurrency_group="erp")
    world.turn()
    assert world.statuses() == ["running", "queued", "queued"]
    edit(world, concurrency_group=None)
    world.turn()
    assert world.statuses() == ["running"] * 3


def test_claiming_what_is_not_limited_is_one_statement_to_choose(world: World) -> None:
    world.add(schedule="manual")
    for _ in range(3):
        world.run()
    seen: list[str] = []
    event.listen(world.database.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    world.turn()
    locking = [text for text in seen if "runs.serial" in text]
    assert len(locking) == 1
    assert not [text for text in seen if "handlers.max_running IS NOT NULL" in text]


def test_a_limit_is_at_least_one_and_a_group_has_a_name(world: World) -> None:
    for field, value in (("max_running", 0), ("concurrency_group", "Not a name")):
        with pytest.raises(InvalidInput) as refused:
            Definition.from_wire({"id": "s", "handler": "ok", field: value})
        assert [error.field for error in refused.value.errors] == [field]


def test_a_gate_is_had_by_one_worker_at_a_time(make_world: MakeWorld) -> None:
    one = make_world()
    two = make_world(clock=one.clock, worker_id="w2")
    with one.database.write() as tx:
        assert limits.enter(tx)
    if one.place.kind == "sqlite":  # who writes has it
        return
    with one.database.write() as first:
        assert limits.enter(first)
        with two.database.write() as second:
            assert not limits.enter(second)
    with two.database.write() as second:
        assert limits.enter(second)


def test_without_the_gate_a_worker_still_takes_what_is_not_limited(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world()
    world.add("limited", schedule="manual", handler="block", max_running=2, priority=5)
    world.add("free", schedule="manual", handler="block")
    world.run("limited")
    world.run("free")
    with monkeypatch.context() as patched:
        patched.setattr(picking, "enter", lambda _: False)
        assert world.turn() < 0.05  # and looks again at once
        assert (world.statuses("free"), world.statuses("limited")) == (["running"], ["queued"])
    world.turn()
    assert world.statuses("limited") == ["running"]


# ---------------------------------------------------------------- order


def test_a_higher_priority_goes_first_and_an_edit_leaves_what_waits(make_world: MakeWorld) -> None:
    world = make_world(places=1)
    world.add("low", schedule="manual")
    world.add("high", schedule="manual", priority=5)
    for id, name in (("low", "second"), ("high", "first"), ("low", "third")):
        world.run(id, data={"name": name})
    edit(world, "low", priority=50)
    world.run("low", data={"name": "before all"})
    world.settle()
    world.until(lambda: set(world.statuses()) == {"succeeded"})
    assert [data["name"] for _, data, _ in world.handlers.calls] == ["before all", "first", "second", "third"]


def test_the_priority_of_a_retry_is_that_of_its_first_attempt(world: World) -> None:
    world.add(schedule="manual", handler="fail", priority=7, retry={"max_attempts": 2, "delay_seconds": 0})
    world.run()
    world.settle()
    assert [row.rank for row in world.rows()] == [-7, -7]
