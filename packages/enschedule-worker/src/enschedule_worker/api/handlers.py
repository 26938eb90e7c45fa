"""Routes about handlers and plugins."""

from __future__ import annotations

from typing import Any

from flask import Response

from enschedule_core.actor import Permission, Role
from enschedule_core.errors import NotFound
from enschedule_core.wire import answers
from enschedule_core.wire.others import HandlerQuery, HandlerVersionQuery
from enschedule_core.wire.people import HandlerAccessInput
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer
from enschedule_worker.service import handler_access, handlers

blueprint = Blueprint("handlers", __name__, url_prefix="/api/v1", description="What can run")


@blueprint.route("/handlers", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.arguments(HandlerQuery, location="query")
@blueprint.alt_response(200, schema=answers.HandlerPage)
def list_handlers(query: dict[str, Any]) -> Response:
    """List the handlers that any worker ever registered, each in its newest version."""
    return answer({"items": handlers.listing(context().database, actor(), q=query.get("q")), "next_cursor": None})


@blueprint.route("/handlers/<handler_id>", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.arguments(HandlerVersionQuery, location="query")
@blueprint.alt_response(200, schema=answers.Handler)
def get_handler(query: dict[str, Any], handler_id: str) -> Response:
    """Return one version of a handler, with the JSON Schema of its data and the workers that have it."""
    return answer(handlers.get(context().database, actor(), handler_id, query.get("version")))


@blueprint.route("/handlers/<handler_id>/access", methods=["PUT"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.arguments(HandlerAccessInput, location="json")
@blueprint.alt_response(200, schema=answers.Handler)
def put_handler_access(body: dict[str, Any], handler_id: str) -> Response:
    """Say from which role on, and in which groups, a handler may be used from now on; what is saved goes on."""
    role, database = body["minimum_role"], context().database
    handler_access.change(
        database, actor(), handler_id, minimum_role=None if role is None else Role(role), groups=body["groups"]
    )
    return answer(handlers.get(database, actor(), handler_id))


@blueprint.route("/plugins", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.PluginPage)
def list_plugins() -> Response:
    """List the plugins of the live workers, broken ones first, each with what broke."""
    return answer({"items": handlers.plugins(context().database, actor()), "next_cursor": None})
