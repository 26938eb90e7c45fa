"""Enschedule: its real programs, watched from outside. What a backlog costs it, and how fast it is over."""

from __future__ import annotations

import re
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from benchmarks.competitors import wire
from benchmarks.competitors.own_database import DATABASE, HANDLERS, LINE, Place, make_many, migrated, queue_many
from benchmarks.measures import MeasureFailed, Order, Sample, throughput
from benchmarks.processes import Program, cpu_seconds, running, tree_of, watch

BIN = Path(sys.executable).parent
API_KEY = "benchmark-key-that-is-no-secret"
START_SECONDS = 60.0
MOST_SECONDS = 150.0
MICROS = 1_000_000
NOTICE_SECONDS = 1.5  # a worker has seen by then what another process has written
FILL_TRIES = 3


def backlog(order: Order) -> Sample:
    """Let workers that wait meet a backlog of ``count`` runs that may begin at one instant."""
    place = Place.of(order)
    with workers(order, place) as programs, place.connect() as connection:
        due = backlog_ahead(order, place, connection)
        pids = [pid for program in programs for pid in tree_of(program.process.pid)]
        sleep_until(due - 0.1)
        before = cpu_seconds(pids)
        wait_recorded(programs, connection, order.count)
        last = time.time()
        pids = [pid for program in programs for pid in tree_of(program.process.pid)]
        used = cpu_seconds(pids) - before
        first = checked_first_start(connection, order)
    return throughput(order.count, last - first / MICROS, cpu_ms=1000 * used / order.count)


def statements(order: Order) -> Sample:
    """Count what a worker on PostgreSQL asks of it, over the same backlog, by listening on the way."""
    place = Place.of(order)
    with wire.listening(order.needed_server) as (url, seen):
        heard = Place({"POSTGRES": url}, place.url)
        with workers(order, heard) as programs, place.connect() as connection:
            due = backlog_ahead(order, heard, connection)
            sleep_until(due - 0.1)
            before = seen.copy()
            wait_recorded(programs, connection, order.count)
            passed = {name: seen[name] - before[name] for name in seen}
            checked_first_start(connection, order)
    return Sample({name: passed[name] / order.count for name in ("statements", "commits")})


def idle_worker(order: Order) -> Sample:
    """Watch a worker without schedules; it is not the one that has made the tables."""
    place = Place.of(order)
    migrated(place)
    with workers(order, place) as (program,):
        return _watched(program, order)


def idle_up(order: Order) -> Sample:
    """Watch dashboard, API and worker without schedules."""
    port = _free_port()
    with running(
        [BIN / "enschedule", "up", "--port", str(port)], order.folder, {"SQLITE": str(order.folder / DATABASE)}
    ) as program:
        program.wait_until("readiness", lambda: _is_ready(port), seconds=START_SECONDS, every=0.1)
        return _watched(program, order)


@contextmanager
def serving(order: Order, place: Place) -> Iterator[int]:
    """Run a worker that serves its REST API to whoever has :data:`API_KEY`; give its port."""
    port = _free_port()
    folder = Path(tempfile.mkdtemp(prefix="worker-", dir=order.folder))
    environ = {**place.environ, "HANDLERS_DIR": str(HANDLERS), "API_ENDPOINT": "true", "API_KEY": API_KEY}
    with running([BIN / "enschedule-worker"], folder, {**environ, "ENSCHEDULE_PORT": str(port)}) as program:
        program.wait_until("readiness", lambda: _is_ready(port), seconds=START_SECONDS, every=0.1)
        yield port
        check_log(program)


# ---------------------------------------------------------------- what other measurements of ours use too


@contextmanager
def workers(order: Order, place: Place) -> Iterator[list[Program]]:
    """Run as many workers as the order says, with their defaults otherwise, from when they say that they run."""
    environ = {**place.environ, "HANDLERS_DIR": str(HANDLERS)}
    if "executor" in order.options:
        environ["ENSCHEDULE_EXECUTOR"] = order.options["executor"]
    with ExitStack() as stack:
        programs = []
        for _ in range(order.options.get("workers", 1)):
            folder = Path(tempfile.mkdtemp(prefix="worker-", dir=order.folder))
            named = {**environ, "ENSCHEDULE_WORKER_ID": folder.name}
            programs.append(stack.enter_context(_started(folder, named)))
        _check_executor(place, order.options.get("executor"))
        yield programs
        for program in programs:
            check_log(program)


def _check_executor(place: Place, wanted: str | None) -> None:
    """Refuse figures of a worker that has another executor than was asked for."""
    if wanted is None:
        return
    with place.connect() as connection:
        found = set(connection.execute(text("SELECT executor FROM workers WHERE stopped_at IS NULL")).scalars())
    if found != {wanted}:
        raise MeasureFailed(f"asked for the executor {wanted!r}, the worker runs with {', '.join(sorted(found))}")


@contextmanager
def _started(folder: Path, environ: Mapping[str, str]) -> Iterator[Program]:
    with running([BIN / "enschedule-worker"], folder, environ) as program:
        program.wait_until("the start", lambda: " runs: " in program.printed, seconds=START_SECONDS)
        yield program


def backlog_ahead(order: Order, place: Place, connection: Connection) -> float:
    """Make the backlog of an order while workers wait: one schedule a run, or ``queued``: the runs of one schedule.

    Returns the instant at which it comes due, in seconds since 1970.
    """
    if order.options.get("queued"):
        return _ahead(order.count, connection, lambda due: queue_many(place, order.count, at=due))
    return fill_ahead(place, order.count, connection)


def fill_ahead(
    place: Place, count: int, connection: Connection, *, handler: str = "log-job", over_seconds: float = 0.0
) -> float:
    """Make ``count`` schedules that come due at one instant, or spread over a time, while workers wait.

    Returns the first instant in seconds since 1970: far enough ahead for the workers to have noticed.
    """
    apart = over_seconds * MICROS / count
    return _ahead(count, connection, lambda due: make_many(place, count, first=due, apart=apart, handler=handler))


def _ahead(count: int, connection: Connection, make: Callable[[int], None]) -> float:
    """Call ``make`` with an instant (microseconds) that it is over well before; again if it was not."""
    lead = 3.0 + count * 60e-6
    for attempt in range(FILL_TRIES):
        due = round(time.time() + lead * float(2**attempt), 3)
        make(round(due * MICROS))
        if time.time() < due - NOTICE_SECONDS:
            return due
        if connection.execute(text("SELECT count(*) FROM runs WHERE status <> 'queued'")).scalar():
            break
        for table in ("runs", "schedules", "schedule_revisions"):  # too late, and nothing has begun
            connection.execute(text(f"DELETE FROM {table}"))
    raise MeasureFailed(f"making {count} of them took so long that the first was nearly due")


def sleep_until(instant: float) -> None:
    """Sleep until an instant in seconds since 1970."""
    time.sleep(max(0.0, instant - time.time()))


def recorded(connection: Connection) -> int:
    """Return how many ends are recorded.

    They are counted in the transaction that records them, in a table of few rows, so that looking costs nothing.
    """
    return int(connection.execute(text("SELECT coalesce(sum(count), 0) FROM counters")).scalar_one())


def wait_recorded(
    programs: list[Program], connection: Connection, count: int, *, seconds: float = MOST_SECONDS
) -> None:
    """Wait until so many ends are recorded. Raises :class:`MeasureFailed`, also if one of the workers ends."""

    def all_recorded() -> bool:
        for program in programs[1:]:
            if program.process.poll() is not None:
                raise MeasureFailed(
                    f"a worker ended with exit code {program.process.returncode}:\n{program.printed[-2000:]}"
                )
        return recorded(connection) >= count

    programs[0].wait_until(f"the end of {count} runs", all_recorded, seconds=seconds)


def checked_first_start(connection: Connection, order: Order) -> int:
    """Return when the first handler was called, in microseconds, after seeing that all was done and stored."""
    count, wanted = order.count, 1 if order.options.get("queued") else order.count
    succeeded = "FROM runs WHERE status = 'succeeded'"
    schedules = connection.execute(text(f"SELECT count(DISTINCT schedule_key) {succeeded}")).scalar_one()
    first = connection.execute(text(f"SELECT min(started_at) {succeeded}")).scalar_one()
    runs = connection.execute(text("SELECT count(*) FROM runs")).scalar_one()
    stored = sum(printed == f"{LINE}\n" for printed in outputs(connection).values())
    if not runs == stored == count or schedules != wanted:
        raise MeasureFailed(f"{count} schedules: {runs} runs, {schedules} schedules succeeded, {stored} outputs stored")
    return int(first)


def outputs(connection: Connection) -> dict[int, str]:
    """Return what each run printed; a print that was interrupted by other threads is in several chunks."""
    found: dict[int, str] = {}
    for run_id, chunk in connection.execute(text("SELECT run_id, text FROM output ORDER BY run_id, seq")):
        found[run_id] = found.get(run_id, "") + chunk
    return found


def check_log(program: Program) -> None:
    """Refuse figures of a program that was in trouble: an engine whose turns fail tries again a second later."""
    trouble = [line for line in program.printed.splitlines() if re.search(r" (WARNING|ERROR|CRITICAL) ", line)]
    if trouble:
        raise MeasureFailed("it was in trouble while it was measured:\n" + "\n".join(trouble[:20]))


def _watched(program: Program, order: Order) -> Sample:
    time.sleep(order.sizes.settle_seconds)
    cost = watch(tree_of(program.process.pid), order.sizes.idle_seconds)
    if program.process.poll() is not None:
        raise MeasureFailed(f"it ended while it was watched:\n{program.printed[-2000:]}")
    check_log(program)
    return cost


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
