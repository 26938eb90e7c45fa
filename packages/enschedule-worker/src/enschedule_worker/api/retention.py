"""What retention would remove."""

from __future__ import annotations

from typing import Any

from flask import Response

from enschedule_core.actor import Permission
from enschedule_core.errors import NotFound
from enschedule_core.wire import answers
from enschedule_core.wire.others import RetentionPreviewInput
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer
from enschedule_worker.service import retention_preview

blueprint = Blueprint("retention", __name__, url_prefix="/api/v1", description="How long runs are kept")


@blueprint.route("/retention/preview", methods=["POST"])
@blueprint.needs(Permission.READ, changes=False)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.arguments(RetentionPreviewInput, location="json", required=False)
@blueprint.alt_response(200, schema=answers.RetentionPreview)
def preview_retention(body: dict[str, Any]) -> Response:
    """Count the runs that would be removed now, of one schedule or of all, under a policy to try. Removes nothing."""
    found = retention_preview.preview(
        context().database,
        actor(),
        context().keep,
        schedule_id=body.get("schedule"),
        given=body.get("retention"),
    )
    return answer(found)
