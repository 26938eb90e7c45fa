"""More routes about one schedule: its coming slots, why it is not running, what was skipped, who changed it."""

from __future__ import annotations

from typing import Any

from flask import Response

from enschedule_core.actor import Permission
from enschedule_core.errors import NotFound
from enschedule_core.wire import answers
from enschedule_core.wire.lists import PageQuery
from enschedule_core.wire.schedule_lists import NextQuery
from enschedule_worker.api import pages
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import answer
from enschedule_worker.api.schedules import blueprint
from enschedule_worker.service import diagnosis, history

__all__ = ["blueprint"]


@blueprint.route("/schedules/<schedule_id:schedule_id>/next", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.arguments(NextQuery, location="query")
@blueprint.alt_response(200, schema=answers.NextSlots)
def next_slots(query: dict[str, Any], schedule_id: str) -> Response:
    """Return the coming slots of a schedule, with notes on the days when clocks change."""
    return answer(history.coming(context().database, actor(), schedule_id, count=query["count"]))


@blueprint.route("/schedules/<schedule_id:schedule_id>/diagnosis", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Diagnosis)
def diagnose_schedule(schedule_id: str) -> Response:
    """Say why a schedule is not running, as a checked list."""
    return answer(diagnosis.diagnose(context().database, actor(), schedule_id))


@blueprint.route("/schedules/<schedule_id:schedule_id>/skips", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.arguments(PageQuery, location="query")
@blueprint.alt_response(200, schema=answers.SkipPage)
def list_skips(query: dict[str, Any], schedule_id: str) -> Response:
    """List the slots that did not run, newest first."""
    name = f"skips {schedule_id}"
    place = pages.decode(name, query, int)
    items, following = history.skips(
        context().database, actor(), schedule_id, limit=query["limit"], before_id=place[0] if place else None
    )
    cursor = pages.encode(name, query, None if following is None else [following])
    return answer({"items": items, "next_cursor": cursor})


@blueprint.route("/schedules/<schedule_id:schedule_id>/history", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.arguments(PageQuery, location="query")
@blueprint.alt_response(200, schema=answers.HistoryPage)
def list_history(query: dict[str, Any], schedule_id: str) -> Response:
    """List who changed what, newest first."""
    name = f"history {schedule_id}"
    place = pages.decode(name, query, int)
    items, following = history.revisions(
        context().database, actor(), schedule_id, limit=query["limit"], before=place[0] if place else None
    )
    cursor = pages.encode(name, query, None if following is None else [following])
    return answer({"items": items, "next_cursor": cursor})
