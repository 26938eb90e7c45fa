"""Two workers on one database, and the guards between them: each is taken away once, to see the wrong outcome."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from database_kit import Place
from engine_kit import MINUTE, NOON, World, going_on, take
from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from enschedule_core.triggers import KINDS
from enschedule_worker.service import firing
from enschedule_worker.store import bulk, due_schedules, occurrence, runs
from enschedule_worker.store.clock import DatabaseClock
from enschedule_worker.store.models.runs import Run

MakeWorld = Callable[..., World]


class Recorder:
    """Counts how often each attempt was started, by all workers together."""

    def __init__(self) -> None:
        self.started: Counter[tuple[Any, int]] = Counter()
        self._lock = threading.Lock()

    def __call__(self, _data: Any, context: Any) -> None:
        with self._lock:
            self.started[context.schedule_id, context.attempt] += 1


def test_two_engines_make_one_run_of_each_slot_and_start_it_once(make_world: MakeWorld, place: Place) -> None:
    """Threads, the real clock, 1,000 slots. On SQLite alone this proves little: the canaries below do that."""
    recorder = Recorder()
    worlds = [
        make_world(clock=DatabaseClock(place.kind), worker_id=f"w{number}", busy_seconds=30.0, places=8)
        for number in range(2)
    ]
    for world in worlds:
        world.handlers.custom["it"] = recorder
    first = worlds[0]
    first.add("s", schedule="0 0 1 1 *", handler="custom", data={"name": "it"})
    first.multiply("s", 1_000, due_at=time.time_ns() // 1000)
    done = threading.Event()

    def look() -> None:
        with first.database.read() as tx:
            if tx.execute(select(func.count()).where(Run.status == "succeeded")).scalar() >= 1_000:
                done.set()

    for world in worlds:
        world.database.on_change(look)
        world.go_live()
    assert done.wait(60), f"only {len(recorder.started)} were started"
    for world in worlds:
        world.engine.stop(grace_seconds=5)
    rows = first.rows()
    assert len(rows) == len({row.occurrence_key for row in rows}) == 1_000
    assert set(recorder.started.values()) == {1}
    assert {row.status for row in rows} == {"succeeded"}
    assert {row.fence for row in rows} == {1}


# ---------------------------------------------------------------- proof that the proof works


def test_canary_without_the_fence_a_late_result_would_be_taken(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Take the fence away, and the wrong outcome must come: else the tests above prove nothing."""
    slow = make_world()
    run_id = going_on(slow)
    with slow.database.write() as tx:
        runs.give_back(tx, slow.holder, {run_id: 1})
    again = slow.holder  # the same instance claims it again: only the fence tells the two apart
    with slow.database.write() as tx:
        assert [row.fence for row in take(tx, again, slow.registry, limit=1, lease=45_000_000)] == [2]

    def no_fence(tx: Any, holder: Any, fences: Any) -> Any:
        return {row.id: row for row in tx.execute(select(*Run.__table__.columns).where(Run.id.in_(fences)))}

    monkeypatch.setattr(runs, "held", no_fence)
    unfenced = bulk.Statement(lambda dialect: without(runs._finish_statement(dialect), "fence"))
    monkeypatch.setattr(runs, "_FINISH", unfenced)
    slow.handlers.gates["gate"].open()
    slow.settle()
    assert slow.row(run_id).status == "succeeded", "without the fence, the old holder's result is taken"


def test_with_the_fence_the_same_late_result_is_refused(make_world: MakeWorld) -> None:
    slow = make_world()
    run_id = going_on(slow)
    with slow.database.write() as tx:
        runs.give_back(tx, slow.holder, {run_id: 1})
        take(tx, slow.holder, slow.registry, limit=1, lease=45_000_000)
    slow.handlers.gates["gate"].open()
    slow.settle()
    assert slow.row(run_id).status == "running"


def without(statement: Any, column: str) -> Any:
    """Return an UPDATE whose WHERE does not look at a column."""
    kept = [clause for clause in statement.whereclause.clauses if clause.left.name != column]
    bare = update(statement.table).where(*kept).values(dict(statement._values or {}))
    return bare.where(literal(value=True)).returning(*statement._returning)


def fire_twice(world: World) -> None:
    """Do what two workers without a guarded ``due_at`` would do: fire the same slot again."""
    world.add(schedule="* * * * *", overlap="allow")
    world.advance(60)
    due_at = world.schedule().due_at
    for _ in range(2):
        world.change("s", due_at=due_at, fire_at=due_at)
        with world.database.write() as tx:
            firing.fire_due(tx, kinds=KINDS, limit=10)


def test_the_unique_occurrence_key_refuses_a_second_run_of_a_slot(world: World) -> None:
    fire_twice(world)
    assert world.slots() == [NOON + MINUTE]
    assert (world.schedule().open_runs, world.schedule().slots_fired) == (1, 1)
    row = {name: value for name, value in world.rows()[0]._mapping.items() if name != "id"}
    with world.database.write() as tx, pytest.raises(IntegrityError, match="occurrence_key"):
        tx.execute(insert(Run).values(**row))


def test_a_slot_that_comes_again_does_not_hold_up_the_other_schedules(world: World) -> None:
    """The clock went back: one schedule is due at a slot that has its run; the others must not notice."""
    world.add("again", schedule="* * * * *")
    world.add("other", schedule="* * * * *")
    world.advance(60)
    world.settle()
    world.clock.advance(seconds=-30)
    world.change("again", due_at=NOON + MINUTE, fire_at=NOON + MINUTE)
    world.clock.advance(seconds=90)
    world.change("again", due_at=NOON + MINUTE, fire_at=NOON + MINUTE)
    world.change("again", policies=world.schedule("again").policies.replace('"latest"', '"all"'))
    world.settle()
    assert world.slots("again") == [NOON + MINUTE, NOON + 2 * MINUTE]
    assert world.slots("other") == [NOON + MINUTE, NOON + 2 * MINUTE]
    assert world.schedule("again").open_runs == 0


def test_canary_without_the_unique_key_a_slot_would_run_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(10))
    monkeypatch.setattr(occurrence, "slot_key", lambda key, slot, attempt: f"x{next(numbers)}:{attempt}")
    fire_twice(world)
    assert world.slots() == [NOON + MINUTE] * 2


def test_a_moved_schedule_is_not_moved_again(world: World) -> None:
    """The guard on the old ``due_at``: whoever read it before somebody else fired does nothing."""
    world.add(schedule="* * * * *")
    world.advance(60)
    with world.database.read() as tx:
        stale = tx.execute(due_schedules._ROWS).one()
    world.settle()
    batch = firing.Batch()
    with world.database.write() as tx:
        firing._fire(tx, batch, stale)
        batch.new.clear()  # so that nothing but the guard is left to notice
        with pytest.raises(RuntimeError, match="moved 0 of 1"):
            batch.write(tx)
    assert world.slots() == [NOON + MINUTE]


def test_a_run_is_claimed_by_one_worker_only(make_world: MakeWorld) -> None:
    one = make_world()
    two = make_world(clock=one.clock, worker_id="w2")
    one.add(schedule="manual", handler="block")
    one.run()
    one.turn()
    two.turn()
    assert (one.engine.in_flight, two.engine.in_flight) == (1, 0)
    one.handlers.gates["gate"].wait_entered()
