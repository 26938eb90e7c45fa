"""Routes about schedules."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for

from enschedule_core.actor import Permission
from enschedule_core.errors import Conflict, InvalidData, InvalidTrigger, NotFound, StaleRevision, UnknownHandler
from enschedule_core.wire import answers
from enschedule_core.wire.actions import ScheduleAction, ScheduleActionsInput
from enschedule_core.wire.definition import Definition
from enschedule_core.wire.schedule_lists import ScheduleQuery
from enschedule_core.wire.schedules import PauseInput, ResumeInput, RunNowInput, ScheduleInput, SchedulePreviewInput
from enschedule_worker.api import bodies, filters, pages
from enschedule_worker.api.conditions import IDEMPOTENCY_KEY, IF_MATCH, idempotency_key, if_match, origin
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer, nothing
from enschedule_worker.service import (
    actions,
    grouping,
    pausing,
    previewing,
    runs,
    saving,
    schedules,
)
from enschedule_worker.store.schedule_groups import Spot
from enschedule_worker.store.schedule_lists import Place

blueprint = Blueprint("schedules", __name__, url_prefix="/api/v1", description="What runs when, and how it does")


def _with_tag(schedule: dict[str, Any], status: int = 200, *, change: str | None = None) -> Response:
    body = schedule if change is None else {**schedule, "change": change}
    headers = {"ETag": f'"{schedule["revision"]}"'}
    if status == 201:
        headers["Location"] = url_for("schedules.get_schedule", schedule_id=schedule["id"])
    return answer(body, status, headers)


@blueprint.route("/schedules", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.arguments(ScheduleQuery, location="query")
@blueprint.alt_response(200, schema=answers.SchedulePage)
def list_schedules(query: dict[str, Any]) -> Response:
    """List schedules, a page at a time, in groups where that is asked for."""
    wanted = filters.of_schedules(query)
    sort = query["sort"]
    value_kind: Any = (int, type(None)) if sort.lstrip("-") in {"due_at", "last_run"} else str
    if by := query.get("by"):
        spot = pages.decode("schedules", query, (str, type(None)), value_kind, int)
        after = None if spot is None else Spot(*spot)
        found, last = grouping.listing(
            context().database, actor(), wanted, by=by, sort=sort, limit=query["limit"], after=after
        )
        cursor = pages.encode("schedules", query, None if last is None else [last.name, last.value, last.key])
        return answer({**found, "next_cursor": cursor})
    place = pages.decode("schedules", query, value_kind, int)
    items, following = schedules.listing(
        context().database,
        actor(),
        wanted,
        sort=sort,
        limit=query["limit"],
        after=None if place is None else Place(*place),
    )
    cursor = pages.encode("schedules", query, None if following is None else [following.value, following.key])
    return answer({"items": items, "next_cursor": cursor})


@blueprint.route("/schedules", methods=["POST"])
@blueprint.needs(Permission.EDIT, in_groups=True)
@blueprint.refuses(Conflict, InvalidTrigger, InvalidData, UnknownHandler)
@blueprint.no_query()
@blueprint.doc(requestBody={"required": True, "content": {"application/json": {"schema": ScheduleInput}}})
@blueprint.alt_response(201, schema=answers.ChangedSchedule)
def create_schedule() -> Response:
    """Make a schedule; without an id it gets one."""
    definition = Definition.from_wire(bodies.read(request), default_timezone=context().default_timezone)
    schedule, change = schedules.create(context().database, context().registry, actor(), definition)
    return _with_tag(schedule, 201, change=change)


@blueprint.route("/schedules/preview", methods=["POST"])
@blueprint.needs(Permission.EDIT, in_groups=True, changes=False)
@blueprint.no_query()
@blueprint.arguments(SchedulePreviewInput, location="json")
@blueprint.alt_response(200, schema=answers.PreviewedSchedules)
def preview_schedules(body: dict[str, Any]) -> Response:
    """Say what a PUT of each definition would do, without doing it."""
    items = previewing.preview(
        context().database,
        context().registry,
        actor(),
        body["items"],
        known=body.get("known", ()),
        default_timezone=context().default_timezone,
    )
    return answer({"items": items})


@blueprint.route("/schedules/actions", methods=["POST"])
@blueprint.needs(Permission.OPERATE, in_groups=True)
@blueprint.refuses(Conflict, takes=(IDEMPOTENCY_KEY,))
@blueprint.no_query()
@blueprint.arguments(ScheduleActionsInput, location="json")
@blueprint.alt_response(200, schema=answers.ScheduleActions)
def act_on_schedules(body: dict[str, Any]) -> Response:
    """Run, pause, resume, delete or restore many schedules, by id or by filter: at most 1,000 in one request.

    To delete and to restore need the permission edit; to restore needs ids.
    """
    where = body.get("filter")
    chosen = (
        actions.Chosen(body["ids"]) if where is None else actions.schedules_where(actor(), filters.of_schedules(where))
    )
    place = pages.decode("schedule actions", body, int)
    wish = actions.Wish(
        reason=body.get("reason"),
        until=body.get("until"),
        missed=body.get("missed", "skip"),
        seen=pausing.seen_at(*(body["pause_at"] or [None])) if "pause_at" in body else None,
        start=runs.Start(origin(request, actor()), idempotency_key(request)),
    )
    result = actions.on_schedules(
        context().database,
        actor(),
        ScheduleAction(body["action"]),
        chosen,
        wish,
        after=place[0] if place else None,
    )
    return answer(pages.of_actions("schedule actions", body, result))


@blueprint.route("/schedules/<schedule_id:schedule_id>", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Schedule)
def get_schedule(schedule_id: str) -> Response:
    """Return one schedule; its ETag is its revision."""
    return _with_tag(schedules.get(context().database, actor(), schedule_id))


@blueprint.route("/schedules/<schedule_id:schedule_id>", methods=["PUT"])
@blueprint.needs(Permission.EDIT, in_groups=True)
@blueprint.refuses(StaleRevision, InvalidTrigger, InvalidData, UnknownHandler, takes=(IF_MATCH,))
@blueprint.no_query()
@blueprint.doc(requestBody={"required": True, "content": {"application/json": {"schema": ScheduleInput}}})
@blueprint.alt_response(200, schema=answers.ChangedSchedule)
@blueprint.alt_response(201, schema=answers.ChangedSchedule)
def put_schedule(schedule_id: str) -> Response:
    """Make the schedule with this id, or give it this definition."""
    definition = Definition.from_wire(bodies.read(request), id=schedule_id, default_timezone=context().default_timezone)
    schedule, change = schedules.replace_or_create(
        context().database, context().registry, actor(), definition, if_match=if_match(request)
    )
    return _with_tag(schedule, 201 if change == saving.CREATED else 200, change=change)


@blueprint.route("/schedules/<schedule_id:schedule_id>", methods=["PATCH"])
@blueprint.needs(Permission.EDIT, in_groups=True)
@blueprint.refuses(NotFound, StaleRevision, InvalidTrigger, InvalidData, UnknownHandler, takes=(IF_MATCH,))
@blueprint.no_query()
@blueprint.doc(requestBody={"required": True, "content": {"application/json": {"schema": ScheduleInput}}})
@blueprint.alt_response(200, schema=answers.ChangedSchedule)
def patch_schedule(schedule_id: str) -> Response:
    """Replace the fields that are named, each of them whole."""
    schedule, change = schedules.edit(
        context().database,
        context().registry,
        actor(),
        schedule_id,
        bodies.read(request),
        default_timezone=context().default_timezone,
        if_match=if_match(request),
    )
    return _with_tag(schedule, change=change)


@blueprint.route("/schedules/<schedule_id:schedule_id>", methods=["DELETE"])
@blueprint.needs(Permission.EDIT, in_groups=True)
@blueprint.refuses(NotFound, StaleRevision, takes=(IF_MATCH,))
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_schedule(schedule_id: str) -> Response:
    """Delete a schedule: queued runs are cancelled, running ones end, the history stays; 7 days to undo."""
    schedules.delete(context().database, actor(), schedule_id, if_match=if_match(request))
    return nothing()


@blueprint.route("/schedules/<schedule_id:schedule_id>/restore", methods=["POST"])
@blueprint.needs(Permission.EDIT, in_groups=True)
@blueprint.refuses(NotFound, Conflict, StaleRevision, takes=(IF_MATCH,))
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Schedule)
def restore_schedule(schedule_id: str) -> Response:
    """Bring back a schedule that was deleted in the last 7 days."""
    return _with_tag(schedules.restore(context().database, actor(), schedule_id, if_match=if_match(request)))


@blueprint.route("/schedules/<schedule_id:schedule_id>/revert", methods=["POST"])
@blueprint.needs(Permission.EDIT, in_groups=True)
@blueprint.refuses(NotFound, Conflict)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.ChangedSchedule)
def revert_schedule(schedule_id: str) -> Response:
    """Give a schedule the definition again that its owner, such as a file, has said."""
    schedule, change = schedules.revert(context().database, context().registry, actor(), schedule_id)
    return _with_tag(schedule, change=change)


@blueprint.route("/schedules/<schedule_id:schedule_id>/runs", methods=["POST"])
@blueprint.needs(Permission.OPERATE, in_groups=True)
@blueprint.refuses(NotFound, Conflict, InvalidData, takes=(IDEMPOTENCY_KEY,))
@blueprint.no_query()
@blueprint.arguments(RunNowInput, location="json", required=False)
@blueprint.alt_response(202, schema=answers.Run)
def run_schedule(body: dict[str, Any], schedule_id: str) -> Response:
    """Run a schedule now; its next slot stays as it is."""
    run, _ = runs.run_now(
        context().database,
        context().registry,
        actor(),
        schedule_id,
        data=body.get("data"),
        start=runs.Start(origin(request, actor()), idempotency_key(request)),
    )
    return answer(run, 202, {"Location": url_for("runs.get_run", run_id=run["id"])})


@blueprint.route("/schedules/<schedule_id:schedule_id>/pause", methods=["POST"])
@blueprint.needs(Permission.OPERATE, in_groups=True)
@blueprint.refuses(NotFound, StaleRevision, takes=(IF_MATCH,))
@blueprint.no_query()
@blueprint.arguments(PauseInput, location="json", required=False)
@blueprint.alt_response(200, schema=answers.Schedule)
def pause_schedule(body: dict[str, Any], schedule_id: str) -> Response:
    """Stop firing a schedule, for good or until an instant."""
    found = pausing.pause(
        context().database,
        actor(),
        schedule_id,
        reason=body.get("reason"),
        until=body.get("until"),
        if_match=if_match(request),
        seen=_seen_pause(body),
    )
    return _with_tag(found)


def _seen_pause(body: dict[str, Any]) -> pausing.Seen | None:
    return pausing.seen_at(body["pause_at"]) if "pause_at" in body else None


@blueprint.route("/schedules/<schedule_id:schedule_id>/resume", methods=["POST"])
@blueprint.needs(Permission.OPERATE, in_groups=True)
@blueprint.refuses(NotFound, StaleRevision, takes=(IF_MATCH,))
@blueprint.no_query()
@blueprint.arguments(ResumeInput, location="json", required=False)
@blueprint.alt_response(200, schema=answers.Schedule)
def resume_schedule(body: dict[str, Any], schedule_id: str) -> Response:
    """Let a schedule go on, and say what becomes of the missed slots."""
    found = pausing.resume(
        context().database,
        actor(),
        schedule_id,
        missed=body["missed"],
        if_match=if_match(request),
        seen=_seen_pause(body),
    )
    return _with_tag(found)
