"""Chaos on one database: workers are killed, stopped and frozen, the server restarted; in the end all is counted."""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from faults import checks
from faults.asking import ByHand, Worker
from faults.checks import Violations, Watcher
from faults.databases import Database, SqliteDatabase
from faults.evils import Evils, running
from faults.programs import LOST_WITHIN_SECONDS, Program, tampered, wrong_clock
from faults.servers import Server, own_server
from faults.waiting import wait_for

EVILS = ("kill", "stop", "freeze", "server", "again", "clock")
SECOND, OTHER = "every 1 second", "every 2 seconds"
SETTLE_SECONDS = 45.0
CLOCK_WRONG_SECONDS = 60
_ERROR = re.compile(r"^\d\d:\d\d:\d\d (ERROR|CRITICAL)|\[(ERROR|CRITICAL)\]")
# What a worker is right to call an error when its database is away: it stops its runs in time, and stores no results.
_EXPECTED = re.compile(r"no heartbeat for|results could not be stored|Shutting down: Master|Reason: |exited with code")


@dataclass(frozen=True)
class Plan:
    """What a run of chaos is to do. ``canary`` is the guard that all workers do without."""

    kind: str
    seconds: float
    evils: tuple[str, ...] = EVILS
    workers: int = 3
    executor: str = ""
    canary: str = ""
    seed: int = 0


@dataclass
class Report:
    """What a run of chaos did, and what it found."""

    plan: Plan
    violations: Violations = field(default_factory=Violations)
    did: Counter[str] = field(default_factory=Counter)
    slots: int = 0
    runs: int = 0
    lost: int = 0
    notes: list[str] = field(default_factory=list)


class Chaos:
    """One run of chaos; :meth:`go` is the whole of it."""

    # Schedules: handler, how often, how many, and what else.
    _SCHEDULES: ClassVar[tuple[tuple[str, str, int, int, dict[str, float]], ...]] = (
        ("tick", "tick", 1, 4, {}),
        ("nap", "nap", 2, 2, {"seconds": 2.5}),
        ("fail", "nap", 2, 2, {"fails": 0.5}),
    )

    def __init__(self, plan: Plan, folder: Path, database: Database, server: Server | None) -> None:
        self.plan, self.folder, self.database, self.server = plan, folder, database, server
        self.report = Report(plan)
        self._random = random.Random(plan.seed)
        self._watcher = Watcher(database, folder)
        self._workers = [Worker(f"w{number}", self._environ(number)) for number in range(plan.workers)]
        self._by_hand = ByHand(self._workers[0])
        self._evils = Evils(
            self._workers,
            folder,
            database,
            server,
            chances=self._random,
            did=self.report.did,
            fault=self._fault,
        )
        self._logs: set[Path] = set()

    def _environ(self, number: int) -> dict[str, str]:
        plan, more = self.plan, dict[str, str]()
        if number == 0:
            more["API_ENDPOINT"] = "true"
        wrong = CLOCK_WRONG_SECONDS if number == plan.workers - 1 and "clock" in plan.evils else 0
        if plan.canary:
            more |= tampered(canary=plan.canary, clock_seconds=str(wrong))
        elif wrong and plan.kind != "sqlite":  # a file has no clock but that of its processes
            more |= wrong_clock(f"+{wrong}s")
            self.report.did["clock"] = 1
        if plan.executor:
            more["ENSCHEDULE_EXECUTOR"] = plan.executor
        return {
            "ENSCHEDULE_WORKER_ID": f"w{number}",
            "ENSCHEDULE_GRACE_SECONDS": "1",
            "ENSCHEDULE_CONCURRENCY": "6",
            **more,
        }

    # ------------------------------------------------------------ the course of it

    def go(self) -> Report:
        """Run it, and return what was counted."""
        try:
            self._begin()
            self._rage()
            self._settle()
            self._count()
        except AssertionError as problem:  # something did not come that had to
            self._fault(str(problem))
            self._read_logs()
        finally:
            self._by_hand.stop()
            for worker in self._workers:
                if worker.program is not None:
                    worker.program.kill()
        return self.report

    def _begin(self) -> None:
        made = Program(self.folder, "migrate", database=self.database)
        if made.code():
            raise AssertionError(f"the tables cannot be made:\n{made.log}")
        for worker in self._workers:
            self._evils.start(worker)
        first = running(self._workers[0]).ready()
        for name, handler, every, count, data in self._SCHEDULES:
            for number in range(count):
                self._call(first, "PUT", f"{name}-{number}", self._schedule(handler, every, data))
        self._call(first, "PUT", "again", self._schedule("tick", 1, {}))
        self._call(first, "PUT", "by-hand", {**self._schedule("nap", 1, {"fails": 0.3}), "schedule": "manual"})
        self._by_hand.start()

    @staticmethod
    def _call(program: Program, method: str, path: str, body: object) -> None:
        """Ask until it is done: without its guards, a worker may refuse at first."""
        wait_for(
            f"{method} {path} is done",
            lambda: program.lives() and program.ask(method, f"/api/v1/schedules/{path}", body)[0] in (200, 201),
            tell=lambda: program.log,
        )

    def _schedule(self, handler: str, every: int, data: dict[str, float]) -> dict[str, object]:
        return {
            "handler": handler,
            "schedule": SECOND if every == 1 else OTHER,
            "data": {"folder": str(self.folder), **data},
            "overlap": "allow",
            "catch_up": {"mode": "all"},
            "on_lost": "retry",
            "retry": {"max_attempts": 3, "delay_seconds": 0.3},
        }

    def _rage(self) -> None:
        ends_at = time.monotonic() + self.plan.seconds
        evils = [evil for evil in self.plan.evils if evil != "clock" and (evil != "server" or self.server is not None)]
        each_once = list(evils)
        next_at = time.monotonic() + 2
        while time.monotonic() < ends_at:
            time.sleep(0.2)
            self._evils.do_what_is_due()
            self._watcher.look()
            if evils and time.monotonic() >= next_at:
                evil = each_once.pop(0) if each_once else self._random.choice([*evils, *(set(evils) - {"server"})])
                self._evils.do(evil)
                next_at = time.monotonic() + self._random.uniform(1.0, 3.0)

    def _settle(self) -> None:
        """Let everything that is stopped go on, make no more slots, and wait until nothing is open."""
        self._by_hand.stop()
        until = time.monotonic() + SETTLE_SECONDS
        while any(worker.busy_until > time.monotonic() for worker in self._workers) and time.monotonic() < until:
            time.sleep(0.2)
            self._evils.do_what_is_due()
        wait_for("one is ready", self._first_is_ready, tell=lambda: running(self._workers[0]).log)
        first = running(self._workers[0])
        for row in self.database.rows("SELECT id FROM schedules"):
            self._call(first, "POST", f"{row[0]}/pause", {"reason": "enough"})
        try:
            wait_for("nothing is open", lambda: self._looked() and checks.stuck(self.database) == 0, SETTLE_SECONDS)
        except AssertionError:
            rows = self.database.rows(
                f"SELECT id, status, attempt, worker_id, lease_until FROM runs WHERE status IN {checks.OPEN} LIMIT 9"
            )
            self.report.notes.append(f"still open: {rows}")
        time.sleep(LOST_WITHIN_SECONDS - 4)  # whoever still believes to hold a run now brings its result
        self._watcher.look()

    def _first_is_ready(self) -> bool:
        """Return whether the first worker answers; one that was refused while the server was away starts again."""
        self._evils.do_what_is_due()
        return running(self._workers[0]).status("/api/v1/readyz") == 200

    def _looked(self) -> bool:
        self._evils.do_what_is_due()
        self._watcher.look()
        return True

    def _count(self) -> None:
        report, found, database = self.report, self.report.violations, self.database
        made = int(database.value("SELECT count(*) FROM runs WHERE slot_at IS NULL AND attempt = 1"))
        asked = self._by_hand
        found.duplicates = checks.duplicates(database) + max(0, made - asked.keys)
        found.missing = max(0, asked.answered - made) + sum(
            checks.missing(database, f"{name}-{number}", every)
            for name, _, every, count, _ in self._SCHEDULES
            for number in range(count)
        )
        found.double_starts = checks.double_starts(self.folder, "tick", "nap")
        found.double_finishes = checks.double_finishes(database) + self._watcher.changed()
        found.stuck = checks.stuck(database)
        found.early = self._watcher.early
        found.false_losses = self._false_losses()
        self._read_logs()
        report.slots = int(
            database.value("SELECT count(*) FROM (SELECT DISTINCT schedule_key, slot_at FROM runs) AS slots")
        )
        report.runs = int(database.value("SELECT count(*) FROM runs"))
        report.lost = int(database.value("SELECT count(*) FROM runs WHERE status = 'lost'"))
        report.did["by hand"] = asked.answered
        report.did["slowest (s)"] = round(asked.slowest)

    def _false_losses(self) -> int:
        unharmed = [worker.name for worker in self._workers if not worker.harmed]
        # Whoever is frozen may have a file locked, and then nobody's heartbeats come through.
        others_harmed = self._evils.server_harmed or (self.plan.kind == "sqlite" and self.report.did["freezes"])
        if others_harmed or not unharmed:
            return 0
        names = ", ".join(f"'{name}'" for name in unharmed)
        return int(self.database.value(f"SELECT count(*) FROM runs WHERE status = 'lost' AND worker_id IN ({names})"))

    def _read_logs(self) -> None:
        for path in sorted(self.folder.glob("worker-*.log")):
            log = path.read_text(encoding="utf-8", errors="replace")
            self.report.violations.refused += log.count("The database is busy") if self.plan.kind == "sqlite" else 0
            lines = log.splitlines()
            for number, line in enumerate(lines):
                if _ERROR.search(line) and not _EXPECTED.search(line):
                    around = [part for part in lines[number : number + 120] if not part.startswith("    ")]
                    self._fault(f"{path.name}: " + "\n".join(around)[:4000])

    def _fault(self, what: str) -> None:
        self.report.violations.errors += 1
        if len(self.report.notes) < 5:
            self.report.notes.append(what)


@contextmanager
def place(kind: str, folder: Path) -> Iterator[tuple[Database, Server | None]]:
    """Make a database: a file, or one on a server of its own that may be stopped and killed."""
    if kind == "sqlite":
        yield SqliteDatabase(folder), None
        return
    with own_server(kind) as server:
        yield server.database(), server


def rage(plan: Plan) -> Report:
    """Run chaos in a folder of its own, and return what was counted."""
    with (
        tempfile.TemporaryDirectory(prefix="enschedule-chaos-") as name,
        place(plan.kind, Path(name)) as (made, server),
    ):
        return Chaos(plan, Path(name), made, server).go()
