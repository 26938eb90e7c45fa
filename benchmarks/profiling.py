"""``python -m benchmarks profile``: where the time of a backlog goes, by function, on the engine's thread.

The same backlog as the throughput rows', but with the worker in this process, twice: first without a profiler, because
that makes Python code look dearer than it is, then under cProfile on the thread that turns the engine.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import logging
import os
import pstats
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from sqlalchemy import Engine, event, text

from benchmarks.competitors.own_database import HANDLERS, Place, migrated
from benchmarks.competitors.own_worker import MICROS, MOST_SECONDS, backlog_ahead, checked_first_start, sleep_until
from benchmarks.measures import FULL, MeasureFailed, Order
from benchmarks.processes import cpu_seconds, tree_of
from benchmarks.resources import Places, Resources
from enschedule_core.errors import ConfigurationError
from enschedule_worker.build import Worker, build_worker
from enschedule_worker.engine.streams import is_server_record
from enschedule_worker.settings import read_settings

DATABASES = ("sqlite", "postgres", "mariadb")


@dataclass(slots=True)
class Turns:
    """What the engine's thread did: how often it turned, its time on a processor, and what it asked the database."""

    profiler: cProfile.Profile | None = None
    count: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    statements: int = 0
    commits: int = 0
    sql_seconds: float = 0.0
    thread: int | None = field(default=None)

    def watch(self, turn: Callable[[], float]) -> Callable[[], float]:
        """Return ``turn`` with a clock, and with the profiler if there is one, around it."""

        def watched() -> float:
            self.thread = threading.get_ident()
            cpu, wall = time.thread_time(), time.perf_counter()
            if self.profiler is not None:
                self.profiler.enable()
            try:
                return turn()
            finally:
                if self.profiler is not None:
                    self.profiler.disable()
                self.count += 1
                self.cpu_seconds += time.thread_time() - cpu
                self.wall_seconds += time.perf_counter() - wall

        return watched

    def listen(self, engine: Engine) -> None:
        """Count the statements and commits of the engine's thread; ``executemany`` counts once."""
        began = threading.local()

        @event.listens_for(engine, "before_cursor_execute")
        def before(*_: object) -> None:
            began.at = time.perf_counter()

        @event.listens_for(engine, "after_cursor_execute")
        def after(*_: object) -> None:
            if threading.get_ident() == self.thread:
                self.statements += 1
                self.sql_seconds += time.perf_counter() - began.at

        @event.listens_for(engine, "commit")
        def committed(_: object) -> None:
            if threading.get_ident() == self.thread:
                self.commits += 1


def main(arguments: Sequence[str]) -> int:
    """Profile, print, and return the exit code: 0 done, 1 it could not be measured."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    try:
        with Resources(Places(folder=given.folder, postgres=given.postgres, mariadb=given.mariadb)) as resources:
            plain, wall, cpu = _backlog(given, resources, Turns())
            profiled, slow, _ = _backlog(given, resources, Turns(cProfile.Profile()))
    except (MeasureFailed, ConfigurationError) as problem:
        print(f"benchmarks profile: {problem}", file=sys.stderr)
        return 1
    _tell(given, plain, wall, cpu, sys.stdout)
    assert profiled.profiler is not None
    print(f"\nUnder cProfile ({given.count / slow:,.0f} runs/s), the engine's thread:")
    for order in ("tottime", "cumulative"):
        print(_listed(profiled.profiler, order, given.top))
    return 0


def _listed(profiler: cProfile.Profile, order: str, top: int) -> str:
    """Return the first ``top`` functions in that order, with short paths."""
    sink = io.StringIO()
    pstats.Stats(profiler, stream=sink).sort_stats(order).print_stats(top)
    return re.sub(r" /\S*/(?:site-packages|src|lib/python[0-9.]+)/", " ", sink.getvalue()).rstrip()


def _parser() -> argparse.ArgumentParser:
    from benchmarks.__main__ import MARIADB, POSTGRES, positive  # noqa: PLC0415 - it imports this module too

    parser = argparse.ArgumentParser(prog="python -m benchmarks profile", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--executor", default="thread", help="thread, process, or what a plugin calls its own")
    parser.add_argument("--queued", action="store_true", help="runs that wait in the queue instead of due schedules")
    parser.add_argument("--count", type=positive(int), default=5_000, help="runs; 5000 unless told otherwise")
    parser.add_argument("--top", type=positive(int), default=40, help="lines of each list")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the SQLite file is made"
    )
    parser.add_argument("--postgres", default=POSTGRES, metavar="URL")
    parser.add_argument("--mariadb", default=MARIADB, metavar="URL")
    return parser


def _backlog(given: argparse.Namespace, resources: Resources, turns: Turns) -> tuple[Turns, float, float]:
    """Work off one backlog; return the turns, the seconds it took, and those on a processor of the whole process."""
    with ExitStack() as stack:
        folder = stack.enter_context(resources.folder())
        url = None if given.database == "sqlite" else stack.enter_context(resources.database(given.database))
        order = Order(
            folder=folder,
            sizes=FULL,
            count=given.count,
            seed=1,
            options={"database": given.database, "queued": given.queued},
            server=url,
        )
        place = Place.of(order)
        migrated(place)
        worker = stack.enter_context(_worker(place, given.executor, turns))
        connection = stack.enter_context(place.connect())
        due = backlog_ahead(order, place, connection)
        sleep_until(due - 0.1)
        before, turns.count, turns.statements, turns.commits = cpu_seconds(tree_of(os.getpid())), 0, 0, 0
        turns.cpu_seconds = turns.wall_seconds = turns.sql_seconds = 0.0
        give_up_at = time.monotonic() + MOST_SECONDS
        while connection.execute(text("SELECT coalesce(sum(count), 0) FROM counters")).scalar_one() < given.count:
            if time.monotonic() > give_up_at:
                raise MeasureFailed(f"not over within {MOST_SECONDS:g} s; the worker holds {worker.engine.in_flight}")
            time.sleep(0.02)
        last, used = time.time(), cpu_seconds(tree_of(os.getpid())) - before
        return turns, last - checked_first_start(connection, order) / MICROS, used


@contextmanager
def _worker(place: Place, executor: str, turns: Turns) -> Iterator[Worker]:
    environ = {**place.environ, "HANDLERS_DIR": str(HANDLERS), "ENSCHEDULE_EXECUTOR": executor}
    worker = build_worker(read_settings(environ))
    if worker.engine.executor.name != executor:
        raise MeasureFailed(f"asked for the executor {executor!r}, this worker has {worker.engine.executor.name!r}")
    logging.getLogger().addFilter(is_server_record)
    worker.engine.turn = turns.watch(worker.engine.turn)  # type: ignore[method-assign] # a clock around it
    turns.listen(worker.database.engine)
    with _quiet():
        worker.start()
        try:
            yield worker
        finally:
            worker.stop(grace_seconds=1)
            worker.database.dispose()


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what is printed outside of a run nowhere; the executor puts proxies over what it finds here."""
    before = sys.stdout, sys.stderr
    with Path(os.devnull).open("w", encoding="utf-8") as sink:
        sys.stdout = sink
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def _tell(given: argparse.Namespace, turns: Turns, wall: float, cpu: float, sink: TextIO) -> None:
    count = given.count
    print(
        f"{count:,} runs on {given.database}, {given.executor} executor, without a profiler:\n"
        f"  {count / wall:10,.0f} runs/s from the first start to the last finish, {wall:.2f} s\n"
        f"  {1e6 * cpu / count:10,.0f} µs of CPU a run in this process and its children; of it\n"
        f"  {1e6 * turns.cpu_seconds / count:10,.0f} µs on the engine's thread, {turns.wall_seconds:.2f} s of turns\n"
        f"  {1e6 * turns.sql_seconds / count:10,.0f} µs a run in the driver (waiting and the GIL included)\n"
        f"  {turns.count:10,d} turns, {count / max(1, turns.count):.1f} runs each\n"
        f"  {turns.statements / count:10.3f} executions a run (executemany counts once), {turns.commits:,} commits",
        file=sink,
    )
