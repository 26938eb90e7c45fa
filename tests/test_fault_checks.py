"""What counts lost and doubled slots after a crowd or a run of chaos does find them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from faults import checks
from faults.databases import SqliteDatabase

SECOND = 1_000_000


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    """Two schedules, every second and every two, that are covered: by a run each, or by a skip."""
    made = SqliteDatabase(tmp_path)
    made.change(
        'CREATE TABLE schedules ("key" INTEGER, id TEXT)',
        "CREATE TABLE runs (schedule_key INTEGER, slot_at INTEGER, attempt INTEGER)",
        'CREATE TABLE skips (schedule_key INTEGER, first_slot_at INTEGER, last_slot_at INTEGER, "count" INTEGER)',
        "INSERT INTO schedules VALUES (1, 'a'), (2, 'b'), (3, 'by-hand')",
        f"INSERT INTO runs SELECT 1, value * {SECOND}, 1 FROM json_each('[10, 11, 15, 16]')",
        f"INSERT INTO skips VALUES (1, {12 * SECOND}, {14 * SECOND}, 3)",
        f"INSERT INTO runs SELECT 2, value * {SECOND}, 1 FROM json_each('[10, 12, 14, 16]')",
        f"INSERT INTO runs VALUES (1, {11 * SECOND}, 2)",  # a second attempt is the same slot
        "INSERT INTO runs VALUES (3, NULL, 1)",
    )
    return made


def counts(database: SqliteDatabase) -> tuple[int, int, int, int]:
    """Those of each schedule, of both at once, and what is there twice."""
    both = checks.missing_of(database, {1: 1, 2: 2})
    return checks.missing(database, "a", 1), checks.missing(database, "b", 2), both, checks.duplicates(database)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE schedules SET id = id", (0, 0, 0, 0)),
        (f"DELETE FROM runs WHERE schedule_key = 1 AND slot_at = {15 * SECOND}", (1, 0, 1, 0)),
        (f"DELETE FROM runs WHERE schedule_key = 2 AND slot_at = {12 * SECOND}", (0, 1, 1, 0)),
        ("DELETE FROM skips", (3, 0, 3, 0)),
        (f"INSERT INTO runs VALUES (1, {13 * SECOND}, 1)", (1, 0, 1, 0)),  # a run and a skip
        (f"INSERT INTO runs VALUES (2, {11 * SECOND}, 1)", (0, 1, 1, 0)),  # between two slots
        (f"INSERT INTO runs VALUES (2, {12 * SECOND}, 1)", (0, 0, 0, 1)),
    ],
)
def test_what_is_lost_or_twice_is_counted(database: SqliteDatabase, change: str, found: tuple[int, ...]) -> None:
    database.change(change)
    assert counts(database) == found
