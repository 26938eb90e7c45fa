"""Handlers: which there are, who has them, and whether data fits them."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor
from enschedule_core.clock import format_instant
from enschedule_core.errors import EnscheduleError, FieldError, InvalidData, NotFound, UnknownHandler
from enschedule_core.handler import Handler
from enschedule_core.registry import Registry
from enschedule_core.schema import check_data, validate_json_schema
from enschedule_worker.service import handler_access
from enschedule_worker.service.access import reading
from enschedule_worker.store import census
from enschedule_worker.store.census import loads
from enschedule_worker.store.database import Database, Transaction

logger = logging.getLogger(__name__)


def listing(database: Database, actor: Actor, *, q: str | None = None) -> list[dict[str, Any]]:
    """Return the newest version of every handler, by id; ``q`` is part of the id, the title or the description."""
    with reading(database, actor) as tx:
        rows, offers = census.handlers(tx), census.offers(tx)
        access = handler_access.present(tx, actor, {row.id for row in rows})
    by_id: dict[str, list[Row[Any]]] = {}
    for row in rows:
        by_id.setdefault(row.id, []).append(row)
    wanted = (q or "").lower()
    return [
        _present(versions[0], versions, offers, access[versions[0].id])
        for versions in by_id.values()
        if wanted in f"{versions[0].id}\n{versions[0].title}\n{versions[0].description}".lower()
    ]


def get(database: Database, actor: Actor, handler_id: str, version: int | None = None) -> dict[str, Any]:
    """Return one version of a handler, the newest unless told otherwise. Raises :class:`NotFound`."""
    with reading(database, actor) as tx:
        versions = census.handlers(tx, handler_id=handler_id)
        offers = census.offers(tx, handler_id=handler_id)
        access = handler_access.present(tx, actor, [handler_id])[handler_id]
    row = next((row for row in versions if version in (None, row.version)), None)
    if row is None:
        known = ", ".join(str(row.version) for row in versions)
        hint = f"There are: {known}." if known else "Handlers appear once a worker that has them was started."
        named = handler_id if version is None else f"{handler_id}@{version}"
        raise NotFound(f"There is no handler {named}.", hint=hint)
    return _present(row, versions, offers, access)


def _present(
    row: Row[Any], versions: Iterable[Row[Any]], offers: Iterable[Row[Any]], access: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "versions": sorted(one.version for one in versions),
        "title": row.title,
        "description": row.description,
        "schema": loads(row.data_schema),
        "example": loads(row.example),
        "idempotent": bool(row.idempotent),
        "max_running": row.max_running,
        "access": access,
        "source": loads(row.source),
        "workers": [
            {"id": offer.worker_id, "instance_id": offer.instance_id, "status": offer.status}
            for offer in offers
            if (offer.handler_id, offer.handler_version) == (row.id, row.version) and offer.status in {"up", "late"}
        ],
        "registered_at": format_instant(row.registered_at),
    }


def plugins(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """Return the plugins of the live workers, broken ones first, each with its error and traceback."""
    with reading(database, actor) as tx:
        rows = census.plugins(tx)
    return [
        {
            "source": loads(row.source),
            "worker": {"id": row.worker_id},
            "status": "loaded" if row.error is None else "broken",
            "error": row.error,
            "traceback": row.traceback,
            "handlers": loads(row.handlers),
        }
        for row in rows
    ]


def settle_version(tx: Transaction, handler_id: str, version: int | None, *, stored: int | None = None) -> Row[Any]:
    """Return the row of the handler version that is meant.

    Without a version: ``stored`` (what the schedule has) while a live worker can run it, itself or by
    migrating its data, else the newest ever registered. Raises :class:`UnknownHandler` naming what there is.
    """
    rows = tx.once("handlers", handler_id, lambda: census.handlers(tx, handler_id=handler_id))
    if version is None and stored is not None:
        live = tx.once("live versions", handler_id, lambda: census.live_versions(tx, handler_id))
        version = stored if stored in live else None
    found = next((row for row in rows if version in (None, row.version)), None)
    if found is None:
        raise _unknown(tx, handler_id, version, [row.version for row in rows])
    return found


def _unknown(tx: Transaction, handler_id: str, version: int | None, versions: list[int]) -> UnknownHandler:
    if versions:
        known = ", ".join(f"{handler_id}@{one}" for one in sorted(versions))
        message, near = f"{handler_id} has no version {version}; there are {known}.", f"{handler_id}@{max(versions)}"
    else:
        ids = sorted({row.id for row in census.handlers(tx)})
        close = difflib.get_close_matches(handler_id, ids, n=1)
        near = close[0] if close else ""
        meant = f" Did you mean {near}?" if near else ""
        there = f"There are {', '.join(ids[:20])}." if ids else "No worker has registered any handler yet."
        message = f"No worker has ever registered the handler {handler_id}.{meant} {there}"
    return UnknownHandler(
        f"handler: {message}",
        hint="Install the package that has it on a worker, then start the worker again.",
        errors=[FieldError("handler", message, suggestion=near or None)],
    )


def _load(handler: Handler, data: dict[str, Any]) -> None:
    """Check data with the handler's own schema; one that fails over it is a fault of the plugin, said as such."""
    try:
        handler.load(data)
    except EnscheduleError:
        raise
    except Exception as problem:
        logger.exception("the schema of %s@%s failed", handler.id, handler.version)
        message = f"The schema of {handler.id}@{handler.version} failed over this: {type(problem).__name__}: {problem}"
        raise InvalidData(f"data: {message}", errors=[FieldError("data", message[:500])]) from problem


def schema_of(registry: Registry, handler: Row[Any]) -> Mapping[str, Any] | None:
    """Return the JSON Schema of the handler version of this row of ``handlers``: the handler's own where it is here."""
    here = registry.get(handler.id, handler.version)
    found: Mapping[str, Any] | None = loads(handler.data_schema) if here is None else here.json_schema()
    return found


def check_fits(registry: Registry, handler: Row[Any], data: dict[str, Any]) -> None:
    """Raise :class:`InvalidData` unless ``data`` fits the handler version of this row of ``handlers``.

    The handler itself decides where this process has that version, else its stored JSON Schema.
    """
    here = registry.get(handler.id, handler.version)
    if here is not None:
        _load(here, check_data(data))
        return
    schema = loads(handler.data_schema)
    if schema is not None:
        validate_json_schema(data, schema)
