"""Routes about workers."""

from __future__ import annotations

from flask import Response

from enschedule_core.actor import Permission
from enschedule_core.errors import Conflict, NotFound
from enschedule_core.wire import answers
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer, nothing
from enschedule_worker.service import workers

blueprint = Blueprint("workers", __name__, url_prefix="/api/v1", description="Who runs it")


@blueprint.route("/workers", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.WorkerPage)
def list_workers() -> Response:
    """List the workers: the live ones, and of each other id its last start."""
    return answer({"items": workers.listing(context().database, actor()), "next_cursor": None})


@blueprint.route("/workers/<instance_id>", methods=["DELETE"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(NotFound, Conflict)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_worker(instance_id: str) -> Response:
    """Forget a worker that is down or stopped."""
    workers.remove(context().database, actor(), instance_id)
    return nothing()
