"""Stored output: in order, of the run's present fence, once, and only while the run goes on."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Any

from engine_kit import ACTOR, World, going_on
from sqlalchemy import func, select, update

from enschedule_core.errors import Unavailable
from enschedule_worker.api import Bell
from enschedule_worker.service import output as reading
from enschedule_worker.store import bulk, output
from enschedule_worker.store.models.runs import Output, Run


def texts(world: World, run_id: int, fence: int, **more: Any) -> list[str]:
    with world.database.read() as tx:
        return [row.text for row in output.chunks(tx, run_id, fence, **more)]


def chunk(run_id: int, seq: int, text: str, *, fence: int = 1, stream: str = "stdout") -> output.Chunk:
    return output.Chunk(run_id, fence, seq, stream, 5, text)


def store(world: World, *chunks: output.Chunk) -> None:
    with world.database.write() as tx:
        output.append(tx, chunks)


def test_what_was_stored_comes_back_as_it_was(world: World) -> None:
    run_id = going_on(world)
    odd = ["plain\n", 'quote " \\ and \\x00 \x1b[31m\r', "\U0001f600 ﷽ \u2028", "[0, null]", "", "\\ud800"]
    store(world, *(chunk(run_id, 10 + number, text) for number, text in enumerate(odd)))
    assert texts(world, run_id, 1, after=9) == odd
    store(world, chunk(run_id, 20, "e", stream="stderr"), chunk(run_id, 21, "o"))
    assert texts(world, run_id, 1, after=9, stream="stderr") == ["e"]


def test_the_same_chunk_twice_is_one(world: World) -> None:
    run_id = going_on(world)
    store(world, chunk(run_id, 10, "a"), chunk(run_id, 11, "b"))
    store(world, chunk(run_id, 10, "a"), chunk(run_id, 11, "b"), chunk(run_id, 12, "c"))
    assert texts(world, run_id, 1, after=9) == ["a", "b", "c"]


def test_a_run_that_has_ended_gets_no_more(world: World) -> None:
    run_id = going_on(world)
    world.turn()
    with world.database.write() as tx:
        tx.execute(update(Run).where(Run.id == run_id).values(status="lost"))
    before = texts(world, run_id, 1)
    store(world, chunk(run_id, 50, "too late"))
    assert texts(world, run_id, 1) == before


def test_another_fence_is_never_mixed_in(world: World) -> None:
    run_id = going_on(world)
    store(world, chunk(run_id, 10, "of the first claim"))
    with world.database.write() as tx:
        tx.execute(update(Run).where(Run.id == run_id).values(fence=2))
    store(world, chunk(run_id, 1, "of the second", fence=2), chunk(run_id, 11, "of the first, late", fence=1))
    assert texts(world, run_id, 2) == ["of the second"]
    assert "of the first, late" not in texts(world, run_id, 1)
    page = reading.read(world.database, ACTOR, run_id, reading.Cursor())
    assert ([item["text"] for item in page["items"]], page["fence"]) == (["of the second"], 2)


def test_a_batch_is_cut_into_statements_of_bounded_size(world: World) -> None:
    run_id = going_on(world)
    text = "é\\" * 4_000
    chunks = [chunk(run_id, 10 + number, text) for number in range(400)]
    parts = [*output.parts(chunks)]
    assert [one for part in parts for one in part] == chunks
    assert max(sum(len(one.text) for one in part) for part in parts) <= bulk.MOST_BYTES
    store(world, *chunks)
    with world.database.read() as tx:
        assert tx.execute(select(func.count()).where(Output.run_id == run_id, Output.seq >= 10)).scalar() == 400
    assert [*output.parts([])] == []
    assert len([*output.parts([chunk(1, 1, "x" * 3_000_000), chunk(1, 2, "y")])]) == 2


def test_long_output_is_stored_in_short_transactions_and_whole_before_its_end(world: World, monkeypatch: Any) -> None:
    """Four megabytes: no transaction has more than one, and at no commit is the run ended with some of it missing."""
    line = b"x" * 99 + b"\n"

    def talk(_data: Any, context: Any) -> None:
        context._channel.write("stdout", line * 40_000)

    world.handlers.custom["talk"] = talk
    world.add(schedule="manual", handler="custom", data={"name": "talk"})
    run_id, sizes, original = world.run(), [], output.append

    def counted(tx: Any, chunks: Any) -> None:
        sizes.append(sum(len(one.text) for one in chunks))
        status = tx.execute(select(Run.status).where(Run.id == run_id)).scalar()
        assert status != "succeeded" or not chunks
        original(tx, chunks)

    monkeypatch.setattr(output, "append", counted)
    world.settle()
    assert sum(sizes) == 4_000_000
    assert max(sizes) <= bulk.MOST_BYTES
    assert world.row(run_id).status == "succeeded"
    assert world.printed(run_id) == (line * 40_000).decode()
    assert (world.row(run_id).output_bytes, world.row(run_id).output_lines) == (4_000_000, 40_000)


def test_a_commit_without_an_answer_is_written_again_and_counts_once(world: World, monkeypatch: Any) -> None:
    run_id = going_on(world)
    world.handlers.gates["gate"].open()
    assert world.engine._flag.wait(60)
    original, broken = type(world.database).write, [True]

    @contextmanager
    def silent(self: Any) -> Any:
        with original(self) as tx:
            yield tx
        if broken:
            broken.clear()
            raise Unavailable("The connection to the database was lost; whether the change was made is not known.")

    monkeypatch.setattr(type(world.database), "write", silent)
    try:
        world.turn()
    except Unavailable:
        pass
    else:
        raise AssertionError("the commit was to go unanswered")
    world.settle()
    assert world.row(run_id).status == "succeeded"
    assert world.printed(run_id) == "before\nafter\n"
    assert world.engine.in_flight == 0


def test_who_waits_gets_what_is_printed_and_the_end(world: World) -> None:
    run_id = going_on(world)
    bell = threading.Event()

    class Bell:
        count = 0
        is_muted = False

        def wait(self, seen: int, seconds: float) -> None:
            bell.wait(60)

    found: list[Any] = []
    world.advance(1)
    world.turn()
    after = reading.read(world.database, ACTOR, run_id, reading.Cursor())["next_after"]

    def wait() -> None:
        cursor = reading.Cursor(after=after)
        found.append(reading.read_waiting(world.database, ACTOR, run_id, cursor, seconds=20, bell=Bell()))

    waiting = threading.Thread(target=wait)
    waiting.start()
    world.handlers.gates["gate"].open()
    world.settle()
    bell.set()
    waiting.join(60)
    [page] = found
    assert [item["text"] for item in page["items"]] == ["after\n"]
    assert (page["complete"], page["status"]) == (True, "succeeded")


def test_nobody_waits_while_the_server_stops(world: World) -> None:
    run_id = going_on(world)
    world.advance(1)
    world.turn()
    bell = Bell()
    cursor = reading.Cursor(after=reading.read(world.database, ACTOR, run_id, reading.Cursor())["next_after"])
    found: list[Any] = []

    def wait() -> None:
        found.append(reading.read_waiting(world.database, ACTOR, run_id, cursor, seconds=20, bell=bell))

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    bell.mute()
    waiting.join(15)  # of the 20 that it would wait
    [page] = found
    assert (page["items"], page["complete"], page["status"]) == ([], False, "running")
    world.handlers.gates["gate"].open()
    world.settle()
