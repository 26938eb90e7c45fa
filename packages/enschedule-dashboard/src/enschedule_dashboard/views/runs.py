"""The list of runs: newest first, the last seven days unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request

from enschedule_core.errors import InvalidInput
from enschedule_core.wire.types import Page, Run
from enschedule_dashboard import listing, present, search
from enschedule_dashboard.ahead import ahead
from enschedule_dashboard.filters import here, viewer
from enschedule_dashboard.present import Viewer
from enschedule_dashboard.session import client
from enschedule_dashboard.views import saved

blueprint = Blueprint("runs", __name__)

#: What is one click away: label, statuses.
SEGMENTS = (
    ("All", ""),
    ("Failed", "failed,timed_out,lost"),
    ("Running", "running"),
    ("Queued", "queued"),
    ("Succeeded", "succeeded"),
    ("Cancelled", "cancelled,skipped"),
)
LIMIT = 50


@dataclass(frozen=True, slots=True)
class DayOfRuns:
    """Runs of one day of the viewer's zone, newest first; ``key`` is its date."""

    name: str
    key: str
    runs: list[Run]


@blueprint.get("/runs")
def index() -> str | tuple[str, int]:
    """List runs; ``q status schedule tag handler worker group from to cursor`` in the address.

    ``from`` and ``to`` are instants with an offset, or local times of the viewer.
    """
    wanted = listing.runs_wanted(request.args)
    bounds = listing.bounds_of(request.args, viewer())
    everything = request.args.get("all") == "1"
    cursor = request.args.get("cursor") or None
    naming = ahead(client().views.list)
    found, wrong = _ask(listing.runs_where(wanted, request.args, viewer()), cursor)
    kept = {**bounds, "all": "1" if everything else None}
    page = render_template(
        "runs.html",
        days=days(found["items"], viewer()),
        count=len(found["items"]),
        next_cursor=found["next_cursor"],
        cursor=cursor,
        wanted=wanted,
        wrong=wrong,
        kept=kept,
        local={name: local_input(at, viewer()) for name, at in bounds.items()},
        segments=_segments(wanted, kept),
        range_words=range_words(bounds, viewer()),
        bounded=not bounds and not listing.is_unbounded(wanted, request.args),
        at_of=began,
        views=saved.menu("runs", here(), naming()["items"]),
        whole=not cursor and not found["next_cursor"],
    )
    return (page, 422) if wrong else page


def _ask(where: dict[str, Any], cursor: str | None) -> tuple[Page[Run], InvalidInput | None]:
    """Return a page of what matches; of a search that the API refuses nothing, and what is wrong with it."""
    try:
        return client().runs.list(**where, cursor=cursor, limit=LIMIT), None
    except InvalidInput as error:
        return {"items": [], "next_cursor": None}, error


def local_input(instant: str, who: Viewer) -> str:
    """Return an instant as a field for a local date and time has it."""
    return f"{who.local(present.as_instant(instant)):%Y-%m-%dT%H:%M}"


def began(run: Run) -> str:
    """Return the instant a run is listed under: its start, else when it will or did enter the queue."""
    return run["started_at"] or run["not_before"] or run["queued_at"]


def days(runs: Iterable[Run], who: Viewer) -> list[DayOfRuns]:
    """Return runs by the day they were queued on, so that a time needs no date beside it."""
    found: list[DayOfRuns] = []
    for run in runs:
        key = f"{who.local(present.as_instant(run['queued_at'])):%Y-%m-%d}"
        if not found or found[-1].key != key:
            found.append(DayOfRuns(present.day_name(run["queued_at"], who), key, []))
        found[-1].runs.append(run)
    return found


def _segments(wanted: search.Search, kept: dict[str, Any]) -> list[dict[str, Any]]:
    chosen = wanted.filters.get("status", "")
    rest = wanted.without("status")
    found: list[dict[str, Any]] = [
        {"label": label, "query": rest.query(status=status, **kept), "on": status == chosen}
        for label, status in SEGMENTS
    ]
    if chosen and not any(segment["on"] for segment in found):
        label = chosen.replace("_", " ").replace(",", ", ")
        found.append({"label": label, "query": rest.query(status=chosen, **kept), "on": True})
    return found


def range_words(bounds: dict[str, str], who: Viewer) -> str:
    """Return a range of the address in words: ``14:00 to 15:00``, ``since Fri 08:00``; empty if there is none."""
    start, end = bounds.get("from"), bounds.get("to")
    if start and end:
        return f"{present.day_time(start, who)} to {present.day_time(end, who)}"
    return f"since {present.day_time(start, who)}" if start else f"before {present.day_time(end, who)}" if end else ""
