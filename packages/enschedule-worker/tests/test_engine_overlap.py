"""Slots that meet an open run, and slots during a pause."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from engine_kit import MINUTE, NOON, World, micros, minutes

from enschedule_core.clock import from_micros


def occupied(world: World, overlap: str) -> int:
    """Return the id of a run that goes on since 12:01."""
    world.add(schedule="* * * * *", handler="block", overlap=overlap)
    world.advance(60)
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    return int(world.rows()[0].id)


def test_overlap_skip_records_the_slots_in_one_row(world: World) -> None:
    first = occupied(world, "skip")
    for _ in range(5):
        world.advance(60)
        world.turn()
    assert world.slots() == minutes(1)
    assert world.skips() == [("overlap", NOON + 2 * MINUTE, NOON + 6 * MINUTE, 5)]
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.row(first).status == "succeeded"
    world.advance(60)
    world.settle()
    assert world.slots() == minutes(1, 7)
    assert len(world.skips()) == 1


def test_a_skip_for_another_reason_begins_a_new_row(world: World) -> None:
    occupied(world, "skip")
    world.advance(60)
    world.turn()
    world.pause()
    world.advance(60)
    world.resume(missed="skip")
    world.advance(60)
    world.turn()
    assert [(reason, count) for reason, _, _, count in world.skips()] == [("overlap", 1), ("paused", 1), ("overlap", 1)]


def test_overlap_queue_lets_one_wait(world: World) -> None:
    occupied(world, "queue")
    for _ in range(3):
        world.advance(60)
        world.turn()
    assert world.statuses() == ["running", "queued"]
    assert world.slots() == minutes(1, 2)
    assert world.skips() == [("overlap", NOON + 3 * MINUTE, NOON + 4 * MINUTE, 2)]
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.statuses() == ["succeeded", "succeeded"]
    assert world.rows()[1].started_at >= world.rows()[0].finished_at


def test_overlap_allow_runs_side_by_side(world: World) -> None:
    occupied(world, "allow")
    world.advance(60)
    world.turn()
    assert world.statuses() == ["running", "running"]
    assert world.schedule().running_runs == 2


def test_overlap_replace_cancels_the_running_one_and_starts_after_its_end(world: World) -> None:
    world.add(schedule="* * * * *", handler="obey", overlap="replace")
    world.advance(60)
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.advance(60)
    world.turn()
    assert world.statuses() == ["running", "queued"], "the new one waits for the old one's end"
    world.until(lambda: world.statuses()[0] != "running")
    old = world.rows()[0]
    assert (old.status, old.outcome_kind) == ("cancelled", "cancelled")
    assert "next slot" in old.message
    world.turn()
    assert world.statuses()[1] == "running"
    assert world.skips() == []


def test_replacing_a_queued_run_shows_it_as_cancelled_on_the_rail(make_world: Any) -> None:
    world = make_world(places=1)
    world.add("busy", schedule="manual", handler="block")
    world.run("busy")
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.add(schedule="* * * * *", overlap="replace")
    world.advance(60)
    world.turn()
    world.advance(60)
    world.turn()
    first, second = world.rows("s")
    assert (first.status, second.status) == ("cancelled", "queued")
    assert f"[{first.id}," in world.schedule().recent
    assert world.schedule().open_runs == 1


def test_runs_by_hand_do_not_care_about_overlap(world: World) -> None:
    occupied(world, "skip")
    world.run()
    world.turn()
    assert world.statuses() == ["running", "running"]


def test_catch_up_all_without_overlap_runs_one_after_the_other(world: World) -> None:
    world.add(schedule="* * * * *", catch_up={"mode": "all", "max": 3}, overlap="skip")
    world.advance(180)
    world.turn()
    assert world.statuses().count("queued") >= 2
    world.settle()
    rows = world.rows()
    assert [row.slot_at for row in rows] == minutes(1, 2, 3)
    assert all(later.started_at >= earlier.finished_at for earlier, later in pairwise(rows))


# ---------------------------------------------------------------- pause


def test_a_paused_schedule_fires_nothing_and_loses_nothing(world: World) -> None:
    world.add(schedule="* * * * *")
    world.pause(reason="maintenance")
    world.advance(600)
    world.settle()
    assert world.rows() == []
    assert world.schedule().due_at == NOON + MINUTE


@pytest.mark.parametrize(
    ("missed", "runs", "skipped"),
    [
        ("skip", [], [("paused", 1, 10, 10)]),
        ("latest", [10], [("paused", 1, 9, 9)]),
        ("all", [8, 9, 10], [("paused", 1, 7, 7)]),
    ],
)
def test_resume_says_what_becomes_of_the_missed_slots(
    world: World, missed: str, runs: list[int], skipped: list[tuple[str, int, int, int]]
) -> None:
    world.add(schedule="* * * * *", catch_up={"mode": "latest", "max": 3})
    world.pause()
    world.advance(10 * 60 + 30)
    world.resume(missed=missed)
    world.settle()
    assert world.slots() == minutes(*runs)
    assert world.skips() == [(reason, *minutes(first, last), count) for reason, first, last, count in skipped]
    assert world.schedule().due_at == NOON + 11 * MINUTE
    world.advance(30)
    world.settle()
    assert world.slots() == minutes(*runs, 11)


def test_resuming_with_the_missed_slots_does_not_run_what_is_older_than_the_window(world: World) -> None:
    world.add(schedule="0 * * * *", catch_up={"mode": "latest", "window_seconds": 600})
    world.pause()
    world.advance(3600 + 1200)
    world.resume(missed="latest")
    world.settle()
    assert world.rows() == []
    assert world.skips() == [("paused", micros("13:00:00"), micros("13:00:00"), 1)]


def test_a_pause_until_an_instant_lifts_itself(make_world: Any) -> None:
    world = make_world(poll_seconds=10_000.0)
    world.add(schedule="* * * * *")
    world.pause(until=from_micros(NOON + 5 * MINUTE))
    assert world.turn() == pytest.approx(300), "the engine wakes when the pause ends"
    world.advance(300)
    world.turn()
    world.settle()
    row = world.schedule()
    assert (row.paused, row.paused_until, row.pause_reason) == (False, None, None)
    assert world.skips() == [("paused", NOON + MINUTE, NOON + 4 * MINUTE, 4)]
    assert world.slots() == minutes(5), "a slot at the end of the pause belongs to the time after it"


def test_a_slot_shortly_before_the_end_of_a_pause_does_not_run(world: World) -> None:
    world.add(schedule="* * * * *")
    world.pause(until=from_micros(NOON + 65_000_000))
    world.advance(66)
    world.turn()
    world.settle()
    assert world.rows() == []
    assert world.skips() == [("paused", NOON + MINUTE, NOON + MINUTE, 1)]


def test_slots_after_a_pause_that_ended_while_no_worker_ran_follow_catch_up(world: World) -> None:
    world.add(schedule="* * * * *", catch_up={"mode": "latest"})
    world.pause(until=from_micros(NOON + 5 * MINUTE))
    world.advance(3600)
    world.turn()
    world.settle()
    assert world.slots() == minutes(60)
    assert world.skips() == [
        ("paused", NOON + MINUTE, NOON + 4 * MINUTE, 4),
        ("missed", NOON + 5 * MINUTE, NOON + 59 * MINUTE, 55),
    ]
