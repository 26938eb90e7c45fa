"""Getting in with a name, a key or at a provider, the first account, getting out, the theme, the phone's last tab."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, g, render_template, request, url_for
from flask import session as signed
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from enschedule_core.errors import (
    Conflict,
    EnscheduleError,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    ReadOnly,
    Unauthenticated,
    Unavailable,
    WorkerUnreachable,
)
from enschedule_core.wire.types import NewSession
from enschedule_dashboard import session
from enschedule_dashboard.session import back, client, safe_next

blueprint = Blueprint("login", __name__)
_REFUSED = (Unauthenticated, Forbidden, InvalidInput, RateLimited, Conflict)
_ELSEWHERE = "sign_on"
"""Where the signed cookie of the forms keeps a log-in that was begun at the provider: its ticket, and where to go."""


@blueprint.get("/login")
def enter() -> str | Response:
    """Ask who it is; a link printed at start brings its one-time key along, and needs one press."""
    if not request.args.get("key") and _is_in():
        return redirect(f"{request.script_root}{safe_next(request.args.get('next'))}", 303)
    return _page(request.args.get("key", ""))


@blueprint.post("/login")
def enter_post() -> Response | tuple[str, int]:
    """Exchange name and password, or a key, against a session; one that was there before ends."""
    form = request.form
    try:
        if "key" in form:
            if not form["key"].strip():
                raise InvalidInput("Type the key.")
            made = client().sessions.create(form["key"].strip())
        else:
            if not form.get("name", "").strip() or not form.get("password"):
                raise InvalidInput("Type name and password.")
            made = client().sessions.log_in(form["name"].strip(), form["password"])
    except _REFUSED as error:
        return _page("", error), error.status
    return _keep(made, back("/"))


@blueprint.get("/login/provider")
def to_provider() -> Response | tuple[str, int]:
    """Send the browser to the provider. A link and no form: the policy of our pages lets forms lead to us only."""
    try:
        begun = client().sessions.begin_sign_on(url_for("login.from_provider", _external=True))
    except WorkerUnreachable:
        raise
    except (*_REFUSED, Unavailable, NotFound) as error:
        return _page("", error), error.status
    signed[_ELSEWHERE] = {"ticket": begun["ticket"], "next": safe_next(request.args.get("next"))}
    return redirect(begun["url"], 303)


@blueprint.get("/login/callback")
def from_provider() -> Response | tuple[str, int]:
    """Take what the provider sent along, and log in with it; the ticket is gone then, whatever comes of it."""
    begun = signed.pop(_ELSEWHERE, None) or {}
    given = request.args
    try:
        made = client().sessions.finish_sign_on(
            begun.get("ticket", "none"),
            given.get("state", "")[:1000],
            code=given.get("code", "")[:4000],
            error=given.get("error", "")[:1000],
        )
    except WorkerUnreachable:
        raise
    except (*_REFUSED, Unavailable, NotFound) as error:
        return _page("", error), error.status
    return _keep(made, redirect(f"{request.script_root}{safe_next(begun.get('next'))}", 303))


@blueprint.get("/setup")
def set_up() -> str:
    """Ask for name and password of the first account; the printed link brings its token along."""
    return _setup_page(request.args.get("token", ""))


@blueprint.post("/setup")
def set_up_post() -> Response | tuple[str, int]:
    """Make the first account, and log it in."""
    form = request.form
    try:
        made = client().sessions.set_up(form.get("token", ""), form.get("name", ""), form.get("password", ""))
    except _REFUSED as error:
        return _setup_page(form.get("token", ""), error), error.status
    return _keep(made, redirect(f"{request.script_root}/", 303))


def _keep(made: NewSession, response: Response) -> Response:
    if session.token() is not None:
        with suppress(Unauthenticated, NotFound):
            client().sessions.delete_current()
    session.keep(response, made["token"], made["expires_at"])
    return response


@blueprint.post("/logout")
def leave() -> Response:
    """End the session here and on the server."""
    client().sessions.delete_current()
    response = redirect(f"{request.script_root}/login?out=1", 303)
    session.forget(response)
    return response


@blueprint.post("/theme")
def theme() -> Response:
    """Keep the theme of this browser, and with an account that of all its browsers; none follows the system."""
    response = back("/")
    chosen = request.form.get("theme", "")
    if chosen in session.THEMES:
        response.set_cookie(
            session.THEME_COOKIE,
            chosen,
            max_age=session.YEAR_SECONDS,
            samesite="Lax",
            secure=request.is_secure,
            path="/",
        )
    else:
        response.delete_cookie(session.THEME_COOKIE, path="/")
    if session.token() is not None:
        with suppress(Unauthenticated, NotFound, ReadOnly):
            client().sessions.change_own(theme=chosen if chosen in session.THEMES else None)
    return response


@blueprint.get("/more")
def more() -> str:
    """Show what a phone's four tabs leave out."""
    return render_template("more.html")


def _is_in() -> bool:
    try:
        session.identify(loopback=g.loopback)
    except Unauthenticated:
        return False
    return True


def _page(key: str, error: EnscheduleError | None = None) -> str:
    next_path = safe_next(request.values.get("next"))
    ways = client().sessions.ways_in()
    # Nobody has a name to type before there is an account, and nobody types one where passwords are off.
    by_key = bool(key) or "key" in request.form or not (ways["accounts"] and ways["password"])
    sent = "key" if "key" in request.form else "name" if request.method == "POST" else "provider"
    return render_template("login.html", key=key, by_key=by_key, error=error, sent=sent, next_path=next_path, ways=ways)


def _setup_page(token: str, error: EnscheduleError | None = None) -> str:
    return render_template("setup.html", token=token, error=error)
