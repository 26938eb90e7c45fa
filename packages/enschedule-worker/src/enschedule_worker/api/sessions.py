"""Routes about who is asking: logging in and out, one's own account and sessions, the first account."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from enschedule_core.actor import Permission
from enschedule_core.clock import format_instant
from enschedule_core.errors import Conflict, NotFound, RateLimited, Unauthenticated
from enschedule_core.wire import answers
from enschedule_core.wire.people import LoginInput, MePatch, SetupInput
from enschedule_worker.api.auth import address_of
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer, nothing
from enschedule_worker.service import groups, sessions, users
from enschedule_worker.service.clock import server_time

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1", description="Who is asking")
_NOT_KEPT = {"Cache-Control": "no-store"}


def _whence() -> dict[str, Any]:
    return {"address": address_of(request, context()), "agent": request.headers.get("User-Agent")}


@blueprint.route("/me", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Me)
def get_me() -> Response:
    """Say who is asking, what they may do, and what this server is."""
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
            "auth": {
                "required": not context().auth.bound_to_loopback or context().accounts.exist(database),
                "accounts": context().accounts.exist(database),
            },
            "user": users.own(database, me),
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
@blueprint.refuses(Conflict, Unauthenticated)
@blueprint.no_query()
@blueprint.arguments(SetupInput, location="json")
@blueprint.alt_response(201, schema=answers.NewSession)
def set_up(body: dict[str, Any]) -> Response:
    """Make the first account, an admin, with the token of the set-up link, and open its session."""
    opened = users.set_up(context().database, body["token"], body["name"], body["password"], **_whence())
    return answer(opened, 201, _NOT_KEPT)


@blueprint.route("/sessions", methods=["POST"])
@blueprint.needs(None)
@blueprint.refuses(RateLimited, Unauthenticated)
@blueprint.no_query()
@blueprint.arguments(LoginInput, location="json")
@blueprint.alt_response(201, schema=answers.NewSession)
def create_session(body: dict[str, Any]) -> Response:
    """Open a session with a name and a password, with a key, or with the token of a printed link."""
    if "key" in body:
        opened = sessions.open_session(context().database, body["key"], context().auth.api_key, **_whence())
    else:
        opened = sessions.log_in(context().database, body["name"], body["password"], **_whence())
    return answer(opened, 201, _NOT_KEPT)


@blueprint.route("/sessions", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.SessionPage)
def list_sessions() -> Response:
    """List one's own sessions, newest first."""
    return answer({"items": sessions.own(context().database, actor()), "next_cursor": None})


@blueprint.route("/sessions", methods=["DELETE"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_sessions() -> Response:
    """Sign out everywhere: end all of one's own sessions, this one too."""
    sessions.close_all(context().database, actor())
    return nothing()


@blueprint.route("/sessions/current", methods=["DELETE"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_session() -> Response:
    """End the session whose token this request carries."""
    sessions.close_session(context().database, actor())
    return nothing()


@blueprint.route("/sessions/<session_id>", methods=["DELETE"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_one_session(session_id: str) -> Response:
    """End one of one's own sessions."""
    sessions.close_one(context().database, actor(), session_id)
    return nothing()
