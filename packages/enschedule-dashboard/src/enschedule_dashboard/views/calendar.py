"""Calendar: how full the coming week is, its fullest minutes, and what starts in one hour of it."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, render_template, request

from enschedule_core.clock import format_instant, parse_instant
from enschedule_dashboard import shell, weeks
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.present import Viewer, day_name
from enschedule_dashboard.session import client

blueprint = Blueprint("calendar", __name__)
FULLEST = 10
ASKED = 50  # the same minute of several days is one line
MOST = 200


@blueprint.get("/calendar")
def index() -> str:
    """Show the coming week, and the slots of the hour that ``at`` names."""
    who = viewer()
    start, end = weeks.week_range(who)
    forecast = client().forecast(
        from_=format_instant(start),
        to=format_instant(end),
        limit=1,
        fullest=ASKED,
        offset_minutes=weeks.offset_minutes(who),
    )
    days = weeks.week(forecast["buckets"], who)
    chosen = _chosen(request.args.get("at"), start, end, who)
    return render_template(
        "calendar.html",
        days=days,
        hours=weeks.HOURS,
        sentence=weeks.sentence(days, halted=shell.server()["pause"] is not None),
        fullest=weeks.minutes(forecast["fullest"], who, most=FULLEST),
        truncated=forecast["truncated"],
        hour=_hour(chosen, who) if chosen else None,
        chosen=format_instant(chosen) if chosen else None,
    )


def _chosen(text: str | None, start: datetime, end: datetime, who: Viewer) -> datetime | None:
    """Return the hour that the address names; one that is none, or not of this week, is as if there were none."""
    try:
        at = parse_instant(text) if text else None
    except ValueError:
        return None
    return at if at is not None and at < end and weeks.hour_range(at, who)[1] > start else None


def _hour(at: datetime, who: Viewer) -> dict[str, object]:
    """Return the slots of an hour, and its name."""
    begins, ends = weeks.hour_range(at, who)
    found = client().forecast(from_=format_instant(max(begins, who.now)), to=format_instant(ends), limit=MOST)
    name = f"{day_name(begins, who)} {who.local(begins):%H:%M} to {who.local(ends):%H:%M}"
    more = sum(bucket["count"] for bucket in found["buckets"]) - len(found["items"])
    return {"name": name, "items": found["items"], "more": max(0, more)}
