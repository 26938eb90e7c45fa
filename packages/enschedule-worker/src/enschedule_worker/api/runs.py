"""Routes about runs and their output."""

from __future__ import annotations

from typing import Any

from flask import Response, request, stream_with_context, url_for

from enschedule_core.actor import Permission
from enschedule_core.clock import to_micros
from enschedule_core.errors import Conflict, InvalidData, NotFound, UnknownHandler
from enschedule_core.wire import answers
from enschedule_core.wire.actions import RunAction, RunActionsInput
from enschedule_core.wire.runs import (
    OutputLinesQuery,
    OutputMatchesQuery,
    OutputQuery,
    RetryRunInput,
    RunCountQuery,
    RunInput,
    RunQuery,
)
from enschedule_worker.api import pages, streaming, waiting
from enschedule_worker.api.conditions import IDEMPOTENCY_KEY, LAST_EVENT_ID, idempotency_key, origin
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer, nothing
from enschedule_worker.service import actions, output, runs
from enschedule_worker.service.lines import Changes, Lines, Stretch, Wanted
from enschedule_worker.store.run_reads import RunFilters

blueprint = Blueprint("runs", __name__, url_prefix="/api/v1", description="What ran, how it went, what it printed")


def _accepted(run: dict[str, Any]) -> Response:
    return answer(run, 202, {"Location": url_for("runs.get_run", run_id=run["id"])})


def _start() -> runs.Start:
    return runs.Start(origin(request, actor()), idempotency_key(request))


def _filters(query: dict[str, Any]) -> RunFilters:
    handler_id, version = query.get("handler", (None, None))
    return RunFilters(
        statuses=query.get("status", ()),
        handler_id=handler_id,
        handler_version=version,
        worker=query.get("worker"),
        tags=query.get("tag", ()),
        group=query.get("group"),
        since=to_micros(query["since"]) if "since" in query else None,
        before=to_micros(query["before"]) if "before" in query else None,
        q=query.get("q"),
    )


@blueprint.route("/runs", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.arguments(RunQuery, location="query")
@blueprint.alt_response(200, schema=answers.RunPage)
def list_runs(query: dict[str, Any]) -> Response:
    """List runs, newest first, a page at a time."""
    place = pages.decode("runs", query, int)
    items, following = runs.listing(
        context().database,
        actor(),
        _filters(query),
        schedule_id=query.get("schedule"),
        limit=query["limit"],
        before_id=place[0] if place else None,
    )
    return answer(
        {"items": items, "next_cursor": pages.encode("runs", query, None if following is None else [following])}
    )


@blueprint.route("/runs/count", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.arguments(RunCountQuery, location="query")
@blueprint.alt_response(200, schema=answers.RunCount)
def count_runs(query: dict[str, Any]) -> Response:
    """Count the runs of a list, up to 10,000."""
    return answer(runs.number(context().database, actor(), _filters(query), schedule_id=query.get("schedule")))


@blueprint.route("/runs", methods=["POST"])
@blueprint.needs(Permission.OPERATE, in_groups=True)
@blueprint.refuses(Conflict, UnknownHandler, InvalidData, takes=(IDEMPOTENCY_KEY,))
@blueprint.no_query()
@blueprint.arguments(RunInput, location="json")
@blueprint.alt_response(202, schema=answers.Run)
def create_run(body: dict[str, Any]) -> Response:
    """Run a handler once, without a schedule."""
    handler_id, version = body["handler"]
    run, _ = runs.run_handler(
        context().database,
        context().registry,
        actor(),
        handler_id,
        version,
        body["data"],
        start=_start(),
    )
    return _accepted(run)


@blueprint.route("/runs/actions", methods=["POST"])
@blueprint.needs(Permission.OPERATE, in_groups=True)
@blueprint.refuses(Conflict, takes=(IDEMPOTENCY_KEY,))
@blueprint.no_query()
@blueprint.arguments(RunActionsInput, location="json")
@blueprint.alt_response(200, schema=answers.RunActions)
def act_on_runs(body: dict[str, Any]) -> Response:
    """Cancel, retry or delete many runs, by id or by filter: at most 1,000 in one request.

    To delete needs the permission edit.
    """
    where = body.get("filter")
    chosen = (
        actions.Chosen(body["ids"])
        if where is None
        else actions.runs_where(actor(), _filters(where), where.get("schedule"))
    )
    place = pages.decode("run actions", body, int)
    wish = actions.Wish(with_today=body.get("data") == "today", start=_start())
    action, after = RunAction(body["action"]), place[0] if place else None
    result = actions.on_runs(context().database, actor(), action, chosen, wish, after=after)
    return answer(pages.of_actions("run actions", body, result))


@blueprint.route("/runs/<int:run_id>", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.RunDetail)
def get_run(run_id: int) -> Response:
    """Return one run in full."""
    return answer(runs.get(context().database, actor(), run_id))


@blueprint.route("/runs/<int:run_id>/cancel", methods=["POST"])
@blueprint.needs(Permission.OPERATE, in_groups=True)
@blueprint.refuses(NotFound, Conflict)
@blueprint.no_query()
@blueprint.alt_response(202, schema=answers.Run)
def cancel_run(run_id: int) -> Response:
    """Cancel a queued run at once, or ask for the end of a running one."""
    return answer(runs.cancel(context().database, actor(), run_id), 202)


@blueprint.route("/runs/<int:run_id>/retry", methods=["POST"])
@blueprint.needs(Permission.OPERATE, in_groups=True)
@blueprint.refuses(NotFound, Conflict, takes=(IDEMPOTENCY_KEY,))
@blueprint.no_query()
@blueprint.arguments(RetryRunInput, location="json", required=False)
@blueprint.alt_response(202, schema=answers.Run)
def retry_run(body: dict[str, Any], run_id: int) -> Response:
    """Run a run again, as then or with today's data."""
    with_today = body["data"] == "today"
    return _accepted(runs.retry(context().database, actor(), run_id, with_today=with_today, start=_start()))


@blueprint.route("/runs/<int:run_id>", methods=["DELETE"])
@blueprint.needs(Permission.EDIT, in_groups=True)
@blueprint.refuses(NotFound, Conflict)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_run(run_id: int) -> Response:
    """Delete a run that has ended, with its output."""
    runs.delete(context().database, actor(), run_id)
    return nothing()


@blueprint.route("/runs/<int:run_id>/output", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound, takes=(LAST_EVENT_ID,))
@blueprint.arguments(OutputQuery, location="query")
@blueprint.alt_response(200, schema=answers.OutputPage)
@blueprint.alt_response(200, schema={"type": "string"}, content_type="text/plain")
@blueprint.alt_response(200, schema={"type": "string"}, content_type=streaming.MEDIA_TYPE)
@blueprint.alt_response(204, description="All events were seen")
def get_output(query: dict[str, Any], run_id: int) -> Response:
    """Return what a run printed after a cursor, and wait for more if asked to.

    As text/plain, all of it to keep; as text/event-stream, chunks as they come.
    """
    offered = ["application/json", "text/plain", streaming.MEDIA_TYPE]
    wanted = request.accept_mimetypes.best_match(offered, default="application/json")
    seen = streaming.last_seen(query["after"])
    if wanted == "text/plain":
        return _download(run_id, query.get("stream"))
    if wanted == streaming.MEDIA_TYPE:
        cursor = output.Cursor(after=seen, stream=query.get("stream"))
        return streaming.stream(context(), actor(), run_id, cursor)
    cursor = output.Cursor(after=query["after"], stream=query.get("stream"))
    bell = context().bell
    with waiting.place(query["wait"]) as seconds:
        return answer(output.read_waiting(context().database, actor(), run_id, cursor, seconds=seconds, bell=bell))


@blueprint.route("/runs/<int:run_id>/output/lines", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.arguments(OutputLinesQuery, location="query")
@blueprint.alt_response(200, schema=answers.OutputLines)
def get_output_lines(query: dict[str, Any], run_id: int) -> Response:
    """Return lines of what a run printed: from any line on, or those that changed after a cursor.

    A negative `from` counts from the end. With `after`, it can wait for more.
    """
    found, limit, stream = Lines(context().database, context().marks), query["limit"], query.get("stream")
    if "after" not in query:
        return answer(found.stretch(actor(), run_id, Stretch(query["first"], limit, stream)))
    changes = Changes(query["after"], limit, stream)
    with waiting.place(query["wait"]) as seconds:
        return answer(found.changes_waiting(actor(), run_id, changes, seconds=seconds, bell=context().bell))


@blueprint.route("/runs/<int:run_id>/output/matches", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.arguments(OutputMatchesQuery, location="query")
@blueprint.alt_response(200, schema=answers.OutputMatches)
def get_output_matches(query: dict[str, Any], run_id: int) -> Response:
    """Return which lines of what a run printed hold a text, in whichever case."""
    wanted = Wanted(query["q"], query["first"], query["limit"], query.get("stream"))
    return answer(Lines(context().database, context().marks).matches(actor(), run_id, wanted))


def _download(run_id: int, stream: str | None) -> Response:
    """Send the text piece by piece; each piece is read in a transaction of its own."""
    pieces = output.text(context().database, actor(), run_id, stream=stream)
    name = f"run-{run_id}.{stream or 'output'}.txt"
    response = Response(stream_with_context(pieces), mimetype="text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
