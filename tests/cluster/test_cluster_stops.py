"""Processes that are killed, stopped and frozen: no slot twice, none missing, no result taken twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest
from cluster_kit import (
    LEASE_SECONDS,
    LOST_WITHIN_SECONDS,
    Program,
    Start,
    due_now,
    every_slot_once,
    multiply,
    on,
    on_each,
    serving,
    wait_for,
)

from faults.databases import Database, SqliteDatabase

pytestmark = pytest.mark.cluster


@on_each
def test_kill_in_the_middle_of_a_run(start: Start) -> None:
    first, second = serving(start, ENSCHEDULE_CONCURRENCY="2"), serving(start, "second")
    first.make("each", "tick", "every 1 second")
    first.make("long", "wait")
    run_ids = [first.run("long") for _ in range(4)]
    first.wait_begun(4)
    (run_id, *_) = [int(run) for run, _, _, pid in first.marks("wait") if pid_of(pid, first)]
    wait_for("some ticks", lambda: len(first.marks("tick")) >= 2)
    first.kill()
    killed_at = time.monotonic()
    second.wait_status(run_id, "lost", LOST_WITHIN_SECONDS)
    assert time.monotonic() - killed_at <= LOST_WITHIN_SECONDS
    assert "not heard of again" in second.call("GET", f"runs/{run_id}")["outcome"]["message"]
    ticks = len(first.marks("tick"))
    wait_for("it goes on at the next slots", lambda: len(second.marks("tick")) >= ticks + 2)
    second.go_on()
    wait_for("all ended", lambda: {second.run_status(one) for one in run_ids} == {"lost", "succeeded"})
    assert second.stop() == 0
    every_slot_once(second, "each")


def pid_of(pid: str, program: Program) -> bool:
    """Return whether a process belongs to a program: it is in the process group that it was started with."""
    try:
        return os.getpgid(int(pid)) == program.process.pid
    except ProcessLookupError:
        return False


def test_a_worker_that_was_killed_alone_finds_its_runs_when_it_starts_again(start: Start) -> None:
    first = start("up").ready()
    first.make("long", "wait")
    run_id = first.run("long")
    first.wait_begun()
    first.kill()
    second = start("up").ready()
    second.wait_status(run_id, "lost")
    assert second.stop() == 0


@pytest.mark.parametrize("group", [False, True], ids=["process", "group"])
def test_sigterm_lets_runs_end_within_the_grace(start: Start, group: bool) -> None:
    program = start("up", ENSCHEDULE_CONCURRENCY="1").ready()
    program.make("long", "wait")
    begun, queued = program.run("long"), program.run("long")
    program.wait_begun()
    program.signal(signal.SIGTERM, group=group)
    wait_for("it takes no more requests", lambda: program.status("/api/v1/healthz") == 0)
    program.go_on()
    assert program.code(15) == 0
    assert (program.run_status(begun), program.run_status(queued)) == ("succeeded", "queued")
    assert len(program.marks("wait")) == 1
    assert program.rows("SELECT count(*) FROM workers WHERE stopped_at IS NULL") == [(0,)]


@on_each
def test_sigterm_past_the_grace_says_that_the_worker_stopped(start: Start, database: Database) -> None:
    program_name = "up" if database.kind == "sqlite" else "worker"
    program = start(program_name, ENSCHEDULE_GRACE_SECONDS="0.5", ENSCHEDULE_CONCURRENCY="1", API_ENDPOINT="true")
    program.ready()
    program.make("long", "wait")
    run_id, queued = program.run("long"), program.run("long")
    program.wait_begun()
    program.signal(signal.SIGTERM, group=True)
    assert program.code(15) == 0
    status, message = program.rows(f"SELECT status, message FROM runs WHERE id = {run_id}")[0]
    assert status == "lost"
    assert "worker stopped" in message
    assert program.rows(f'SELECT "text" FROM output WHERE run_id = {run_id}') == [("waiting\n",)]
    assert program.run_status(queued) == "queued"
    assert len(program.marks("wait")) == 1


@pytest.mark.parametrize(
    ("api", "group"),
    [("true", False), ("true", True), ("false", False)],
    ids=["served", "served-group", "alone"],
)
def test_a_second_sigterm_ends_it_at_once(start: Start, api: str, group: bool) -> None:
    maker = start("up", ENSCHEDULE_CONCURRENCY="1", ENSCHEDULE_GRACE_SECONDS="0").ready()
    maker.make("long", "wait")
    maker.run("long")
    queued = maker.run("long")
    maker.wait_begun()
    assert maker.stop() == 0
    assert maker.run_status(queued) == "queued"
    program = start("worker", ENSCHEDULE_GRACE_SECONDS="60", SQLITE="enschedule.db", API_ENDPOINT=api)
    program.wait_begun(2)
    program.signal(signal.SIGTERM, group=group)
    time.sleep(0.2)
    program.signal(signal.SIGTERM, group=group)  # the same wish, told again by a service manager
    time.sleep(1.3)
    assert program.process.poll() is None
    program.signal(signal.SIGTERM, group=group)
    program.code(5)


def test_ctrl_c_gives_runs_a_moment_only(start: Start) -> None:
    program = start("up", ENSCHEDULE_GRACE_SECONDS="60").ready()
    program.make("long", "wait")
    run_id = program.run("long")
    program.wait_begun()
    program.signal(signal.SIGINT, group=True)
    assert program.code(15) == 0
    assert program.run_status(run_id) == "lost"


def test_a_master_that_hears_late_does_not_cut_the_moment_short(start: Start) -> None:
    program = start("up", ENSCHEDULE_GRACE_SECONDS="60").ready()
    program.make("long", "wait")
    run_id = program.run("long")
    program.wait_begun()
    program.signal(signal.SIGSTOP)  # the master alone, as if nobody gave it a processor
    program.signal(signal.SIGINT, group=True)
    time.sleep(1.5)
    program.signal(signal.SIGCONT)
    assert program.code(15) == 0
    assert program.run_status(run_id) == "lost"


def freeze(program: Program) -> None:
    """Freeze a program, but not while it has a SQLite file locked: nobody could do anything then, and nothing ends."""
    while True:
        program.signal(signal.SIGSTOP, group=True)
        if not isinstance(program.database, SqliteDatabase) or program.database.is_free():
            return
        program.signal(signal.SIGCONT, group=True)
        time.sleep(0.05)


@on_each
def test_a_frozen_worker_that_comes_back_has_lost_its_run(start: Start) -> None:
    frozen = serving(start, "frozen")
    frozen.make("long", "wait", on_lost="retry")
    run_id = frozen.run("long")
    frozen.wait_begun()
    freeze(frozen)
    other = start("worker", ENSCHEDULE_WORKER_ID="other")
    other.wait_status(run_id, "lost")
    other.wait_begun(2)
    before = other.rows(f"SELECT * FROM runs WHERE id = {run_id}")
    frozen.go_on()  # so that its handler is done before it can learn that it has lost the run
    frozen.signal(signal.SIGCONT, group=True)
    frozen.said("was lost (to this worker|meanwhile)")
    retry = other.rows(f"SELECT id, worker_id FROM runs WHERE retry_of = {run_id}")[0]
    assert retry[1] == "other"
    other.wait_status(retry[0], "succeeded")
    assert frozen.stop() == 0
    assert other.rows(f"SELECT * FROM runs WHERE id = {run_id}") == before
    assert other.rows("SELECT count(*) FROM runs") == [(2,)]
    assert other.rows(f"SELECT result FROM run_details WHERE run_id = {run_id} AND result IS NOT NULL") == []
    assert other.stop() == 0


@on("sqlite", long=("postgres", "mariadb"))
def test_two_workers_share_the_slots_of_ten_schedules(start: Start) -> None:
    first = serving(start)
    second = start("worker", ENSCHEDULE_WORKER_ID="second")
    second.said("Worker second runs")
    for number in range(10):
        first.make(f"each-{number}", "tick", "every 1 second", overlap="allow")
    wait_for("many ticks", lambda: len(first.marks("tick")) >= 40)
    assert first.stop() == 0
    wait_for("the other goes on", lambda: first.marks("tick")[-1][3] == str(second.process.pid))
    time.sleep(LEASE_SECONDS)
    assert second.stop() == 0
    for number in range(10):
        every_slot_once(first, f"each-{number}")
    assert first.rows("SELECT count(*) FROM runs WHERE status NOT IN ('succeeded', 'queued')") == [(0,)]


SLOTS = int(os.environ.get("ENSCHEDULE_FAULT_SLOTS", "2000"))
STANDING = "SELECT status, worker_id, count(*) FROM runs GROUP BY status, worker_id"


@pytest.mark.timeout(900)
@on_each
def test_many_workers_make_one_run_of_each_slot_and_start_it_once(start: Start) -> None:
    """2,000 slots that are due at once, three workers; 10,000 and more by ENSCHEDULE_FAULT_SLOTS."""
    # Each is slow enough, and looks often enough, for the others to get their share before all is done.
    # None of them dies: the lease is so long that they do not seem to where others keep the machine busy.
    busy = {"ENSCHEDULE_CONCURRENCY": "16", "ENSCHEDULE_POLL_SECONDS": "0.1", "ENSCHEDULE_LEASE_SECONDS": "15"}
    first = serving(start, **busy)
    first.make("s", "tick", "every 1 hour", data={"folder": str(first.folder), "seconds": 0.01})
    multiply(first.database, "s", SLOTS)
    others = [start("worker", ENSCHEDULE_WORKER_ID=f"w{number}", **busy) for number in (1, 2)]
    for other in others:
        other.said("Worker w. runs")
    due_now(first.database)
    done = f"SELECT count(*) = {SLOTS} FROM runs WHERE status = 'succeeded'"
    wait_for(
        "all ended",
        lambda: first.database.value(done),
        30 + SLOTS / 40,
        tell=lambda: f"{first.rows(STANDING)}\n" + "\n".join(one.log for one in (first, *others)),
    )
    assert [program.stop() for program in (first, *others)] == [0, 0, 0]
    # A run may be claimed twice: one that was claimed ahead and has no place soon goes back. It is started once.
    assert first.rows("SELECT count(*), count(DISTINCT schedule_key) FROM runs") == [(SLOTS, SLOTS)]
    begun = Counter(run for run, *_ in first.marks("tick"))
    assert (len(begun), set(begun.values())) == (SLOTS, {1})
    assert len({pid for *_, pid in first.marks("tick")}) > 1, "one did it all, which proves nothing"


@on("sqlite", long=("postgres", "mariadb"))
def test_a_run_that_kills_its_worker_each_time_stops_at_its_limit(start: Start) -> None:
    """Its schedule says that a lost run is tried again; the worker is started again each time, as a manager does."""
    program = serving(start)
    program.make("poison", "kill", on_lost="retry")
    program.make("other", "tick", "every 1 second")
    program.run("poison")
    lost = "SELECT count(*) FROM runs WHERE status = 'lost' AND handler_id = 'kill'"
    for _ in range(3):
        program.process.wait(30)
        program = start("worker", ENSCHEDULE_WORKER_ID="first", API_ENDPOINT="true")
    program.process.wait(30)
    program = serving(start)
    wait_for("the fourth one is lost", lambda: program.database.value(lost) == 4, tell=lambda: program.log)
    ticks = len(program.marks("tick"))
    wait_for("the others go on", lambda: len(program.marks("tick")) >= ticks + 2)
    assert len(program.marks("kill")) == 4
    assert program.rows("SELECT count(*) FROM runs WHERE handler_id = 'kill'") == [(4,)]
    assert program.stop() == 0
