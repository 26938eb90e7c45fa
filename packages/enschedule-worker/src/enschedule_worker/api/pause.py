"""Routes about the pause of everything."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from enschedule_core.actor import Permission
from enschedule_core.errors import StaleRevision
from enschedule_core.wire import answers
from enschedule_core.wire.others import PauseAllInput
from enschedule_worker.api.conditions import IF_MATCH, if_match
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer
from enschedule_worker.service import halting

blueprint = Blueprint("pause", __name__, url_prefix="/api/v1", description="Everything at once")


@blueprint.route("/pause", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.PauseOfAll)
def get_pause() -> Response:
    """Say whether everything is paused, by whom and why, and how many slots have passed since."""
    return _with_tag(halting.get(context().database, actor()))


@blueprint.route("/pause", methods=["PUT"])
@blueprint.needs(Permission.OPERATE)
@blueprint.refuses(StaleRevision, takes=(IF_MATCH,))
@blueprint.no_query()
@blueprint.arguments(PauseAllInput, location="json")
@blueprint.alt_response(200, schema=answers.PauseOfAll)
def put_pause(body: dict[str, Any]) -> Response:
    """Pause everything, or let it go on; each schedule keeps its own state."""
    found = halting.put(
        context().database,
        actor(),
        paused=body["paused"],
        reason=body.get("reason"),
        until=body.get("until"),
        missed=body.get("missed", "skip"),
        if_match=if_match(request),
    )
    return _with_tag(found)


def _with_tag(pause: dict[str, Any]) -> Response:
    return answer(pause, headers={"ETag": f'"{pause["revision"]}"'})
