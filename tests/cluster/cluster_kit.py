"""What the tests of this folder share: the kinds of database, a worker and its API, and what must hold of slots."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from faults.databases import KINDS, Database
from faults.programs import HEARTBEAT_SECONDS, LEASE_SECONDS, LOST_WITHIN_SECONDS, Program
from faults.waiting import free_port, wait_for

__all__ = [
    "HEARTBEAT_SECONDS",
    "LEASE_SECONDS",
    "LOST_WITHIN_SECONDS",
    "Program",
    "Start",
    "due_now",
    "every_slot_once",
    "free_port",
    "multiply",
    "on",
    "on_each",
    "refused",
    "serving",
    "wait_for",
]

Start = Callable[..., Program]


def on(*kinds: str, long: Sequence[str] = ()) -> Any:
    """Run a test once on each of these kinds of database, on those of ``long`` only where there is time for it."""

    def mark(test: Any) -> Any:
        values = [*kinds, *(pytest.param(kind, marks=pytest.mark.long) for kind in long)]
        return pytest.mark.usefixtures("database")(pytest.mark.parametrize("database", values, indirect=True)(test))

    return mark


on_each = on(*KINDS)


def serving(start: Start, name: str = "first", **environ: str) -> Program:
    """Start a worker with its API, and wait until it is ready."""
    return start("worker", API_ENDPOINT="true", ENSCHEDULE_WORKER_ID=name, **environ).ready()


def refused(program: Program) -> str:
    """Return the one message of a program that must not start; no traceback is part of it."""
    assert program.code() == 2, program.log
    assert "Traceback" not in program.log
    lines = [line for line in program.log.splitlines() if line.startswith("enschedule: ")]
    assert len(lines) == 1, program.log
    return program.log


def every_slot_once(program: Program, id: str, mark: str = "tick") -> None:
    """Check that each second since the first slot has one run or is in a skip, and that no attempt began twice."""
    key = program.database.value(f"SELECT \"key\" FROM schedules WHERE id = '{id}'")
    ran = [row[0] for row in program.rows(f"SELECT slot_at FROM runs WHERE schedule_key = {key} AND attempt = 1")]
    skipped = program.rows(f'SELECT first_slot_at, last_slot_at, "count" FROM skips WHERE schedule_key = {key}')
    assert len(ran) == len(set(ran))
    covered = set(ran)
    for first, last, count in skipped:
        stretch = set(range(first, last + 1, 1_000_000))
        assert len(stretch) == count
        assert not stretch & covered, "a slot has a run or a skip, not both"
        covered |= stretch
    assert covered == set(range(min(covered), max(covered) + 1, 1_000_000)), "no slot is missing"
    begun = Counter((run, attempt) for run, attempt, *_ in program.marks(mark))
    assert set(begun.values()) == {1}


def multiply(database: Database, id: str, count: int) -> None:
    """Make ``count`` of a schedule, by copying its row and its revision: it is there as ``id-2`` … ``id-count`` too."""
    columns = [name for name in database.columns("schedules") if name not in ("key", "id")]
    names = ", ".join(f'"{name}"' for name in columns)
    revision = [name for name in database.columns("schedule_revisions") if name != "schedule_key"]
    revisions = ", ".join(f'"{name}"' for name in revision)
    key = database.value(f"SELECT \"key\" FROM schedules WHERE id = '{id}'")
    first = database.value('SELECT max("key") FROM schedules') + 1
    made = range(first, first + count - 1)
    selects = [f"SELECT {number} AS k, '{id}-{number - first + 2}' AS i" for number in made]
    for some in (selects[at : at + 400] for at in range(0, len(selects), 400)):
        union = " UNION ALL ".join(some)
        database.change(
            f'INSERT INTO schedules ("key", id, {names}) SELECT m.k, m.i, {names} '
            f"FROM (SELECT {names} FROM schedules WHERE id = '{id}') AS s, ({union}) AS m",
            f"INSERT INTO schedule_revisions (schedule_key, {revisions}) SELECT m.k, {revisions} "
            f"FROM (SELECT {revisions} FROM schedule_revisions WHERE schedule_key = {key}) AS s, ({union}) AS m",
        )


def due_now(database: Database, where: str = "1 = 1") -> int:
    """Make schedules due at one instant, this one, and return it in microseconds."""
    now = time.time_ns() // 1000
    database.change(f"UPDATE schedules SET due_at = {now}, fire_at = {now} WHERE {where}")
    return now
