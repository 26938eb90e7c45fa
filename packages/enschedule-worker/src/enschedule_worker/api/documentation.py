"""The OpenAPI document, and a page that lists it without anything from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template_string
from flask_smorest import Api

from enschedule_core.actor import Permission
from enschedule_core.wire import answers
from enschedule_core.wire.common import Instant
from enschedule_core.wire.schedules import HandlerField, WordsField
from enschedule_worker.api.routing import PERMISSION, PUBLIC

_PLACE = re.compile(r"<(?:[^<>:]+:)?([^<>:]+)>")
_METHODS = ("get", "post", "put", "patch", "delete")
_HERE = Path(__file__).parent


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
            document.update(_with_permissions(app, api.spec.to_dict()))
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


def _with_permissions(app: Flask, document: dict[str, Any]) -> dict[str, Any]:
    """Write into each operation which permission it needs, and that every error is a problem."""
    reference = {"$ref": "#/components/schemas/Problem"}
    problem = {"description": "Refused", "content": {"application/problem+json": {"schema": reference}}}
    for unused in ("Error", "PaginationMetadata"):  # of flask-smorest, which answers errors and pages its own way
        document["components"]["schemas"].pop(unused, None)
    document["components"].pop("responses", None)
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method not in operations:
                continue
            needed = _permission(app, path, method)
            operations[method]["x-permission"] = str(needed)
            if needed == PUBLIC:
                operations[method]["security"] = []
            responses = operations[method].setdefault("responses", {})
            responses.pop("422", None)
            responses["default"] = problem
    return document


def _permission(app: Flask, path: str, method: str) -> Permission | str:
    for rule in app.url_map.iter_rules():
        if _PLACE.sub(r"{\1}", rule.rule) == path and method.upper() in (rule.methods or ()):
            return getattr(app.view_functions[rule.endpoint], PERMISSION)  # type: ignore[no-any-return]
    return PUBLIC


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
