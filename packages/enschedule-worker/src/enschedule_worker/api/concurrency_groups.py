"""Routes about limits that schedules share."""

from __future__ import annotations

from typing import Any

from flask import Response

from enschedule_core.actor import Permission
from enschedule_core.wire import answers
from enschedule_core.wire.others import ConcurrencyGroupsInput
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer
from enschedule_worker.service import concurrency_groups

blueprint = Blueprint("concurrency-groups", __name__, url_prefix="/api/v1", description="Limits that schedules share")


@blueprint.route("/concurrency-groups", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.ConcurrencyGroupPage)
def list_groups() -> Response:
    """List the groups that are defined or that a schedule names, and how full they are."""
    return answer({"items": concurrency_groups.listing(context().database, actor()), "next_cursor": None})


@blueprint.route("/concurrency-groups", methods=["PUT"])
@blueprint.needs(Permission.EDIT)
@blueprint.no_query()
@blueprint.arguments(ConcurrencyGroupsInput, location="json")
@blueprint.alt_response(200, schema=answers.ConcurrencyGroupPage)
def put_groups(body: dict[str, Any]) -> Response:
    """Set the limits of the groups that are named; the others stay."""
    wanted = {item["name"]: item["max_running"] for item in body["items"]}
    return answer({"items": concurrency_groups.put(context().database, actor(), wanted), "next_cursor": None})
