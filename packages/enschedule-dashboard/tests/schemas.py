"""JSON Schemas and data that is valid under them, made up."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
Made = tuple[Json, st.SearchStrategy[Any]]

_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
_lines = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), max_size=3).map("\n".join)
_names = st.text("ab/~#:*. é_", min_size=1, max_size=6)
_whole = st.integers(-(2**63), 2**63 - 1)
_reals = st.floats(allow_nan=False, allow_infinity=False) | _whole
_instants = st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat().replace("+00:00", "Z"))

_LEAVES: tuple[Made, ...] = (
    ({"type": "string"}, _texts),
    ({"type": "string"}, st.sampled_from(["", " ", "<b>&amp;\"'", "{{ 7*7 }}", "\u202egnp", "x" * 10_000, "a\r\nb"])),
    ({"type": "string", "x-multiline": True}, _lines),
    ({"type": "string", "format": "uri"}, st.sampled_from(["https://a.example/?q=1&r=<2>", " https://a.example "])),
    ({"type": "string", "format": "email"}, st.emails()),
    ({"type": "string", "format": "date"}, st.dates().map(str)),
    ({"type": "string", "format": "time"}, st.times().map(str)),
    ({"type": "string", "format": "date-time"}, _instants | st.datetimes().map(lambda at: f"{at.isoformat()}+01:00")),
    ({"type": "string", "format": "password"}, _texts),
    ({"type": "string", "enum": ["GET", "POST"]}, st.sampled_from(["GET", "POST"])),
    ({"enum": [1, "1", 2.5, True, "x", "y"]}, st.sampled_from([1, "1", 2.5, True, "x"])),
    ({"const": "http"}, st.just("http")),
    ({"type": "integer", "minimum": 0}, st.integers(0, 2**62)),
    ({"type": "number"}, _reals),
    ({"type": "boolean"}, st.booleans()),
    ({"type": "boolean", "default": True}, st.booleans()),
    ({"type": ["string", "null"]}, st.none() | _texts),
    ({"type": ["integer", "null"], "default": 5}, st.none() | _whole),
    ({"type": ["string", "integer"]}, _texts | _whole),
    ({"type": "array", "items": {"type": "integer"}}, st.lists(_whole, max_size=4)),
    ({}, st.recursive(st.none() | st.booleans() | _whole | _texts, lambda inner: st.lists(inner, max_size=3))),
)


@st.composite
def _leaf(draw: st.DrawFn) -> Made:
    return draw(st.sampled_from(_LEAVES))


@st.composite
def _object(draw: st.DrawFn, inner: st.SearchStrategy[Made]) -> Made:
    made = draw(st.dictionaries(_names, inner, min_size=1, max_size=4))
    required = [name for name in made if draw(st.booleans())]
    schema: Json = {"type": "object", "properties": {name: part for name, (part, _) in made.items()}}
    schema |= {"required": required, "additionalProperties": draw(st.booleans())}
    values = st.fixed_dictionaries(
        {name: made[name][1] for name in required},
        optional={name: value for name, (_, value) in made.items() if name not in required},
    )
    if schema["additionalProperties"]:
        more = st.dictionaries(st.text("xyz", min_size=7, max_size=8), _texts, max_size=2)
        values = st.tuples(values, more).map(lambda both: both[1] | both[0])
    return schema, values


@st.composite
def _list(draw: st.DrawFn, inner: st.SearchStrategy[Made]) -> Made:
    schema, values = draw(inner)
    return {"type": "array", "items": schema}, st.lists(values, max_size=3)


@st.composite
def _map(draw: st.DrawFn, inner: st.SearchStrategy[Made]) -> Made:
    schema, values = draw(inner)
    return {"type": "object", "additionalProperties": schema}, st.dictionaries(_texts, values, max_size=3)


@st.composite
def _union(draw: st.DrawFn, inner: st.SearchStrategy[Made]) -> Made:
    made = draw(st.lists(inner, min_size=2, max_size=3))
    return {"anyOf": [schema for schema, _ in made]}, st.one_of([values for _, values in made])


_any = st.recursive(_leaf(), lambda inner: _object(inner) | _list(inner) | _map(inner) | _union(inner), max_leaves=8)


@st.composite
def schemas_with_data(draw: st.DrawFn) -> tuple[Json, Json]:
    """Return the schema of an object, and an object that is valid under it."""
    schema, values = draw(_object(_any))
    return schema, draw(values)
