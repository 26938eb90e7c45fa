"""Errors as pages: what happened, what follows, what can be done. Never a traceback."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import quote

from flask import Flask, g, jsonify, redirect, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response

from enschedule_core.errors import (
    Conflict,
    EnscheduleError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    StaleRevision,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WorkerUnreachable,
    from_problem,
)
from enschedule_dashboard import session, voices
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.present import size
from enschedule_dashboard.security import MAX_FORM_BYTES

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
KEEPS_FORM = (Conflict, RateLimited, TooLarge, Unavailable)
"""What a form says above its fields, so that nothing typed is lost: sent again, it may be taken."""
_TYPED = frozenset({"editor.create", "editor.update", "schedule.run"})
"""Where much is typed. Without the worker such a form cannot be drawn, but the page that says so can carry it."""
_LONGEST_WAIT = 600
"""Seconds; a page that is to wait for longer does not load itself again."""
Answer = Response | tuple[Response | str, int] | tuple[Response | str, int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Way:
    """A way on from an error page."""

    label: str
    path: str


def install(app: Flask) -> None:
    """Turn whatever goes wrong in ``app`` into a page, or into problem+json where a script asked."""
    app.jinja_env.globals["most_bytes"] = MAX_FORM_BYTES
    app.jinja_env.filters.update(retry_seconds=retry_seconds, said=said, way_out=way_out)
    app.register_error_handler(EnscheduleError, show)
    app.register_error_handler(CSRFError, _show_stale_form)
    app.register_error_handler(HTTPException, _show_http)
    app.register_error_handler(Exception, _show_unexpected)


def wants_json() -> bool:
    """Return whether a script asked: it reads problem+json, or the status alone."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return best == "application/json" or request.path.endswith(".json")


def show(error: EnscheduleError) -> Answer:
    """Answer with ``error``: log in first, a page, or problem+json."""
    if wants_json():
        answer = jsonify(error.problem())
        answer.mimetype = "application/problem+json"
        return answer, error.status
    if isinstance(error, Unauthenticated):
        g.me = None
        target = request.full_path.rstrip("?") if request.method == "GET" else "/"
        wanted = f"?next={quote(target)}" if target != "/" else ""
        return redirect(f"{request.script_root}/login{wanted}", 303)
    return _page(error)


def retry_seconds(error: EnscheduleError) -> int | None:
    """Return after how many seconds it is worth while to ask again; ``None`` where that changes nothing."""
    if not isinstance(error, Unavailable | RateLimited):
        return None
    asked = str(error.extra.get("retry_after_seconds") or error.extra.get("retry_after") or "")
    given = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 0
    return max(given, RETRY_SECONDS)


def said(error: EnscheduleError) -> str:
    """Return what is wrong, with the instants in it as the person reads them."""
    return voices.readable(error.detail, viewer()) if "viewer" in g else error.detail


def way_out(error: EnscheduleError) -> str:
    """Return the hint of an error; nothing where it is for programs that use the API."""
    return "" if error.hint is None or "/api/" in error.hint or "If-Match" in error.hint else error.hint


def _page(error: EnscheduleError) -> Answer:
    seconds = retry_seconds(error)
    if isinstance(error, WorkerUnreachable):
        g.alone = True
    if "viewer" not in g:
        g.me = None
        g.viewer = session.look_around(None)
    page = render_template(
        "error.html",
        error=error,
        seconds=seconds,
        keeps_running=isinstance(error, Unavailable),
        ways=_ways(error),
        restore=_restorable(error),
        typed=_typed(error),
        reload=request.method == "GET" and seconds is not None and seconds <= _LONGEST_WAIT,
    )
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return page, error.status, headers


def _ways(error: EnscheduleError) -> list[Way]:
    section = request.path.strip("/").split("/", 1)[0]
    named = {"schedules": "All schedules", "runs": "All runs", "handlers": "All handlers", "workers": "All workers"}
    ways = [Way(named[section], f"/{section}")] if section in named else []
    if isinstance(error, Conflict | StaleRevision | RateLimited | Unavailable) and request.method == "POST":
        target = session.safe_next(request.form.get("next"), "")
        ways = [Way("Back", target), *ways] if target else ways
    return [*ways, Way("Home", "/")]


def _typed(error: EnscheduleError) -> list[tuple[str, str]]:
    """Return the fields of a long form that could not be taken right now, to be sent again as they are."""
    if request.method != "POST" or request.endpoint not in _TYPED or not isinstance(error, Unavailable | RateLimited):
        return []
    return [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]


def _restorable(error: EnscheduleError) -> str | None:
    """Return the path that brings back the schedule of this page, where it was deleted not long ago."""
    parts = request.path.strip("/").split("/")
    deleted = isinstance(error, NotFound) and error.extra.get("deleted_at")
    return f"/schedules/{parts[1]}/restore" if deleted and parts[0] == "schedules" and len(parts) > 1 else None


def _show_stale_form(error: CSRFError) -> Answer:
    log.info("form refused: %s", error.description)
    return show(
        Forbidden(
            "This form was too old, or came from another window after a restart, so nothing was changed.",
            hint="Go back, load the page again, and send it once more.",
        )
    )


def _show_http(error: HTTPException) -> Answer:
    status = error.code or 500
    if status in {301, 302, 303, 307, 308}:
        return error.get_response()
    known: dict[int, EnscheduleError] = {
        404: NotFound(f"There is no page {request.path}."),
        405: MethodNotAllowed(f"The page {request.path} does not take {request.method}."),
    }
    if status == TooLarge.status:
        return show(_too_large())
    return show(known.get(status) or from_problem(status, {"detail": error.description}))


def _too_large() -> TooLarge:
    """Return what is wrong with a form that was not even read."""
    sent, most = request.content_length or 0, size(MAX_FORM_BYTES)
    if sent <= MAX_FORM_BYTES:
        return TooLarge("What was sent has more fields than any form here.")
    return TooLarge(
        f"What was sent has {size(sent)}, and a form may have {most}. Nothing was changed.",
        hint="Go back to the form. Data as large as this belong to a file or an address that the handler reads.",
    )


def _show_unexpected(error: Exception) -> Answer:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return show(
        EnscheduleError(
            InternalServerError.description or "Something broke.",
            hint="The log of the dashboard has the details. Schedules keep running.",
        )
    )
