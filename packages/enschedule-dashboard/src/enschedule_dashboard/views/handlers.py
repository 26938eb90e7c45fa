"""Handlers: what can be run, as an index, and a page for each with its data as documentation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from enschedule_core.errors import EnscheduleError, FieldError, InvalidInput, NotFound
from enschedule_core.wire.types import Handler, Plugin, Source
from enschedule_dashboard import forms, problems, shell, when_form
from enschedule_dashboard.filters import handler_url, run_url, viewer
from enschedule_dashboard.forms import DataForm
from enschedule_dashboard.notices import say
from enschedule_dashboard.present import joined, number
from enschedule_dashboard.session import client, digest, once
from enschedule_dashboard.views.admin import ROLES

blueprint = Blueprint("handlers", __name__)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a handler's data as documentation; ``depth`` is how deep it is nested."""

    name: str
    kind: str
    required: bool
    default: str
    words: str
    depth: int = 0


@blueprint.get("/handlers")
def index() -> str:
    """List every handler, the broken plugins before them."""
    ask = client()
    q = request.args.get("q", "").strip()
    handlers = sorted(ask.handlers.list(q=q or None)["items"], key=lambda handler: handler["id"])
    broken = [] if q else _broken(ask.plugins.list()["items"])
    return render_template("handlers.html", handlers=handlers, broken=broken, q=q)


@dataclass(frozen=True, slots=True)
class Broken:
    """A plugin that did not load, the package or file to look at, and on which workers."""

    name: str
    origin: str
    error: str
    traceback: str
    workers: list[str]


def _broken(plugins: list[Plugin]) -> list[Broken]:
    """Return the plugins that did not load, each once, whichever workers it broke on."""
    found: dict[tuple[str, str], Broken] = {}
    for plugin in plugins:
        if plugin["status"] != "broken":
            continue
        name, error = plugin["source"]["name"], plugin["error"] or "It did not load."
        origin = source_words(plugin["source"])
        known = found.setdefault((name, error), Broken(name, origin, error, plugin["traceback"] or "", []))
        known.workers.append(plugin["worker"]["id"])
    return sorted(found.values(), key=lambda entry: entry.name)


@blueprint.get("/handlers/<id>")
def show(id: str) -> str:
    """Show one handler: what it does, the data it takes, who has it."""
    return _page(_handler(id))


@blueprint.post("/handlers/<id>/run")
def run(id: str) -> Response | tuple[str, int]:
    """Run a handler once, without a schedule, with the JSON of the form."""
    handler = _handler(id)
    form = forms.posted(handler["schema"], request.form, zone=viewer().zone.key)
    if forms.is_inner(request.form.get("action", "run")):
        return _page(handler, form), 200
    if form.data is None:
        return _page(handler, form), 422
    try:
        key = once(f"run:{digest(form.data)}")
        made = client().runs.create(f"{handler['id']}@{handler['version']}", form.data, idempotency_key=key)
    except InvalidInput as error:
        form.place(error.errors)
        if not form.error_count:
            form.errors.append(FieldError("data", str(error)))
        return _page(handler, form), error.status
    except problems.KEEPS_FORM as error:
        return _page(handler, form, problem=error), error.status
    say(f"{handler['title'] or handler['id']} runs once, as run {number(made['id'])}.")
    return redirect(run_url(made["id"]), 303)


def _handler(id: str) -> Handler:
    version = request.args.get("version", type=int)
    try:
        return client().handlers.get(id, version)
    except NotFound:
        raise NotFound(
            f"There is no handler {id}{f' v{version}' if version else ''}.",
            hint="No worker has ever registered it. The list has those that are known.",
        ) from None


@blueprint.post("/handlers/<id>/access")
def access(id: str) -> Response | tuple[str, int]:
    """Say who may use a handler from now on."""
    form = request.form
    groups = form.getlist("group") if form.get("where") == "groups" else None
    try:
        handler = client().handlers.put_access(id, minimum_role=form.get("minimum_role") or None, groups=groups)
    except InvalidInput as error:
        return _page(_handler(id), access_error=error), error.status
    say(access_words(handler))
    return redirect(handler_url(id), 303)


def access_words(handler: Handler) -> str:
    """Return who may use a handler, as one sentence."""
    access = handler["access"]
    role, groups = access["minimum_role"], access["groups"]
    who = f"Who is {'an' if role[0] in 'aeo' else 'a'} {role}" if role else "Who may save or run schedules"
    if groups is None:
        return f"{who} may use it."
    if not groups:
        return "It is limited to groups, and to none that you see."
    return f"{who} in {joined(groups)} may use it; nobody else."


def _page(
    handler: Handler,
    form: DataForm | None = None,
    access_error: EnscheduleError | None = None,
    problem: EnscheduleError | None = None,
) -> str:
    example = handler["example"] if handler["example"] is not None else {}
    data = form or forms.fill(handler["schema"], example, zone=viewer().zone.key)
    return render_template(
        "handler.html",
        handler=handler,
        fields=fields_of(handler["schema"]),
        data=data,
        zones=when_form.zone_names() if data.has_zones else (),
        access_error=access_error,
        problem=problem,
        access_words=access_words(handler),
        roles=ROLES,
        groups=client().groups.list()["items"] if shell.can("admin", None) else [],
        schedules=client().schedules.list(handler=handler["id"], limit=20, sort="title"),
        source=source_words(handler["source"]),
    )


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def source_words(source: Source) -> str:
    """Return where a handler or plugin comes from: ``enschedule-fetch-handler 0.1.0``, or its file or module."""
    if source.get("distribution"):
        return " ".join(str(part) for part in (source["distribution"], source.get("version")) if part)
    return source.get("path") or source["name"]


def fields_of(schema: dict[str, Any] | None, depth: int = 0) -> list[Field]:
    """Return the fields of a JSON Schema as lines of documentation, nested objects indented below their own."""
    if not schema or depth > 4:
        return []
    required = set(schema.get("required") or ())
    found: list[Field] = []
    for name, field in (schema.get("properties") or {}).items():
        default = _pretty(_whole(field["default"])) if "default" in field else ""
        limits = _limits(field)
        words = str(field.get("description") or "").strip()
        words = f"{words.rstrip('.')}. {limits}" if words and limits else words or limits
        found.append(Field(str(name), kind_of(field), name in required, default, words, depth))
        found += fields_of(_inner(field), depth + 1)
    return found


def _inner(field: dict[str, Any]) -> dict[str, Any] | None:
    """Return the object inside a field, be it one or a list of them."""
    inner = field.get("items") if isinstance(field.get("items"), dict) else field
    return inner if isinstance(inner, dict) and inner.get("properties") else None


def kind_of(field: dict[str, Any]) -> str:
    """Return the type of a field in words: ``one of GET, POST``, ``list of whole numbers``, ``text (uri)``."""
    if field.get("enum"):
        return "one of " + ", ".join("nothing" if value is None else str(value) for value in field["enum"])
    shapes = field.get("oneOf") or field.get("anyOf")
    if shapes and "type" not in field:
        return " or ".join(str(shape.get("title") or kind_of(shape)).lower() for shape in shapes)
    kinds = field.get("type") or "anything"
    listed = [_KINDS.get(kind, kind) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    items = field.get("items")
    if kinds == "array" and isinstance(items, dict) and items.get("type"):
        one = kind_of(items)
        return f"list of {one}s" if one in _COUNTED else f"list of {one}"
    if kinds == "object" and isinstance(field.get("additionalProperties"), dict) and not field.get("properties"):
        return f"names with {kind_of(field['additionalProperties'])}"
    form = f" ({field['format']})" if field.get("format") else ""
    return " or ".join(listed) + form


_KINDS = {
    "string": "text",
    "integer": "whole number",
    "boolean": "yes or no",
    "array": "list",
    "null": "nothing",
}
_COUNTED = frozenset({"text", "number", "whole number", "object", "list"})
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "like {}",
}


def _whole(value: Any) -> Any:
    """Return 30 for 30.0, as one would write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _figure(value: Any) -> str:
    """Return a limit as text: ``8,000``; a pattern as it is."""
    return f"{_whole(value):,}" if isinstance(value, int | float) else str(value)


def _limits(field: dict[str, Any]) -> str:
    said = [words.format(_figure(field[name])) for name, words in _LIMITS.items() if name in field]
    text = joined(said) if said else ""
    return f"{text[:1].upper()}{text[1:]}." if text else ""
