"""The preview of a trigger."""

from __future__ import annotations

from typing import Any

from flask import Response

from enschedule_core.actor import Permission
from enschedule_core.errors import FieldError, InvalidTrigger
from enschedule_core.triggers import from_wire, preview
from enschedule_core.wire import answers
from enschedule_core.wire.common import invalid
from enschedule_core.wire.others import PreviewInput
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer
from enschedule_worker.service.clock import server_time
from enschedule_worker.service.collisions import of_trigger

blueprint = Blueprint("triggers", __name__, url_prefix="/api/v1", description="When something is due")


@blueprint.route("/triggers/preview", methods=["POST"])
@blueprint.needs(Permission.READ, changes=False)
@blueprint.refuses(InvalidTrigger)
@blueprint.no_query()
@blueprint.arguments(PreviewInput, location="json")
@blueprint.alt_response(200, schema=answers.Preview)
def preview_trigger(body: dict[str, Any]) -> Response:
    """Say what a trigger would do: in words, its next slots, the days when clocks change. Nothing is stored.

    With ``collisions`` also how many other schedules start in the minute of the first slot, and a free minute near.
    """
    given = [name for name in ("schedule", "trigger") if name in body]
    if len(given) != 1:
        raise invalid([FieldError("schedule", "Say either schedule or trigger, for example “every day at 2 am”.")])
    after = body.get("after") or server_time(context().database, actor())
    zone = body.get("timezone", context().default_timezone)
    trigger = from_wire(body[given[0]], default_timezone=zone, field=given[0], now=after)
    found = preview(trigger, after=after, count=body["count"]).as_dict()
    own_id = body.get("schedule_id")
    others = (
        of_trigger(context().database, actor(), trigger, after=after, own_id=own_id) if body["collisions"] else None
    )
    return answer({**found, "collisions": others})
