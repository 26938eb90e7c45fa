"""Transactions on a SQLite file: who may write, who waits, and what happens when the file is busy or broken."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from enschedule_core.errors import Unavailable
from enschedule_worker.store.clock import DatabaseClock, ManualClock
from enschedule_worker.store.database import Database
from enschedule_worker.store.sqlite_file import FairLock

PATIENCE_SECONDS = 60


@pytest.fixture
def quick(tmp_path: Path) -> Database:
    """A database that does not wait long for a lock."""
    made = Database(create_engine(f"sqlite:///{tmp_path / 'q.db'}", connect_args={"timeout": 0.05}))
    with made.write() as tx:
        tx.execute(text("CREATE TABLE t (n INTEGER)"))
    return made


def count(database: Database) -> int:
    with database.read() as tx:
        return int(tx.execute(text("SELECT COUNT(*) FROM t")).scalar_one())


def test_a_reading_transaction_cannot_write(quick: Database) -> None:
    with pytest.raises(Unavailable, match="does not answer") as refused, quick.read() as tx:
        tx.execute(text("INSERT INTO t VALUES (1)"))
    assert "readonly" in (refused.value.hint or "")
    with quick.write() as tx:
        tx.execute(text("INSERT INTO t VALUES (1)"))
    assert count(quick) == 1, "the same connection can write again afterwards"


def test_an_error_undoes_the_whole_transaction_and_wakes_nobody(quick: Database) -> None:
    woken: list[str] = []
    quick.on_wake(lambda: woken.append("engine"))
    quick.on_change(lambda: woken.append("watcher"))

    def spoil() -> None:
        with quick.write() as tx:
            tx.execute(text("INSERT INTO t VALUES (1)"))
            tx.wake_engine()
            tx.tell_watchers()
            raise KeyError("no")

    with pytest.raises(KeyError):
        spoil()
    assert (count(quick), woken) == (0, [])
    with quick.write() as tx:
        tx.wake_engine()
        tx.tell_watchers()
        assert woken == [], "only after the commit"
    assert woken == ["engine", "watcher"]


def test_who_looks_by_itself_is_not_woken_for_what_comes_later(quick: Database) -> None:
    woken: list[str] = []
    quick.on_wake(lambda: woken.append("engine"), within_seconds=1.0)
    quick.on_wake(lambda: woken.append("all"))
    for seconds, told in ((3600, ["all"]), (0.5, ["engine", "all"]), (-5, ["engine", "all"])):
        with quick.write() as tx:
            tx.wake_engine(at=tx.now + round(seconds * 1_000_000))
        assert woken == told, seconds
        woken.clear()
    with quick.write() as tx:
        tx.wake_engine()
        tx.wake_engine(at=tx.now + 3_600_000_000)
    assert woken == ["engine", "all"], "the earliest counts"


def test_a_lock_held_by_another_program_is_unavailable_and_reading_goes_on(quick: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "q.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="busy"), quick.write():
        pytest.fail("the lock is held")
    assert count(quick) == 0
    other.execute("ROLLBACK")
    other.close()
    with quick.write() as tx:
        tx.execute(text("INSERT INTO t VALUES (1)"))
    assert count(quick) == 1


def test_writing_takes_the_lock_before_it_reads(quick: Database, tmp_path: Path) -> None:
    """Without BEGIN IMMEDIATE two who read first could not both write: the second would be refused at once."""
    with quick.write() as tx:
        tx.execute(text("SELECT COUNT(*) FROM t"))
        other = sqlite3.connect(tmp_path / "q.db", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_canary_a_deferred_transaction_that_reads_first_is_refused(tmp_path: Path, quick: Database) -> None:
    """What BEGIN IMMEDIATE is for: read, somebody else writes, write."""
    deferred = sqlite3.connect(tmp_path / "q.db", timeout=5, isolation_level=None)
    deferred.execute("BEGIN")
    deferred.execute("SELECT COUNT(*) FROM t").fetchone()
    with quick.write() as tx:
        tx.execute(text("INSERT INTO t VALUES (1)"))
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        deferred.execute("INSERT INTO t VALUES (2)")
    deferred.close()


def test_what_the_file_is_opened_with(quick: Database) -> None:
    with quick.read() as tx:
        pragmas = {
            name: tx.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_now_is_read_once_a_transaction_and_after_the_lock(quick: Database) -> None:
    quick.clock = clock = ManualClock(100)
    with quick.write() as tx:
        assert tx.now == 100
        clock.advance(seconds=1)
        assert tx.now == 100


def test_the_clock_of_the_database_is_the_time(quick: Database) -> None:
    quick.clock = DatabaseClock("sqlite")
    before = time.time_ns() // 1000
    with quick.read() as tx:
        assert before <= tx.now <= time.time_ns() // 1000


def test_the_fair_lock_is_handed_on_in_the_order_of_asking() -> None:
    lock, order, threads = FairLock(), [], []
    with lock:
        for number in range(5):
            thread = threading.Thread(target=lambda number=number: take(lock, order, number))
            thread.start()
            threads.append(thread)
            wait_for_waiters(lock, number + 1)
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert order == [0, 1, 2, 3, 4]


def take(lock: FairLock, order: list[int], number: int) -> None:
    with lock:
        order.append(number)


def wait_for_waiters(lock: FairLock, number: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while len(lock._waiting) < number:
        assert time.monotonic() < until


def test_who_waits_too_long_for_the_fair_lock_is_refused_and_forgotten() -> None:
    lock = FairLock(patience_seconds=0.01)
    with lock, pytest.raises(Unavailable, match="busy"):
        in_another_thread(lock)
    assert list(lock._waiting) == []
    with lock:
        pass
    in_another_thread(lock)


def in_another_thread(lock: FairLock) -> None:
    problems: list[BaseException] = []

    def enter() -> None:
        try:
            with lock:
                pass
        except Unavailable as problem:
            problems.append(problem)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if problems:
        raise problems[0]


def test_a_mistake_of_ours_is_not_taken_for_a_busy_database_and_frees_the_lock(quick: Database) -> None:
    for _ in range(3):
        with pytest.raises(OperationalError, match="no such table"), quick.write() as tx:
            tx.execute(text("SELECT nonsense FROM nowhere"))
    with quick.write() as tx:
        tx.execute(text("INSERT INTO t VALUES (1)"))
    assert count(quick) == 1


def test_sixteen_threads_write_without_an_error(quick: Database) -> None:
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(5):
                with quick.write() as tx:
                    tx.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})
        except BaseException as problem:  # noqa: BLE001 - the assertion below shows it
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert problems == []
    assert count(quick) == 80
