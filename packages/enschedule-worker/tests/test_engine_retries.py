"""Another attempt: after which ends, how often, when, and with which data."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from engine_kit import ACTOR, NOON, World, outcome, raiser

from enschedule_worker.service import runs as run_service
from enschedule_worker.service import schedules
from enschedule_worker.store import occurrence


def retrying(world: World, data: dict[str, Any] | None = None, **retry: Any) -> None:
    world.add(schedule="* * * * *", handler="fail", data=data or {}, retry={"max_attempts": 3, **retry})
    world.advance(60)
    world.settle()


def test_a_failure_is_tried_again_after_its_delay_and_no_more_often_than_allowed(world: World) -> None:
    retrying(world, delay_seconds=10, backoff="constant")
    first, second = world.rows()
    assert (second.status, second.attempt, second.retry_of, second.root_id) == ("queued", 2, first.id, first.id)
    assert second.not_before == NOON + 70_000_000
    assert (second.slot_at, second.origin_kind) == (first.slot_at, "slot")
    row = world.schedule()
    assert (row.open_runs, row.retry_at, row.failing_since, row.failures_in_row) == (1, second.not_before, None, 0)
    world.advance(9.9)
    world.settle()
    assert len(world.handlers.calls) == 1
    world.advance(0.1)
    world.settle()
    world.advance(10)
    world.settle()
    assert [attempt for _, _, attempt in world.handlers.calls] == [1, 2, 3]
    assert world.statuses() == ["failed", "failed", "failed"]
    row = world.schedule()
    assert (row.open_runs, row.running_runs, row.retry_at, row.failures_in_row) == (0, 0, None, 1)
    assert row.failing_since == NOON + 80_000_000
    assert row.due_at == NOON + 120_000_000, "a retry never moves due_at"


@pytest.mark.parametrize(
    ("backoff", "delays"), [("constant", [10, 10, 10]), ("linear", [10, 20, 25]), ("exponential", [10, 20, 25])]
)
def test_how_delays_grow(world: World, backoff: str, delays: list[int]) -> None:
    world.add(
        schedule="manual",
        handler="fail",
        retry={"max_attempts": 4, "delay_seconds": 10, "backoff": backoff, "max_delay_seconds": 25},
    )
    world.run()
    for _ in range(4):
        world.settle()
        world.advance(max(0.0, (world.rows()[-1].not_before - world.clock.now) / 1_000_000))
    rows = world.rows()
    assert [(later.not_before - earlier.finished_at) // 1_000_000 for earlier, later in pairwise(rows)] == delays


def test_jitter_spreads_retries_and_only_ever_adds(world: World) -> None:
    for number in range(20):
        retry = {"max_attempts": 2, "delay_seconds": 100, "jitter": 0.5}
        world.add(f"s{number}", schedule="manual", handler="fail", retry=retry)
        world.run(f"s{number}")
    world.settle()
    delays = {row.not_before - NOON for row in world.rows() if row.attempt == 2}
    assert len(delays) > 1
    assert all(100_000_000 <= delay <= 150_000_000 for delay in delays)


def test_the_handler_may_say_how_long_to_wait(world: World) -> None:
    retrying(world, {"after": 7}, delay_seconds=1000)
    assert world.rows()[1].not_before == NOON + 67_000_000


def test_an_absurd_wait_is_cut_and_harms_nobody(world: World) -> None:
    retrying(world, {"after": 1e13})
    assert world.rows()[1].not_before == NOON + 60_000_000 + 366 * 86_400_000_000


@pytest.mark.parametrize("data", [{"stop": "useless"}, {"cancel": "not needed"}])
def test_fail_and_cancel_are_not_tried_again(world: World, data: dict[str, Any]) -> None:
    retrying(world, data)
    assert len(world.rows()) == 1
    assert world.schedule().open_runs == 0


def test_a_retry_of_a_run_with_its_own_data_has_that_data(world: World) -> None:
    world.add(
        schedule="manual", handler="fail", data={"name": "schedule"}, retry={"max_attempts": 2, "delay_seconds": 0}
    )
    world.run(data={"name": "own"})
    world.settle()
    assert [(data, attempt) for _, data, attempt in world.handlers.calls] == [
        ({"name": "own"}, 1),
        ({"name": "own"}, 2),
    ]


def test_all_attempts_of_a_slot_have_one_idempotency_key(world: World) -> None:
    keys: list[str | None] = []

    def work(_data: Any, context: Any) -> None:
        keys.append(context.idempotency_key)
        raise ValueError

    world.handlers.custom["it"] = work
    world.add(
        schedule="* * * * *",
        handler="custom",
        data={"name": "it"},
        retry={"max_attempts": 2, "delay_seconds": 0},
        overlap="allow",
    )
    world.advance(60)
    world.settle()
    world.advance(60)
    world.settle()
    assert len(keys) == 4
    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_a_retry_by_hand_begins_again_at_one(world: World) -> None:
    row = outcome(world, {})
    again = run_service.retry(world.database, ACTOR, row.id)
    assert (again["attempt"], again["retry_of"], again["status"]) == (1, row.id, "queued")
    assert occurrence.next_attempt_key(world.row(again["id"]).occurrence_key, 2) != row.occurrence_key
    world.settle()
    assert world.statuses() == ["failed", "failed"]


def test_a_deleted_schedule_lets_its_runs_end_and_starts_no_more(world: World) -> None:
    world.add(schedule="manual", handler="block", retry={"max_attempts": 5, "delay_seconds": 0})
    running = world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    schedules.delete(world.database, ACTOR, "s")
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.row(running).status == "succeeded"

    world.handlers.custom["it"] = raiser(ValueError("no"))
    world.add("t", schedule="manual", handler="custom", data={"name": "it"}, retry={"max_attempts": 5})
    world.run("t")
    world.turn()
    schedules.delete(world.database, ACTOR, "t")
    world.settle()
    assert world.statuses()[1:] == ["failed"]
