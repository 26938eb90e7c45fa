"""From a handler's JSON Schema to the fields of a form: which control shows which value.

A field has a control of its own where a person is better off with one: text, long text, secret, point in time, number,
switch, choice, a list or a map (rows), a nested object (a group of fields), one of several shapes (a union). Whatever
else a schema can say is written as JSON, at its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from enschedule_dashboard import form_words
from enschedule_dashboard.form_fields import Choice, Field, Kind, Variant, as_text, below

ROOT = "data"
_LEVELS_MAX = 8
_NESTED_MAX = 3
_LIST_NUMBERS = ("integer", "number")
_INPUT_TYPES = {"uri": "url", "url": "url", "iri": "url", "email": "email", "date": "date", "time": "time"}
_FIELDS_MAX = 500


def is_form(schema: Mapping[str, Any] | None) -> bool:
    """Return whether the schema is an object with named properties, so that a form can be made."""
    return bool(schema and isinstance(_Builder(schema).resolve(schema)[0].get("properties"), Mapping))


def root_of(schema: Mapping[str, Any]) -> Field:
    """Return the group of all fields of an object schema, in its order; values are not filled in yet."""
    builder = _Builder(schema)
    found = Field((), ROOT, Kind.GROUP, required=True)
    resolved, _ = builder.resolve(schema)
    builder.group(found, resolved, ())
    return found


@dataclass(frozen=True, slots=True)
class _Builder:
    """Makes fields from the parts of one schema, whose references it follows."""

    root: Mapping[str, Any]
    made: list[str] = field(default_factory=list)

    def make(
        self,
        raw: Any,
        path: tuple[str, ...],
        name: str,
        *,
        required: bool,
        inside: tuple[str, ...] = (),
        label: str = "",
    ) -> Field:
        """Return the control for ``raw``; ``inside`` are the references that led here."""
        given: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        schema, references = self.resolve(given)
        own, unit = form_words.label(path[-1], schema)
        found = Field(
            path,
            name,
            Kind.JSON,
            label=label or own,
            required=required,
            description=str(schema.get("description") or ""),
            placeholder=str(schema.get("x-placeholder") or ""),
            unit=unit,
            nullable=_is_nullable(given) or _is_nullable(schema),
            has_default=schema.get("default") is not None,
            default=schema.get("default"),
        )
        self.made.append(name)
        if len(path) <= _LEVELS_MAX and len(self.made) <= _FIELDS_MAX and not (set(references) & set(inside)):
            self._choose(found, schema, (*inside, *references))
        found.limits = form_words.limits(found.kind, schema)
        found.placeholder = found.placeholder or form_words.placeholder(found, schema)
        return found

    def resolve(self, schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """Follow local references and single alternatives, and join what must hold together.

        What stands beside a reference wins over what it names. Returns the references that were followed, too.
        """
        references: tuple[str, ...] = ()
        for _ in range(8):
            inner: Any = None
            if isinstance(schema.get("$ref"), str):
                references = (*references, schema["$ref"])
                inner = _pointer(self.root, schema["$ref"])
            elif schema.get("allOf"):
                inner = self._joined(schema["allOf"])
            else:
                for word in ("anyOf", "oneOf"):
                    parts = _parts(schema, word)
                    if len(parts) == 1:
                        inner = parts[0]
            if not isinstance(inner, Mapping):
                return schema, references
            gone = ("$ref",) if "$ref" in schema else ("allOf",) if schema.get("allOf") else ("anyOf", "oneOf")
            schema = _join(inner, {key: value for key, value in schema.items() if key not in gone})
        return {}, references

    def _joined(self, parts: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = {}
        for part in parts if isinstance(parts, list) else []:
            one = _pointer(self.root, part["$ref"]) if isinstance(part, Mapping) and "$ref" in part else part
            found = _join(found, one) if isinstance(one, Mapping) else found
        return found

    def _choose(self, found: Field, schema: Mapping[str, Any], inside: tuple[str, ...]) -> None:
        options = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
        shapes = self._shapes(schema)
        types = _types(schema)
        if isinstance(options, list):
            _choose_option(found, options, is_const="const" in schema)
        elif len(shapes) > 1:
            self._choose_union(found, shapes)
        elif types == ["boolean"]:
            _choose_boolean(found)
        elif types in (["integer"], ["number"]):
            found.kind = Kind(types[0])
            if _is_secret(schema):
                found.kind, found.item = Kind.SECRET, types[0]
        elif types == ["string"]:
            _choose_text(found, schema)
        elif types == ["array"]:
            self._choose_list(found, schema)
        elif types == ["object"] or (not types and isinstance(schema.get("properties"), Mapping)):
            self._choose_object(found, schema, inside)

    def _shapes(self, schema: Mapping[str, Any], level: int = 0) -> list[dict[str, Any]]:
        """Return the shapes that a value may have, where there are several; those of a shape stand in its place."""
        for word in ("oneOf", "anyOf"):
            parts = _parts(schema, word)
            if len(parts) > 1:
                inner = [
                    self._shapes(self.resolve(part)[0], level + 1) if level < _NESTED_MAX else [] for part in parts
                ]
                return [one for part, several in zip(parts, inner, strict=True) for one in several or [dict(part)]]
        types = _types(schema)
        if len(types) < 2:
            return []
        gone = ("title", "description", "default", "examples", "example")
        rest = {key: value for key, value in schema.items() if key not in gone}
        rests = {name: {key: rest[key] for key in rest if key in _OWN[name] or key not in _ANY_OWN} for name in types}
        return [{**rests[name], "type": name} for name in types]

    def _choose_union(self, found: Field, shapes: list[dict[str, Any]]) -> None:
        found.kind = Kind.UNION
        for shape in shapes:
            resolved, _ = self.resolve(shape)
            found.nullable = found.nullable or _is_nullable(resolved)
            make = partial(self._row, shape, found.label, found.path, found.name)
            defined = {"$defs": self.root["$defs"]} if "$defs" in self.root else {}
            found.variants.append(Variant(form_words.shape(resolved, _types(resolved)), {**resolved, **defined}, make))

    def _choose_list(self, found: Field, schema: Mapping[str, Any]) -> None:
        raw = schema.get("items")
        if not isinstance(raw, Mapping) or "prefixItems" in schema:
            return
        item, _ = self.resolve(raw)
        types = _types(item)
        if types in ([one] for one in _LIST_NUMBERS) and not _is_nullable(item) and not item.get("enum"):
            found.kind, found.item = Kind.NUMBERS, types[0]
            # A placeholder is written as JSON, the control takes numbers with commas.
            found.placeholder = found.placeholder.strip("[] ")
            return
        if not self._has_control(item):
            return
        found.kind = Kind.LIST
        found.make = partial(self._row, raw, f"{found.singular[:1].upper()}{found.singular[1:]}")

    def _has_control(self, schema: Mapping[str, Any]) -> bool:
        """Return whether the schema gets a control that is more than JSON, without making it."""
        if schema.get("enum") or "const" in schema or len(self._shapes(schema)) > 1 or schema.get("properties"):
            return True
        types = _types(schema)
        inner = {"object": "additionalProperties", "array": "items"}
        return bool(types) and (types[0] not in inner or bool(schema.get(inner[types[0]])))

    def _row(self, raw: Mapping[str, Any], label: str, path: tuple[str, ...], name: str) -> Field:
        """Return the control of one more entry, or of one of several shapes, when there is one."""
        return _Builder(self.root).make(raw, path, name, required=True, label=label)

    def _choose_object(self, found: Field, schema: Mapping[str, Any], inside: tuple[str, ...]) -> None:
        more = schema.get("additionalProperties")
        if isinstance(schema.get("properties"), Mapping) and schema["properties"]:
            self.group(found, schema, inside)
        elif isinstance(more, Mapping) and self._has_control(self.resolve(more)[0]):
            found.kind = Kind.MAP
            found.make = partial(self._row, more, f"{found.singular[:1].upper()}{found.singular[1:]}")

    def group(self, found: Field, schema: Mapping[str, Any], inside: tuple[str, ...]) -> None:
        """Give ``found`` the fields of an object's properties."""
        required = schema.get("required") or ()
        found.kind = Kind.GROUP
        found.more = bool(schema.get("additionalProperties"))
        found.children = [
            self.make(
                raw,
                (*found.path, str(name)),
                below(found.name, str(name)),
                required=name in required,
                inside=inside,
            )
            for name, raw in schema["properties"].items()
        ]


_OWN: dict[str, frozenset[str]] = {
    "string": frozenset({"format", "pattern", "minLength", "maxLength", "x-multiline", "x-placeholder", "writeOnly"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}),
    "object": frozenset({"properties", "required", "additionalProperties", "minProperties", "maxProperties"}),
    **dict.fromkeys(
        ("integer", "number"), frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "x-unit"})
    ),
    "boolean": frozenset(),
}
_ANY_OWN = frozenset().union(*_OWN.values())


def _join(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> dict[str, Any]:
    """Return both as one; the properties of both hold, of all else ``outer`` has its way."""
    both = {**inner, **outer}
    if isinstance(inner.get("properties"), Mapping) and isinstance(outer.get("properties"), Mapping):
        both["properties"] = {**inner["properties"], **outer["properties"]}
    if inner.get("required") and outer.get("required"):
        both["required"] = [*inner["required"], *outer["required"]]
    return both


def _parts(schema: Mapping[str, Any], word: str) -> list[Mapping[str, Any]]:
    parts = schema.get(word)
    found = parts if isinstance(parts, list) else []
    return [part for part in found if isinstance(part, Mapping) and part != {"type": "null"}]


def _pointer(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for part in filter(None, reference.removeprefix("#").strip("/").split("/")):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def _types(schema: Mapping[str, Any]) -> list[str]:
    """Return the types that a value may have, but for null."""
    raw = schema.get("type")
    names = [raw] if isinstance(raw, str) else list(raw) if isinstance(raw, list) else []
    return [name for name in names if isinstance(name, str) and name in _OWN]


def _is_nullable(schema: Mapping[str, Any]) -> bool:
    raw = schema.get("type")
    names = [raw] if isinstance(raw, str) else list(raw) if isinstance(raw, list) else []
    options = schema.get("enum")
    return bool(
        "null" in names
        or schema.get("nullable")
        or (isinstance(options, list) and None in options)
        or any({"type": "null"} in schema[word] for word in ("anyOf", "oneOf") if isinstance(schema.get(word), list))
    )


def _choose_option(found: Field, options: list[Any], *, is_const: bool) -> None:
    given = [value for value in options if value is not None]
    labels = [as_text(value) for value in given]
    if not given or not all(isinstance(value, str | int | float) for value in given):
        return
    found.kind = Kind.CHOICE
    keys = labels if len(set(labels)) == len(labels) else [f"={as_text([value])[1:-1]}" for value in given]
    found.choices = [Choice(*entry) for entry in zip(keys, labels, given, strict=True)]
    if is_const and found.required and not found.nullable:
        found.fixed, found.text = True, keys[0]


def _choose_boolean(found: Field) -> None:
    # A switch is on or off. Where "not given" means something else, the choice has three entries.
    if not found.nullable and (found.required or found.has_default):
        found.kind, found.checked, found.blank = Kind.BOOLEAN, bool(found.default), "absent"
    else:
        found.kind = Kind.CHOICE
        found.choices = [Choice("true", "yes", True), Choice("false", "no", False)]


def _is_secret(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "password" or bool(schema.get("writeOnly") or schema.get("x-enschedule-secret"))


def _choose_text(found: Field, schema: Mapping[str, Any]) -> None:
    form = str(schema.get("format") or "")
    if _is_secret(schema):
        found.kind = Kind.SECRET
    elif schema.get("x-multiline"):
        found.kind = Kind.LONG_TEXT
    elif form == "date-time":
        found.kind = Kind.INSTANT
    else:
        found.kind = Kind.TEXT
        found.input_type = _INPUT_TYPES.get(form, "text")
