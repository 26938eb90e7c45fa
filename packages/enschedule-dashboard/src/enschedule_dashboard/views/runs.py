"""The list of runs: newest first, the last seven days unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request

from enschedule_core.clock import format_instant
from enschedule_core.wire.types import Run
from enschedule_dashboard import present, search
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.present import Viewer
from enschedule_dashboard.session import client

blueprint = Blueprint("runs", __name__)

FILTERS = ("status", "schedule", "handler", "worker")
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
DEFAULT_DAYS = 7


@dataclass(frozen=True, slots=True)
class DayOfRuns:
    """Runs of one day of the viewer's zone, newest first."""

    name: str
    runs: list[Run]


@blueprint.get("/runs")
def index() -> str:
    """List runs; ``q status schedule handler worker from to cursor`` in the address, instants with an offset."""
    wanted = search.read(request.args.get("q"), request.args, FILTERS)
    bounds = {name: value for name in ("from", "to") if (value := _instant(request.args.get(name)))}
    everything = request.args.get("all") == "1"
    since = bounds.get("from") or (None if everything or wanted.filters.get("schedule") else _week_ago(viewer()))
    cursor = request.args.get("cursor") or None
    status = wanted.filters.get("status")
    found = client().runs.list(
        q=wanted.words or None,
        status=status.split(",") if status else None,
        schedule=wanted.filters.get("schedule"),
        handler=wanted.filters.get("handler"),
        worker=wanted.filters.get("worker"),
        from_=since,
        to=bounds.get("to"),
        cursor=cursor,
        limit=LIMIT,
    )
    kept = {**bounds, "all": "1" if everything else None}
    return render_template(
        "runs.html",
        days=days(found["items"], viewer()),
        count=len(found["items"]),
        next_cursor=found["next_cursor"],
        cursor=cursor,
        wanted=wanted,
        kept=kept,
        segments=_segments(wanted, kept),
        range_words=range_words(bounds, viewer()),
        bounded=since is not None and not bounds,
        at_of=began,
    )


def began(run: Run) -> str:
    """Return the instant a run is listed under: its start, else when it will or did enter the queue."""
    return run["started_at"] or run["not_before"] or run["queued_at"]


def days(runs: Iterable[Run], who: Viewer) -> list[DayOfRuns]:
    """Return runs by the day they were queued on, so that a time needs no date beside it."""
    found: list[DayOfRuns] = []
    for run in runs:
        name = present.day_name(run["queued_at"], who)
        if not found or found[-1].name != name:
            found.append(DayOfRuns(name, []))
        found[-1].runs.append(run)
    return found


def _week_ago(who: Viewer) -> str | None:
    hour = who.now.replace(minute=0, second=0, microsecond=0)
    return format_instant(hour - timedelta(days=DEFAULT_DAYS))


def _instant(text: str | None) -> str | None:
    """Return an instant of the address in the wire form, or ``None``; a ``+`` may have become a blank on the way."""
    if not text:
        return None
    try:
        return format_instant(present.as_instant(text.strip().replace(" ", "+")))
    except ValueError:
        return None


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
