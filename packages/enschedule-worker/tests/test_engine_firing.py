"""Which runs come into being, and when: slots, catch-up, limits, order, and rows that cannot be used."""

from __future__ import annotations

from typing import Any

import pytest
from engine_kit import ACTOR, DAY_SECONDS, MINUTE, NOON, World, micros, minutes
from sqlalchemy import delete, event
from sqlalchemy.exc import OperationalError

from enschedule_core.errors import Unavailable
from enschedule_worker.service import claiming, firing, schedules
from enschedule_worker.store import skips
from enschedule_worker.store.models.schedules import Schedule


def test_each_slot_is_fired_once_and_not_before_its_time(world: World) -> None:
    world.add(schedule="* * * * *")
    world.advance(59.999)
    world.settle()
    assert world.rows() == []
    for _ in range(3):
        world.advance(60)
        world.settle()
        world.settle()
    assert world.slots() == minutes(1, 2, 3)
    assert world.statuses() == ["succeeded"] * 3
    assert world.skips() == []
    row = world.schedule()
    assert (row.due_at, row.fire_at, row.slots_fired) == (NOON + 4 * MINUTE, NOON + 4 * MINUTE, 3)
    assert (row.open_runs, row.running_runs, row.last_status) == (0, 0, "succeeded")


def test_a_turn_says_how_long_nothing_is_due(make_world: Any) -> None:
    world = make_world(poll_seconds=600.0)
    world.add(schedule="* * * * *")
    world.advance(20)
    assert world.turn() == pytest.approx(40)
    world.add("later", schedule="*/5 * * * *")
    assert world.turn() == pytest.approx(40)
    world.advance(40)
    world.settle()
    assert world.turn() == pytest.approx(60)


def test_more_schedules_than_one_batch_are_all_fired_without_waiting(world: World) -> None:
    world.add(schedule="0 13 * * *")
    world.multiply("s", 260, due_at=micros("13:00:00"))
    world.advance(3600)
    assert world.turn() == 0.0
    world.settle()
    assert len(world.rows()) == 260
    assert {row.slot_at for row in world.rows()} == {micros("13:00:00")}


def test_two_schedules_with_one_slot_do_not_share_a_run(world: World) -> None:
    world.add("a", schedule="* * * * *", data={"name": "a"})
    world.add("b", schedule="* * * * *", data={"name": "b"})
    world.advance(60)
    world.settle()
    assert sorted(data["name"] for _, data, _ in world.handlers.calls) == ["a", "b"]


# ---------------------------------------------------------------- catch-up


@pytest.mark.parametrize(
    ("catch_up", "runs", "missed"),
    [
        ({"mode": "latest"}, [4320], 4319),
        ({"mode": "all", "max": 10}, list(range(4311, 4321)), 4310),
        ({"mode": "none"}, [], 4320),
    ],
)
def test_three_days_down_with_a_run_a_minute(
    make_world: Any, catch_up: dict[str, Any], runs: list[int], missed: int
) -> None:
    world = make_world(places=12)
    world.add(schedule="* * * * *", catch_up=catch_up)
    world.advance(3 * DAY_SECONDS + 40)  # late by more than "on time" even for the newest slot
    world.settle()
    assert world.slots() == minutes(*runs)
    assert world.statuses() == ["succeeded"] * len(runs)
    last = runs[0] - 1 if runs else 4320
    assert world.skips() == [("missed", NOON + MINUTE, NOON + last * MINUTE, missed)]
    assert world.schedule().due_at == NOON + 4321 * MINUTE


def test_catch_up_none_still_runs_a_slot_that_is_only_a_moment_late(world: World) -> None:
    world.add(schedule="* * * * *", catch_up={"mode": "none"})
    world.advance(70)
    world.settle()
    assert world.slots() == minutes(1)
    assert world.skips() == []


def test_slots_older_than_the_window_never_run(world: World) -> None:
    world.add("old", schedule="0 13 * * *", catch_up={"mode": "all", "window_seconds": 3600})
    world.add("young", schedule="0 14 * * *", catch_up={"mode": "all", "window_seconds": 3600})
    world.advance(2.5 * 3600)
    world.settle()
    assert world.slots("old") == []
    assert world.skips("old") == [("window", micros("13:00:00"), micros("13:00:00"), 1)]
    assert world.slots("young") == [micros("14:00:00")]


def test_a_run_that_waited_beyond_its_window_is_skipped_as_expired(make_world: Any) -> None:
    world = make_world(places=1)
    world.add("long", schedule="0 13 * * *", handler="block")
    world.add("short", schedule="0 13 * * *", catch_up={"window_seconds": 60}, priority=-1)
    world.advance(3600)
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.advance(61)
    world.housekeeping.reap()
    late = world.rows("short")[0]
    assert (late.status, late.started_at, late.finished_at) == ("skipped", None, micros("13:01:01"))
    assert "Expired" in late.message
    assert world.schedule("short").open_runs == 0
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.statuses() == ["succeeded", "skipped"]


# ---------------------------------------------------------------- limits


def test_once_fires_once(world: World) -> None:
    world.add(schedule={"kind": "once", "at": "2026-11-24T12:01:00Z"})
    world.advance(60)
    world.settle()
    world.advance(10 * DAY_SECONDS)
    world.settle()
    assert world.slots() == minutes(1)
    assert (world.schedule().due_at, world.schedule().fire_at) == (None, None)


def test_once_is_run_late_after_an_outage(world: World) -> None:
    world.add(schedule={"kind": "once", "at": "2026-11-24T12:01:00Z"})
    world.advance(DAY_SECONDS)
    world.settle()
    assert world.slots() == minutes(1)
    assert world.skips() == []


def every_minute(**more: Any) -> dict[str, Any]:
    return {"kind": "cron", "expression": "* * * * *", **more}


def test_max_runs_ends_a_schedule(world: World) -> None:
    world.add(schedule=every_minute(max_runs=2))
    for _ in range(4):
        world.advance(60)
        world.settle()
    assert world.slots() == minutes(1, 2)
    assert world.schedule().due_at is None


def test_slots_that_were_skipped_do_not_count_for_max_runs(world: World) -> None:
    world.add(schedule=every_minute(max_runs=2), handler="block", overlap="skip")
    world.advance(60)
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.advance(60)
    world.turn()
    assert [count for *_, count in world.skips()] == [1]
    world.handlers.gates["gate"].open()
    world.settle()
    world.advance(60)
    world.settle()
    assert world.slots() == minutes(1, 3)
    assert world.schedule().due_at is None


def test_max_runs_also_limits_catch_up(world: World) -> None:
    world.add(schedule=every_minute(max_runs=2), catch_up={"mode": "all", "max": 10}, overlap="allow")
    world.advance(300)
    world.settle()
    assert len(world.rows()) == 2
    assert world.schedule().due_at is None


def test_the_last_slot_is_the_one_at_ends_at(world: World) -> None:
    world.add(schedule=every_minute(ends_at="2026-11-24T12:02:00Z"))
    world.advance(120)
    world.settle()
    assert world.slots() == minutes(2)
    assert world.schedule().due_at is None


# ---------------------------------------------------------------- order, and what is left alone


def test_priority_comes_first_then_the_older(make_world: Any) -> None:
    world = make_world(places=1)
    world.add("busy", schedule="manual", handler="block")
    for name, priority in (("low", -5), ("older", 0), ("newer", 0), ("high", 5)):
        world.add(name, schedule="manual", data={"name": name}, priority=priority)
    world.run("busy")
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    for name in ("low", "older", "newer", "high"):
        world.run(name)
        world.advance(1)
    world.handlers.gates["gate"].open()
    world.settle()
    assert [data["name"] for handler, data, _ in world.handlers.calls if handler == "ok"] == [
        "high",
        "older",
        "newer",
        "low",
    ]


def test_a_run_whose_handler_nobody_offers_waits_and_blocks_nobody(world: World) -> None:
    world.add("gone", schedule="* * * * *")
    world.add("here", schedule="* * * * *")
    world.change("gone", handler_version=7)
    world.advance(60)
    world.settle()
    assert world.statuses("gone") == ["queued"]
    assert world.statuses("here") == ["succeeded"]


def test_a_kind_of_trigger_this_worker_does_not_know_is_left_to_others(world: World) -> None:
    world.add("foreign", schedule="* * * * *")
    world.change("foreign", trigger_kind="moon")
    world.add("own", schedule="* * * * *")
    world.advance(60)
    world.settle()
    assert world.statuses("foreign") == []
    assert world.statuses("own") == ["succeeded"]
    assert world.schedule("foreign").broken_reason is None


def test_an_edit_between_claim_and_start_does_not_change_the_run(world: World) -> None:
    world.add(schedule="* * * * *", data={"version": "old"})
    world.advance(60)
    with world.database.write() as tx:
        assert firing.fire_due(tx, kinds=("cron",), limit=10).looked == 1
    schedules.edit(world.database, world.registry, ACTOR, "s", {"data": {"version": "new"}})
    world.settle()
    assert [data for _, data, _ in world.handlers.calls] == [{"version": "old"}]


# ---------------------------------------------------------------- a row that cannot be used

UNKNOWN_ZONE = '{"kind":"cron","expression":"* * * * *","timezone":"Mars/Olympus"}'


def test_a_broken_row_backs_off_alone_and_heals_when_it_is_mended(world: World) -> None:
    world.add("bad", schedule="* * * * *")
    world.add("good", schedule="* * * * *")
    healthy = world.schedule("bad").trigger
    world.change("bad", trigger=UNKNOWN_ZONE)
    world.advance(60)
    world.settle()
    assert world.statuses("good") == ["succeeded"]
    row = world.schedule("bad")
    assert "Mars/Olympus" in row.broken_reason
    assert (row.faults, row.fire_at, row.due_at) == (1, NOON + 62_000_000, NOON + MINUTE)
    waits = []
    for _ in range(14):
        before = world.schedule("bad").fire_at
        world.advance((before - world.clock.now) / 1_000_000)
        world.settle()
        waits.append((world.schedule("bad").fire_at - before) // 1_000_000)
    assert waits[:4] == [4, 8, 16, 32]
    assert waits[-1] == 3600
    world.change("bad", trigger=healthy)
    world.advance(3600)
    world.settle()
    row = world.schedule("bad")
    assert (row.broken_reason, row.faults) == (None, 0)
    assert world.statuses("bad") == ["succeeded"]
    assert [reason for reason, *_ in world.skips("bad")] == ["missed"]


def test_unreadable_policies_break_only_their_own_schedule(world: World) -> None:
    world.add("bad", schedule="* * * * *")
    world.add("good", schedule="* * * * *")
    world.change("bad", policies="{")
    world.advance(60)
    world.settle()
    assert world.statuses("good") == ["succeeded"]
    assert world.statuses("bad") == []
    assert world.schedule("bad").broken_reason


def test_the_engine_does_not_run_hot_on_a_broken_row(make_world: Any) -> None:
    world = make_world(poll_seconds=10_000.0)
    world.add("bad", schedule="* * * * *")
    world.change("bad", trigger=UNKNOWN_ZONE)
    world.advance(60)
    assert world.turn() == pytest.approx(2)


@pytest.mark.usefixtures("sqlite_only")
def test_no_statement_of_a_turn_reads_all_runs(world: World) -> None:
    """With a million runs stored, a turn must cost what it does with none: SQLite says where it would not."""
    statements: dict[str, Any] = {}

    def keep(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        statements[statement] = parameters

    world.add("often", schedule="* * * * *", overlap="queue", catch_up={"mode": "all", "window_seconds": 600})
    world.add("limited", schedule="* * * * *", max_running=1)
    event.listen(world.database.engine, "before_cursor_execute", keep)
    for _ in range(3):
        world.advance(120)
        world.settle()
        world.housekeeping.heartbeat()
        world.housekeeping.reap()
    event.remove(world.database.engine, "before_cursor_execute", keep)
    scans = []
    with world.database.read() as tx:
        for statement, parameters in statements.items():
            if " runs" in statement and statement.startswith(("SELECT", "UPDATE", "INSERT")):
                plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                scans += [(row[3], statement) for row in plan if row[3].startswith("SCAN runs")]
    assert len(statements) > 10
    assert scans == []


def test_the_data_of_a_revision_are_found_without_its_schedule(world: World) -> None:
    """A run must not get other data than its own, whatever has been removed meanwhile."""
    world.add(schedule="manual", data={"name": "mine"})
    row = world.schedule()
    with world.database.write() as tx:
        tx.execute(delete(Schedule).where(Schedule.key == row.key))
        found = claiming.RevisionCache().fetch(tx, {(row.key, row.revision)})
    kept = found[row.key, row.revision]
    assert ('"mine"' in kept.data, kept.schedule_id) == (True, None)


def test_a_database_that_breaks_off_is_no_fault_of_the_schedule(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a server that shuts down between two statements does, or a deadlock: all of the transaction is undone."""
    world.add("one", schedule="* * * * *", overlap="skip")
    world.add("other", schedule="* * * * *")
    world.advance(61)
    world.turn()  # the first run of each goes on while the second slot comes
    world.advance(60)
    with monkeypatch.context() as patched:
        patched.setattr(skips, "record", _broken_off)
        world.change("one", open_runs=1)
        with pytest.raises(Unavailable), world.database.write() as tx:
            firing.fire_due(tx, kinds=("cron",), limit=10)
    row = world.schedule("one")
    assert (row.faults, row.broken_reason) == (0, None)


def _broken_off(*_: object) -> None:
    raise OperationalError("INSERT", {}, Exception("the connection is lost"), connection_invalidated=True)
