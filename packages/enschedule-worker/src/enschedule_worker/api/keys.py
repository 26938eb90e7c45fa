"""Routes about API keys and the audit."""

from __future__ import annotations

from typing import Any

from flask import Response

from enschedule_core.actor import Permission, Role
from enschedule_core.clock import to_micros
from enschedule_core.errors import NotFound
from enschedule_core.wire import answers
from enschedule_core.wire.people import ApiKeyInput, ApiKeyQuery, AuditQuery
from enschedule_worker.api import pages
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer, nothing
from enschedule_worker.service import auditing, keys
from enschedule_worker.store.audit import AuditFilters

blueprint = Blueprint("keys", __name__, url_prefix="/api/v1", description="Keys for programs, and who did what")


@blueprint.route("/api-keys", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.arguments(ApiKeyQuery, location="query")
@blueprint.alt_response(200, schema=answers.ApiKeyPage)
def list_keys(query: dict[str, Any]) -> Response:
    """List one's own keys, for an admin all, newest first; the keys themselves are not stored."""
    place = pages.decode("api-keys", query, int)
    items, following = keys.listing(
        context().database, actor(), limit=query["limit"], before=place[0] if place else None, own=query["own"]
    )
    cursor = pages.encode("api-keys", query, None if following is None else [following])
    return answer({"items": items, "next_cursor": cursor})


@blueprint.route("/api-keys", methods=["POST"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.arguments(ApiKeyInput, location="json")
@blueprint.alt_response(201, schema=answers.NewApiKey)
def create_key(body: dict[str, Any]) -> Response:
    """Make a key, which is shown in this answer only: one's own, or as an admin any."""
    made = keys.create(
        context().database,
        actor(),
        name=body["name"],
        role=Role(body["role"]),
        group=body.get("group"),
        expires_at=body.get("expires_at"),
        own=body["own"],
    )
    return answer(made, 201, {"Cache-Control": "no-store"})


@blueprint.route("/api-keys/<key_id>", methods=["DELETE"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_key(key_id: str) -> Response:
    """Revoke a key: one's own, or as an admin any."""
    keys.revoke(context().database, actor(), key_id)
    return nothing()


@blueprint.route("/audit", methods=["GET"])
@blueprint.needs(Permission.ADMIN, in_groups=True)
@blueprint.arguments(AuditQuery, location="query")
@blueprint.alt_response(200, schema=answers.AuditPage)
def list_audit(query: dict[str, Any]) -> Response:
    """List who did what, and what was refused, newest first; to an admin of groups what was done in those."""
    filters = AuditFilters(
        actor=query.get("actor"),
        action=query.get("action"),
        object_kind=query.get("kind"),
        object_id=query.get("id"),
        refused=query.get("refused"),
        since=to_micros(query["since"]) if "since" in query else None,
        before=to_micros(query["before"]) if "before" in query else None,
    )
    place = pages.decode("audit", query, int)
    items, following = auditing.listing(
        context().database,
        actor(),
        filters,
        group=query.get("group"),
        limit=query["limit"],
        before_id=place[0] if place else None,
    )
    cursor = pages.encode("audit", query, None if following is None else [following])
    return answer({"items": items, "next_cursor": cursor})
