"""Workers whose clocks are wrong, beside one whose clock is right: the database's clock decides."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from cluster_kit import Start, every_slot_once, on, serving, wait_for

from faults.checks import Watcher
from faults.databases import Database
from faults.programs import wrong_clock

pytestmark = [pytest.mark.cluster, pytest.mark.long]


@on("postgres", long=("mariadb",))
def test_an_hour_fast_an_hour_slow_and_ten_years_ahead(start: Start, database: Database) -> None:
    """No run comes early, none is declared lost, and each of them does its share. A file has one machine's clock."""
    right = serving(start, ENSCHEDULE_CONCURRENCY="2")
    wrong = {"fast": "+1h", "slow": "-1h", "ahead": "+10y"}
    others = [
        start("worker", ENSCHEDULE_WORKER_ID=name, ENSCHEDULE_CONCURRENCY="2", **wrong_clock(offset))
        for name, offset in wrong.items()
    ]
    for other, name in zip(others, wrong, strict=True):
        other.said(f"Worker {name} runs")
    watcher = Watcher(database, right.folder)
    for number in range(4):
        right.make(f"each-{number}", "tick", "every 1 second", overlap="allow")
    right.make("long", "wait")
    held = [right.run("long") for _ in range(6)]
    until = time.monotonic() + 6
    while time.monotonic() < until:
        watcher.look()
        time.sleep(0.05)
    right.go_on()
    wait_for(
        "all ended",
        lambda: {right.run_status(run_id) for run_id in held} == {"succeeded"},
        20,
        lambda: str(database.rows("SELECT id, status, worker_id, message FROM runs WHERE handler_id = 'wait'")),
    )
    assert [program.stop() for program in (right, *others)] == [0, 0, 0, 0]
    assert watcher.early == 0
    assert database.value("SELECT count(*) FROM runs WHERE status = 'lost'") == 0
    assert database.value("SELECT count(*) FROM runs WHERE started_at < slot_at") == 0
    names = {row[0] for row in database.rows("SELECT DISTINCT worker_id FROM runs")}
    assert names == {"first", *wrong}, "whoever did nothing proves nothing"
    for number in range(4):
        every_slot_once(right, f"each-{number}")


@on("sqlite", long=("postgres", "mariadb"))
def test_new_zone_data_between_two_starts(start: Start, database: Database, tmp_path: Path) -> None:
    """A country gives up its summer time, or so the new data says: what is due moves, once."""
    zones = tmp_path / "zoneinfo"
    shutil.copytree("/usr/share/zoneinfo", zones, symlinks=True)
    program = serving(start, PYTHONTZPATH=str(zones))
    program.make("daily", "tick", "every day at 02:00", timezone="Asia/Tokyo")
    due = "SELECT due_at FROM schedules WHERE id = 'daily'"
    before = database.value(due)
    assert program.stop() == 0
    (zones / "Asia" / "Tokyo").unlink()
    shutil.copy(zones / "Asia" / "Shanghai", zones / "Asia" / "Tokyo")  # an hour later
    (zones / "tzdata.zi").write_text("# version 9999z\n")
    for moved in (1, 0):
        program = serving(start, PYTHONTZPATH=str(zones))
        assert program.log.count("zone data is now 9999z: 1 schedules are due at another instant") == moved
        assert database.value(due) == before + 3_600_000_000
        assert program.stop() == 0
