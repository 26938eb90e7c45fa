"""Routes about accounts and groups."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from enschedule_core.actor import Permission, Role
from enschedule_core.errors import Conflict, NotFound
from enschedule_core.wire import answers
from enschedule_core.wire.lists import PageQuery
from enschedule_core.wire.people import GroupInput, GroupPatch, MemberInput, UserInput, UserPatch
from enschedule_worker.api import pages
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.routing import Blueprint, answer, nothing
from enschedule_worker.service import groups, users

blueprint = Blueprint("users", __name__, url_prefix="/api/v1", description="People, and what they own together")


@blueprint.route("/users", methods=["GET"])
@blueprint.needs(Permission.ADMIN)
@blueprint.arguments(PageQuery, location="query")
@blueprint.alt_response(200, schema=answers.UserPage)
def list_users(query: dict[str, Any]) -> Response:
    """List the accounts by name."""
    place = pages.decode("users", query, str)
    items, following = users.listing(
        context().database, actor(), limit=query["limit"], after=place[0] if place else None
    )
    cursor = pages.encode("users", query, None if following is None else [following])
    return answer({"items": items, "next_cursor": cursor})


@blueprint.route("/users", methods=["POST"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(Conflict)
@blueprint.no_query()
@blueprint.arguments(UserInput, location="json")
@blueprint.alt_response(201, schema=answers.User)
def create_user(body: dict[str, Any]) -> Response:
    """Make an account; the first one must be an admin, and from then on nobody gets in without one."""
    made = users.create(
        context().database, actor(), name=body["name"], password=body["password"], role=Role(body["role"])
    )
    return answer(made, 201, {"Location": url_for("users.get_user", name=made["name"])})


@blueprint.route("/users/<name>", methods=["GET"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.User)
def get_user(name: str) -> Response:
    """Return one account."""
    return answer(users.get(context().database, actor(), name))


@blueprint.route("/users/<name>", methods=["PATCH"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(Conflict, NotFound)
@blueprint.no_query()
@blueprint.arguments(UserPatch, location="json")
@blueprint.alt_response(200, schema=answers.User)
def patch_user(body: dict[str, Any], name: str) -> Response:
    """Change somebody's role or password, or close their account; the last two end their sessions."""
    return answer(users.change(context().database, actor(), name, body))


@blueprint.route("/users/<name>", methods=["DELETE"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(Conflict, NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_user(name: str) -> Response:
    """Delete an account with its sessions and keys; what it did stays in the audit."""
    users.remove(context().database, actor(), name)
    return nothing()


@blueprint.route("/groups", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.GroupPage)
def list_owning_groups() -> Response:
    """List the groups that one is in, for an admin all, with their members."""
    return answer({"items": groups.listing(context().database, actor()), "next_cursor": None})


@blueprint.route("/groups", methods=["POST"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(Conflict)
@blueprint.no_query()
@blueprint.arguments(GroupInput, location="json")
@blueprint.alt_response(201, schema=answers.Group)
def create_group(body: dict[str, Any]) -> Response:
    """Make a group."""
    made = groups.create(context().database, actor(), id=body["id"], title=body.get("title"))
    return answer(made, 201, {"Location": url_for("users.get_group", group_id=made["id"])})


@blueprint.route("/groups/<group_id>", methods=["GET"])
@blueprint.needs(Permission.READ)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Group)
def get_group(group_id: str) -> Response:
    """Return one group with its members."""
    return answer(groups.get(context().database, actor(), group_id))


@blueprint.route("/groups/<group_id>", methods=["PATCH"])
@blueprint.needs(Permission.ADMIN, in_groups=True)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.arguments(GroupPatch, location="json")
@blueprint.alt_response(200, schema=answers.Group)
def patch_group(body: dict[str, Any], group_id: str) -> Response:
    """Give a group another title."""
    return answer(groups.rename(context().database, actor(), group_id, title=body["title"]))


@blueprint.route("/groups/<group_id>", methods=["DELETE"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(Conflict, NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_group(group_id: str) -> Response:
    """Delete a group that owns no schedules, with its keys."""
    groups.remove(context().database, actor(), group_id)
    return nothing()


@blueprint.route("/groups/<group_id>/members/<name>", methods=["PUT"])
@blueprint.needs(Permission.ADMIN, in_groups=True)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.arguments(MemberInput, location="json")
@blueprint.alt_response(200, schema=answers.Group)
def put_member(body: dict[str, Any], group_id: str, name: str) -> Response:
    """Give somebody a role in a group; its admins may, too."""
    return answer(groups.put_member(context().database, actor(), group_id, name, Role(body["role"])))


@blueprint.route("/groups/<group_id>/members/<name>", methods=["DELETE"])
@blueprint.needs(Permission.ADMIN, in_groups=True)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_member(group_id: str, name: str) -> Response:
    """End somebody's membership."""
    groups.remove_member(context().database, actor(), group_id, name)
    return nothing()
