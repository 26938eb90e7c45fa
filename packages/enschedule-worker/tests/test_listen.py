"""Wake-ups between processes: what one commits, the other hears at once, on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from engine_kit import World
from sqlalchemy import text

from enschedule_worker.store.clock import DatabaseClock
from enschedule_worker.store.database import Database
from enschedule_worker.store.listen import Listener

PATIENCE_SECONDS = 30
POLL_SECONDS = 600.0


@pytest.fixture
def database_of(place: Any, postgresql_only: None) -> Any:
    """Return a function that opens the database as another process would."""
    return lambda: place.open(DatabaseClock("postgresql"))


@pytest.fixture
def listening() -> Iterator[Any]:
    """Return a function that makes a listener and waits until it hears."""
    made: list[Listener] = []

    def start(database: Database) -> Listener:
        made.append(Listener(database))
        assert made[-1].start()
        assert made[-1].listening.wait(PATIENCE_SECONDS)
        return made[-1]

    yield start
    for listener in made:
        listener.stop()


def heard(database: Database) -> tuple[threading.Event, threading.Event]:
    """Return events that are set when the engine is woken, and when watchers are."""
    woken, changed = threading.Event(), threading.Event()
    database.on_wake(woken.set)
    database.on_change(changed.set)
    return woken, changed


def test_a_commit_wakes_the_other_process_and_an_undone_one_does_not(database_of: Any, listening: Any) -> None:
    one, two = database_of(), database_of()
    listening(two)
    woken, changed = heard(two)

    def undone(tx: Any) -> None:
        tx.wake_engine()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        one.retrying(undone)
    with one.write() as tx:
        tx.tell_watchers()
    assert changed.wait(PATIENCE_SECONDS)
    assert not woken.is_set()
    with one.write() as tx:
        tx.wake_engine()
    assert woken.wait(PATIENCE_SECONDS)


def test_who_says_it_does_not_hear_it(database_of: Any, listening: Any) -> None:
    one, two = database_of(), database_of()
    listening(one)
    listening(two)
    calls: list[str] = []
    one.on_wake(lambda: calls.append("one"))
    woken, _ = heard(two)
    for _ in range(2):
        woken.clear()
        with one.write() as tx:
            tx.wake_engine()
        assert woken.wait(PATIENCE_SECONDS)
    assert calls == ["one", "one"]  # of its own commits, and not of its own messages


def test_a_busy_engine_does_not_send_with_each_turn(database_of: Any) -> None:
    database, sent = database_of(), []
    original = database.announcer.announce

    def counted(connection: Any, **said: bool) -> None:
        before = database.announcer._said_at
        original(connection, **said)
        sent.append(database.announcer._said_at != before)

    database.announcer.announce = counted
    database.announcer._said_at = 0.0
    import enschedule_worker.store.listen as module

    rest, module.REST_SECONDS = module.REST_SECONDS, 600.0
    try:
        for _ in range(5):
            with database.write() as tx:
                tx.tell_watchers()
                tx.wake_others()
        with database.write() as tx:
            tx.wake_engine()
        with database.write():
            pass
    finally:
        module.REST_SECONDS = rest
    assert sent.count(True) == 2


def test_a_listener_that_was_cut_off_hears_again(database_of: Any, listening: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("enschedule_worker.store.listen._FIRST_PAUSE_SECONDS", 0.01)
    one, two = database_of(), database_of()
    listener = listening(two)
    woken, _ = heard(two)
    with one.write() as tx:
        tx.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"))
    assert woken.wait(PATIENCE_SECONDS), "it looks once more when it hears again"
    assert listener.listening.wait(PATIENCE_SECONDS)
    woken.clear()
    with one.write() as tx:
        tx.wake_engine()
    assert woken.wait(PATIENCE_SECONDS)


def test_the_pool_keeps_its_connections(database_of: Any, listening: Any) -> None:
    database = database_of()
    listening(database)
    assert database.engine.pool.checkedout() == 0


def test_a_run_begins_on_another_worker_without_waiting_for_its_poll(
    database_of: Any, place: Any, make_world: Any, listening: Any
) -> None:
    worker: World = make_world(clock=DatabaseClock("postgresql"), poll_seconds=POLL_SECONDS)
    elsewhere: World = make_world(clock=DatabaseClock("postgresql"), handlers=worker.handlers)
    elsewhere.add(schedule="manual", handler="block")
    listening(worker.database)
    worker.go_live()
    run_id = elsewhere.run()
    worker.handlers.gates["gate"].wait_entered()
    assert elsewhere.row(run_id).worker_id == "w1"
    worker.engine.stop(grace_seconds=0)


def test_a_worker_that_is_alone_sends_nothing(database_of: Any, make_world: Any, listening: Any) -> None:
    clock = DatabaseClock("postgresql")
    alone: World = make_world(clock=clock)
    alone.housekeeping.heartbeat()
    assert alone.database.announcer.is_alone
    made_later: World = make_world(clock=clock, worker_id="w2")
    alone.housekeeping.heartbeat()
    assert not alone.database.announcer.is_alone
    made_later.housekeeping.stop()
    alone.housekeeping.heartbeat()
    assert alone.database.announcer.is_alone
    watching = database_of()
    listening(watching)
    woken, changed = heard(watching)
    with made_later.database.write() as tx:
        tx.wake_engine()
    assert woken.wait(PATIENCE_SECONDS)
    woken.clear()
    with alone.database.write() as tx:
        tx.wake_engine()
    with made_later.database.write() as tx:  # what was said before it would have been heard before it
        tx.execute(text("SELECT pg_notify('enschedule', 'somebody:c')"))
    assert changed.wait(PATIENCE_SECONDS)
    assert not woken.is_set()


def test_others_have_nothing_to_listen_to(place: Any) -> None:
    listener = Listener(place.open())
    assert listener.start() is (place.kind == "postgresql")
    listener.stop()
