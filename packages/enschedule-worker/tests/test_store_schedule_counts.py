"""Counting by narrow indexes says what looking at each schedule says."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import create_engine, insert

from enschedule_core.actor import Scope
from enschedule_worker.store import migrate, schedule_counts, schedule_lists
from enschedule_worker.store.clock import ManualClock
from enschedule_worker.store.database import Database, Transaction
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule, ScheduleTag
from enschedule_worker.store.models.workers import Binding, Worker, WorkerHandler
from enschedule_worker.store.schedule_lists import EVERY, Filters

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
OFFERED, GONE = "log-job", "gone"
STATUSES = ("running", "waiting", "retrying", "broken")
SOME = (
    Filters(handler_id=GONE),
    Filters(tags=("odd",)),
    Filters(tags=("odd", "third"), handler_id=OFFERED),
    Filters(q="s-1"),
    Filters(q=OFFERED),
    Filters(paused=True),
    Filters(failing=True),
    Filters(worker="elsewhere"),
    Filters(statuses=("waiting", "broken")),
)


def schedule(key: int, chance: Random) -> dict[str, Any]:
    """A schedule in any state, also one that two states apply to."""

    def often(share: float, value: Any) -> Any:
        return value if chance.random() < share else None

    bound = chance.choice([0, 0, 0, 0, 1, 2, 3])
    running = chance.choice([0, 0, 0, 1])
    plain = dict.fromkeys(("description", "trigger", "policies"), "") | {"tags": "[]", "overlap": "skip"}
    reason = often(0.1, "no such zone")
    return {
        **plain,
        "key": key,
        "id": f"s-{key}",
        "title": "x",
        "handler_id": chance.choice([OFFERED, OFFERED, GONE]),
        "handler_version": chance.choice([1, 1, 2]),
        "trigger_kind": chance.choice(["cron", "manual", "once"]),
        "binding": bound,
        "worker_id": {2: "elsewhere", 3: "up"}.get(bound),
        "worker_tags": {1: '["gpu"]'}.get(bound),
        "paused": chance.random() < 0.15,
        "broken_reason": reason,
        "faults": 0 if reason is None else 3,
        "running_runs": running,
        "open_runs": running + chance.choice([0, 0, 1]),
        "retry_at": often(0.1, NOW + SECOND),
        "failing_since": often(0.2, NOW - 50 * SECOND),
        "due_at": often(0.8, NOW + SECOND),
        "fire_at": often(0.8, NOW + chance.choice([-60, 60]) * SECOND),
        "deleted_at": often(0.1, NOW),
        "group_id": chance.choice([None, 1, 2]),
        **dict.fromkeys(("created_at", "updated_at"), 0),
        "revision": 1,
        "created_by": "x",
    }


def fill(tx: Transaction, seed: int) -> None:
    chance = Random(seed)
    schedules = [schedule(key, chance) for key in range(1, 120)]
    tx.execute(insert(Schedule), schedules)
    wishes = ((1, None, '["gpu"]'), (2, "elsewhere", "[]"), (3, "up", "[]"))
    named = ("key", "worker_id", "tags", "digest")
    tx.execute(insert(Binding), [dict(zip(named, (*wish, str(wish)), strict=True)) for wish in wishes])
    tagged = {"odd": range(1, 120, 2), "third": range(1, 120, 3)}
    tx.execute(insert(ScheduleTag), [{"tag": tag, "schedule_key": key} for tag, keys in tagged.items() for key in keys])
    columns = {"handler_version": 1, "origin_kind": "slot", "queued_at": NOW, "not_before": NOW, "handler_id": "x"}
    running = [one["key"] for one in schedules if one["running_runs"]]
    tx.execute(
        insert(Run), [{**columns, "occurrence_key": str(k), "schedule_key": k, "status": "running"} for k in running]
    )
    told = {"title": "", "host": "", "pid": 1, "version": "", "executor": "", "places": 1, "started_at": NOW}
    up, down = ("up", NOW, '["gpu"]'), ("down", NOW - 999 * SECOND, "[]")
    for id, heard, tags in (up, down):
        tx.execute(insert(Worker).values(instance_id=id, id=id, heartbeat_at=heard, tags=tags, **told))
    for id, handler in (("up", OFFERED), ("down", GONE)):
        tx.execute(insert(WorkerHandler).values(instance_id=id, handler_id=handler, handler_version=1, native=True))


@pytest.mark.parametrize("seed", range(4))
def test_the_counts_are_those_of_looking_at_each(tmp_path: Path, seed: int) -> None:
    database = Database(create_engine(f"sqlite:///{tmp_path / 'x.db'}"), ManualClock(NOW))
    migrate.upgrade(database)
    with database.write() as tx:
        fill(tx, seed)
    scopes = (Scope(), Scope(frozenset({1})), Scope(frozenset({1, 2}), ungrouped=True), Scope(frozenset()))
    with database.read() as tx:
        for scope, filters in product(scopes, (EVERY, *SOME)):
            each = schedule_lists.counts(tx, scope, filters, overdue_before=NOW)
            where = schedule_lists.conditions(tx, filters)
            found = schedule_counts.counts(tx, scope, where, overdue_before=NOW)
            for name in ("total", "failing", "paused", "overdue"):
                assert getattr(found, name) == getattr(each, name), (name, filters)
            for name in STATUSES:
                assert getattr(found, name) == getattr(each, f"status_{name}"), (name, filters)
    assert found.total == 0
    database.dispose()


def test_a_database_without_schedules_has_none(tmp_path: Path) -> None:
    database = Database(create_engine(f"sqlite:///{tmp_path / 'x.db'}"), ManualClock(NOW))
    migrate.upgrade(database)
    with database.read() as tx:
        assert schedule_counts.counts(tx, Scope(), overdue_before=NOW) == schedule_counts.Counts(*[0] * 8)
    database.dispose()
