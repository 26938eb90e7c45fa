"""Retention: what goes, what stays, in steps, by one worker at a time; and the preview of it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from engine_kit import ACTOR, DAY_SECONDS, World
from sqlalchemy import func, insert, select, update

from enschedule_core.errors import NotFound
from enschedule_core.schedule import Retention
from enschedule_core.wire.definition import Definition
from enschedule_worker.service import retention, retention_preview, schedules
from enschedule_worker.service.retention import Keep, Sweep
from enschedule_worker.store import state
from enschedule_worker.store.models.runs import Counter, Output, Run, RunDetail
from enschedule_worker.store.models.schedules import Revision, Schedule, Skip
from enschedule_worker.store.models.sharing import Notice
from enschedule_worker.store.models.workers import Worker

DAY = 86_400_000_000
KEEP = Keep(days=90, runs=3, failures_days=365)


def sweep(world: World, keep: Keep = KEEP) -> int:
    """Sweep once, an hour after the last time."""
    found = Sweep(world.database, keep, "me")
    assert found.begin()
    assert all(step >= 0 for step in found.steps())
    return found.removed


def old_run(world: World, number: int, *, key: int | None, days: float, status: str = "succeeded", **more: Any) -> None:
    """Put a run into the history that ended so many days ago, with output and details."""
    ended = world.clock.now - round(days * DAY)
    row = {
        "id": number,
        "occurrence_key": f"old{number}",
        "schedule_key": key,
        "revision": None if key is None else 1,
        "handler_id": "ok",
        "handler_version": 1,
        "status": status,
        "origin_kind": "slot",
        "queued_at": ended - 1_000_000,
        "not_before": ended - 1_000_000,
        "started_at": ended - 500_000,
        "finished_at": None if status in ("queued", "running") else ended,
        "fence": 1,
        "output_bytes": 3,
        **more,
    }
    with world.database.write() as tx:
        tx.execute(insert(Run).values(**row))
        tx.execute(insert(RunDetail).values(run_id=number, result="1"))
        values = {"run_id": number, "fence": 1, "seq": 1, "stream": "stdout", "printed_at": ended, "text": "out"}
        tx.execute(insert(Output).values(**values))


def ids(world: World) -> list[int]:
    """Return the ids of the runs that are there; their details and output are there exactly like them."""
    with world.database.read() as tx:
        runs = list(tx.execute(select(Run.id).order_by(Run.id)).scalars())
        assert sorted(tx.execute(select(RunDetail.run_id)).scalars()) == runs
        assert sorted(set(tx.execute(select(Output.run_id)).scalars())) == runs
    return runs


def counted(world: World, model: Any) -> int:
    with world.database.read() as tx:
        return int(tx.execute(select(func.count()).select_from(model)).scalar_one())


def tables(world: World, model: Any, *columns: str) -> list[tuple[Any, ...]]:
    with world.database.read() as tx:
        return [tuple(row) for row in tx.execute(select(*(getattr(model, name) for name in columns)))]


def test_age_count_and_how_it_ended_decide(world: World) -> None:
    key = world.add(schedule="manual").key
    for number, days in enumerate([400, 200, 91, 89, 2, 1], 1):
        old_run(world, number, key=key, days=days)
    assert sweep(world) == 3
    assert ids(world) == [4, 5, 6]


def test_the_newest_of_a_schedule_stay_whatever_their_age(world: World) -> None:
    rare, other = world.add("rare", schedule="manual").key, world.add("other", schedule="manual").key
    for number in range(1, 6):
        old_run(world, number, key=rare, days=500 - number)
    old_run(world, 6, key=other, days=480)
    old_run(world, 7, key=None, days=480)
    sweep(world)
    assert ids(world) == [3, 4, 5, 6]
    sweep_again = Sweep(world.database, KEEP, "me")
    assert not sweep_again.begin()


def test_failures_are_kept_longer_and_open_runs_always(world: World) -> None:
    for number, status in enumerate(["failed", "timed_out", "lost", "cancelled", "skipped"], 1):
        old_run(world, number, key=None, days=366, status=status)
        old_run(world, number + 10, key=None, days=364, status=status)
    old_run(world, 31, key=None, days=900, status="running", lease_until=2**60)
    old_run(world, 32, key=None, days=900, status="queued")
    sweep(world)
    assert ids(world) == [11, 12, 13, 14, 15, 31, 32]


def test_a_schedule_may_say_otherwise(world: World) -> None:
    short = world.add("short", schedule="manual", retention={"days": 2, "runs": 1}).key
    ever = world.add("ever", schedule="manual", retention={"days": 0, "runs": 0}).key
    plain = world.add("plain", schedule="manual").key
    for number, key in enumerate([short, ever, plain] * 5, 1):
        old_run(world, number, key=key, days=1000 - number)
    old_run(world, 20, key=short, days=3, status="failed")
    old_run(world, 21, key=short, days=3)
    old_run(world, 22, key=short, days=3)
    old_run(world, 23, key=plain, days=3)
    sweep(world)
    left = ids(world)
    assert [number for number in left if number <= 15 and number % 3 == 1] == []
    assert [number for number in left if number <= 15 and number % 3 == 2] == [2, 5, 8, 11, 14]
    assert left[-5:] == [14, 15, 20, 22, 23]


def test_what_the_settings_leave_out_follows_from_what_is_said() -> None:
    assert Keep(90, 20, 365).of(Retention(days=730)) == Keep(730, 20, 730)
    assert Keep(90, 20, 365).of(Retention(days=0)) == Keep(0, 20, 0)
    assert Keep(90, 20, 365).of(Retention(days=730, failures_days=10, runs=0)) == Keep(730, 0, 10)
    assert Keep(0, 20, 365).of(Retention()) == Keep(0, 20, 0)
    assert Keep(90, 20, 365).of(Retention()) == Keep(90, 20, 365)


def test_nothing_is_removed_that_is_to_be_kept_for_ever(world: World) -> None:
    old_run(world, 1, key=None, days=9_000)
    old_run(world, 2, key=None, days=9_000, status="failed")
    assert sweep(world, Keep(days=0, runs=0, failures_days=0)) == 0
    assert ids(world) == [1, 2]


def test_a_deleted_schedule_goes_when_it_cannot_come_back_and_its_history_is_gone(world: World) -> None:
    row = world.add(schedule="manual")
    old_run(world, 1, key=row.key, days=80)
    schedules.delete(world.database, ACTOR, "s")
    world.advance(8 * DAY_SECONDS)
    sweep(world)
    assert (ids(world), counted(world, Schedule)) == ([1], 1)
    world.advance(8 * DAY_SECONDS)
    sweep(world)
    assert (ids(world), counted(world, Schedule), counted(world, Revision)) == ([], 0, 0)


def test_a_schedule_deleted_by_mistake_has_its_history_for_a_week(world: World) -> None:
    row = world.add(schedule="manual")
    old_run(world, 1, key=row.key, days=800)
    schedules.delete(world.database, ACTOR, "s")
    world.advance(6 * DAY_SECONDS)
    sweep(world)
    schedules.restore(world.database, ACTOR, "s")
    assert ids(world) == [1]


def test_definitions_go_once_no_run_needs_them(world: World) -> None:
    world.add(schedule="manual", data={"n": 1})
    for number in (2, 3, 4):
        schedules.edit(world.database, world.registry, ACTOR, "s", {"data": {"n": number}})
    key = world.schedule().key
    world.advance(400 * DAY_SECONDS)
    old_run(world, 1, key=key, days=10, revision=2)
    sweep(world)
    assert sorted(tables(world, Revision, "revision")) == [(2,), (4,)]


def test_large_output_goes_in_pieces_also_after_an_interruption(world: World) -> None:
    old_run(world, 1, key=None, days=500)
    chunks = [
        {"run_id": 1, "fence": 1, "seq": seq, "stream": "stdout", "printed_at": 1, "text": "x"}
        for seq in range(2, 1_301)
    ]
    with world.database.write() as tx:
        tx.execute(insert(Output), chunks)
    old_run(world, 2, key=None, days=499)
    interrupted = Sweep(world.database, KEEP, "me")
    assert interrupted.begin()
    steps = interrupted.steps()
    while not next(steps):
        pass
    assert tables(world, Run, "id") == [(2,)]
    assert counted(world, Output) > 500
    steps.close()
    world.advance(retention.LEASE_SECONDS + 1)
    again = Sweep(world.database, KEEP, "other")
    assert again.begin()
    seen = [counted(world, Output) for _ in again.steps()]
    assert all(before - after <= 501 for before, after in pairwise(seen))
    assert (ids(world), counted(world, Output)) == ([], 0)
    with world.database.read() as tx:
        assert state.names(tx, "retention:output:") == []


def test_one_worker_at_a_time_and_the_next_after_an_hour(world: World) -> None:
    first, second = (Sweep(world.database, KEEP, name) for name in ("one", "two"))
    assert first.begin()
    assert not second.begin()
    for number in range(1, 4):
        old_run(world, number, key=None, days=500)
    assert list(first.steps())
    world.advance(retention.SWEEP_EVERY_SECONDS - 1)
    assert not second.begin()
    world.advance(2)
    assert second.begin()
    assert not first.begin()


def test_a_lease_is_taken_by_one_of_two_that_read_the_same(world: World) -> None:
    with world.database.write() as tx:
        assert state.swap(tx, "x", None, "a")
        assert not state.swap(tx, "x", None, "b")
        assert not state.swap(tx, "x", "b", "c")
        assert state.swap(tx, "x", "a", "c")
        assert state.get(tx, "x") == "c"


def test_who_has_lost_the_lease_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 400):
        old_run(world, number, key=None, days=500)
    monkeypatch.setattr(retention, "LEASE_SECONDS", 0)
    slow = Sweep(world.database, KEEP, "slow")
    assert slow.begin()
    steps = slow.steps()
    next(steps)
    with world.database.write() as tx:
        state.put(tx, "retention", json.dumps({"until": 2**60, "by": "other", "after": 0, "whole_at": 0}))
    assert len(list(steps)) <= 1
    assert len(ids(world)) >= 150


def test_the_next_sweep_begins_where_nothing_was_old(world: World) -> None:
    for number, days in enumerate([100, 80, 60], 1):
        old_run(world, number, key=None, days=days)
    sweep(world)
    world.advance(15 * DAY_SECONDS)
    sweep(world)
    assert ids(world) == [3]
    with world.database.write() as tx:
        noted = json.loads(state.get(tx, "retention") or "")
        tx.execute(update(Run).where(Run.id == 3).values(queued_at=1, finished_at=1))
    old_run(world, 1, key=None, days=100)
    assert noted["after"] == 2
    world.advance(3_601)
    sweep(world)
    assert ids(world) == [1]
    world.advance(DAY_SECONDS)
    sweep(world)
    assert ids(world) == []


def test_skips_counters_notices_and_workers_of_long_ago_go(world: World) -> None:
    key = world.add(schedule="manual").key
    now = world.clock.now
    with world.database.write() as tx:
        for number, days in enumerate([500, 300], 1):
            at = now - days * DAY
            values = {"reason": "missed", "first_slot_at": at, "last_slot_at": at, "count": 1, "recorded_at": at}
            tx.execute(insert(Skip).values(id=number, schedule_key=key, **values))
            tx.execute(insert(Counter).values(hour_at=at, worker_id="w", status="failed", count=number))
            notice = {"kind": "failing", "url": "http://x", "created_at": at, "send_at": None if number == 1 else at}
            tx.execute(insert(Notice).values(**notice))
        silent = dict(tx.execute(select(*Worker.__table__.columns)).one()._mapping)
        tx.execute(insert(Worker), [silent | {"instance_id": "gone", "id": "pod-7", "heartbeat_at": now - 31 * DAY}])
    sweep(world)
    assert tables(world, Skip, "id") == [(2,)]
    # What goes is kept as a sum, under no hour.
    assert sorted(tables(world, Counter, "hour_at", "count")) == [(0, 1), (now - 300 * DAY, 2)]
    assert counted(world, Notice) == 1
    assert tables(world, Worker, "id") == [("w1",)]


def test_the_duty_sweeps_and_stops_when_the_worker_stops(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(1, 4):
        old_run(world, number, key=None, days=500)
    with caplog.at_level("INFO"):
        world.housekeeping.retain()
    assert ids(world) == []
    assert "3 rows removed" in caplog.text
    old_run(world, 9, key=None, days=500)
    world.advance(3_601)
    world.housekeeping._stopping.set()
    world.housekeeping.retain()
    assert counted(world, Run) <= 1


# ---------------------------------------------------------------- preview


def test_the_preview_counts_what_the_sweep_removes(world: World) -> None:
    one, two = world.add("one", schedule="manual").key, world.add("two", schedule="manual", retention={"days": 5}).key
    for number in range(1, 31):
        old_run(world, number, key=[one, two, None][number % 3], days=200 - number)
    found = retention_preview.preview(world.database, ACTOR, KEEP)
    before = len(ids(world))
    assert found["runs"] == 24
    assert found["output_bytes"] == 72
    assert not found["at_least"]
    by_id = {entry["schedule"] and entry["schedule"]["id"]: entry["runs"] for entry in found["schedules"]}
    assert by_id == {None: 10, "one": 7, "two": 7}
    assert found["schedules"][0]["schedule"] is None
    assert len(ids(world)) == before
    sweep(world)
    assert len(ids(world)) == before - 24


def test_the_preview_of_one_schedule_and_of_another_policy(world: World) -> None:
    key = world.add("one", schedule="manual", retention={"days": 150}).key
    world.add("two", schedule="manual")
    for number in range(1, 11):
        old_run(world, number, key=key, days=100 + number)
    ask = {"schedule_id": "one"}
    assert retention_preview.preview(world.database, ACTOR, KEEP, **ask)["runs"] == 0
    found = retention_preview.preview(world.database, ACTOR, KEEP, **ask, given={"days": 105, "runs": 1})
    assert found["policy"] == {"days": 105, "runs": 1, "failures_days": 365}
    assert found["runs"] == 4  # five are old, and one of them is the newest
    with pytest.raises(NotFound):
        retention_preview.preview(world.database, ACTOR, KEEP, schedule_id="none")


def test_the_preview_says_so_where_it_has_not_counted_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_preview, "MOST_RUNS", 4)
    monkeypatch.setattr("enschedule_worker.store.retention.WALK", 2)
    monkeypatch.setattr(
        retention_preview.store.walk, "__kwdefaults__", {"schedule_key": None, "scope": None, "limit": 2}
    )
    for number in range(1, 8):
        old_run(world, number, key=None, days=500)
    found = retention_preview.preview(world.database, ACTOR, KEEP)
    assert (found["runs"], found["at_least"]) == (4, True)


def test_a_definition_with_a_policy_is_read(world: World) -> None:
    made = Definition.from_wire({"id": "x", "handler": "ok", "schedule": "manual", "retention": {"runs": 2}})
    assert made.policies.retention == Retention(runs=2)
    assert world.add("x", schedule="manual", retention={"runs": 2}).id == "x"
