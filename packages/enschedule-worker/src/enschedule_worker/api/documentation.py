"""The OpenAPI document, and a page that lists it without anything from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template_string
from flask_smorest import Api

from enschedule_core.errors import (
    BadRequest,
    EnscheduleError,
    Forbidden,
    InvalidInput,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from enschedule_core.wire import answers
from enschedule_core.wire.common import Instant
from enschedule_core.wire.handler_ref import HandlerField
from enschedule_core.wire.lists import WordsField
from enschedule_worker.api.conditions import IDEMPOTENCY_KEY, IF_MATCH, LAST_EVENT_ID
from enschedule_worker.api.routing import HEADERS, PERMISSION, PUBLIC, REFUSALS

_PLACE = re.compile(r"<(?:[^<>:]+:)?([^<>:]+)>")
_METHODS = ("get", "post", "put", "patch", "delete")
_HERE = Path(__file__).parent
_ALWAYS = {BadRequest, InvalidInput, EnscheduleError, Unavailable}
_WHO = {Unauthenticated, Forbidden}
_BODY = {TooLarge, UnsupportedMediaType}
_HEADERS: dict[str, dict[str, Any]] = {
    IF_MATCH: {
        "description": "Refuse (412) unless what is changed still has this ETag; * is any that is there",
        "schema": {"type": "string", "pattern": r'^(W/)?"?([0-9]{1,10}|\*)"?$', "examples": ['"3"']},
    },
    IDEMPOTENCY_KEY: {
        "description": "The same key of the same asker gives what was made the first time",
        "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    },
    LAST_EVENT_ID: {
        "description": "For text/event-stream: the id of the last event that was seen",
        "schema": {"type": "string", "pattern": "^[0-9]{0,9}$"},
    },
}
_ETAG = {"description": "The revision, for If-Match", "required": True, "schema": {"type": "string"}}
_LOCATION = {"description": "Where it is", "required": True, "schema": {"type": "string"}}


def details() -> dict[str, Any]:
    """Return what the OpenAPI document says beside the routes."""
    return {
        "info": {"description": "Schedules, runs and their output."},
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            }
        },
        "security": [{"bearer": []}, {"key": []}],
    }


def install(app: Flask, api: Api) -> None:
    """Add ``openapi.json`` and ``docs``, which anybody may read: they say nothing about what is stored."""
    plugin: Any = api.ma_plugin
    plugin.map_to_openapi_type(Instant, "string", "date-time")
    plugin.map_to_openapi_type(HandlerField, "string", None)
    plugin.map_to_openapi_type(WordsField, "string", None)
    for name, schema in answers.COMPONENTS.items():
        api.spec.components.schema(name, schema)
    page_text, style_text = ((_HERE / name).read_text("utf-8") for name in ("docs.html", "docs.css"))
    document: dict[str, Any] = {}

    def whole() -> dict[str, Any]:
        if not document:
            document.update(_completed(app, api.spec.to_dict()))
        return document

    def openapi() -> Response:
        """Return the OpenAPI document."""
        return jsonify(whole())

    def docs() -> Response:
        """Return the page."""
        page = Response(render_template_string(page_text, groups=_groups(whole())), mimetype="text/html")
        page.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
        return page

    def style() -> Response:
        """Return the page's style sheet."""
        return Response(style_text, mimetype="text/css")

    for view, path in ((openapi, "openapi.json"), (docs, "docs"), (style, "docs.css")):
        setattr(view, PERMISSION, PUBLIC)
        app.add_url_rule(f"/api/v1/{path}", f"documentation.{view.__name__}", view, methods=["GET"])


def _completed(app: Flask, document: dict[str, Any]) -> dict[str, Any]:
    """Write into each operation its permission, the headers it takes, and what it refuses, with status and code."""
    for unused in ("Error", "PaginationMetadata"):  # of flask-smorest, which answers errors and pages its own way
        document["components"]["schemas"].pop(unused, None)
    document["components"]["responses"] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                _complete(document, operations[method], _view(app, path, method))
    return document


def _complete(document: dict[str, Any], operation: dict[str, Any], view: Any) -> None:
    needed, particular = getattr(view, PERMISSION), getattr(view, REFUSALS, ())
    operation["operationId"] = view.__name__
    operation["x-permission"] = str(needed)
    operation["x-errors"] = sorted(kind.code for kind in particular)
    if needed == PUBLIC:
        operation["security"] = []
    for name in getattr(view, HEADERS, ()):
        operation.setdefault("parameters", []).append({"in": "header", "name": name, **_HEADERS[name]})
    responses = operation["responses"]
    for unused in ("422", "default"):
        responses.pop(unused, None)
    for status, given in responses.items():
        for media in given.get("content", {}).values():
            if media["schema"] in (answers.Schedule, answers.ChangedSchedule, answers.PauseOfAll):
                given.setdefault("headers", {})["ETag"] = _ETAG
                if status == "201":
                    given["headers"]["Location"] = _LOCATION
    kinds = {*_ALWAYS, *particular}
    kinds |= set() if needed == PUBLIC else _WHO
    kinds |= _BODY if "requestBody" in operation else set()
    for status in sorted({kind.status for kind in kinds}):
        codes = sorted(kind.code for kind in kinds if kind.status == status)
        if str(status) not in responses:
            responses[str(status)] = _refusal(document, codes)


def _refusal(document: dict[str, Any], codes: list[str]) -> dict[str, Any]:
    """Return a reference to the response with these codes, which is made where it is not there."""
    name = "-".join(codes)
    document["components"]["responses"][name] = {
        "description": f"Refused: {', '.join(codes)}",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return {"$ref": f"#/components/responses/{name}"}


def _view(app: Flask, path: str, method: str) -> Any:
    """Return the view behind an operation of the document."""
    return next(
        app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        if _PLACE.sub(r"{\1}", rule.rule) == path and method.upper() in (rule.methods or ())
    )


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        shared = operations.get("parameters", [])
        for method in _METHODS:
            found = operations.get(method)
            if found is None:
                continue
            groups.setdefault((found.get("tags") or ["other"])[0], []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "permission": found["x-permission"],
                    "summary": found.get("summary", ""),
                    "parameters": [
                        one["name"] for one in [*shared, *found.get("parameters", [])] if one["in"] == "query"
                    ],
                }
            )
    return groups
