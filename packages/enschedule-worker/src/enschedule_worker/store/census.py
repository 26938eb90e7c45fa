"""Who is there: workers, the handlers they offer, and their plugins."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Row, Select, bindparam, case, delete, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.registry import Registry
from enschedule_core.schema import encode_json
from enschedule_core.source import BrokenPlugin, Source
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.workers import Handler, Plugin, Worker, WorkerHandler
from enschedule_worker.store.tables import insert_unless_there, table_of

LATE_AFTER = 1.5  # heartbeats that did not come, in its own intervals
DOWN_AFTER = 3.0
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCard:
    """What a worker process says of itself when it starts."""

    instance_id: str
    id: str
    title: str
    host: str
    pid: int
    version: str
    executor: str
    places: int
    tags: tuple[str, ...] = ()
    heartbeat_seconds: float = 10.0


def register(tx: Transaction, card: WorkerCard, registry: Registry) -> None:
    """Enter a worker that has started, or has changed what it offers; its handlers and plugins are replaced."""
    columns = {
        "id": card.id,
        "title": card.title,
        "host": card.host,
        "pid": card.pid,
        "version": card.version,
        "executor": card.executor,
        "places": card.places,
        "tags": encode_json(sorted(set(card.tags))),
        "heartbeat_seconds": card.heartbeat_seconds,
        "heartbeat_at": tx.now,
        "stopped_at": None,
    }
    known = tx.execute(update(Worker).where(Worker.instance_id == card.instance_id).values(**columns))
    if known.rowcount == 0:
        tx.execute(insert(Worker).values(instance_id=card.instance_id, started_at=tx.now, stuck=0, **columns))
    register_handlers(tx, registry)
    _replace_offers(tx, card.instance_id, registry)
    _replace_plugins(tx, card.instance_id, registry)


def register_handlers(tx: Transaction, registry: Registry) -> None:
    """Enter the handlers of a registry, or what has changed of them; no worker has them by that."""
    known = {(row.id, row.version) for row in tx.execute(select(Handler.id, Handler.version))}
    for handler in registry.handlers():
        schema = handler.json_schema()
        columns = {
            "title": handler.title[:200],
            "description": handler.description,
            "data_schema": None if schema is None else encode_json(schema),
            "example": None if handler.example is None else encode_json(handler.example),
            "idempotent": handler.idempotent,
            "max_running": handler.max_running,
            "minimum_role": handler.minimum_role,
            "source": encode_json(registry.source(handler).as_dict()),
            "updated_at": tx.now,
        }
        key = {"id": handler.id, "version": handler.version}
        first = {**key, "registered_at": tx.now, **columns}
        if (handler.id, handler.version) in known or not insert_unless_there(tx, insert(Handler), first):
            mine = (Handler.id == handler.id, Handler.version == handler.version)
            tx.execute(update(Handler).where(*mine).values(**columns))


def _replace_offers(tx: Transaction, instance_id: str, registry: Registry) -> None:
    own = {(handler.id, handler.version) for handler in registry.handlers()}
    tx.execute(delete(WorkerHandler).where(WorkerHandler.instance_id == instance_id))
    rows = [
        {"instance_id": instance_id, "handler_id": name, "handler_version": version, "native": (name, version) in own}
        for name, version in sorted(registry.offers())
    ]
    if rows:
        tx.execute(insert(WorkerHandler), rows)


def _replace_plugins(tx: Transaction, instance_id: str, registry: Registry) -> None:
    """Store one row a source: the loaded ones with their handlers, the broken ones with their error."""
    tx.execute(delete(Plugin).where(Plugin.instance_id == instance_id))
    loaded: dict[Source, list[str]] = {source: [] for source in registry.sources}
    for handler in registry.handlers():
        loaded.setdefault(registry.source(handler), []).append(f"{handler.id}@{handler.version}")
    rows: dict[str, dict[str, Any]] = {}
    for source, names in loaded.items():
        _enter(rows, _plugin(instance_id, str(source), source, names))
    for broken in registry.broken:
        _enter(rows, _plugin(instance_id, broken.name, broken.source, [], broken))
    if rows:
        tx.execute(insert(Plugin), list(rows.values()))


def _enter(rows: dict[str, dict[str, Any]], row: dict[str, Any]) -> None:
    """Add a plugin under a name that no other has; the same name twice gets a number."""
    base, number = row["name"][:290], 1
    row["name"] = base
    while row["name"] in rows:
        number += 1
        row["name"] = f"{base} ({number})"
    rows[row["name"]] = row


def _plugin(
    instance_id: str, name: str, source: Source, handlers: list[str], broken: BrokenPlugin | None = None
) -> dict[str, Any]:
    return {
        "instance_id": instance_id,
        "name": name,
        "source": encode_json(source.as_dict()),
        "handlers": encode_json(sorted(handlers)),
        "error": None if broken is None else broken.error[:2000],
        "traceback": None if broken is None else broken.traceback,
    }


def heartbeat(tx: Transaction, instance_id: str, *, stuck: int = 0) -> bool:
    """Say that a worker lives; ``False`` if somebody removed it, so that it has to register again."""
    found = tx.execute(
        update(Worker)
        .where(Worker.instance_id == instance_id)
        .values(heartbeat_at=tx.now, stuck=stuck, stopped_at=None)
    )
    return found.rowcount == 1


def is_alone(tx: Transaction, instance_id: str) -> bool:
    """Return whether no other worker can be counted on."""
    others = select(Worker.instance_id).where(Worker.instance_id != instance_id, is_live()).limit(1)
    return tx.execute(others, {"now": tx.now}).first() is None


def stop(tx: Transaction, instance_id: str) -> None:
    """Say that a worker has stopped on purpose; it offers nothing any more."""
    tx.execute(update(Worker).where(Worker.instance_id == instance_id).values(stopped_at=tx.now, stuck=0))


def forget(tx: Transaction, instance_id: str) -> bool:
    """Delete a worker, what it offered and its plugins; ``False`` if there is none."""
    tx.execute(delete(WorkerHandler).where(WorkerHandler.instance_id == instance_id))
    tx.execute(delete(Plugin).where(Plugin.instance_id == instance_id))
    return tx.execute(delete(Worker).where(Worker.instance_id == instance_id)).rowcount == 1


def forget_superseded(tx: Transaction, *, older_than_seconds: float) -> int:
    """Delete workers that ended that long ago and have a newer start under the same id; return how many."""
    newest: dict[str, int] = {}
    rows = list(tx.execute(select(Worker.instance_id, Worker.id, Worker.started_at, Worker.heartbeat_at)))
    for row in rows:
        newest[row.id] = max(newest.get(row.id, 0), row.started_at)
    border = tx.now - round(older_than_seconds * _MICROS)
    old = [row.instance_id for row in rows if row.started_at < newest[row.id] and row.heartbeat_at < border]
    return sum(forget(tx, instance_id) for instance_id in old)


_NOW = bindparam("now", type_=BigInteger)


def _age(intervals: float) -> ColumnElement[int]:
    """Return the SQL for the instant before which a heartbeat is that many of its intervals old."""
    return _NOW - Worker.heartbeat_seconds * (intervals * _MICROS)


@cache
def is_live() -> ColumnElement[bool]:
    """Return the SQL condition on ``workers`` for one that can be counted on, up or late; parameter ``now``."""
    return Worker.stopped_at.is_(None) & (Worker.heartbeat_at >= _age(DOWN_AFTER))


@cache
def status() -> ColumnElement[str]:
    """Return the SQL expression on ``workers`` for ``up``, ``late``, ``down`` or ``stopped``; parameter ``now``."""
    return case(
        (Worker.stopped_at.is_not(None), "stopped"),
        (Worker.heartbeat_at >= _age(LATE_AFTER), "up"),
        (Worker.heartbeat_at >= _age(DOWN_AFTER), "late"),
        else_="down",
    )


_WORKERS = select(*Worker.__table__.columns, status().label("status")).order_by(
    Worker.id, Worker.started_at.desc(), Worker.instance_id
)


def workers(tx: Transaction) -> list[Row[Any]]:
    """Return all workers by id, newest start first: the columns of ``workers`` and ``status``."""
    return tx.seen("workers", None, lambda: list(tx.execute(_WORKERS, {"now": tx.now})))


def worker(tx: Transaction, instance_id: str) -> Row[Any] | None:
    """Return one worker with its ``status``."""
    return tx.execute(
        select(*Worker.__table__.columns, status().label("status")).where(Worker.instance_id == instance_id),
        {"now": tx.now},
    ).first()


def offers(tx: Transaction, *, handler_id: str | None = None) -> list[Row[Any]]:
    """Return who offers what, and the worker's ``worker_id``, ``title``, ``tags``, ``status``, ``heartbeat_at``."""
    statement = (
        select(
            WorkerHandler.handler_id,
            WorkerHandler.handler_version,
            WorkerHandler.native,
            WorkerHandler.instance_id,
            Worker.id.label("worker_id"),
            Worker.title,
            Worker.tags,
            Worker.heartbeat_at,
            status().label("status"),
        )
        .join(Worker, Worker.instance_id == WorkerHandler.instance_id)
        .order_by(WorkerHandler.handler_id, WorkerHandler.handler_version, Worker.id, Worker.started_at.desc())
    )
    if handler_id is not None:
        statement = statement.where(WorkerHandler.handler_id == handler_id)
    return list(tx.execute(statement, {"now": tx.now}))


def live_versions(tx: Transaction, handler_id: str) -> set[int]:
    """Return the versions of a handler that live workers can run, their own or by migrating data."""
    return set(tx.execute(_live_versions(), {"handler_id": handler_id, "now": tx.now}).scalars())


def handlers(tx: Transaction, *, handler_id: str | None = None) -> list[Row[Any]]:
    """Return every handler version ever registered, by id, newest version first."""
    one = None if handler_id is None else {"handler_id": handler_id}
    return list(tx.execute(_handlers(of_one=one is not None), one))


# Made once: each save of a schedule asks, and to put a statement together takes longer than to run it.


@cache
def _handlers(*, of_one: bool) -> Select[Any]:
    columns = table_of(Handler).c
    statement = select(*columns).order_by(columns.id, columns.version.desc())
    return statement.where(columns.id == bindparam("handler_id")) if of_one else statement


@cache
def _live_versions() -> Select[Any]:
    return (
        select(WorkerHandler.handler_version)
        .join(Worker, Worker.instance_id == WorkerHandler.instance_id)
        .where(WorkerHandler.handler_id == bindparam("handler_id"), is_live())
    )


def plugins(tx: Transaction) -> list[Row[Any]]:
    """Return the plugins of the workers that are live: columns of ``plugins`` and ``worker_id``; broken ones first."""
    rows = tx.execute(
        select(*Plugin.__table__.columns, Worker.id.label("worker_id"))
        .join(Worker, Worker.instance_id == Plugin.instance_id)
        .where(is_live())
        .order_by(Plugin.name, Worker.id),
        {"now": tx.now},
    )
    return sorted(rows, key=lambda row: row.error is None)


def loads(text: str | None) -> Any:
    """Return the JSON value of a stored text, ``None`` of ``None``."""
    return None if text is None else json.loads(text)
