"""What templates may call: the words of ``present``, the drawings of ``marks`` and ``charts``, and addresses."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Flask, g, request, url_for

from enschedule_core.clock import format_instant
from enschedule_dashboard import charts, marks, notices, present, session
from enschedule_dashboard.present import Viewer
from enschedule_dashboard.templating import kept


def viewer() -> Viewer:
    """Return who looks at this page (set before each request)."""
    found: Viewer = g.viewer
    return found


def written(instant: str | datetime, style: str = "auto", zone: str | None = None) -> str:
    """Write an instant in a style.

    ``auto`` has the day where needed, ``clock`` the seconds, ``soon`` whichever of these says more (seconds today,
    else the day), ``short`` the hour and minute, ``exact`` all of it.
    """
    looks = Viewer(viewer().now, ZoneInfo(zone)) if zone else viewer()
    if style == "clock" or (style == "soon" and not present.day(instant, looks)):
        return present.clock_time(instant, looks)
    if style == "short":
        return f"{looks.local(present.as_instant(instant)):%H:%M}"
    if style == "exact":
        return present.exact(instant, looks)
    return present.day_time(instant, looks)


def wire(instant: datetime, plus_seconds: float = 0) -> str:
    """Return an instant as the API and our addresses write it, some seconds later if asked."""
    return format_instant(instant + timedelta(seconds=plus_seconds)) or ""


def first_line(text: str | None) -> str:
    """Return the first line of an error that has one, without blanks around it."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")


def to(path: str) -> str:
    """Return the address of a page of the dashboard, wherever it is mounted."""
    return f"{request.script_root}{path}"


def _object_url(noun: str, key: str | int, rest: str | None) -> str:
    address = f"{request.script_root}/{noun}/{quote(str(key), safe='')}"
    return f"{address}/{rest}" if rest else address


def schedule_url(key: str, rest: str | None = None) -> str:
    """Return the address of a schedule's page, or of one of its actions (``edit``, ``run``, ``pause`` …)."""
    return _object_url("schedules", key, rest)


def run_url(key: int, rest: str | None = None) -> str:
    """Return the address of a run's page, or of one of its actions."""
    return _object_url("runs", key, rest)


def handler_url(key: str, rest: str | None = None) -> str:
    """Return the address of a handler's page."""
    return _object_url("handlers", key, rest)


def here() -> str:
    """Return path and query of this page below the mount point, for a hidden ``next``; a POST leads to its page."""
    return request.full_path.rstrip("?") if request.method == "GET" else request.path


def static(name: str) -> str:
    """Return the address of a file of the stylesheet, script or picture kind."""
    return url_for("static", filename=name)


def register(app: Flask) -> None:
    """Add the filters and globals to the templates of ``app``."""
    env = app.jinja_env
    env.filters.update(
        duration=present.duration,
        number=present.number,
        plural=present.plural,
        few=present.few,
        size=present.size,
        written=written,
        wire=wire,
        first_line=first_line,
        relative=lambda value: present.relative(value, viewer()),
        since=lambda value: present.since(value, viewer()),
        clock_time=lambda value: present.clock_time(value, viewer()),
        day_time=lambda value: present.day_time(value, viewer()),
        day_name=lambda value: present.day_name(value, viewer()),
        exact=lambda value, zone=None: present.exact(value, viewer(), zone),
    )
    env.globals.update(
        mark_of=marks.mark_of,
        standing_of=marks.standing,
        rail_of=marks.rail,
        kept=kept,
        usual_of=marks.usual,
        places_of=charts.places,
        schedule_url=schedule_url,
        run_url=run_url,
        handler_url=handler_url,
        to=to,
        here=here,
        static=static,
        notices=notices.notices,
        once=session.fresh_once,
    )
