"""``enschedule demo``: what it puts into a database is what the engine would have left there, and goes on from it."""

from __future__ import annotations

import json
from collections import Counter as Tally
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from enschedule_core import triggers
from enschedule_core.actor import SYSTEM
from enschedule_core.clock import from_micros, to_micros
from enschedule_core.errors import Conflict
from enschedule_core.run import RunStatus
from enschedule_hub.demo import shop
from enschedule_hub.demo.command import command
from enschedule_hub.demo.filling import PLUGINS, fill
from enschedule_hub.demo.scenes import SCENES
from enschedule_worker.build import build_worker
from enschedule_worker.databases import open_database
from enschedule_worker.service import runs, schedules, stats
from enschedule_worker.settings import read_settings
from enschedule_worker.store import recent, skips
from enschedule_worker.store.clock import ManualClock
from enschedule_worker.store.database import Database

NOW = datetime(2026, 11, 23, 13, 32, 7, tzinfo=UTC)
TROUBLE = {"failed", "timed_out", "lost"}


def opened(file: Path) -> Database:
    return open_database(read_settings({"SQLITE": str(file)}))


def rows(database: Database, sql: str) -> list[Any]:
    with database.read() as tx:
        return list(tx.connection.exec_driver_sql(sql))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One filled database; its clock stands where the past ends."""
    database = opened(tmp_path_factory.mktemp("demo") / "demo.db")
    fill(database, now=NOW)
    database.clock = ManualClock(to_micros(NOW))
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def by_schedule(filled: Database) -> dict[int, list[Any]]:
    """The runs of each schedule, by id."""
    found: dict[int, list[Any]] = {}
    for row in rows(filled, "SELECT * FROM runs ORDER BY id"):
        found.setdefault(row.schedule_key, []).append(row)
    return found


# --- What is there is what the engine would have left. ---


def test_each_slot_has_one_chain_of_runs_or_one_skip(filled: Database, by_schedule: dict[int, list[Any]]) -> None:
    for row in rows(filled, "SELECT * FROM schedules WHERE trigger_kind <> 'manual' AND broken_reason IS NULL"):
        trigger = triggers.from_wire(json.loads(row.trigger))
        ran = [run.slot_at for run in by_schedule.get(row.key, []) if run.slot_at is not None and run.attempt == 1]
        skipped = [
            to_micros(slot)
            for one in rows(filled, f"SELECT * FROM skips WHERE schedule_key = {row.key}")
            for slot in trigger.slots_between(from_micros(one.first_slot_at - 1), from_micros(one.last_slot_at), 2**31)
        ]
        until = from_micros(row.paused_at) if row.paused else NOW
        planned = [to_micros(slot) for slot in trigger.slots_between(NOW - shop.SPAN, until, 2**31)]
        if row.due_at is not None:
            planned = [slot for slot in planned if slot < row.due_at]
        assert sorted(ran + skipped) == planned, row.id
        last = from_micros(planned[-1]) if planned else NOW - shop.SPAN
        following = trigger.next_after(last)
        assert row.due_at == (None if following is None else to_micros(following)), row.id
        assert row.slots_fired == len(ran), row.id
        assert row.fire_at == (row.paused_until if row.paused else row.due_at), row.id


def test_how_a_schedule_stands_follows_from_its_runs(filled: Database, by_schedule: dict[int, list[Any]]) -> None:
    for row in rows(filled, "SELECT * FROM schedules"):
        own = by_schedule.get(row.key, [])
        ended = sorted((run for run in own if run.finished_at is not None), key=lambda run: (run.finished_at, run.id))
        repeated = {run.retry_of for run in own if run.retry_of is not None}
        failing_since, in_row, success = None, 0, None
        for run in ended:
            if run.status == "succeeded":
                failing_since, in_row, success = None, 0, run.finished_at
            elif run.status in TROUBLE and run.id not in repeated:
                failing_since, in_row = failing_since or run.finished_at, in_row + 1
        waiting = [run for run in own if run.status == "queued"]
        retries = [run.not_before for run in waiting if run.attempt > 1]
        last = ended[-1] if ended else None
        assert (row.failing_since, row.failures_in_row, row.last_success_at) == (failing_since, in_row, success), row.id
        assert (row.open_runs, row.running_runs) == (len(waiting), 0), row.id
        assert row.retry_at == max(retries, default=None), row.id
        assert (row.last_run_id, row.last_status) == (last and last.id, last and last.status), row.id


def test_the_rail_shows_the_last_thirty_places(filled: Database, by_schedule: dict[int, list[Any]]) -> None:
    for row in rows(filled, "SELECT * FROM schedules"):
        outcome: dict[int, str] = {}
        for run in sorted(
            (run for run in by_schedule.get(row.key, []) if run.finished_at is not None),
            key=lambda run: (run.finished_at, run.id),
        ):
            outcome[run.root_id or run.id] = run.status  # the first attempt has the place, the last one says how
        shown = [place for place in recent.decode(row.recent) if place.status is not RunStatus.SKIPPED]
        newest = list(outcome.items())[-len(shown) :] if shown else []
        assert [(place.run_id, place.status.value) for place in shown] == newest, row.id
        assert len(recent.decode(row.recent)) == min(30, len(outcome) + _skip_places(row)), row.id


def _skip_places(row: Any) -> int:
    return sum(place.status is RunStatus.SKIPPED for place in recent.decode(row.recent))


def test_the_hourly_counters_are_the_runs_of_each_hour(filled: Database) -> None:
    hour = 3_600_000_000
    counted: Tally[tuple[int, str, str]] = Tally()
    for run in rows(filled, "SELECT * FROM runs WHERE finished_at IS NOT NULL"):
        counted[run.finished_at - run.finished_at % hour, run.worker_id, run.status] += 1
    skipped = sum(one.count for one in rows(filled, "SELECT * FROM skips"))
    stored = {(row.hour_at, row.worker_id, row.status): row.count for row in rows(filled, "SELECT * FROM counters")}
    skips_counted = sum(count for (_, _, status), count in stored.items() if status == "skipped")
    assert {key: count for key, count in stored.items() if key[2] != "skipped"} == dict(counted)
    assert skips_counted == skipped > 0


def test_output_and_details_belong_to_their_runs(filled: Database) -> None:
    odd = rows(
        filled,
        "SELECT runs.id FROM runs LEFT JOIN output ON output.run_id = runs.id AND output.fence = runs.fence "
        "GROUP BY runs.id HAVING coalesce(sum(length(CAST(text AS BLOB))), 0) <> runs.output_bytes",
    )
    assert odd == []
    failed = rows(filled, "SELECT traceback FROM run_details JOIN runs ON runs.id = run_id WHERE status = 'failed'")
    assert failed
    assert all(row.traceback.startswith("Traceback (most recent call last):\n") for row in failed)


def test_something_of_everything_is_there(filled: Database) -> None:
    counts = stats.of_schedules(filled, SYSTEM)
    assert counts["total"] == len(shop.plans(NOW))
    assert all(counts[name] for name in ("failing", "paused", "broken", "waiting"))
    statuses = {row.status for row in rows(filled, "SELECT DISTINCT status FROM runs")}
    assert statuses >= {"succeeded", "failed", "timed_out", "lost", "cancelled", "queued"}
    broken = schedules.get(filled, SYSTEM, "us-prices")
    assert shop.GONE_ZONE in broken["broken_reason"]
    edited = schedules.get(filled, SYSTEM, "exchange-rates")
    assert edited["overridden"]
    assert {row.actor_name for row in rows(filled, "SELECT DISTINCT actor_name FROM audit")} >= {"ada", "olaf", "vera"}
    ordered = [row.at for row in rows(filled, "SELECT at FROM audit ORDER BY id")]
    assert ordered == sorted(ordered)


def test_every_scene_is_played_by_some_schedule() -> None:
    assert {plan.wire["handler"] for plan in shop.plans(NOW)} == {*SCENES, "shell", "log-job"}


def test_the_same_seed_makes_the_same_past(filled: Database, tmp_path: Path) -> None:
    def everything(database: Database) -> list[Any]:
        tables = ("schedules", "runs", "run_details", "output", "skips", "counters", "audit", "workers")
        return [rows(database, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]

    again = opened(tmp_path / "again.db")
    fill(again, now=NOW)
    assert everything(again) == everything(filled)
    again.dispose()


# --- A worker goes on from there. ---


def test_a_worker_fires_runs_and_recovers_what_is_there(tmp_path: Path) -> None:
    database = opened(tmp_path / "demo.db")
    fill(database, seed=2)
    database.dispose()
    settings = read_settings(
        {"SQLITE": str(tmp_path / "demo.db"), "IMPORT_HANDLERS": PLUGINS, "ENSCHEDULE_EXECUTOR": "thread"}
    )
    worker = build_worker(settings)
    assert not worker.registry.broken
    worker.start()
    try:
        done = {}
        for id, data in (("check-web-shop", None), ("resize-uploads", None), ("invoice-export", {"seconds": 0.1})):
            patch = {"data": {**schedules.get(worker.database, SYSTEM, id)["data"], **(data or {})}}
            schedules.edit(worker.database, worker.registry, SYSTEM, id, patch)
            done[id] = runs.run_now(worker.database, worker.registry, SYSTEM, id)[0]["id"]
        ended = _wait(worker.database, [done["check-web-shop"], done["invoice-export"]])
        assert ended[done["check-web-shop"]] == "succeeded"
        assert ended[done["invoice-export"]] == "failed"
        assert runs.get(worker.database, SYSTEM, done["resize-uploads"])["status"] == "queued"  # no worker has the tag
    finally:
        worker.stop(grace_seconds=1)
        worker.close()


def _wait(database: Database, ids: list[int]) -> dict[int, str]:
    until = datetime.now(UTC) + timedelta(seconds=30)
    while True:
        found = {id: runs.get(database, SYSTEM, id)["status"] for id in ids}
        if not {"queued", "running"} & set(found.values()) or datetime.now(UTC) > until:
            return found


# --- The command. ---


def test_the_command_fills_once_and_says_how_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SQLITE", "POSTGRES", "WORKER_URL"):
        monkeypatch.delenv(name, raising=False)
    first = CliRunner().invoke(command, [])
    assert first.exit_code == 0, first.output
    assert "schedules and" in first.output
    assert first.output.rstrip().endswith("Look at it: enschedule demo --serve")
    assert (tmp_path / "demo.db").is_file()
    before = (tmp_path / "demo.db").read_bytes()
    again = CliRunner().invoke(command, [])
    assert again.exit_code == 1
    assert "was filled before" in again.output
    assert (tmp_path / "demo.db").read_bytes() == before


def test_a_database_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    database = opened(tmp_path / "mine.db")
    with database.write() as tx:
        skips.record(tx, 1, skips.Skipped(skips.SkipReason.OVERLAP, 1, 1, 1), lambda _: None)
    with pytest.raises(Conflict, match="not empty"):
        fill(database, now=NOW)
    database.dispose()
    told = CliRunner().invoke(command, ["--database", str(tmp_path / "mine.db")])
    assert told.exit_code == 1
    assert "not empty" in told.output
    assert "--database demo.db" in told.output


@pytest.mark.parametrize(
    ("arguments", "environ", "says"),
    [
        (["--database", ":memory:"], {}, "SQLITE"),
        ([], {"WORKER_URL": "http://127.0.0.1:8080"}, "WORKER_URL"),
        (["--database", "/no/such/folder/demo.db"], {}, "/no/such/folder"),
    ],
)
def test_what_cannot_be_filled_is_said_in_one_message(arguments: list[str], environ: dict[str, str], says: str) -> None:
    told = CliRunner().invoke(command, arguments, env=environ)
    assert told.exit_code == 2
    assert says in told.output
    assert "Traceback" not in told.output
