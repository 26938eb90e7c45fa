"""What the API answers, for its OpenAPI document; answers are built by hand and never pass through these.

They are made from the typed dictionaries of :mod:`enschedule_core.wire.types`, so that the document, the client and
what type checkers know are one and the same.
"""

from __future__ import annotations

import types
import typing
from typing import Any, Final, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from enschedule_core.wire import types as wire

_PLAIN: Final[dict[Any, dict[str, Any]]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    Any: {},
}

PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "hint", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "hint": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string"},
                    "message": {"type": "string"},
                    "start": {"type": "integer"},
                    "end": {"type": "integer"},
                    "suggestion": {"type": "string"},
                },
            },
        },
    },
}

COMPONENTS: Final[dict[str, dict[str, Any]]] = {"Problem": PROBLEM}
"""Named schemas, to which the others refer as ``#/components/schemas/{name}``."""


def _schema(hint: Any, bound: dict[Any, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a type as the typed dictionaries use them; ``bound`` are their type variables."""
    hint = bound.get(hint, hint)
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if typing.is_typeddict(hint):
        return _reference(hint)
    return _composed(get_origin(hint), get_args(hint), bound)


def _composed(origin: Any, arguments: tuple[Any, ...], bound: dict[Any, Any]) -> dict[str, Any]:
    if origin is Literal:
        return {"enum": list(arguments)}
    schemas = [_schema(one, bound) for one in arguments]
    if origin is NotRequired:
        return schemas[0]
    if origin is list:
        return {"type": "array", "items": schemas[0]}
    if origin is dict:
        return {"type": "object", "additionalProperties": schemas[1]}
    if origin in (Union, types.UnionType):
        return {"anyOf": schemas}
    raise TypeError(f"{origin!r} has no JSON Schema here")


def _reference(kind: Any) -> dict[str, Any]:
    name = kind.__name__
    if name not in COMPONENTS:
        COMPONENTS[name] = {}  # so that one which refers to itself ends
        COMPONENTS[name] = _object(kind, {})
    return {"$ref": f"#/components/schemas/{name}"}


def _object(kind: Any, bound: dict[Any, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip(),
        # __required_keys__ misses NotRequired where annotations are texts, as they are in our modules.
        "required": [name for name, hint in hints.items() if get_origin(hint) is not NotRequired],
        "properties": {name: _schema(hint, bound) for name, hint in hints.items()},
    }


def _page(kind: Any) -> dict[str, Any]:
    name = f"{kind.__name__}Page"
    (item,) = vars(wire.Page)["__parameters__"]
    COMPONENTS[name] = _object(wire.Page, {item: kind})
    return {"$ref": f"#/components/schemas/{name}"}


Schedule = _reference(wire.Schedule)
ChangedSchedule = _reference(wire.ChangedSchedule)
PreviewedSchedules = _reference(wire.PreviewedSchedules)
SchedulePage = _reference(wire.SchedulePage)
NextSlots = _reference(wire.NextSlots)
Diagnosis = _reference(wire.Diagnosis)
SkipPage = _page(wire.Skip)
HistoryPage = _page(wire.HistoryEntry)
Run = _reference(wire.Run)
RunDetail = _reference(wire.RunDetail)
RunPage = _page(wire.Run)
OutputPage = _reference(wire.OutputPage)
OutputLines = _reference(wire.OutputLines)
OutputMatches = _reference(wire.OutputMatches)
PauseOfAll = _reference(wire.PauseOfAll)
ScheduleActions = _reference(wire.ScheduleActions)
RunActions = _reference(wire.RunActions)
ViewPage = _page(wire.View)
SettingPage = _page(wire.SettingInForce)
ConcurrencyGroupPage = _page(wire.ConcurrencyGroup)
Handler = _reference(wire.Handler)
HandlerPage = _page(wire.Handler)
PluginPage = _page(wire.Plugin)
WorkerPage = _page(wire.Worker)
Preview = _reference(wire.Preview)
ScheduleStats = _reference(wire.ScheduleCounts)
RunStats = _reference(wire.RunStats)
RunCount = _reference(wire.RunCount)
TagPage = _page(wire.TagCount)
QueueStats = _reference(wire.QueueStats)
RetentionPreview = _reference(wire.RetentionPreview)
Forecast = _reference(wire.Forecast)
Me = _reference(wire.Me)
NewSession = _reference(wire.NewSession)
WaysIn = _reference(wire.WaysIn)
SignOnBegun = _reference(wire.SignOnBegun)
SessionPage = _page(wire.Session)
User = _reference(wire.User)
UserPage = _page(wire.User)
OwnUser = _reference(wire.OwnUser)
Group = _reference(wire.Group)
GroupPage = _page(wire.Group)
NewApiKey = _reference(wire.NewApiKey)
ApiKeyPage = _page(wire.ApiKey)
AuditPage = _page(wire.AuditEntry)
Secret = _reference(wire.Secret)
SecretPage = _page(wire.Secret)
Rotation = _reference(wire.Rotation)
Health = _reference(wire.Health)
Readiness = _reference(wire.Readiness)
