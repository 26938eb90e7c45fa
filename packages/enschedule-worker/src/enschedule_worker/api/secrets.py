"""Routes about secrets."""

from __future__ import annotations

from typing import Any

from flask import Response

from enschedule_core.actor import Permission
from enschedule_core.errors import NotFound
from enschedule_core.secret import NAME_PATTERN
from enschedule_core.wire import answers
from enschedule_core.wire.secrets import RotationInput, SecretInput
from enschedule_worker.api import pages
from enschedule_worker.api.context import actor, context
from enschedule_worker.api.problems import at
from enschedule_worker.api.routing import Blueprint, answer, nothing
from enschedule_worker.service import secrets
from enschedule_worker.store.secrets import KINDS

blueprint = Blueprint("secrets", __name__, url_prefix="/api/v1", description="Values that data refer to by name")
_LIST = "encryption/rotate"


@blueprint.route("/secrets", methods=["GET"])
@blueprint.needs(Permission.ADMIN)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.SecretPage)
def list_secrets() -> Response:
    """List the secrets by name, and which schedules refer to them; the values are shown to nobody."""
    return answer({"items": secrets.listing(context().database, actor()), "next_cursor": None})


@blueprint.route("/secrets/<name>", methods=["GET"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(200, schema=answers.Secret)
def get_secret(name: str) -> Response:
    """Return one secret, without its value."""
    return answer(secrets.get(context().database, actor(), name))


@blueprint.route("/secrets/<name>", methods=["PUT"])
@blueprint.needs(Permission.ADMIN)
@blueprint.no_query()
@blueprint.arguments(SecretInput, location="json")
@blueprint.alt_response(200, schema=answers.Secret)
@blueprint.alt_response(201, schema=answers.Secret)
def put_secret(body: dict[str, Any], name: str) -> Response:
    """Keep a value under a name, new or instead of the one there; runs that begin later get it."""
    group = body.get("group", secrets.STAYS)
    found, is_new = secrets.put(context().database, actor(), name, body["value"], group=group)
    return answer(found, 201 if is_new else 200)


@blueprint.route("/secrets/<name>", methods=["DELETE"])
@blueprint.needs(Permission.ADMIN)
@blueprint.refuses(NotFound)
@blueprint.no_query()
@blueprint.alt_response(204)
def delete_secret(name: str) -> Response:
    """Delete a secret; runs of schedules that refer to it fail from then on."""
    secrets.remove(context().database, actor(), name)
    return nothing()


@blueprint.route("/encryption/rotate", methods=["POST"])
@blueprint.needs(Permission.ADMIN)
@blueprint.no_query()
@blueprint.arguments(RotationInput, location="json")
@blueprint.alt_response(200, schema=answers.Rotation)
def rotate_secrets(body: dict[str, Any]) -> Response:
    """Encrypt the next 200 rows with the first key: secrets, data of schedules, data of runs; go on with the cursor."""
    given = {name: value for name, value in body.items() if value is not None}
    place = pages.decode(_LIST, given, str, list)
    if place is not None and not _is_place(*place):
        raise at("cursor", "It is not a cursor; use next_cursor of the answer before.")
    found = secrets.rotate(context().database, actor(), None if place is None else (place[0], *place[1]))
    following = None if found.following is None else [found.following[0], list(found.following[1:])]
    return answer(
        {"done": found.done, "unreadable": found.unreadable, "next_cursor": pages.encode(_LIST, given, following)}
    )


def _is_place(kind: str, keys: list[Any]) -> bool:
    """Return whether a cursor names a place that there may be."""
    wanted: dict[str, tuple[type, ...]] = {"secret": (str,), "schedule": (int,), "revision": (int, int), "run": (int,)}
    kinds = wanted.get(kind)
    if kinds is None or kind not in KINDS:
        return False
    fits = len(keys) == len(kinds) and all(type(key) is one for key, one in zip(keys, kinds, strict=True))
    return not keys or (fits and all(NAME_PATTERN.fullmatch(key) if isinstance(key, str) else key >= 0 for key in keys))
