"""What must hold of a database when everything has settled, whatever happened to its workers; and what is counted."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path

from faults.databases import Database

OPEN = "('queued', 'running')"
MICROS = 1_000_000


@dataclass(slots=True)
class Violations:
    """How often something happened that never may. All zero is what the suite is for."""

    duplicates: int = 0  # a slot with two runs of one attempt
    missing: int = 0  # a slot with neither a chain of runs nor a skip, or with both
    double_starts: int = 0  # a run whose handler was called twice
    double_finishes: int = 0  # a run that ended twice, or that was tried again although it had succeeded
    stuck: int = 0  # a run that is still open when everything has settled
    early: int = 0  # a run that started before its slot
    false_losses: int = 0  # a run that ended as lost although nothing happened to its worker
    refused: int = 0  # a transaction that SQLite would not let through, although nobody kept it locked
    errors: int = 0  # a fault of ours in a worker's log, or a worker that ended by itself

    def __bool__(self) -> bool:
        return any(getattr(self, name.name) for name in fields(self))

    @classmethod
    def names(cls) -> list[str]:
        """Return what is counted, in order."""
        return [name.name for name in fields(cls)]


@dataclass
class Watcher:
    """Looks at the database and at the handlers' marks again and again, for what only shows while it goes on."""

    database: Database
    folder: Path
    ended: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    early: int = 0
    _read: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        """Note how runs have ended, and which were begun before their slot by this process's clock."""
        last = max(self.ended, default=0) - 5_000
        found = self.database.rows(
            f"SELECT id, status, finished_at FROM runs WHERE id > {last} AND status NOT IN {OPEN}"
        )
        for run_id, status, finished_at in found:
            self.ended.setdefault(run_id, (status, finished_at))
        for mark in self._new_marks():
            slot = mark.split()[2]
            if slot != "-" and datetime.fromisoformat(slot).timestamp() > time.time():
                self.early += 1

    def _new_marks(self) -> Iterable[str]:
        for path in self.folder.glob("*.log"):
            if path.stem not in ("tick", "nap"):
                continue
            text = path.read_bytes()
            whole = text.rfind(b"\n") + 1
            start = self._read.get(path.name, 0)
            self._read[path.name] = whole
            yield from text[start:whole].decode().splitlines()

    def changed(self) -> int:
        """Return how many runs have ended otherwise than they had when they were first seen to have ended."""
        now = {row[0]: (row[1], row[2]) for row in self.database.rows("SELECT id, status, finished_at FROM runs")}
        return sum(now.get(run_id) != seen for run_id, seen in self.ended.items())


def duplicates(database: Database) -> int:
    """Return how many runs there are beside the one of their slot and attempt."""
    return int(
        database.value(
            "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM runs WHERE slot_at IS NOT NULL "
            "GROUP BY schedule_key, slot_at, attempt) AS slots"
        )
    )


def missing(database: Database, schedule: str, seconds: int) -> int:
    """Return how many slots of a schedule that runs every so many seconds have no run and no skip, or both."""
    key = database.value(f"SELECT \"key\" FROM schedules WHERE id = '{schedule}'")
    return missing_of(database, {int(key): seconds}, f"schedule_key = {key}")


def missing_of(database: Database, every: Mapping[int, int], where: str = "1 = 1") -> int:
    """Return the same for many schedules at once: ``every`` are their keys, and how many seconds each waits."""
    covered: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for key, slot in database.rows(
        f"SELECT DISTINCT schedule_key, slot_at FROM runs WHERE {where} AND slot_at IS NOT NULL"
    ):
        covered[key][slot] += 1
    for key, first, last in database.rows(f"SELECT schedule_key, first_slot_at, last_slot_at FROM skips WHERE {where}"):
        if key in every:
            covered[key].update(range(first, last + 1, every[key] * MICROS))
    found = 0
    for key, slots in covered.items():
        if key in every:
            wanted = range(min(slots), max(slots) + 1, every[key] * MICROS)
            found += sum(slots[slot] != 1 for slot in wanted) + len(slots.keys() - set(wanted))
    return found


def uncovered(database: Database) -> int:
    """Return how many slots have neither a run nor a skip."""
    missing = 0
    for key, first, last in database.rows(
        "SELECT schedule_key, MIN(slot_at), MAX(slot_at) FROM runs WHERE slot_at IS NOT NULL GROUP BY schedule_key"
    ):
        slots = (last - first) // 1_000_000 + 1
        ran = database.value(f"SELECT COUNT(DISTINCT slot_at) FROM runs WHERE schedule_key = {key}")
        within = f"schedule_key = {key} AND first_slot_at >= {first} AND last_slot_at <= {last}"
        skipped = database.value(f'SELECT COALESCE(SUM("count"), 0) FROM skips WHERE {within}')
        missing += int(slots) - int(ran) - int(skipped)
    return missing


def double_finishes(database: Database) -> int:
    """Return how many runs ended more than once: by the counters kept with each end, and by retries of a success."""
    counted = database.value("SELECT coalesce(sum(\"count\"), 0) FROM counters WHERE status <> 'skipped'")
    ended = database.value(f"SELECT count(*) FROM runs WHERE status NOT IN {OPEN} AND status <> 'skipped'")
    again = database.value(
        "SELECT count(*) FROM runs AS later JOIN runs AS earlier ON later.retry_of = earlier.id "
        "WHERE earlier.status = 'succeeded'"
    )
    return abs(int(counted) - int(ended)) + int(again)


def double_starts(folder: Path, *names: str) -> int:
    """Return how often a handler was called for a run for which it had been called before."""
    begun: Counter[str] = Counter()
    for name in names:
        path = folder / f"{name}.log"
        if path.exists():
            begun.update(line.split()[0] for line in path.read_text(encoding="utf-8").splitlines())
    return sum(count - 1 for count in begun.values())


def stuck(database: Database) -> int:
    """Return how many runs are open."""
    return int(database.value(f"SELECT count(*) FROM runs WHERE status IN {OPEN}"))
