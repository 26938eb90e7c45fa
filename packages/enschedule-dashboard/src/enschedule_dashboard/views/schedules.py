"""The list of schedules: one line each, sorted by what runs next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, jsonify, render_template, request
from werkzeug.wrappers import Response

from enschedule_core.wire.types import Page, Schedule, ScheduleCounts
from enschedule_dashboard import present, search, shell
from enschedule_dashboard.filters import first_line, viewer
from enschedule_dashboard.marks import mark_of, places_of
from enschedule_dashboard.present import Viewer
from enschedule_dashboard.session import client

blueprint = Blueprint("schedules", __name__)

FILTERS = ("status", "tag", "handler")
STATUSES = ("failing", "broken", "running", "retrying", "waiting", "paused")
SORTS = {"due_at": "next run", "title": "title", "last_run": "last run", "id": "id"}
LIMIT = 50


@blueprint.get("/schedules")
def index() -> str:
    """List the schedules that match ``q status tag handler`` of the address, by ``sort``, from ``cursor`` on."""
    wanted = search.read(request.args.get("q"), request.args, FILTERS)
    sort = request.args.get("sort", "due_at")
    sort = sort if sort.lstrip("-") in SORTS else "due_at"
    cursor = request.args.get("cursor") or None
    found = _ask(wanted, sort, cursor)
    counts = shell.counts()
    return render_template(
        "schedules.html",
        schedules=found["items"],
        next_cursor=found["next_cursor"],
        cursor=cursor,
        wanted=wanted,
        sort=sort,
        sorts=SORTS,
        segments=segments(counts, wanted),
        sentence=sentence(counts),
        next_run=lambda schedule: next_run(schedule, viewer()),
        total=counts["total"],
    )


def _ask(wanted: search.Search, sort: str, cursor: str | None) -> Page[Schedule]:
    filters: dict[str, Any] = {name: value for name, value in wanted.filters.items() if name != "status"}
    status = wanted.filters.get("status")
    if status == "failing":
        filters["failing"] = True
    elif status == "paused":
        filters["paused"] = True
    elif status:
        filters["status"] = status
    return client().schedules.list(**filters, q=wanted.words or None, sort=sort, cursor=cursor, limit=LIMIT)


@dataclass(frozen=True, slots=True)
class Segment:
    """One of the counts that are the filter; ``query`` is what follows the address of the list."""

    label: str
    count: int
    query: str
    on: bool
    bad: bool = False


def segments(counts: ScheduleCounts, wanted: search.Search) -> list[Segment]:
    """Return the counts that are the filter: All, and each status that something has (or that is chosen)."""
    chosen = wanted.filters.get("status")
    rest = wanted.without("status")
    found = [Segment("All", counts["total"], rest.query(), on=chosen is None)]
    for status in STATUSES:
        count = _count(counts, status)
        if count or status == chosen:
            bad = status in {"failing", "broken"}
            found.append(Segment(status.capitalize(), count, rest.query(status=status), on=status == chosen, bad=bad))
    return found


def _count(counts: ScheduleCounts, status: str) -> int:
    found: Any = counts.get(status, 0)
    return int(found)


def sentence(counts: ScheduleCounts) -> str:
    """Return the line under the title (``42, of which 1 failing, 2 running, 1 waiting for a worker, 2 paused``)."""
    words = {"waiting": "waiting for a worker"}
    found = {status: _count(counts, status) for status in STATUSES}
    parts = [f"{count:,} {words.get(status, status)}" for status, count in found.items() if count]
    total = present.number(counts["total"])
    return f"{total}, of which {', '.join(parts)}" if parts else f"{total}, none of them failing or waiting"


def next_run(schedule: Schedule, who: Viewer) -> tuple[str, str, str | None]:
    """Return what stands under Next run: words, a tone (``""`` for none), and the instant meant, if any."""
    status = schedule["status"]
    until = schedule["pause"]["until"] if schedule["pause"] else None
    if status == "paused" and until:
        return f"until {present.day(until, who) or present.day_time(until, who)}", "idle", until
    at = schedule["retry_at"] or schedule["due_at"]
    said = {"paused": ("paused", "idle"), "waiting": ("waits for a worker", "warn"), "broken": ("never", "bad")}
    if status in said or at is None:
        words, tone = said.get(status, ("ended" if status == "finished" else "", "idle"))
        return words, tone, None
    return present.relative(at, who), "", at


@blueprint.get("/schedules/<id>/recent.json")
def recent(id: str) -> Response:
    """Return what each place of the rail says under the pointer, oldest first, right-aligned like the rail."""
    entries = places_of(client().schedules.get(id))
    return jsonify({"places": [place_words(entry, viewer()) for entry in entries]})


def place_words(entry: Mapping[str, Any], who: Viewer) -> str:
    """Return ``14:15 · failed after 4.1 s · ConnectError``."""
    status = entry["status"]
    if status == "running":
        return "running now"
    word = mark_of(status).word
    took = entry["duration_seconds"]
    if status == "skipped":
        word = f"{present.plural(entry.get('count') or 1, 'slot')} skipped"
    elif took is not None:
        word += f" {'in' if status == 'succeeded' else 'after'} {present.duration(took)}"
    message = first_line(entry.get("message"))
    parts = [present.day_time(entry["at"], who), word, message if len(message) <= 80 else message[:79] + "…"]
    return " · ".join(part for part in parts if part)
