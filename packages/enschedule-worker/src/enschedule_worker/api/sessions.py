"""Routes about who is asking: logging in and out, one's own account and sessions, the first account."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from enschedule_core.actor import Permission
from enschedule_core.clock import format_instant
from enschedule_core.errors import Conflict, Forbidden, NotFound, RateLimited, Unauthenticated
from enschedule_core.wire import answers
from enschedule_core.wire.people import LoginInput, MePatch, SetupInput, SignOnInput
from enschedule_worker.api.auth import address_of
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer, nothing
from enschedule_worker.service import groups, sessions, stats, users
from enschedule_worker.service.clock import server_time
from enschedule_worker.service.sign_on import SignOn, Whence

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1", description="Who is asking")
_NOT_KEPT = {"Cache-Control": "no-store"}


def _whence() -> dict[str, Any]:
    return {"address": address_of(request, context()), "agent": request.headers.get("User-Agent")}


@blueprint.route("/me", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Me)
def get_me() -> Response:
    """Say who is asking, what they may do, what this server is, and how it stands."""
    me, database = actor(), context().database
    held = None if me.in_groups is None else groups.permissions_in(database, me)
    return answer(
        {
            "actor": {
                "kind": me.kind.value,
                "name": me.name,
                "permissions": sorted(one.value for one in me.permissions),
                "groups": held,
            },
            "version": context().version,
            "server_time": format_instant(server_time(database, me)),
            "default_timezone": context().default_timezone,
            "read_only": context().read_only,
            "auth": {
                "required": not context().auth.bound_to_loopback or context().accounts.exist(database),
                "accounts": context().accounts.exist(database),
            },
            "user": users.own(database, me),
            "server": stats.server_state(database, me),
        }
    )


@blueprint.route("/me", methods=["PATCH"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound, RateLimited)
@blueprint.no_query()
@blueprint.arguments(MePatch, location="json")
@blueprint.alt_response(200, schema=answers.OwnUser)
def patch_me(body: dict[str, Any]) -> Response:
    """Change one's own password, theme or time zone; a new password ends the other sessions."""
    return answer(users.change_own(context().database, actor(), body))


@blueprint.route("/setup", methods=["POST"])
@blueprint.needs(None)
@blueprint.refuses(Conflict, Forbidden, Unauthenticated)
@blueprint.no_query()
@blueprint.arguments(SetupInput, location="json")
@blueprint.alt_response(201, schema=answers.NewSession)
def set_up(body: dict[str, Any]) -> Response:
    """Make the first account, an admin, with the token of the set-up link, and open its session."""
    _check_passwords()
    opened = users.set_up(context().database, body["token"], body["name"], body["password"], **_whence())
    return answer(opened, 201, _NOT_KEPT)


def _check_passwords() -> None:
    if not context().auth.password_login:
        raise Forbidden("Nobody logs in with a password here.", hint="Use single sign-on, on the page Log in.")


def _sign_on() -> SignOn:
    found = context().auth.sign_on
    if found is None:
        raise NotFound("This server has no single sign-on.", hint="ENSCHEDULE_OIDC_ISSUER names a provider.")
    return found


@blueprint.route("/sign-on", methods=["GET"])
@blueprint.needs(None)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.WaysIn)
def get_sign_on() -> Response:
    """Say how one gets in here, for the page that asks for it."""
    auth = context().auth
    provider = None
    if auth.sign_on is not None:
        provider = {"title": auth.sign_on.title, "logout_url": auth.sign_on.logout_url()}
    accounts = context().accounts.exist(context().database)
    return answer({"password": auth.password_login, "single_sign_on": provider, "accounts": accounts})


@blueprint.route("/sign-on", methods=["POST"])
@blueprint.needs(None, changes=False)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.arguments(SignOnInput, location="json")
@blueprint.alt_response(201, schema=answers.SignOnBegun)
def begin_sign_on(body: dict[str, Any]) -> Response:
    """Begin a log-in at the provider; the ticket stays in the browser, and the session is opened with it."""
    ticket = _sign_on().begin(context().database, body["redirect_uri"])
    return answer({"url": ticket.url, "ticket": ticket.text}, 201, _NOT_KEPT)


@blueprint.route("/sessions", methods=["POST"])
@blueprint.needs(None, changes=False)
@blueprint.refuses(Forbidden, NotFound, RateLimited, Unauthenticated)
@blueprint.no_query()
@blueprint.arguments(LoginInput, location="json")
@blueprint.alt_response(201, schema=answers.NewSession)
def create_session(body: dict[str, Any]) -> Response:
    """Open a session with a name and a password, a key, a printed link's token, or what the provider sent back."""
    database = context().database
    if "key" in body:
        opened = sessions.open_session(database, body["key"], context().auth.api_key, **_whence())
    elif "ticket" in body:
        came_back: dict[str, str] = {name: body[name] for name in ("state", "code", "error") if name in body}
        opened = _sign_on().finish(database, body["ticket"], came_back, Whence(**_whence()))
    else:
        _check_passwords()
        opened = sessions.log_in(database, body["name"], body["password"], **_whence())
    return answer(opened, 201, _NOT_KEPT)


@blueprint.route("/sessions", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.SessionPage)
def list_sessions() -> Response:
    """List one's own sessions, newest first."""
    return answer({"items": sessions.own(context().database, actor()), "next_cursor": None})


@blueprint.route("/sessions", methods=["DELETE"])
@blueprint.needs(Permission.READ, changes=False)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_sessions() -> Response:
    """Sign out everywhere: end all of one's own sessions, this one too."""
    sessions.close_all(context().database, actor())
    return nothing()


@blueprint.route("/sessions/current", methods=["DELETE"])
@blueprint.needs(Permission.READ, changes=False)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_session() -> Response:
    """End the session whose token this request carries."""
    sessions.close_session(context().database, actor())
    return nothing()


@blueprint.route("/sessions/<session_id>", methods=["DELETE"])
@blueprint.needs(Permission.READ, changes=False)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_one_session(session_id: str) -> Response:
    """End one of one's own sessions."""
    sessions.close_one(context().database, actor(), session_id)
    return nothing()
