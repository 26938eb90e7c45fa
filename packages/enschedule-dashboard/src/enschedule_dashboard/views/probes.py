"""Whether this dashboard works, for who watches its process: a health check, a load balancer, a monitor.

They need no log-in, and say nothing that is known only after it. Those of the worker are under ``/api/v1``; a dashboard
in front of a worker elsewhere has only these.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, jsonify

from enschedule_core.errors import EnscheduleError
from enschedule_dashboard.session import client

blueprint = Blueprint("probes", __name__)


@blueprint.get("/healthz")
def health() -> Response:
    """Say that the process answers; nothing else is looked at, the worker least of all."""
    return jsonify(status="ok", version=version("enschedule-dashboard"))


@blueprint.get("/readyz")
def readiness() -> tuple[Response, int]:
    """Say whether the worker answers and is ready: without one there is nothing to show."""
    try:
        found = client().ready()
    except EnscheduleError:  # its words name the address, which is nobody's business here
        return _answer([_worker("It does not answer.", ok=False)])
    return _answer([_worker("It answers.", ok=True), *found["checks"]])


def _worker(detail: str, *, ok: bool) -> dict[str, Any]:
    return {"name": "worker", "ok": ok, "detail": detail}


def _answer(checks: list[Any]) -> tuple[Response, int]:
    ready = all(check["ok"] for check in checks)
    return jsonify(status="ready" if ready else "not_ready", checks=checks), 200 if ready else 503
