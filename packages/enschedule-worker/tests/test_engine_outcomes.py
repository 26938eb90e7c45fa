"""What a run becomes by what its handler does, and what of it is stored."""

from __future__ import annotations

import contextvars
import json
from typing import Any

import pytest
from engine_kit import NOON, World, outcome, raiser


def custom(world: World, function: Any, **more: Any) -> Any:
    """Run a function as a handler and return its row."""
    world.handlers.custom["it"] = function
    return outcome(world, {"name": "it"}, "custom", **more)


def test_in_a_thread_a_schedule_with_variables_of_its_own_fails_and_says_why(world: World) -> None:
    world.add(schedule="manual", env={"STAGE": "live"}, retry={"max_attempts": 3})
    run_id = world.run()
    world.settle()
    row = world.row(run_id)
    assert (row.status, world.handlers.calls) == ("failed", [])
    assert "Set ENSCHEDULE_EXECUTOR=process" in row.message
    assert world.statuses() == ["failed"]


def test_a_run_keeps_its_times_result_and_output(world: World) -> None:
    def work(_data: Any, _context: Any) -> Any:
        print("half way")
        world.advance(2.5)
        return {"sum": 3, "name": "åäö"}

    row = custom(world, work)
    assert (row.status, row.outcome_kind, row.message) == ("succeeded", None, None)
    assert (row.started_at, row.finished_at) == (NOON, NOON + 2_500_000)
    assert json.loads(world.detail(row.id).result) == {"sum": 3, "name": "åäö"}
    assert world.printed(row.id) == "half way\n"
    assert (row.output_bytes, row.output_lines, row.output_truncated) == (9, 1, False)
    assert (row.lease_until, row.fence, row.worker_id) == (None, 1, "w1")


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        ({}, "failed", "ValueError: no luck"),
        ({"stop": "it is useless"}, "failed", "it is useless"),
        ({"cancel": "nothing to do"}, "cancelled", "nothing to do"),
        ({"after": 5}, "failed", "The handler asks for another attempt."),
    ],
)
def test_how_a_handler_ends_a_run(world: World, data: dict[str, Any], status: str, message: str) -> None:
    row = outcome(world, data)
    assert (row.status, row.message) == (status, message)
    assert world.statuses() == [status], "one attempt is the default"


def blow_the_stack(_data: Any, _context: Any) -> None:
    blow_the_stack(_data, _context)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("work", "status", "said"),
    [
        (raiser(SystemExit(0)), "succeeded", None),
        (raiser(SystemExit(3)), "failed", "sys.exit(3)"),
        (raiser(SystemExit("no disk")), "failed", "no disk"),
        (raiser(KeyboardInterrupt()), "failed", "KeyboardInterrupt"),
        (raiser(GeneratorExit()), "failed", "GeneratorExit"),
        (raiser(MemoryError()), "failed", "MemoryError"),
        (raiser(Unspeakable()), "failed", "Unspeakable"),
        (blow_the_stack, "failed", "RecursionError"),
    ],
    ids=["exit-0", "exit-3", "exit-text", "interrupt", "generator", "memory", "unspeakable", "recursion"],
)
def test_whatever_a_handler_raises_its_place_lives_on(
    make_world: Any, work: Any, status: str, said: str | None
) -> None:
    world = make_world(places=1)
    row = custom(world, work)
    assert row.status == status
    assert said is None or said in row.message
    if work is not blow_the_stack:
        assert world.printed(row.id) == "still printed\n"
    world.add("next", schedule="manual")
    following = world.run("next")
    world.settle()
    assert world.row(following).status == "succeeded"


@pytest.mark.parametrize(("code", "kept"), [(1, 1), (255, 255), (-1, 255), (256, 0), (2**70 + 5, 5)])
def test_an_exit_code_is_what_a_process_would_have(world: World, code: int, kept: int) -> None:
    row = custom(world, raiser(SystemExit(code)))
    assert (row.status, row.exit_code) == ("failed", kept)


HOSTILE = "nul \x00 half \ud800 end"


def test_text_that_no_database_stores_is_escaped_everywhere(world: World) -> None:
    def work(_data: Any, context: Any) -> None:
        print(HOSTILE)
        context.progress(0.5, HOSTILE)
        raise ValueError(HOSTILE)

    row = custom(world, work)
    assert row.status == "failed"
    assert row.message == "ValueError: nul \\x00 half \\ud800 end"
    assert world.printed(row.id) == "nul \\x00 half \\ud800 end\n"
    assert "\\ud800" in world.detail(row.id).traceback


@pytest.mark.parametrize(
    "result", [object(), float("nan"), {1: 2}, "x" * 2_000_000, 2**80], ids=["object", "nan", "key", "large", "int"]
)
def test_a_result_that_cannot_be_stored_is_a_note_and_no_failure(world: World, result: Any) -> None:
    row = custom(world, lambda _data, _context: result)
    assert row.status == "succeeded"
    assert world.detail(row.id).result is None
    assert "not stored" in world.detail(row.id).note


def test_what_one_handler_puts_into_its_context_the_next_does_not_see(make_world: Any) -> None:
    world = make_world(places=1)
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="clean")
    seen: list[str] = []

    def work(_data: Any, _context: Any) -> None:
        seen.append(variable.get())
        variable.set("dirty")

    world.handlers.custom["it"] = work
    world.add(schedule="manual", handler="custom", data={"name": "it"})
    world.run()
    world.run()
    world.settle()
    assert seen == ["clean", "clean"]


def test_a_handler_may_change_its_data_without_harm_to_the_next_run(world: World) -> None:
    seen: list[Any] = []

    def work(data: Any, _context: Any) -> None:
        seen.append(list(data["items"]))
        data["items"].append("mine")

    world.handlers.custom["it"] = work
    world.add(schedule="manual", handler="custom", data={"name": "it", "items": []})
    for _ in range(2):
        world.run()
        world.settle()
    assert seen == [[], []]


def test_progress_is_seen_while_the_run_goes_on(world: World) -> None:
    world.add(schedule="manual", handler="block")
    run_id = world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered().progress(0.25, "reading")
    world.turn()
    row = world.row(run_id)
    assert (row.status, row.progress, row.progress_text) == ("running", 0.25, "reading")


def test_output_is_seen_while_the_run_goes_on(world: World) -> None:
    world.add(schedule="manual", handler="block")
    run_id = world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.advance(0.5)
    world.turn()
    assert world.printed(run_id) == "before\n"
    world.handlers.gates["gate"].open()
    world.settle()
    assert world.printed(run_id) == "before\nafter\n"
