"""What the query of a list of schedules asks for, as the store takes it."""

from __future__ import annotations

from typing import Any

from enschedule_worker.store.schedule_lists import Filters


def of_schedules(query: dict[str, Any]) -> Filters:
    """Return the filters of a query, or of the ``filter`` of a bulk action, that has been read."""
    handler_id, version = query.get("handler", (None, None))
    return Filters(
        q=query.get("q"),
        statuses=query.get("status", ()),
        handler_id=handler_id,
        handler_version=version,
        tags=query.get("tag", ()),
        worker=query.get("worker"),
        group=query.get("group"),
        paused=query.get("paused"),
        failing=query.get("failing"),
    )
