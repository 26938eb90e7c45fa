"""Workers: who is there, how they are, what they run."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission, Scope
from enschedule_core.clock import format_instant
from enschedule_core.errors import Conflict, NotFound
from enschedule_worker.service import present
from enschedule_worker.service.access import reading, writing
from enschedule_worker.store import audit, census, run_reads
from enschedule_worker.store.census import loads
from enschedule_worker.store.database import Database

LIVE = frozenset({"up", "late"})


def listing(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """Return the live workers, and of each other id its last start."""
    with reading(database, actor) as tx:
        rows = shown(census.workers(tx))
        instances = [row.instance_id for row in rows]
        running = run_reads.running(tx, instances) if instances else []
        offers = census.offers(tx)
    return [
        _present(
            row,
            [run for run in running if run.worker_instance == row.instance_id],
            actor.scope,
            [
                f"{one.handler_id}@{one.handler_version}"
                for one in offers
                if one.instance_id == row.instance_id and one.native
            ],
        )
        for row in rows
    ]


def shown(rows: list[Row[Any]]) -> list[Row[Any]]:
    """Leave out starts that ended and were followed by another; ``rows`` are by id, newest start first."""
    kept: list[Row[Any]] = []
    for row in rows:
        if row.status in LIVE or all(other.id != row.id for other in kept):
            kept.append(row)
    return kept


def _present(row: Row[Any], running: list[Row[Any]], scope: Scope, handlers: list[str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "instance_id": row.instance_id,
        "title": row.title,
        "status": row.status,
        "host": row.host,
        "pid": row.pid,
        "version": row.version,
        "executor": row.executor,
        "places": row.places,
        "used": len(running),
        "stuck": row.stuck,
        "tags": loads(row.tags),
        "started_at": format_instant(row.started_at),
        "heartbeat_at": format_instant(row.heartbeat_at),
        "running": [_run(run) for run in running if scope.covers(run.group_id)],
        "handlers": handlers,
    }


def _run(run: Row[Any]) -> dict[str, Any]:
    return {
        "id": run.id,
        "schedule": present.ref(run.schedule_id, run.schedule_title, deleted=run.schedule_deleted_at is not None),
        "handler": {"id": run.handler_id, "version": run.handler_version},
        "started_at": format_instant(run.started_at),
    }


def remove(database: Database, actor: Actor, instance_id: str) -> None:
    """Forget a worker that is down or stopped. Raises :class:`Conflict` while it is up or late."""
    with writing(database, actor, Permission.ADMIN) as tx:
        row = census.worker(tx, instance_id)
        if row is None:
            raise NotFound(f"There is no worker with the instance {instance_id}.")
        if row.status in LIVE:
            raise Conflict(
                f"{row.id} is {row.status}.", hint="Stop the process first; what is up comes back by itself."
            )
        census.forget(tx, instance_id)
        audit.record(tx, actor, "worker.delete", "worker", row.id, detail={"instance_id": instance_id})
