"""Routes for those who watch the process."""

from __future__ import annotations

from typing import Any

from flask import Response

from enschedule_core.errors import EnscheduleError
from enschedule_core.wire import answers
from enschedule_worker.api.context import context
from enschedule_worker.api.routing import Blueprint, answer

blueprint = Blueprint("health", __name__, url_prefix="/api/v1", description="Whether it works")


@blueprint.route("/healthz", methods=["GET"])
@blueprint.needs(None)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Health)
def get_health() -> Response:
    """Say that the process answers; nothing else is looked at."""
    return answer({"status": "ok", "version": context().version})


@blueprint.route("/readyz", methods=["GET"])
@blueprint.needs(None)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Readiness)
@blueprint.alt_response(503, schema=answers.Readiness)
def get_readiness() -> Response:
    """Say whether database and engine work, and how many handlers there are."""
    engine_ok, engine_detail = context().engine_ready()
    checks = [_database(), {"name": "engine", "ok": engine_ok, "detail": engine_detail}, _handlers()]
    ready = all(check["ok"] for check in checks)
    return answer({"status": "ready" if ready else "not_ready", "checks": checks}, 200 if ready else 503)


def _database() -> dict[str, Any]:
    try:
        with context().database.read() as tx:
            _ = tx.now
    except EnscheduleError as problem:
        return {"name": "database", "ok": False, "detail": problem.detail}
    return {"name": "database", "ok": True, "detail": "It answers."}


def _handlers() -> dict[str, Any]:
    """Broken plugins are said, and do not make the process unready: the others still run."""
    count, broken = len(context().registry.handlers()), len(context().registry.broken)
    detail = f"{count} loaded" + (f", {broken} broken: see plugins." if broken else ".")
    return {"name": "handlers", "ok": True, "detail": detail}
