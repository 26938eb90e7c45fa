"""What the two lists have in common: which filters there are, and what one of them asks the API for.

A list is its address: ``/schedules?tag=shop&status=failing``. The same query chooses what a bulk action is for, and is
what a saved view keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from enschedule_core.clock import format_instant
from enschedule_core.schedule import ScheduleStatus
from enschedule_dashboard import search
from enschedule_dashboard.present import Viewer

SCHEDULE_FILTERS = ("status", "tag", "handler", "worker", "group")
RUN_FILTERS = ("status", "schedule", "tag", "handler", "worker", "group")
SORTS = {"due_at": "next run", "title": "title", "last_run": "last run", "id": "id"}
DEFAULT_SORT = "due_at"
RANGE = ("from", "to")
DEFAULT_DAYS = 7
STATUSES = ("failing", "broken", "running", "retrying", "waiting", "paused")
_MAX = 2_000


def arguments_of(address: str) -> dict[str, str]:
    """Return the query parameters of a path with its query, each once."""
    return dict(parse_qsl(urlsplit(address[:_MAX]).query))


def schedules_wanted(arguments: Mapping[str, str]) -> search.Search:
    """Return what an address of the list of schedules searches for."""
    return search.read(arguments.get("q"), arguments, SCHEDULE_FILTERS)


def runs_wanted(arguments: Mapping[str, str]) -> search.Search:
    """Return what an address of the list of runs searches for."""
    return search.read(arguments.get("q"), arguments, RUN_FILTERS)


def schedules_where(wanted: search.Search) -> dict[str, Any]:
    """Return the filters of the API for a search; failing goes by ``failing_since``, whatever the status is now."""
    where: dict[str, Any] = {name: value for name, value in wanted.filters.items() if name != "status"}
    status = wanted.filters.get("status")
    if status == ScheduleStatus.FAILING:
        where["failing"] = True
    elif status == ScheduleStatus.PAUSED:
        where["paused"] = True
    elif status:
        where["status"] = status
    return where | ({"q": wanted.words} if wanted.words else {})


def runs_where(wanted: search.Search, arguments: Mapping[str, str], who: Viewer) -> dict[str, Any]:
    """Return the filters of the API for a search, of the last days unless told otherwise or of one schedule."""
    where: dict[str, Any] = {name: value for name, value in wanted.filters.items() if name != "status"}
    if status := wanted.filters.get("status"):
        where["status"] = status.split(",")
    bounds = bounds_of(arguments, who)
    since = bounds.get("from") or (None if bounds or is_unbounded(wanted, arguments) else _days_ago(who))
    given = {"q": wanted.words, "from_": since, "to": bounds.get("to")}
    return where | {name: value for name, value in given.items() if value}


def is_unbounded(wanted: search.Search, arguments: Mapping[str, str]) -> bool:
    """Return whether a list of runs that says no range is of all that are kept."""
    return arguments.get("all") == "1" or "schedule" in wanted.filters


def bounds_of(arguments: Mapping[str, str], who: Viewer) -> dict[str, str]:
    """Return ``from`` and ``to`` of an address in the wire form, as far as they are instants."""
    return {name: value for name in RANGE if (value := _instant(arguments.get(name), who))}


def _instant(text: str | None, who: Viewer) -> str | None:
    """Return an instant in the wire form; a local time is the viewer's, and a ``+`` may have become a blank."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.strip().replace(" ", "+"))
        return format_instant(at if at.tzinfo else at.replace(tzinfo=who.zone))
    except (ValueError, OverflowError):
        return None


def _days_ago(who: Viewer) -> str | None:
    """Return where the last days begin: with a day, so that the cursor of a page holds on the next one."""
    today = who.local(who.now).replace(hour=0, minute=0, second=0, microsecond=0)
    return format_instant(today - timedelta(days=DEFAULT_DAYS))


def sort_of(arguments: Mapping[str, str]) -> str:
    """Return the order that an address asks for; one that there is not is the default."""
    sort = arguments.get("sort", DEFAULT_SORT)
    return sort if sort.lstrip("-") in SORTS else DEFAULT_SORT
