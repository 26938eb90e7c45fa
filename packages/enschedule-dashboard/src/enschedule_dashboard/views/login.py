"""Getting in with a key, getting out, the theme, and the phone's last tab."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from enschedule_core.errors import EnscheduleError, InvalidInput, Unauthenticated
from enschedule_dashboard import session
from enschedule_dashboard.session import back, client, safe_next

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def enter() -> str | Response:
    """Ask for the key; a link printed at start brings its one-time key along, and needs one press."""
    if not request.args.get("key") and _is_in():
        return redirect(f"{request.script_root}{safe_next(request.args.get('next'))}", 303)
    return _page(request.args.get("key", ""))


@blueprint.post("/login")
def enter_post() -> Response | tuple[str, int]:
    """Exchange the key against a session."""
    key = request.form.get("key", "").strip()
    try:
        if not key:
            raise InvalidInput("Type the key.")
        made = client().sessions.create(key)
    except (Unauthenticated, InvalidInput) as error:
        return _page("", error), error.status
    response = back("/")
    session.keep(response, made["token"], made["expires_at"])
    return response


@blueprint.post("/logout")
def leave() -> Response:
    """End the session here and on the server."""
    client().sessions.delete_current()
    response = redirect(f"{request.script_root}/login", 303)
    session.forget(response)
    return response


@blueprint.post("/theme")
def theme() -> Response:
    """Keep the theme of this browser; none follows the system."""
    response = back("/")
    chosen = request.form.get("theme", "")
    if chosen in session.THEMES:
        response.set_cookie(session.THEME_COOKIE, chosen, max_age=session.YEAR_SECONDS, samesite="Lax", path="/")
    else:
        response.delete_cookie(session.THEME_COOKIE, path="/")
    return response


@blueprint.get("/more")
def more() -> str:
    """Show what a phone's four tabs leave out."""
    return render_template("more.html")


def _is_in() -> bool:
    try:
        client().me()
    except Unauthenticated:
        return False
    return True


def _page(key: str, error: EnscheduleError | None = None) -> str:
    next_path = safe_next(request.values.get("next"))
    return render_template("login.html", key=key, error=error, next_path=next_path)
