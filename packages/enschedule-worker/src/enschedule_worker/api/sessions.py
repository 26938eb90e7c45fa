"""Routes about who is asking."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from enschedule_core.actor import Permission
from enschedule_core.clock import format_instant
from enschedule_core.errors import NotFound, Unauthenticated
from enschedule_core.wire import answers
from enschedule_core.wire.others import SessionInput
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer, nothing
from enschedule_worker.service import sessions
from enschedule_worker.service.clock import server_time

blueprint = Blueprint("sessions", __name__, url_prefix="/api/v1", description="Who is asking")


@blueprint.route("/me", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Me)
def get_me() -> Response:
    """Say who is asking, what they may do, and what this server is."""
    me = actor()
    return answer(
        {
            "actor": {
                "kind": me.kind.value,
                "name": me.name,
                "permissions": sorted(one.value for one in me.permissions),
            },
            "version": context().version,
            "server_time": format_instant(server_time(context().database, me)),
            "default_timezone": context().default_timezone,
            "auth": {"required": not context().auth.bound_to_loopback},
        }
    )


@blueprint.route("/sessions", methods=["POST"])
@blueprint.needs(None)
@blueprint.refuses(Unauthenticated)
@blueprint.no_query()
@blueprint.arguments(SessionInput, location="json")
@blueprint.alt_response(201, schema=answers.NewSession)
def create_session(body: dict[str, Any]) -> Response:
    """Open a session with a key, or with the token of a printed link."""
    opened = sessions.open_session(context().database, body["key"], context().auth.api_key, address=request.remote_addr)
    return answer(opened, 201, {"Cache-Control": "no-store"})


@blueprint.route("/sessions/current", methods=["DELETE"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_session() -> Response:
    """End the session whose token this request carries."""
    sessions.close_session(context().database, actor())
    return nothing()
