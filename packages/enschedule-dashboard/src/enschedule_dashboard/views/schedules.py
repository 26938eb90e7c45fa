"""The list of schedules: one line each, sorted by what runs next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

from flask import Blueprint, jsonify, render_template, request
from werkzeug.wrappers import Response

from enschedule_client import Client
from enschedule_core.errors import InvalidInput
from enschedule_core.wire.types import Schedule, ScheduleCounts, SchedulePage
from enschedule_dashboard import listing, present, search
from enschedule_dashboard.ahead import ahead
from enschedule_dashboard.filters import first_line, here, viewer
from enschedule_dashboard.marks import mark_of, places_of
from enschedule_dashboard.present import Viewer
from enschedule_dashboard.session import client
from enschedule_dashboard.views import saved

blueprint = Blueprint("schedules", __name__)

LIMIT = 50
GROUPED_LIMIT = 200
EVERYTHING = search.Search("", {})
GROUPINGS = {"tag": "tag", "handler": "handler"}


@blueprint.get("/schedules")
def index() -> str | tuple[str, int]:
    """List what matches ``q status tag handler worker group``, by ``sort``, from ``cursor`` on, in groups ``by``."""
    wanted = listing.schedules_wanted(request.args)
    sort = listing.sort_of(request.args)
    cursor = request.args.get("cursor") or None
    by = request.args.get("by", "") if request.args.get("by") in GROUPINGS else ""
    ask, who, rest = client(), viewer(), wanted.without("status")
    counting, naming = ahead(lambda: counts_of(ask, rest)), ahead(ask.views.list)
    found, wrong = _ask(ask, wanted, sort, cursor, by)
    matching = counts_of(ask, EVERYTHING) if wrong else counting()
    everything = matching if wrong or not rest.text or found["items"] else counts_of(ask, EVERYTHING)
    page = render_template(
        "schedules.html",
        schedules=found["items"],
        groups=grouped(found, by),
        by=by,
        groupings=GROUPINGS,
        next_cursor=found["next_cursor"],
        cursor=cursor,
        wanted=wanted,
        wrong=wrong,
        sort=sort,
        sorts=listing.SORTS,
        kept={"sort": None if sort == listing.DEFAULT_SORT else sort, "by": by or None},
        segments=segments(matching, wanted, by=by or None, sort=None if sort == listing.DEFAULT_SORT else sort),
        matching=matching["total"],
        sentence=sentence(matching, matched=bool(rest.text) and not wrong),
        next_run=lambda schedule: next_run(schedule, who),
        total=everything["total"],
        views=saved.menu("schedules", here(), naming()["items"]),
        whole=not cursor and not found["next_cursor"],
    )
    return (page, 422) if wrong else page


def _ask(
    ask: Client, wanted: search.Search, sort: str, cursor: str | None, by: str
) -> tuple[SchedulePage, InvalidInput | None]:
    """Return a page of what matches; of a search that the API refuses nothing, and what is wrong with it."""
    where = listing.schedules_where(wanted)
    limit = GROUPED_LIMIT if by else LIMIT
    try:
        return ask.schedules.list(**where, sort=sort, by=by or None, cursor=cursor, limit=limit), None
    except InvalidInput as error:
        return {"items": [], "next_cursor": None}, error


@dataclass(frozen=True, slots=True)
class Group:
    """Schedules under one heading, and the search that shows just them (``None`` for those without a tag).

    ``count`` are in the whole group; it ``continues`` where its beginning is on the page before.
    """

    name: str
    schedules: list[Schedule]
    filter: tuple[str, str] | None = None
    count: int = 0
    continues: bool = False

    @property
    def place(self) -> str:
        """Return what tells a schedule under this tag from the same one under another tag."""
        return f"@{quote(self.filter[1])}" if self.filter and self.filter[0] == "tag" else ""


def counts_of(ask: Client, wanted: search.Search) -> ScheduleCounts:
    """Return how the schedules stand that match."""
    return ask.schedules.counts(**listing.schedules_where(wanted), limit=0)


def grouped(page: SchedulePage, by: str) -> list[Group]:
    """Return the schedules of a page under their headings, or in one group without a name."""
    if not by:
        return [Group("", page["items"])]
    found, rest = [], iter(page["items"])
    for group in page.get("groups", []):
        name = group["name"]
        schedules = list(islice(rest, group["shown"]))
        where = None if name is None else (by, name)
        found.append(Group(name or "no tag", schedules, where, group["count"], group["continues"]))
    return found


@dataclass(frozen=True, slots=True)
class Segment:
    """One of the counts that are the filter; ``query`` is what follows the address of the list."""

    label: str
    count: int
    query: str
    on: bool
    bad: bool = False


def segments(counts: ScheduleCounts, wanted: search.Search, **kept: str | None) -> list[Segment]:
    """Return the counts that are the filter: All, and each status that something has (or that is chosen).

    They are of what the rest of the search matches; ``kept`` stays in the address.
    """
    chosen = wanted.filters.get("status")
    rest = wanted.without("status")
    found = [Segment("All", counts["total"], rest.query(**kept), on=chosen is None)]
    for status in listing.STATUSES:
        count = _count(counts, status)
        if count or status == chosen:
            bad = status in {"failing", "broken"}
            query = rest.query(status=status, **kept)
            found.append(Segment(status.capitalize(), count, query, on=status == chosen, bad=bad))
    return found


def _count(counts: ScheduleCounts, status: str) -> int:
    found: Any = counts.get(status, 0)
    return int(found)


def sentence(counts: ScheduleCounts, *, matched: bool = False) -> str:
    """Return the line under the title (``42, of which 1 failing, 2 running, 1 waiting for a worker, 2 paused``).

    Of a search it is about what has been ``matched`` (``8 match, of which 1 failing``).
    """
    if not counts["total"]:
        return ""  # the page itself says so
    words = {"waiting": "waiting for a worker"}
    found = {status: _count(counts, status) for status in listing.STATUSES}
    parts = [f"{count:,} {words.get(status, status)}" for status, count in found.items() if count]
    total = present.number(counts["total"]) + (f" match{'es' if counts['total'] == 1 else ''}" if matched else "")
    well = "neither failing nor waiting" if counts["total"] == 1 else "none of them failing or waiting"
    return f"{total}, of which {', '.join(parts)}" if parts else f"{total}, {well}"


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
    parts = [present.day_time(entry["at"], who), word, present.brief(message, 80)]
    return " · ".join(part for part in parts if part)
