"""Making runs: of slots, by hand, and as another attempt. They begin as ``queued``.

``occurrence_key`` is what makes a run exist once: ``s<schedule key>:<slot>:<attempt>`` for slots, and
``m<id>:<attempt>`` for the others, where the id comes from the request's ``Idempotency-Key`` if it has one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

from sqlalchemy import BigInteger, Executable, Row, bindparam, false, insert, literal, literal_column, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from enschedule_core.run import RunStatus
from enschedule_worker.store import bulk, standing
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Run, RunDetail
from enschedule_worker.store.tables import table_of

_R = table_of(Run).c


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to insert. Times are in microseconds; ``data`` is own data, ``None`` stands for that of the revision."""

    occurrence_key: str
    handler_id: str
    handler_version: int
    origin_kind: str
    queued_at: int
    not_before: int
    schedule_key: int | None = None
    revision: int | None = None
    group_id: int | None = None
    data: str | None = None
    slot_at: int | None = None
    attempt: int = 1
    losses: int = 0
    origin_actor: str | None = None
    rank: int = 0
    serial: bool = False
    retry: str = ""
    on_lost: str = ""
    timeout: int | None = None
    root_id: int | None = None
    retry_of: int | None = None
    depth: int = 0
    expires_at: int | None = None
    binding: int = 0
    limited: bool = False
    concurrency_group: str | None = None

    def row(self) -> dict[str, Any]:
        """Return the columns of ``runs``."""
        columns = {name: getattr(self, name) for name in _COLUMNS}
        columns["has_data"] = self.data is not None
        columns["status"] = RunStatus.QUEUED
        return columns


_COLUMNS = tuple(name for name in NewRun.__dataclass_fields__ if name != "data")
_TEXTS = {"occurrence_key", "handler_id", "origin_kind", "origin_actor", "retry", "on_lost", "concurrency_group"}
_FLAGS = {"serial", "limited"}
_KINDS = {name: bulk.TEXT if name in _TEXTS else bulk.FLAG if name in _FLAGS else bulk.NUMBER for name in _COLUMNS}
_values = attrgetter(*_COLUMNS)


def _insert_statement(dialect: str, *, running: bool = False, unless_there: bool = False) -> Executable:
    """Return the statement that inserts rows; those that must be new, or are left out, are returned where that goes."""
    found = bulk.rows(dialect, **_KINDS).c
    constants: dict[str, Any] = dict.fromkeys(("output_bytes", "output_lines"), literal_column("0"))
    constants |= dict.fromkeys(("has_data", "output_truncated"), false())
    if running:
        constants |= {"status": literal(RunStatus.RUNNING.value), "fence": literal_column("1")}
        constants |= {name: bindparam(name) for name in ("worker_id", "worker_instance")}
        constants |= {name: bindparam(name, type_=BigInteger()) for name in ("started_at", "lease_until")}
    else:
        constants |= {"status": literal(RunStatus.QUEUED.value), "fence": literal_column("0")}
    given = select(*(found[f"v_{name}"] for name in _COLUMNS), *constants.values())
    names = [*_COLUMNS, *constants]
    if not (running or unless_there) or not bulk.returns(dialect):
        return insert(Run).from_select(names, given, include_defaults=False)
    made: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table_of(Run))
    # "where true", or SQLite would take ON for the condition of a join
    statement = made.from_select(names, given.where(true()), include_defaults=False)
    returning: Executable = statement.on_conflict_do_nothing(index_elements=["occurrence_key"]).returning(
        _R.occurrence_key, _R.id
    )
    return returning


_INSERT = bulk.Statement(_insert_statement)
_INSERT_UNLESS_THERE = bulk.Statement(partial(_insert_statement, unless_there=True))
_INSERT_RUNNING = bulk.Statement(partial(_insert_statement, running=True))


def _ids_statement(dialect: str) -> Executable:
    found = bulk.rows(dialect, occurrence_key=bulk.TEXT).c
    return select(Run.occurrence_key, Run.id).where(Run.occurrence_key.in_(select(found.v_occurrence_key)))


_IDS = bulk.Statement(_ids_statement)


def insert_one(tx: Transaction, new: NewRun) -> int:
    """Insert a run and return its id; the schedule's count of open runs follows."""
    run_id = _insert(tx, new)
    if new.schedule_key is not None:
        standing.opened(tx, {new.schedule_key: 1})
    tx.wake_engine()
    return run_id


def insert_many(tx: Transaction, runs: Sequence[NewRun]) -> None:
    """Insert runs in as few statements as it takes. The caller keeps the schedules' counts of open runs."""
    _INSERT.changed(tx, [_values(new) for new in runs if new.data is None])
    for new in runs:
        if new.data is not None:
            _insert(tx, new)


def insert_unless_there(tx: Transaction, runs: Sequence[NewRun]) -> Sequence[NewRun]:
    """Insert those of ``runs`` whose occurrence key no run has, and return the others. Only without own data."""
    return _unless_there(tx, _INSERT_UNLESS_THERE, runs, {})[1]


def insert_running(
    tx: Transaction, runs: Sequence[NewRun], *, worker_id: str, instance: str, lease: int
) -> tuple[dict[str, int], Sequence[NewRun]]:
    """Insert runs that their worker fires and claims at once, unless there is one with their occurrence key.

    What a claim would set is set: fence 1, and a lease of ``lease`` microseconds. Only for runs without own data.
    Returns the ids by occurrence key, and those that were there.
    """
    holding = {"worker_id": worker_id, "worker_instance": instance}
    return _unless_there(tx, _INSERT_RUNNING, runs, {"started_at": tx.now, "lease_until": tx.now + lease, **holding})


def _unless_there(
    tx: Transaction, statement: bulk.Statement, runs: Sequence[NewRun], named: dict[str, Any]
) -> tuple[dict[str, int], Sequence[NewRun]]:
    if not runs:
        return {}, []
    if bulk.returns(tx.dialect):
        rows = statement.run(tx, [_values(new) for new in runs], **named).all()
    else:
        rows = _first_seen(tx, statement, runs, named)
    ids = {row.occurrence_key: int(row.id) for row in rows}
    return ids, [new for new in runs if new.occurrence_key not in ids]


def _first_seen(
    tx: Transaction, statement: bulk.Statement, runs: Sequence[NewRun], named: dict[str, Any]
) -> Sequence[Row[Any]]:
    """Insert as :func:`_unless_there` does, where the database does not say what it has inserted; return those rows."""
    there: set[str] = set()
    try:
        with tx.connection.begin_nested():
            statement.run(tx, [_values(new) for new in runs], **named)
    except IntegrityError:
        there = existing(tx, [new.occurrence_key for new in runs])
        if not there:
            raise
        statement.changed(tx, [_values(new) for new in runs if new.occurrence_key not in there], **named)
    made = [(new.occurrence_key,) for new in runs if new.occurrence_key not in there]
    return _IDS.run(tx, made).all()


def existing(tx: Transaction, occurrence_keys: Collection[str]) -> set[str]:
    """Return those of the occurrence keys that have a run."""
    found = tx.execute(select(Run.occurrence_key).where(Run.occurrence_key.in_(list(occurrence_keys)))).scalars()
    return set(found)


def _insert(tx: Transaction, new: NewRun) -> int:
    key = tx.execute(insert(Run).values(**new.row())).inserted_primary_key
    assert key is not None
    run_id = int(key[0])
    if new.data is not None:
        tx.execute(insert(RunDetail).values(run_id=run_id, data=new.data))
    return run_id


def claim_columns(schedule: Row[Any], handler_max_running: int | None) -> dict[str, Any]:
    """Return the columns of a run that say who may claim it, and beside how many others."""
    limits_on = (schedule.max_running, schedule.concurrency_group, handler_max_running)
    return {
        "binding": schedule.binding,
        "concurrency_group": schedule.concurrency_group,
        "limited": any(limit is not None for limit in limits_on),
    }


def policy_columns(policies: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a run that follow from its schedule's policies in their wire form."""
    retry = policies.get("retry") or {}
    seconds = policies.get("timeout_seconds")
    return {
        "retry": "" if retry.get("max_attempts", 1) <= 1 else json.dumps(retry, separators=(",", ":")),
        "on_lost": policies.get("on_lost") or "",
        "timeout": None if seconds is None else round(seconds * 1_000_000),
        "rank": -int(policies.get("priority") or 0),
    }
