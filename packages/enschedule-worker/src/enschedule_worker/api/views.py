"""Routes about saved views."""

from __future__ import annotations

from typing import Any

from flask import Response

from enschedule_core.actor import Permission
from enschedule_core.errors import Conflict
from enschedule_core.wire import answers
from enschedule_core.wire.views import ViewsInput
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer
from enschedule_worker.service import views

blueprint = Blueprint("views", __name__, url_prefix="/api/v1", description="Filters under a name")


@blueprint.route("/views", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.ViewPage)
def list_views() -> Response:
    """List the saved views: the filters of a list of schedules or runs, under a name."""
    return answer({"items": views.listing(context().database, actor()), "next_cursor": None})


@blueprint.route("/views", methods=["PUT"])
@blueprint.needs(Permission.EDIT)
@blueprint.no_query()
@blueprint.refuses(Conflict)
@blueprint.arguments(ViewsInput, location="json")
@blueprint.alt_response(200, schema=answers.ViewPage)
def put_views(body: dict[str, Any]) -> Response:
    """Save the views that are named, or remove those whose filters are null; the others stay."""
    return answer({"items": views.put(context().database, actor(), body["items"]), "next_cursor": None})
