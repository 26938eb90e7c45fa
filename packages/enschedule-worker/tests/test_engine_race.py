"""Several workers at one queue, at once and for real: limits are never exceeded, and nobody stands in another's way."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from database_kit import Place
from engine_kit import ACTOR, Handlers, World
from sqlalchemy import func, select

from enschedule_core.run import RunStatus
from enschedule_worker.service import concurrency_groups, endings
from enschedule_worker.store import picking, runs, runs_by_hand
from enschedule_worker.store.answering import Undone
from enschedule_worker.store.bindings import Reach
from enschedule_worker.store.clock import DatabaseClock
from enschedule_worker.store.holding import Ending, Holder
from enschedule_worker.store.models.runs import Run

MakeWorld = Callable[..., World]
WORKERS = 4
EACH = 40
HOLD_SECONDS = 0.01
SCHEDULES: dict[str, dict[str, Any]] = {
    "erp-1": {"concurrency_group": "erp"},
    "erp-2": {"concurrency_group": "erp", "priority": 5},
    "few": {"max_running": 2, "priority": 9},
    "one": {"handler": "single"},
    "free": {},
}
MOST = {"erp-1": 3, "erp-2": 3, "few": 2, "one": 1}


class Racer(threading.Thread):
    """A worker without an engine: finishes what it has held long enough and claims, in one transaction a turn."""

    def __init__(self, place: Place, over: threading.Event, start: threading.Barrier) -> None:
        super().__init__(daemon=True)
        self.database = place.open(DatabaseClock(place.location.dialect))
        self.offers = Handlers().registry().offers()
        self.holder = Holder("w", uuid.uuid4().hex)
        self.reach = Reach("w")
        self.held: dict[int, tuple[Any, float]] = {}
        self.over, self.starting = over, start
        self.turns = self.undone = 0
        self.problem: Exception | None = None

    def run(self) -> None:
        try:
            self.starting.wait(30)
            while not self.over.is_set() or self.held:
                self.turns += 1
                try:
                    self.turn()
                except Undone:
                    self.undone += 1
        except Exception as problem:  # noqa: BLE001 - the test looks at it
            self.problem = problem

    def turn(self) -> None:
        now = time.monotonic()
        done = [row for row, since in self.held.values() if now - since >= HOLD_SECONDS]
        with self.database.write() as tx:
            endings.finish(tx, self.holder, [_ending(row, tx.now) for row in done])
            limit = 0 if self.over.is_set() else random.randint(1, 6)
            chosen = picking.choose(tx, self.offers, self.reach, limit=limit)
            claimed = runs.claim(tx, self.holder, chosen.ids, lease=60_000_000)
        for row in done:
            del self.held[row.id]
        self.held |= {row.id: (row, time.monotonic()) for row in claimed}
        if not claimed:
            time.sleep(0.003)


def _ending(row: Any, now: int) -> Ending:
    return Ending(
        run_id=row.id, fence=row.fence, status=RunStatus.SUCCEEDED, started_at=row.started_at, finished_at=now
    )


def _prepare(world: World) -> None:
    for id, more in SCHEDULES.items():
        world.add(id, **{"schedule": "manual", "overlap": "allow", **more})
    concurrency_groups.put(world.database, ACTOR, {"erp": 3})
    rows = {id: world.schedule(id) for id in SCHEDULES}
    with world.database.write() as tx:
        for _ in range(EACH):
            for row in rows.values():
                runs_by_hand.new_manual(tx, row, data=None, actor_name="ada")


_GOING_ON = select(Run.schedule_key, func.count().label("n")).where(Run.status == "running").group_by(Run.schedule_key)


def _race(world: World, place: Place) -> tuple[list[Racer], Counter[str]]:
    """Let the workers empty the queue; return them, and the most that was ever seen going on of each schedule."""
    over, start = threading.Event(), threading.Barrier(WORKERS + 1)
    names = {world.schedule(id).key: id for id in SCHEDULES}
    racers = [Racer(place, over, start) for _ in range(WORKERS)]
    for racer in racers:
        racer.start()
    start.wait(30)
    most: Counter[str] = Counter()
    give_up_at = time.monotonic() + 60
    while not over.is_set():
        with world.database.read() as tx:
            seen = Counter({names[row.schedule_key]: row.n for row in tx.execute(_GOING_ON)})
            left = tx.execute(select(func.count()).where(Run.status.in_(["queued", "running"]))).scalar_one()
        seen["erp"] = seen.pop("erp-1", 0) + seen.pop("erp-2", 0)
        most |= seen
        if left == 0 or time.monotonic() > give_up_at or any(racer.problem for racer in racers):
            over.set()
    for racer in racers:
        racer.join(30)
    return racers, most


def test_limits_hold_whoever_claims_and_nobody_deadlocks(make_world: MakeWorld, place: Place) -> None:
    world = make_world(clock=DatabaseClock(place.location.dialect))
    _prepare(world)
    racers, most = _race(world, place)
    assert [racer.problem for racer in racers] == [None] * WORKERS
    assert set(world.statuses()) == {"succeeded"}
    assert all(row.fence == 1 for row in world.rows())
    assert (most["erp"] <= 3, most["few"] <= 2, most["one"] <= 1) == (True, True, True), most
    assert most["free"] > 1
    undone, turns = sum(racer.undone for racer in racers), sum(racer.turns for racer in racers)
    assert undone <= turns / 50, f"{undone} of {turns} transactions met another one"
    for id in SCHEDULES:
        row = world.schedule(id)
        assert (row.open_runs, row.running_runs) == (0, 0)


def test_a_busy_schedule_is_emptied_by_all_workers(make_world: MakeWorld, place: Place) -> None:
    """Claims that could not lock the one schedule come back at once, and lose nothing."""
    world = make_world(clock=DatabaseClock(place.location.dialect))
    world.add("s", schedule="manual", handler="ok", overlap="allow")
    row = world.schedule("s")
    with world.database.write() as tx:
        for _ in range(200):
            runs_by_hand.new_manual(tx, row, data=None, actor_name="ada")
    over, start = threading.Event(), threading.Barrier(WORKERS)
    racers = [Racer(place, over, start) for _ in range(WORKERS)]
    for racer in racers:
        racer.start()
    deadline = time.monotonic() + 60
    while world.schedule("s").open_runs and time.monotonic() < deadline:
        time.sleep(0.02)
    over.set()
    for racer in racers:
        racer.join(30)
    assert [racer.problem for racer in racers] == [None] * WORKERS
    assert world.statuses() == ["succeeded"] * 200


@pytest.mark.parametrize("times", [2])
def test_two_workers_that_begin_with_a_limited_run_make_one_gate(
    make_world: MakeWorld, place: Place, times: int
) -> None:
    world = make_world(clock=DatabaseClock(place.location.dialect))
    world.add("few", schedule="manual", max_running=1, overlap="allow")
    for _ in range(times):
        world.run("few")
    over, start = threading.Event(), threading.Barrier(WORKERS)
    racers = [Racer(place, over, start) for _ in range(WORKERS)]
    for racer in racers:
        racer.start()
    deadline = time.monotonic() + 30
    while world.schedule("few").open_runs and time.monotonic() < deadline:
        time.sleep(0.02)
    over.set()
    for racer in racers:
        racer.join(30)
    assert [racer.problem for racer in racers] == [None] * WORKERS
    assert world.statuses() == ["succeeded"] * times
