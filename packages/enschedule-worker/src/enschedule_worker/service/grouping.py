"""The list of schedules in groups, by tag or by handler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from enschedule_core.actor import Actor
from enschedule_worker.service import present
from enschedule_worker.service.access import reading
from enschedule_worker.store import schedule_groups as store
from enschedule_worker.store.database import Database
from enschedule_worker.store.schedule_groups import Spot
from enschedule_worker.store.schedule_lists import Filters


def listing(
    database: Database,
    actor: Actor,
    filters: Filters,
    *,
    by: str,
    sort: str = "due_at",
    limit: int = 50,
    after: Spot | None = None,
) -> tuple[dict[str, Any], Spot | None]:
    """Return a page with its ``items`` and ``groups``, and where the next one begins (``None`` after the last).

    A group that would not end on the page, but fits on one, begins the next page, so that only a group of more than
    ``limit`` schedules is on several.
    """
    with reading(database, actor) as tx:
        found = store.page(tx, actor.scope, filters, by=by, sort=sort, limit=limit + 1, after=after)
        counts = store.counts(tx, actor.scope, filters, by=by, names=(spot.name for spot in found))
        shown = _whole_groups(found, limit, counts)
        rows = store.rows(tx, [spot.key for spot in shown])
    drawn = {key: present.schedule(row) for key, row in rows.items()}
    groups = [
        {"name": name, "count": counts[name], "shown": len(list(spots)), "continues": False}
        for name, spots in groupby(shown, lambda spot: spot.name)
    ]
    if groups and after is not None:
        groups[0]["continues"] = groups[0]["name"] == after.name
    page = {"items": [drawn[spot.key] for spot in shown], "groups": groups}
    return page, shown[-1] if len(found) > len(shown) else None


def _whole_groups(found: Sequence[Spot], limit: int, counts: Mapping[str | None, int]) -> Sequence[Spot]:
    """Return the places of a page out of one more than it may have."""
    if len(found) <= limit:
        return found
    torn = found[limit].name
    begin = next(at for at, spot in enumerate(found) if spot.name == torn)
    return found[:begin] if begin > 0 and counts[torn] <= limit else found[:limit]
