"""The pause of everything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from engine_kit import ACTOR, DAY_SECONDS, NOON, World, going_on, minutes

from enschedule_core.clock import from_micros
from enschedule_core.errors import Conflict
from enschedule_worker.service import diagnosis, forecast, halting, runs, stats
from enschedule_worker.store import halt, state

MakeWorld = Callable[..., World]


def stop(world: World, **more: Any) -> Any:
    return halting.put(world.database, ACTOR, paused=True, **more)


def go_on(world: World, **more: Any) -> Any:
    return halting.put(world.database, ACTOR, paused=False, **more)


def test_nothing_is_fired_while_everything_is_paused_and_the_loop_rests(world: World) -> None:
    world.add()
    world.turn()
    stop(world)
    world.advance(180)
    assert world.turn() > 0.5
    assert world.rows() == []
    assert halting.get(world.database, ACTOR)["slots"] == 3


def test_afterwards_its_slots_are_one_skip_and_the_next_one_runs(world: World) -> None:
    world.add()
    world.add("other", schedule="every 5 seconds")
    stop(world)
    world.advance(180)
    world.turn()
    go_on(world)
    world.turn()
    assert world.skips() == [("all_paused", *minutes(1, 3), 3)]
    assert world.skips("other") == [("all_paused", NOON + 5_000_000, NOON + 180_000_000, 36)]
    world.advance(60)
    world.settle()
    assert world.slots() == minutes(4)
    assert world.skips() == [("all_paused", *minutes(1, 3), 3)]


def test_every_slot_is_covered_over_two_pauses_of_everything(world: World) -> None:
    world.add()
    for _ in range(2):
        stop(world)
        world.advance(120)
        go_on(world)
        world.settle()
        world.advance(60)
        world.settle()
    covered = world.slots() + [at for _, first, last, _ in world.skips() for at in range(first, last + 1, 60_000_000)]
    assert sorted(covered) == minutes(1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("missed", "ran", "skipped"),
    [
        ("latest", minutes(3, 4), [("all_paused", *minutes(1, 2), 2)]),
        ("all", minutes(1, 2, 3, 4), []),
    ],
)
def test_its_slots_run_where_whoever_lifts_it_says_so(
    world: World, missed: str, ran: list[int], skipped: list[Any]
) -> None:
    world.add(catch_up={"mode": "none"}, overlap="allow")
    stop(world)
    world.advance(180)
    world.turn()
    go_on(world, missed=missed)
    world.advance(65)  # nobody looked at once: the slot since then comes by the schedule's own policy
    for _ in range(6):
        world.settle()
    assert world.slots() == ran
    assert world.skips() == skipped


def test_no_more_slots_run_than_the_catch_up_policy_of_a_schedule_allows(world: World) -> None:
    world.add(catch_up={"mode": "all", "max": 2})
    world.add("old", catch_up={"mode": "all", "window_seconds": 90})
    world.add("off")
    world.pause("off")
    stop(world)
    world.advance(300)
    go_on(world, missed="all")
    for _ in range(6):
        world.settle()
    assert (world.slots(), world.skips()) == (minutes(4, 5), [("all_paused", *minutes(1, 3), 3)])
    assert (world.slots("old"), world.skips("old")) == (minutes(4, 5), [("all_paused", *minutes(1, 3), 3)])
    assert (world.slots("off"), world.schedule("off").paused) == ([], True)


def test_slots_that_were_missed_before_it_are_told_apart(world: World) -> None:
    world.add()
    world.advance(300)
    stop(world)
    world.advance(120)
    go_on(world)
    world.settle()
    assert world.skips() == [("missed", *minutes(1, 4), 4), ("all_paused", *minutes(5, 7), 3)]
    assert world.rows() == []


def test_what_waits_is_not_claimed_and_what_runs_goes_on(world: World) -> None:
    going_on(world)
    world.add("later", schedule="manual")
    world.run("later")
    stop(world)
    world.turn()
    assert world.statuses("later") == ["queued"]
    world.handlers.gates["gate"].open()
    world.until(lambda: world.statuses("s") == ["succeeded"])
    assert world.statuses("later") == ["queued"]
    go_on(world)
    world.settle()
    assert world.statuses("later") == ["succeeded"]


def test_runs_by_hand_are_refused_with_the_way_out(world: World) -> None:
    world.add(schedule="manual")
    world.run()
    world.settle()
    run_id = world.rows()[0].id
    stop(world, reason="database move")
    for start in (
        world.run,
        lambda: runs.run_handler(world.database, world.registry, ACTOR, "ok", None, {}),
        lambda: runs.retry(world.database, ACTOR, run_id),
    ):
        with pytest.raises(Conflict) as refused:
            start()
        assert refused.value.detail == (
            "Everything is paused by ada since 2026-11-24T12:00:00Z: “database move”. Nothing starts now."
        )
        assert "/api/v1/pause" in str(refused.value.hint)


def test_it_ends_by_itself_at_the_instant_it_was_to(world: World) -> None:
    world.add()
    stop(world, until=from_micros(NOON) + timedelta(seconds=150))
    world.turn()
    world.advance(240)  # nobody looked for a while
    for _ in range(3):  # lift it, record what it cost, and go on from there
        world.settle()
    assert halting.get(world.database, ACTOR)["paused"] is False
    assert world.skips() == [("all_paused", *minutes(1, 2), 2), ("missed", *minutes(3, 3), 1)]
    assert world.slots() == minutes(4)


def test_each_schedule_keeps_its_own_state(world: World) -> None:
    world.add("off")
    world.add("on")
    world.pause("off", reason="its own")
    stop(world)
    world.advance(120)
    go_on(world)
    world.settle()
    assert (world.schedule("off").paused, world.schedule("off").pause_reason) == (True, "its own")
    assert (world.schedule("on").paused, world.skips("off")) == (False, [])
    world.resume("off")
    assert world.skips("off") == [("paused", *minutes(1, 2), 2)]


def test_pausing_again_changes_reason_and_end_and_keeps_who_began(world: World) -> None:
    stop(world, reason="one")
    world.advance(60)
    again = stop(world, reason="two")
    assert (again["at"], again["by"], again["reason"]) == ("2026-11-24T12:00:00Z", "ada", "two")
    nobody = {"paused": False, "reason": None, "until": None, "by": None, "at": None, "slots": 0}
    assert go_on(world) == nobody | {"revision": 3}
    assert go_on(world)["paused"] is False


def test_nobody_is_late_and_the_diagnosis_says_it_first(world: World) -> None:
    world.add()
    stop(world, reason="move")
    world.advance(DAY_SECONDS)
    world.housekeeping.heartbeat()
    assert stats.of_schedules(world.database, ACTOR)["overdue"] == 0
    queue = stats.of_queue(world.database, ACTOR, stats.Size())
    assert queue["pause"] == {"reason": "move", "until": None, "by": "ada", "at": "2026-11-24T12:00:00Z"}
    found = diagnosis.diagnose(world.database, ACTOR, "s")
    assert found["sentence"] == "Everything is paused by ada since 2026-11-24T12:00:00Z: “move”."
    assert found["checks"][0]["action"] == {"label": "Resume everything", "kind": "resume_all"}
    assert [check["code"] for check in found["checks"] if check["ok"] is False] == ["everything_paused"]


def test_only_one_lifts_it(make_world: MakeWorld) -> None:
    world = make_world()
    stop(world)
    with world.database.write() as tx:
        assert halt.end(tx, at=tx.now) is not None
        assert halt.end(tx, at=tx.now) is None


def test_of_two_at_one_moment_only_one_begins_it(make_world: MakeWorld) -> None:
    world = make_world()
    with world.database.write() as tx:
        mine, theirs = halt.Halt(tx.now, "ada", "mine", revision=1), halt.Halt(tx.now, "bob", "theirs", revision=1)
        assert halt.begin(tx, mine, instead_of=None)
        assert not halt.begin(tx, theirs, instead_of=None)
        assert halt.current(tx) == mine


def test_a_pause_that_an_older_program_has_stored_is_changed_and_lifted(make_world: MakeWorld) -> None:
    world = make_world()
    with world.database.write() as tx:
        state.put(tx, "pause", f'{{"at": {tx.now}, "by": "ada", "reason": null}}')
    assert (stop(world, reason="move")["reason"], go_on(world)["revision"]) == ("move", 2)


def planned(world: World) -> list[str]:
    found = forecast.forecast(world.database, ACTOR, before=NOON + 600_000_000)
    assert sum(bucket["count"] for bucket in found["buckets"]) == len(found["items"])
    return [item["at"][11:16] for item in found["items"]]


def test_nothing_is_planned_until_the_pause_of_everything_ends(world: World) -> None:
    world.add()
    assert planned(world)[:2] == ["12:01", "12:02"]
    stop(world)
    assert planned(world) == []
    stop(world, until=from_micros(NOON + 300_000_000))
    assert planned(world)[:2] == ["12:05", "12:06"]
    go_on(world)
    assert planned(world)[:2] == ["12:01", "12:02"]


def test_the_fullest_minutes_are_those_in_which_several_start(world: World) -> None:
    for id in ("a", "b"):
        world.add(id, schedule="every 5 minutes")
    world.add("c", schedule="every 10 minutes")
    world.add("tick", schedule="every 10 seconds")  # in every minute, and so in none more than in another
    found = forecast.forecast(world.database, ACTOR, before=NOON + 1_300_000_000, fullest=3)["fullest"]
    assert [(minute["at"][11:16], minute["count"]) for minute in found] == [("12:10", 3), ("12:20", 3), ("12:05", 2)]
    assert [one["id"] for one in found[0]["schedules"]] == ["a", "c"]  # of those that are alike, one


def test_hours_may_begin_at_any_minute(world: World) -> None:
    world.add(schedule="every 10 minutes")
    end = NOON + 2 * 3_600_000_000
    found = forecast.forecast(world.database, ACTOR, before=end, offset=30 * 60_000_000)["buckets"]
    assert [(bucket["at"][11:16], bucket["count"]) for bucket in found] == [("11:30", 2), ("12:30", 6), ("13:30", 3)]
