"""The settings that this server runs with."""

from __future__ import annotations

from flask import Response

from enschedule_core.actor import Permission
from enschedule_core.wire import answers
from enschedule_worker.api.context import context
from enschedule_worker.api.routing import Blueprint, answer

blueprint = Blueprint("settings", __name__, url_prefix="/api/v1", description="How this server was started")


@blueprint.route("/settings", methods=["GET"])
@blueprint.needs(Permission.ADMIN)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.SettingPage)
def list_settings() -> Response:
    """List the settings in force in this process, by name; what is secret is masked."""
    return answer({"items": list(context().settings), "next_cursor": None})
