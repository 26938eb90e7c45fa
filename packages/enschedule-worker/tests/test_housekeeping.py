"""What happens by the clock beside the loop; each duty is called by hand."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from engine_kit import World, take

from enschedule_core.errors import Unavailable
from enschedule_worker.engine import housekeeping
from enschedule_worker.store import census
from enschedule_worker.store.holding import Holder


def workers(world: World) -> list[Any]:
    with world.database.read() as tx:
        return census.workers(tx)


def test_a_worker_is_up_late_and_down_by_its_heartbeats(world: World) -> None:
    seen = []
    for seconds in (14, 2, 13, 2):
        world.advance(seconds)
        seen.append(workers(world)[0].status)
    assert seen == ["up", "late", "late", "down"]
    world.housekeeping.heartbeat()
    assert workers(world)[0].status == "up"


def test_a_stopped_worker_says_so_and_a_start_under_its_name_is_another(make_world: Any) -> None:
    first = make_world()
    first.housekeeping.stop()
    assert [row.status for row in workers(first)] == ["stopped"]
    first.advance(60)
    make_world(clock=first.clock)
    assert [row.status for row in workers(first)] == ["up", "stopped"]


def test_old_starts_are_forgotten_but_never_the_newest(make_world: Any) -> None:
    first = make_world()
    alone = make_world(clock=first.clock, worker_id="alone")
    first.advance(10)
    second = make_world(clock=first.clock)
    first.advance(housekeeping.SUPERSEDED_AFTER_SECONDS)
    second.housekeeping.heartbeat()
    second.housekeeping.tidy()
    left = {row.instance_id for row in workers(second)}
    assert left == {second.holder.instance_id, alone.holder.instance_id}
    with second.database.read() as tx:
        assert {row.instance_id for row in census.offers(tx)} == left


def test_a_loop_that_stands_still_is_reported(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.turn()
    world.advance(29)
    world.housekeeping.watch()
    assert caplog.text == ""
    world.advance(2)
    world.housekeeping.watch()
    assert "has not turned for 31 s" in caplog.text
    caplog.clear()
    world.turn()
    world.housekeeping.watch()
    assert caplog.text == ""


def test_the_reaper_takes_any_number_in_batches(world: World) -> None:
    world.add(schedule="0 13 * * *", handler="block")
    world.multiply("s", 300, due_at=world.clock.now)
    for _ in range(3):
        world.turn()
        world.seconds += 1

    with world.database.write() as tx:
        claimed = take(tx, Holder("gone", "gone"), world.registry, limit=500, lease=1_000_000)
    assert len(claimed) == 300 - world.engine.in_flight
    world.clock.advance(seconds=2)
    for _ in range(2):
        world.housekeeping.reap()
    assert world.statuses().count("lost") == len(claimed)


def test_a_duty_that_fails_is_logged_and_does_not_end_the_clock(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def busy() -> None:
        raise Unavailable("The database is busy.")

    def broken() -> None:
        raise KeyError("what")

    with caplog.at_level(logging.WARNING):
        world.housekeeping._safely(busy)()
        world.housekeeping._safely(broken)()
    first, second = caplog.records
    assert (first.levelname, first.message) == ("WARNING", "busy: The database is busy.")
    assert (second.levelname, second.message) == ("ERROR", "broken failed")
    assert second.exc_info is not None


def test_the_clock_calls_the_duties(make_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(lease_seconds=1.0, heartbeat_seconds=0.05)
    called = {name: threading.Event() for name in ("heartbeat", "fence", "reap")}
    for name, event in called.items():
        monkeypatch.setattr(world.housekeeping, name, event.set)
        event.set.__func__.__name__  # noqa: B018 - what _safely logs
    world.housekeeping.start()
    try:
        assert all(event.wait(60) for event in called.values()), called
    finally:
        world.housekeeping.stop()
