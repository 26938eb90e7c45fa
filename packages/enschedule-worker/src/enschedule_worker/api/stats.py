"""Routes about figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response

from enschedule_core.actor import Permission
from enschedule_core.clock import to_micros
from enschedule_core.wire import answers
from enschedule_core.wire.runs import ForecastQuery, RunStatsQuery
from enschedule_core.wire.schedule_lists import ScheduleStatsQuery, TagQuery
from enschedule_worker.api import filters
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.problems import at
from enschedule_worker.api.routing import Blueprint, answer
from enschedule_worker.service import forecast, stats
from enschedule_worker.service.days import MINUTE

blueprint = Blueprint("stats", __name__, url_prefix="/api/v1", description="How it adds up")


def _range(query: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return ``from`` and ``to`` in microseconds. Raises :class:`InvalidInput` if they are the wrong way round."""
    since, before = (None if name not in query else _micros(query[name]) for name in ("since", "before"))
    if since is not None and before is not None and since >= before:
        raise at("to", "Must be later than from.")
    return since, before


def _micros(instant: datetime) -> int:
    return to_micros(instant)


@blueprint.route("/stats/schedules", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.arguments(ScheduleStatsQuery, location="query")
@blueprint.alt_response(200, schema=answers.ScheduleStats)
def schedule_stats(query: dict[str, Any]) -> Response:
    """Count schedules, or those that match, by how they stand; ``limit`` of those that fail or are broken are shown."""
    wanted = filters.of_schedules(query)
    return answer(stats.of_schedules(context().database, actor(), wanted, limit=query["limit"]))


@blueprint.route("/tags", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.arguments(TagQuery, location="query")
@blueprint.alt_response(200, schema=answers.TagPage)
def list_tags(query: dict[str, Any]) -> Response:
    """List the tags that schedules have, the most used first."""
    return answer({"items": stats.of_tags(context().database, actor(), query["limit"]), "next_cursor": None})


@blueprint.route("/stats/runs", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.arguments(RunStatsQuery, location="query")
@blueprint.alt_response(200, schema=answers.RunStats)
def run_stats(query: dict[str, Any]) -> Response:
    """Count runs that ended, in buckets of time."""
    since, before = _range(query)
    return answer(
        stats.of_runs(
            context().database,
            actor(),
            since=since,
            before=before,
            bucket_seconds=query["bucket"],
            schedule_id=query.get("schedule"),
        )
    )


@blueprint.route("/stats/queue", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.QueueStats)
def queue_stats() -> Response:
    """Say how many runs wait and run, and how many places there are."""
    return answer(stats.of_queue(context().database, actor(), context().size))


@blueprint.route("/forecast", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.arguments(ForecastQuery, location="query")
@blueprint.alt_response(200, schema=answers.Forecast)
def get_forecast(query: dict[str, Any]) -> Response:
    """Return the planned slots of all schedules."""
    since, before = _range(query)
    return answer(
        forecast.forecast(
            context().database,
            actor(),
            since=since,
            before=before,
            limit=query["limit"],
            fullest=query["fullest"],
            offset=query["offset_minutes"] * MINUTE,
        )
    )
