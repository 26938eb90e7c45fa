"""How routes are declared: each names its permission, its query and its body, and documents itself by that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NoReturn, TypeVar

import flask_smorest
from flask import Response, g, request
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.routing import UnicodeConverter

from enschedule_core import json_text
from enschedule_core.actor import Permission
from enschedule_core.errors import EnscheduleError, Forbidden, NotFound, ReadOnly
from enschedule_core.wire.common import field_errors, invalid
from enschedule_core.wire.others import NothingQuery
from enschedule_worker.api import bodies
from enschedule_worker.api.auth import identify
from enschedule_worker.api.context import context
from enschedule_worker.service.access import record_refusal
from enschedule_worker.store.answering import again_if_undone

View = TypeVar("View", bound=Callable[..., Any])
PERMISSION = "_enschedule_permission"
REFUSALS = "_enschedule_refusals"
HEADERS = "_enschedule_headers"
CHANGES = "_enschedule_changes"
PUBLIC = "public"
_LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})
_NOTHING = NothingQuery()
RUN_IDS_END = 2**63  # no database numbers further


class ScheduleId(UnicodeConverter):
    """The id of a schedule in a path; those that are reserved for routes of their own are none."""

    def __init__(self, map: Any) -> None:
        super().__init__(map)
        self.regex = r"(?!(?:actions|preview)\Z)[^/]+"


class Parser(FlaskParser):
    """Reads queries and bodies strictly, and refuses them in our one shape."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE, "json": RAISE}  # noqa: RUF012

    def load_querystring(self, req: Any, schema: Schema) -> Any:  # noqa: ARG002 - what webargs calls it with
        """Return the query parameters; one given several times is its values apart by commas."""
        return {name: ",".join(values) for name, values in req.args.lists()}

    def load_json(self, req: Any, schema: Schema) -> Any:
        """Return the body; an empty one passes as ``{}`` where no member is required."""
        needed = any(field.required for field in schema.fields.values())
        return bodies.read(req, optional=not needed)

    def handle_error(self, error: ValidationError, req: Any, schema: Schema, **_: Any) -> NoReturn:  # noqa: ARG002
        """Raise :class:`InvalidInput` with the dotted path of each mistake."""
        messages: Any = error.messages
        for location in ("query", "json"):
            if isinstance(messages, dict) and set(messages) == {location}:
                messages = messages[location]
        raise invalid(field_errors(messages, schema)) from None


class Blueprint(flask_smorest.Blueprint):
    """A group of routes under ``/api/v1``."""

    ARGUMENTS_PARSER = Parser()

    def needs(
        self, permission: Permission | None, *, in_groups: bool = False, changes: bool = True
    ) -> Callable[[View], View]:
        """Let only actors with ``permission`` on the server in; ``None`` is for routes that anybody may ask.

        With ``in_groups``, the permission in any group will do: the service looks at each thing that is touched.
        A server that is read-only refuses what is not asked by GET, but for routes that say that they change nothing
        but who is logged in (``changes=False``).
        """

        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                database = context().database
                g.commits = database.commits
                # Who looks without a change looks once: who asks, and what they ask for, is of one moment.
                looking = database.together() if request.method in _LOOKS else database.apart()
                try:
                    # What the database has undone is done again, unless a part of it was committed.
                    with looking:
                        return again_if_undone(lambda: answered(*args, **kwargs), lambda: database.commits == g.commits)
                except Forbidden as refusal:
                    if "actor" in g and not isinstance(refusal, ReadOnly):
                        record_refusal(database, g.actor, request.method, request.path, refusal.detail)
                    raise

            def answered(*args: Any, **kwargs: Any) -> Any:
                if permission is not None:
                    g.actor = identify(request, context())
                    g.commits = context().database.commits  # that it was seen now is no part of what is asked
                    may = g.actor.require_somewhere if in_groups else g.actor.require
                    may(permission)
                if changes and context().read_only and request.method not in _LOOKS:
                    raise ReadOnly(hint="ENSCHEDULE_READ_ONLY=false, or no such setting, lets it be changed again.")
                if kwargs.get("run_id", 0) >= RUN_IDS_END:
                    raise NotFound(f"There is no run {kwargs['run_id']:,}.")
                return view(*args, **kwargs)

            setattr(guarded, PERMISSION, permission or PUBLIC)
            setattr(guarded, CHANGES, changes)
            return guarded  # type: ignore[return-value]

        return decorate

    def refuses(self, *kinds: type[EnscheduleError], takes: tuple[str, ...] = ()) -> Callable[[View], View]:
        """Document the refusals that are particular to a route, and the headers that it takes."""

        def decorate(view: View) -> View:
            setattr(view, REFUSALS, kinds)
            setattr(view, HEADERS, takes)
            return view

        return decorate

    def no_query(self) -> Callable[[View], View]:
        """Refuse query parameters on a route that has none."""

        def decorate(view: View) -> View:
            @wraps(view)
            def checked(*args: Any, **kwargs: Any) -> Any:
                self.ARGUMENTS_PARSER.parse(_NOTHING, request, location="query")
                return view(*args, **kwargs)

            return checked  # type: ignore[return-value]

        return decorate


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    text = json_text.encode(body) + b"\n"  # a terminal goes on in the next line
    response = Response(text, status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def nothing() -> Response:
    """Return 204."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
