"""What a thread reads in one transaction: begun once, and anew behind an error, a change, and for who waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from enschedule_core.actor import Actor
from enschedule_core.errors import NotFound
from enschedule_worker.api import Bell
from enschedule_worker.service import output as reading
from enschedule_worker.service.users import Accounts
from enschedule_worker.store import census, halt, state
from enschedule_worker.store.database import Database


@contextmanager
def begun(database: Database) -> Iterator[list[str]]:
    """Hear how many transactions begin."""
    heard: list[str] = []

    def begins(_: Any) -> None:
        heard.append("BEGIN")

    event.listen(database.engine, "begin", begins)
    try:
        yield heard
    finally:
        event.remove(database.engine, "begin", begins)


def look(database: Database) -> int:
    """Read something, in what the database takes for a transaction of its own."""
    with database.read() as tx:
        return int(tx.execute(text("SELECT COUNT(*) FROM state WHERE name = 'seen'")).scalar_one())


def put(database: Database) -> None:
    with database.write() as tx:
        state.put(tx, "seen", "yes")


def test_all_that_a_thread_reads_together_is_one_transaction(database: Database) -> None:
    with begun(database) as heard:
        with database.together():
            assert not heard, "it begins with the first look"
            look(database)
            with database.together(), database.read() as outer, database.read() as inner:
                assert outer is inner
            with database.glance() as tx:
                assert tx is outer
            look(database)
        assert len(heard) == 1
        look(database)
    assert len(heard) == 2, "afterwards each is its own again"


def test_it_holds_one_connection_and_gives_it_back(database: Database) -> None:
    pool: Any = database.engine.pool
    before = pool.checkedout()
    with database.together():
        assert pool.checkedout() == before
        look(database)
        look(database)
        assert pool.checkedout() == before + 1
    assert pool.checkedout() == before


def test_what_others_commit_meanwhile_is_seen_after_a_new_look(database: Database) -> None:
    with database.together():
        assert look(database) == 0
        other = threading.Thread(target=put, args=(database,))
        other.start()
        other.join()
        assert look(database) == 0, "one moment is one moment"
        database.look_anew()
        assert look(database) == 1


def test_a_change_of_the_thread_itself_ends_it_first(database: Database) -> None:
    pool: Any = database.engine.pool
    with database.together():
        look(database)
        before = pool.checkedout()
        with database.write() as tx:
            assert pool.checkedout() == before, "the connection of the reading one is free again"
            state.put(tx, "seen", "yes")
        assert look(database) == 1


def test_after_an_error_the_next_look_begins_another_one(database: Database) -> None:
    """PostgreSQL answers nothing more in a transaction in which a statement has failed."""
    with database.together():
        look(database)
        with pytest.raises(DBAPIError), database.read() as tx:
            tx.execute(text("SELECT there_is_no_such_column FROM state"))
        assert look(database) == 0
        with pytest.raises(NotFound), database.read():
            raise NotFound
        assert look(database) == 0


def test_an_error_within_what_is_in_use_does_not_take_it_away(database: Database) -> None:
    with database.together(), database.read() as outer:
        with pytest.raises(NotFound), database.read():
            raise NotFound
        assert outer.execute(text("SELECT 1")).scalar_one() == 1


def test_a_connection_that_is_lost_meanwhile_costs_no_later_look(database: Database) -> None:
    with database.together():
        look(database)
        with database.read() as tx:
            tx.connection.invalidate()
        with pytest.raises(Exception, match=r"\w"):
            look(database)
        assert look(database) == 0


def test_what_was_seen_is_not_asked_again_and_who_changes_it_sees_the_change(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    get = state.get
    monkeypatch.setattr(state, "get", lambda tx, name: asked.append(name) or get(tx, name))
    with database.together():
        for _ in range(3):
            with database.read() as tx:
                assert halt.current(tx) is None
                assert census.workers(tx) == []
        assert asked == ["pause"]
    with database.write() as tx:
        assert halt.current(tx) is None
        halt.begin(tx, halt.Halt(at=1, by="ada"), instead_of=None)
        found = halt.current(tx)
        assert found is not None
        assert found.by == "ada"


def test_what_changes_something_reads_for_itself_also_within(database: Database) -> None:
    pool: Any = database.engine.pool
    before = pool.checkedout()
    with begun(database) as heard, database.together():
        look(database)
        with database.apart():
            assert pool.checkedout() == before, "whatever it waits for now, no connection is held meanwhile"
            look(database)
            assert pool.checkedout() == before
            look(database)
        look(database)
        look(database)
    assert len(heard) == 4


def test_threads_share_nothing(database: Database) -> None:
    found: list[bool] = []

    def elsewhere() -> None:
        with database.read() as tx:
            found.append(tx is here)

    with database.together(), database.read() as here:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert found == [False]


def test_who_waits_sees_what_comes_although_they_look_together(
    database: Database, stage: Any, actor: Actor, hourly: Any
) -> None:
    stage.clock.advance(seconds=3600)
    stage.fire()
    run = stage.claim()[0]
    bell = Bell()
    database.on_change(bell.ring)

    def later() -> None:
        time.sleep(0.05)
        stage.print(run.id, "there\n")

    printing = threading.Thread(target=later)
    with database.together():
        assert not Accounts().exist(database)  # the transaction has begun before anything was printed
        printing.start()
        found = reading.read_waiting(database, actor, run.id, reading.Cursor(), seconds=20, bell=bell)
    printing.join()
    assert [item["text"] for item in found["items"]] == ["there\n"]
