"""A crowd on one database: dashboards, workers, many schedules; one worker is stopped, one killed; all is counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

from faults import checks
from faults.asking import ByHand, Worker
from faults.checks import Violations, Watcher
from faults.databases import Database
from faults.programs import Program
from faults.reading import Reader
from faults.waiting import wait_for

LEASE_SECONDS, HEARTBEAT_SECONDS = 6.0, 1.5
SETTLE_SECONDS = 60.0
APPLY_SECONDS = 120.0


class Sort(NamedTuple):
    """Schedules that are alike: how many of a hundred, every how many seconds, and which tag they ask of a worker.

    Those that ``nap`` take up to two seconds, so that whoever is killed has something to lose.
    """

    share: int
    seconds: int
    tag: str = ""
    nap: bool = False


SORTS: Mapping[str, Sort] = {
    "often": Sort(20, 10),
    "naps": Sort(10, 10, nap=True),
    "half": Sort(20, 30),
    "minute": Sort(30, 60),
    "north": Sort(10, 20, "north"),
    "south": Sort(10, 20, "south"),
}


@dataclass
class Plan:
    """What a crowd is to be: on which kind of database, for how long, and how many schedules."""

    kind: str
    seconds: float
    schedules: int


@dataclass
class Report:
    """What came of it. ``pages`` are seconds that each page took, by dashboard; ``refused`` those that were no page."""

    plan: Plan
    violations: Violations = field(default_factory=Violations)
    apply_seconds: float = 0.0
    slots: int = 0
    skips: int = 0
    runs: int = 0
    lost: int = 0
    by_hand: int = 0
    astray: int = 0  # runs of a schedule with a tag on a worker without
    by_worker: Counter[str] = field(default_factory=Counter)
    did: list[str] = field(default_factory=list)
    pages: dict[str, list[float]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """True if nothing has happened that never may, and every page was answered."""
        return not (self.violations or self.astray or self.refused)


class Crowd:
    """Two dashboards, one with a worker inside and one of three processes before a worker, and three workers.

    The first of the workers has the API that the second dashboard shows; the other two are stopped and killed.
    """

    _WORKERS: ClassVar[Mapping[str, dict[str, str]]] = {
        "north": {"ENSCHEDULE_WORKER_TAGS": "north", "API_ENDPOINT": "true"},
        "south": {"ENSCHEDULE_WORKER_TAGS": "south"},
        "spare": {"ENSCHEDULE_WORKER_TAGS": "south"},
    }

    def __init__(self, plan: Plan, folder: Path, database: Database) -> None:
        self.plan, self.folder, self.database = plan, folder, database
        self.report = Report(plan)
        self._watcher = Watcher(database, folder)
        self._programs: dict[str, Program] = {}
        self._readers: dict[str, list[Reader]] = {}
        self._by_hand: ByHand | None = None

    def go(self) -> Report:
        """Run it, and return what was counted."""
        try:
            self._begin()
            self._make()
            self._watch()
            self._settle()
            self._count()
        except AssertionError as problem:
            self._fault(str(problem))
        finally:
            for program in self._programs.values():
                program.kill()
        return self.report

    # ------------------------------------------------------------ the course of it

    def _begin(self) -> None:
        for name in self._WORKERS:
            self._start(name)
        inside = self._programs["inside"] = Program(
            self.folder, "dashboard", database=self.database, **self._environ("inside")
        )
        north = self._programs["north"].ready()
        before = self._programs["before"] = Program(
            self.folder, "dashboard", WORKER_URL=north.url, ENSCHEDULE_PROCESSES="3", HANDLERS_DIR=""
        )
        inside.ready()
        wait_for("the dashboard before a worker is ready", lambda: before.lives() and before.status("/readyz") == 200)

    def _start(self, name: str) -> None:
        old = self._programs.get(name)
        port = {} if old is None else {"PORT": str(old.port)}
        environ = {**self._environ(name), **self._WORKERS[name], **port}
        self._programs[name] = Program(self.folder, "worker", database=self.database, **environ)

    @staticmethod
    def _environ(name: str) -> dict[str, str]:
        return {
            "ENSCHEDULE_WORKER_ID": name,
            "ENSCHEDULE_LEASE_SECONDS": str(LEASE_SECONDS),
            "ENSCHEDULE_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
        }

    def _make(self) -> None:
        """Make the schedules as people do: from a file, at the command line."""
        documents = [
            _document(f"{name}-{number}", sort, self.folder)
            for name, sort in SORTS.items()
            for number in range(max(1, sort.share * self.plan.schedules // 100))
        ]
        file = self.folder / "crowd.yml"
        file.write_text("---\n".join([*documents, _document("by-hand", Sort(0, 0), self.folder)]), encoding="utf-8")
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "enschedule_cli.main", "apply", "-f", str(file)],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "ENSCHEDULE_URL": self._programs["inside"].url},
            capture_output=True,
            text=True,
            check=False,
            timeout=APPLY_SECONDS,
        )
        self.report.apply_seconds = time.monotonic() - began
        if done.returncode:
            raise AssertionError(f"apply: {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-1500:]}")

    def _watch(self) -> None:
        """Let people read and start runs, stop one worker, kill another, and start both again."""
        for name in ("inside", "before"):
            self._readers[name] = [Reader(self._programs[name]) for _ in range(2)]
        self._by_hand = ByHand(Worker("inside", {}, self._programs["inside"]))
        for thread in (self._by_hand, *(one for some in self._readers.values() for one in some)):
            thread.start()
        began = time.monotonic()
        deeds = [(0.2, self._stop_south), (0.3, self._start_south), (0.5, self._kill_spare), (0.6, self._start_spare)]
        while (passed := time.monotonic() - began) < self.plan.seconds:
            if deeds and passed >= deeds[0][0] * self.plan.seconds:
                deeds.pop(0)[1]()
            self._watcher.look()
            time.sleep(0.5)
        self._by_hand.stop()
        for name, readers in self._readers.items():
            for reader in readers:
                reader.stop()
            self.report.pages[name] = [seconds for reader in readers for seconds in reader.took]
            self.report.refused += [f"{name}: {text}" for reader in readers for text in reader.refused]

    def _stop_south(self) -> None:
        code = self._programs["south"].stop()
        self.report.did.append(f"SIGTERM to south, which ended with {code}")
        if code:
            self._fault(f"SIGTERM ended south with {code}")

    def _start_south(self) -> None:
        self._start("south")
        self.report.did.append("south started again")

    def _kill_spare(self) -> None:
        """Kill it while it has something to lose."""
        busy = "SELECT count(*) FROM runs WHERE status = 'running' AND worker_id = 'spare'"
        wait_for("spare runs something", lambda: int(self.database.value(busy)) > 0, 30)
        self._programs["spare"].signal(signal.SIGKILL, group=True)
        self._programs["spare"].process.wait()
        self.report.did.append("kill -9 of spare, with all its children")

    def _start_spare(self) -> None:
        self._start("spare")
        self.report.did.append("spare started again")

    def _settle(self) -> None:
        """Make no more slots, and wait until nothing is open."""
        cursor: str | None = None
        while True:
            body = {"action": "pause", "filter": {"paused": False}, "reason": "enough"}
            answer = self._programs["inside"].call(
                "POST", "schedules/actions", body if cursor is None else {**body, "cursor": cursor}
            )
            if (cursor := answer["next_cursor"]) is None:
                break
        try:
            wait_for("nothing is open", lambda: checks.stuck(self.database) == 0, SETTLE_SECONDS)
        except AssertionError as problem:
            self.report.notes.append(str(problem))
        time.sleep(1)
        self._watcher.look()

    # ------------------------------------------------------------ what was to be

    def _count(self) -> None:
        report, found, database, by_hand = self.report, self.report.violations, self.database, self._by_hand
        assert by_hand is not None
        every = {
            int(key): SORTS[id.rpartition("-")[0]].seconds
            for key, id in database.rows("SELECT \"key\", id FROM schedules WHERE id <> 'by-hand'")
        }
        made = int(database.value("SELECT count(*) FROM runs WHERE slot_at IS NULL AND attempt = 1"))
        found.duplicates = checks.duplicates(database) + max(0, made - by_hand.keys)
        found.missing = checks.missing_of(database, every) + max(0, by_hand.answered - made)
        found.double_starts = checks.double_starts(self.folder, "tick", "nap")
        found.double_finishes = checks.double_finishes(database) + self._watcher.changed()
        found.stuck = checks.stuck(database)
        found.early = self._watcher.early
        found.false_losses = self._lost("<> 'spare'")  # whoever was killed may lose runs, and nobody else
        report.lost = self._lost("IS NOT NULL")
        report.by_hand = made
        report.runs = int(database.value("SELECT count(*) FROM runs"))
        report.slots = int(
            database.value(
                "SELECT count(*) FROM (SELECT DISTINCT schedule_key, slot_at FROM runs WHERE slot_at IS NOT NULL) AS s"
            )
        )
        report.skips = int(database.value('SELECT coalesce(sum("count"), 0) FROM skips'))
        report.astray = sum(self._astray(name, sort.tag) for name, sort in SORTS.items() if sort.tag)
        rows = database.rows("SELECT worker_id, count(*) FROM runs WHERE worker_id IS NOT NULL GROUP BY worker_id")
        report.by_worker = Counter({str(name): int(count) for name, count in rows})
        for name, program in self._programs.items():
            if "Traceback" in program.log:
                self._fault(f"{name}: a traceback in the log:\n{program.log[-3000:]}")

    def _lost(self, worker: str) -> int:
        return int(self.database.value(f"SELECT count(*) FROM runs WHERE status = 'lost' AND worker_id {worker}"))

    def _astray(self, name: str, tag: str) -> int:
        having = [one for one, environ in self._WORKERS.items() if environ.get("ENSCHEDULE_WORKER_TAGS") == tag]
        workers = ", ".join(f"'{one}'" for one in having)
        return int(
            self.database.value(
                'SELECT count(*) FROM runs JOIN schedules ON schedules."key" = runs.schedule_key '
                f"WHERE schedules.id LIKE '{name}-%' AND runs.worker_id NOT IN ({workers})"
            )
        )

    def _fault(self, what: str) -> None:
        self.report.violations.errors += 1
        self.report.notes.append(what)


def _document(id: str, sort: Sort, folder: Path) -> str:
    lines = [
        *("spec:", f"  id: {id}", f"  handler: {'nap' if sort.nap else 'tick'}"),
        f"  data: {{folder: {folder}, seconds: {2 if sort.nap else 0}}}",
        *("  overlap: allow", "  catch_up: {mode: all}", "  on_lost: retry", "  retry: {max_attempts: 3, delay: 1s}"),
    ]
    if sort.seconds:
        lines.append(f"  every: {sort.seconds}s")
    if sort.tag:
        lines.append(f"  worker: {{tags: [{sort.tag}]}}")
    return "\n".join([*lines, ""])
