"""Let a worker run many schedules for a long time and watch what it takes: memory, processes, threads, descriptors.

    python tools/soak.py [--minutes 60] [--database sqlite,postgres,mariadb] [--executor process|thread] [--every 60]

Each database gets an `enschedule up` with ten schedules that are due every second: short ones, some that print a lot,
one that fails and is retried, one that outlives its time limit. Prints a line at each look, and at the end whether the
second half needed more than the first, whether each slot has its run, and whether anything is left behind.
Exits with 1 if not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.processes import PROC, pss_mib, rss_mib, tree_of

from faults.checks import uncovered
from faults.databases import Database, shared
from faults.programs import Program

# What the second half may have more than the first: caches, the allocator, and one warm child more than before.
MOST_GROWTH = {"rss_mib": 8.0, "pss_mib": 32.0, "processes": 1, "threads": 6, "descriptors": 16}
STARTED_AFTER = 0.2  # the share of the time that is for warming up
SCHEDULES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    *((f"log-{number}", "log-job", {"data": {"message": "soak"}}) for number in range(6)),
    ("chatty", "chatter", {"data": {"lines": 2000}}),
    ("fails", "chatter", {"data": {"lines": 1, "fail": True}, "retry": {"max_attempts": 2, "delay_seconds": 1}}),
    ("slow", "chatter", {"data": {"lines": 1, "seconds": 30}, "timeout_seconds": 2}),
    ("sums", "chatter", {"data": {"lines": 10, "megabytes": 4}}),
)


@dataclass(frozen=True, slots=True)
class Look:
    """What the program and all of its child processes take at one moment."""

    rss_mib: float  # of the serving process alone
    pss_mib: float  # of all together; a page that is shared counts once
    processes: int
    threads: int
    descriptors: int


def look(root: int) -> Look:
    """Look at a program and all that descends from it."""
    pids = tree_of(root)
    server = pids[1] if len(pids) > 1 else root  # gunicorn's first child is the one that serves
    threads = descriptors = 0
    for pid in pids:
        with suppress(OSError):  # it has just ended
            threads += len(list((PROC / str(pid) / "task").iterdir()))
            descriptors += len(list((PROC / str(pid) / "fd").iterdir()))
    return Look(rss_mib(server), pss_mib(pids), len(pids), threads, descriptors)


def growth(looks: list[Look]) -> dict[str, float]:
    """Return by how much the median of the second half is above that of the first, after the warming up."""
    warm = looks[int(len(looks) * STARTED_AFTER) :]
    first, second = warm[: len(warm) // 2], warm[len(warm) // 2 :]
    names = [one.name for one in fields(Look)]
    return {name: median(getattr(o, name) for o in second) - median(getattr(o, name) for o in first) for name in names}


def begin(program: Program) -> None:
    """Make the schedules."""
    for id, handler, more in SCHEDULES:
        program.make(id, handler, "every 1 second", **more)


def report(kind: str, looks: list[Look], database: Database) -> list[str]:
    """Print what was found of one database; return what is wrong."""
    grown = growth(looks)
    statuses = database.rows("SELECT status, COUNT(*) FROM runs GROUP BY status ORDER BY status")
    delays = sorted(
        (started - slot) / 1000
        for started, slot in database.rows(
            "SELECT started_at, slot_at FROM runs WHERE slot_at IS NOT NULL AND attempt = 1 AND started_at IS NOT NULL"
        )
    )
    lost = uncovered(database)
    print(f"\n{kind}: " + ", ".join(f"{count:,} {status}" for status, count in statuses))
    print(f"  slots without a run or a skip: {lost}")
    print(
        f"  started after the slot: p50 {delays[len(delays) // 2]:.1f} ms, p99 {delays[len(delays) * 99 // 100]:.1f} ms"
    )
    print("  second half against the first: " + ", ".join(f"{name} {value:+.1f}" for name, value in grown.items()))
    wrong = [f"{kind}: {lost} slots have neither a run nor a skip"] if lost else []
    wrong += [f"{kind}: {name} grew by {grown[name]:.1f}" for name, most in MOST_GROWTH.items() if grown[name] > most]
    return wrong


def left_behind(pids: set[int]) -> list[str]:
    """Return the processes that are there still, after everything was stopped."""
    time.sleep(2)
    return [f"process {pid} is left behind" for pid in sorted(pids) if (PROC / str(pid)).exists()]


@dataclass(slots=True)
class Soaked:
    """One database, the program on it, and what was seen of it."""

    program: Program
    database: Database
    looks: list[Look] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)

    def look(self) -> str:
        """Look at it, and return what was seen as one line."""
        self.program.lives()
        now = look(self.program.process.pid)
        self.pids.update(tree_of(self.program.process.pid))
        self.looks.append(now)
        cells = ", ".join(f"{one.name} {getattr(now, one.name):.0f}" for one in fields(Look))
        return f"{time.strftime('%H:%M:%S')} {self.database.kind:<9} {cells}"

    def stop(self) -> list[str]:
        """Let its runs end and stop it; return what is wrong."""
        self.program.call("PUT", "pause", {"paused": True})
        code = self.program.stop()
        wrong = [f"it ended with exit code {code}"] if code else []
        return wrong + [line for line in self.program.log.splitlines() if " ERROR " in line or "Traceback" in line]


def start(stack: ExitStack, kind: str, executor: str) -> Soaked:
    """Start a program on a new database, as it is every day: not with the short leases of the tests."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    database = stack.enter_context(shared(kind, folder))
    leases = {"ENSCHEDULE_LEASE_SECONDS": "", "ENSCHEDULE_HEARTBEAT_SECONDS": ""}
    program = Program(folder, "up", database=database, ENSCHEDULE_EXECUTOR=executor, **leases)
    stack.callback(program.kill)
    begin(program.ready())
    return Soaked(program, database)


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--database", default="sqlite", help="one or several of: sqlite,postgres,mariadb")
    parser.add_argument("--executor", default="process", choices=("process", "thread"))
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two looks")
    given = parser.parse_args(arguments)
    wrong: list[str] = []
    with ExitStack() as stack:
        soaked = [start(stack, kind, given.executor) for kind in given.database.split(",")]
        end = time.monotonic() + 60 * given.minutes
        while time.monotonic() < end:
            time.sleep(min(given.every, max(0.0, end - time.monotonic())))
            for one in soaked:
                print(one.look(), flush=True)
        for one in soaked:
            wrong += [f"{one.database.kind}: {line}" for line in one.stop()]
        wrong += left_behind({pid for one in soaked for pid in one.pids})
        for one in soaked:
            wrong += report(one.database.kind, one.looks, one.database)
    print("\n" + ("\n".join(wrong) if wrong else "Nothing grew, nothing is missing, nothing was left behind."))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
