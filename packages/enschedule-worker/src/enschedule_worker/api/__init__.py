"""The REST API: ``register(app, context)`` puts it under ``/api/v1`` of a Flask app."""

from __future__ import annotations

from flask import Flask, Response, request
from flask.json.provider import DefaultJSONProvider
from flask_smorest import Api

from enschedule_core.errors import BadRequest
from enschedule_worker.api import (
    concurrency_groups,
    documentation,
    handlers,
    health,
    keys,
    metrics,
    pause,
    problems,
    retention,
    runs,
    schedule_history,
    secrets,
    sessions,
    settings,
    stats,
    triggers,
    users,
    views,
    workers,
)
from enschedule_worker.api.context import BODY_MAX_BYTES, EXTENSION, ApiContext, AuthPolicy, Bell
from enschedule_worker.api.routing import ScheduleId

__all__ = ["ApiContext", "AuthPolicy", "Bell", "attach", "register"]

_HEARD_OUT_BYTES = 64 * BODY_MAX_BYTES
_RESOURCES = (
    schedule_history,  # has the routes of schedules besides its own
    *(pause, concurrency_groups, runs, views, handlers, workers, triggers, stats, retention, sessions),
    *(users, keys, secrets, settings, health, metrics),
)


def register(app: Flask, context: ApiContext) -> None:
    """Add all routes, the limits and the error answers to ``app``; once for each app."""
    attach(app, context)
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    app.config.update(API_TITLE="Enschedule", API_VERSION=context.version, OPENAPI_VERSION="3.1.0")
    provider = DefaultJSONProvider(app)
    provider.sort_keys = False
    app.json = provider
    app.url_map.strict_slashes = False
    app.url_map.converters["schedule_id"] = ScheduleId
    api = Api(app, spec_kwargs=documentation.details())
    api.register_converter(ScheduleId, lambda _: {"type": "string", "minLength": 1})
    for resource in _RESOURCES:
        api.register_blueprint(resource.blueprint)
    documentation.install(app, api)
    problems.install(app)
    app.before_request(_check_address)
    app.after_request(_harden)
    app.after_request(_hear_out)


def attach(app: Flask, context: ApiContext) -> None:
    """Let the routes of ``app`` stand on ``context`` from now on; of what they stood on before, they know no more."""
    app.extensions[EXTENSION] = context
    context.database.on_wake(context.bell.ring)
    context.database.on_change(context.bell.ring)


def _check_address() -> None:
    """Refuse what no database stores as text and nobody types: it would only come back as an error from below."""
    if "\x00" in request.path or any(0xD800 <= ord(letter) <= 0xDFFF for letter in request.path):
        raise BadRequest("The address has characters that cannot be.")


def _harden(response: Response) -> Response:
    """Nothing of the API is to be cached, framed, or taken for a page."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    return response


def _hear_out(response: Response) -> Response:
    """Read what is too large to its end, up to a limit: a client that still sends would never see the answer."""
    if response.status_code == 413:
        stream, left = request.environ["wsgi.input"], min(request.content_length or 0, _HEARD_OUT_BYTES)
        while left > 0 and (piece := stream.read(min(left, 65_536))):
            left -= len(piece)
    return response
