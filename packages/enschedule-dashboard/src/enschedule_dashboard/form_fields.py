"""From a handler's JSON Schema to the fields of a form: which control shows which value.

A field has a control of its own where a person is better off with one: text, long text, secret,
number, switch, choice, a list of plain values (one a line), a map of plain values (rows of name and
value), a nested object (a group of fields). Whatever else a schema can say is written as JSON, at its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from enschedule_core.errors import FieldError
from enschedule_core.secret import MARK

_DEPTH_MAX = 4
_SCALARS = frozenset({"string", "integer", "number"})
_INPUT_TYPES = {"uri": "url", "url": "url", "email": "email", "date": "date", "time": "time"}
_UNITS = {"_seconds": "seconds", "_minutes": "minutes", "_ms": "ms", "_bytes": "bytes", "_percent": "%"}


class Kind(StrEnum):
    """How a value is entered."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    SECRET = "secret"  # noqa: S105 - the name of a control
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    LINES = "lines"
    PAIRS = "pairs"
    GROUP = "group"
    JSON = "json"


@dataclass(slots=True)
class Choice:
    """One entry of a choice: what is posted, what is shown, what it means."""

    key: str
    label: str
    value: Any


@dataclass(slots=True)
class Field:
    """One control of the form, and what stands in it now.

    ``path`` is the place in the data; ``name`` the name it is posted under. ``text``, ``rows`` and
    ``checked`` are what is shown. ``item`` is the type of the values in a list or a map.
    """

    path: tuple[str, ...]
    kind: Kind
    label: str
    required: bool = False
    description: str = ""
    placeholder: str = ""
    unit: str = ""
    input_type: str = "text"
    item: str = "string"
    default: Any = None
    has_default: bool = False
    nullable: bool = False
    choices: list[Choice] = field(default_factory=list)
    children: list[Field] = field(default_factory=list)
    text: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)
    checked: bool = False
    has_secret: bool = False
    errors: list[FieldError] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the name of the control: a JSON Pointer below ``data`` (RFC 6901)."""
        return "/".join(("data", *(part.replace("~", "~0").replace("/", "~1") for part in self.path)))

    @property
    def id(self) -> str:
        """Return an id for the page's labels."""
        return "f-" + "".join(sign if sign.isalnum() else f"-{ord(sign):x}-" for sign in self.name)

    @property
    def dotted(self) -> str:
        """Return the place as errors name it: ``data.headers``."""
        return ".".join(("data", *self.path))

    @property
    def is_short(self) -> bool:
        """True where the control is narrow enough to share its line with others."""
        narrow = self.kind in (Kind.INTEGER, Kind.NUMBER, Kind.CHOICE) or self.input_type in ("date", "time")
        return narrow or self.is_row

    @property
    def is_row(self) -> bool:
        """True for a list of numbers, which stands in one line with commas."""
        return self.kind is Kind.LINES and self.item != "string"

    @property
    def singular(self) -> str:
        """Return what one entry of a map is called: ``Headers`` → ``header``."""
        word = self.label.lower()
        return word[:-1] if word.endswith("s") and not word.endswith("ss") else "entry"

    def walk(self) -> Iterator[Field]:
        """Yield this field and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def fields_of(schema: Mapping[str, Any]) -> list[Field]:
    """Return the fields of an object schema, in its order; values are not filled in yet."""
    return _properties(_resolve(schema, schema), (), schema)


def is_form(schema: Mapping[str, Any] | None) -> bool:
    """Return whether the schema is an object with named properties, so that a form can be made."""
    return bool(schema and isinstance(_resolve(schema, schema).get("properties"), Mapping))


def _properties(schema: Mapping[str, Any], path: tuple[str, ...], root: Mapping[str, Any]) -> list[Field]:
    required = schema.get("required") or ()
    return [
        _field(raw if isinstance(raw, Mapping) else {}, (*path, str(name)), root, required=name in required)
        for name, raw in schema["properties"].items()
    ]


def _resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow local references and single alternatives; what stands beside a reference wins over what it names."""
    for _ in range(8):
        inner: Any = None
        if isinstance(schema.get("$ref"), str):
            inner = _pointer(root, schema["$ref"])
        else:
            for word in ("allOf", "anyOf", "oneOf"):
                parts = [part for part in schema.get(word) or () if part != {"type": "null"}]
                if len(parts) == 1:
                    inner = parts[0]
        if not isinstance(inner, Mapping):
            return schema
        outer = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
        schema = {**inner, **outer}
    return {}


def _pointer(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def _types(schema: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Return the one type that is not null, if there is one, and whether null is allowed.

    Long text may stand for more: what is not text is then written as JSON.
    """
    raw = schema.get("type")
    names = [raw] if isinstance(raw, str) else list(raw or ())
    nullable = "null" in names or bool(schema.get("nullable"))
    names = [name for name in names if name != "null"]
    if "string" in names and schema.get("x-multiline"):
        return "string", nullable
    return (str(names[0]) if len(names) == 1 else None), nullable


def _field(raw: Mapping[str, Any], path: tuple[str, ...], root: Mapping[str, Any], *, required: bool) -> Field:
    schema = _resolve(raw, root)
    kind, nullable = _types(schema)
    label, unit = _label(path[-1], schema)
    found = Field(
        path=path,
        kind=Kind.JSON,
        label=label,
        unit=unit,
        required=required,
        nullable=nullable or {"type": "null"} in (raw.get("anyOf") or raw.get("oneOf") or ()),
        description=str(schema.get("description") or ""),
        placeholder=str(schema.get("x-placeholder") or ""),
        has_default=schema.get("default") is not None,
        default=schema.get("default"),
    )
    _choose(found, schema, kind, root)
    if found.default and not found.placeholder and found.kind not in (Kind.BOOLEAN, Kind.CHOICE, Kind.PAIRS):
        found.placeholder = as_text(found.default)
    return found


def _choose(found: Field, schema: Mapping[str, Any], kind: str | None, root: Mapping[str, Any]) -> None:
    options = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    if options:
        found.kind = Kind.CHOICE
        found.choices = [Choice(as_text(value), as_text(value), value) for value in options if value is not None]
    elif kind == "boolean":
        # A switch is on or off. Where "not given" means something else, the choice has three entries.
        plain = not found.nullable and (found.required or found.has_default)
        found.kind = Kind.BOOLEAN if plain else Kind.CHOICE
        found.checked = bool(found.default)
        found.choices = [] if plain else [Choice("true", "yes", True), Choice("false", "no", False)]
    elif kind in ("integer", "number"):
        found.kind = Kind(kind)
    elif kind == "string":
        _choose_text(found, schema)
    elif kind == "array":
        item = _types(_resolve(schema.get("items") or {}, root))[0]
        if item in _SCALARS and not (schema.get("items") or {}).get("enum"):
            found.kind, found.item = Kind.LINES, item
            # A placeholder is written as JSON, the control takes numbers with commas.
            found.placeholder = found.placeholder.strip("[] ") if found.is_row else found.placeholder
    elif kind == "object":
        _choose_object(found, schema, root)


def _choose_text(found: Field, schema: Mapping[str, Any]) -> None:
    form = str(schema.get("format") or "")
    if form == "password" or schema.get("writeOnly") or schema.get(MARK):
        found.kind = Kind.SECRET
    elif schema.get("x-multiline"):
        found.kind = Kind.LONG_TEXT
    else:
        found.kind = Kind.TEXT
        found.input_type = _INPUT_TYPES.get(form, "text")
        if form == "date-time" and not found.placeholder:
            found.placeholder = "2026-03-28T09:30:00Z"


def _choose_object(found: Field, schema: Mapping[str, Any], root: Mapping[str, Any]) -> None:
    more = schema.get("additionalProperties")
    if isinstance(schema.get("properties"), Mapping) and schema["properties"]:
        if len(found.path) < _DEPTH_MAX:
            found.kind, found.children = Kind.GROUP, _properties(schema, found.path, root)
    elif isinstance(more, Mapping):
        item = _types(_resolve(more, root))[0]
        if item in _SCALARS:
            found.kind, found.item = Kind.PAIRS, item


def _label(name: str, schema: Mapping[str, Any]) -> tuple[str, str]:
    """Return the label and the unit: ``timeout_seconds`` is "Timeout" in seconds."""
    unit = str(schema.get("x-unit") or "")
    stem = name
    for ending, word in _UNITS.items():
        if name.endswith(ending) and len(name) > len(ending):
            stem, unit = name.removesuffix(ending), unit or word
    title = schema.get("title")
    if isinstance(title, str) and title.strip():
        return title.strip(), unit
    words = stem.replace("_", " ").replace("-", " ").strip() or name
    return ("URL" if words.lower() == "url" else words[:1].upper() + words[1:]), unit


def as_text(value: Any) -> str:
    """Return how a value stands in a control: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
