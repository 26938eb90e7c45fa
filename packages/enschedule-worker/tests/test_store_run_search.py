"""A list of runs is the same by whatever way it is found: compared with looking at each run."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select

from enschedule_core.actor import Scope
from enschedule_worker.store import migrate, run_reads, run_search, schedule_lists
from enschedule_worker.store.clock import ManualClock
from enschedule_worker.store.database import Database
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule, ScheduleTag
from enschedule_worker.store.models.workers import Handler
from enschedule_worker.store.run_search import RunFilters

NOW = 1_790_000_000_000_000
HOUR = 3_600_000_000
STATUSES = ("succeeded", "succeeded", "succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "running")
RUNS, SCHEDULES = 900, 40


def schedule(key: int) -> dict[str, Any]:
    title = "Invoice export" if key in (3, 4) else f"Schedule {key}"
    columns = {"id": f"s-{key}", "title": title, "handler_id": "fetch" if key % 2 else "log-job", "trigger_kind": "x"}
    plain = dict.fromkeys(("description", "trigger", "policies"), "") | {"tags": "[]", "overlap": "skip"}
    numbers = dict.fromkeys(("created_at", "updated_at"), 0) | {"handler_version": 1, "revision": 1}
    return {"key": key, **columns, **plain, **numbers, "created_by": "x"}


def run(number: int, chance: Random) -> dict[str, Any]:
    status, key = chance.choice(STATUSES), chance.choice([None, *range(1, SCHEDULES)])
    told = None if status in ("succeeded", "running") else chance.choice(["ValueError: no luck", "Invoice 7 is gone"])
    # A transaction that took long: its runs have earlier ids than others that were queued before.
    queued = NOW - (RUNS - number) * HOUR // 2 + chance.randrange(-HOUR // 4, HOUR // 4)
    return {
        "id": number * 3 + 1,
        "occurrence_key": str(number),
        "schedule_key": key,
        "handler_id": "fetch" if key is None or key % 2 else "log-job",
        "handler_version": 1,
        "status": status,
        "origin_kind": "slot",
        "queued_at": queued,
        "not_before": queued,
        "worker_id": chance.choice(["web-1", "web-2"]),
        "worker_instance": "i",
        "message": told,
    }


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    found = Database(create_engine(f"sqlite:///{tmp_path_factory.mktemp('runs') / 'x.db'}"), ManualClock(NOW))
    migrate.upgrade(found)
    chance = Random(7)
    with found.write() as tx:
        tx.execute(insert(Schedule), [schedule(key) for key in range(1, SCHEDULES)])
        tags = [{"tag": "shop", "schedule_key": key} for key in range(1, SCHEDULES, 3)]
        tx.execute(insert(ScheduleTag), [*tags, {"tag": "rare", "schedule_key": 4}])
        named = {"title": "", "description": "", "idempotent": False, "registered_at": 0, "updated_at": 0}
        tx.execute(insert(Handler), [{"id": id, "version": 1, **named} for id in ("fetch", "log-job")])
        tx.execute(insert(Run), [run(number, chance) for number in range(RUNS)])
    return found


EVERY = [
    RunFilters(statuses=statuses, tags=tags, q=q, since=since, before=before, worker=worker)
    for statuses, tags, q, (since, before), worker in product(
        ((), ("failed",), ("failed", "timed_out", "lost"), ("succeeded", "failed"), ("running",), ("queued",)),
        ((), ("shop",), ("shop", "rare"), ("nowhere",)),
        (None, "invoice", "LUCK", "s-12", "log-j", "nothing at all"),
        ((None, None), (NOW - 100 * HOUR, None), (NOW - 300 * HOUR, NOW - 250 * HOUR), (NOW + HOUR, None)),
        (None, "web-2"),
    )
]


FILTERS = Random(3).sample(EVERY, 60)


def matches(row: Any, filters: RunFilters, tags: dict[int, set[str]]) -> bool:
    said = [row.schedule_id, row.schedule_title, row.handler_id, row.message]
    return (
        (not filters.statuses or row.status in filters.statuses)
        and set(filters.tags) <= tags.get(row.schedule_key, set())
        and (filters.q is None or any(filters.q.lower() in (text or "").lower() for text in said))
        and (filters.since is None or row.queued_at >= filters.since)
        and (filters.before is None or row.queued_at < filters.before)
        and filters.worker in (None, row.worker_id)
    )


@pytest.mark.parametrize("many", [schedule_lists.MANY, 3])  # with few schedules, or none that are few enough
def test_each_filter_finds_the_newest_of_what_matches(
    database: Database, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (run_search, schedule_lists):
        monkeypatch.setattr(module, "MANY", many)
    with database.read() as tx:
        every = run_reads.page(tx, Scope(), RunFilters(), limit=10 * RUNS)
        tags: dict[int, set[str]] = {}
        for row in tx.execute(select(ScheduleTag.schedule_key, ScheduleTag.tag)):
            tags.setdefault(row.schedule_key, set()).add(row.tag)
        assert [row.id for row in every] == sorted((row.id for row in every), reverse=True)
        assert len(every) == RUNS
        for filters in FILTERS:
            wanted = [row.id for row in every if matches(row, filters, tags)]
            found = run_reads.page(tx, Scope(), filters, limit=20)
            assert [row.id for row in found] == wanted[:20], filters
            if len(wanted) > 20:
                beyond = run_reads.ids(tx, Scope(), filters, limit=RUNS, before_id=found[-1].id)
                assert beyond == wanted[20:], filters


def test_where_nothing_can_match_nothing_is_looked_at(database: Database) -> None:
    with database.read() as tx:
        assert run_search.ways(tx, RunFilters(tags=("nowhere",))) == []


def test_a_database_without_runs_has_none(tmp_path: Path) -> None:
    empty = Database(create_engine(f"sqlite:///{tmp_path / 'x.db'}"), ManualClock(NOW))
    migrate.upgrade(empty)
    with empty.read() as tx:
        assert run_reads.page(tx, Scope(), RunFilters(q="x", since=NOW, before=NOW), limit=5) == []
    empty.dispose()
