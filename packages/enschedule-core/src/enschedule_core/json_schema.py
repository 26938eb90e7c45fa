"""A marshmallow schema as JSON Schema (2020-12), and its errors as dotted paths.

The conversion is apispec's, which keeps the order of fields, defaults and ``x-`` metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import EXCLUDE, INCLUDE, Schema, fields

from enschedule_core.errors import FieldError
from enschedule_core.schema import join_path, unknown_field
from enschedule_core.secret import MARK, NAMES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COMPONENTS = "#/components/schemas/"


class _Converter(OpenAPIConverter):
    """Says which fields are secret, and whether unknown ones are refused, also where that is marshmallow's default."""

    def init_attribute_functions(self) -> None:
        super().init_attribute_functions()  # type: ignore[no-untyped-call]  # apispec's own
        self.add_attribute_function(_secret_marks)  # type: ignore[no-untyped-call]

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        converted: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]  # apispec's own
        unknown = getattr(schema, "unknown", None)
        if unknown == EXCLUDE:
            converted.pop("additionalProperties", None)
        elif isinstance(schema, Schema):
            converted["additionalProperties"] = unknown == INCLUDE
        return converted


def _secret_marks(_: Any, field: Any, **__: Any) -> dict[str, Any]:
    """Return what ``metadata={"secret": True}`` and ``{"secret_names": PATTERN}`` of a field are in JSON Schema."""
    found: dict[str, Any] = {"writeOnly": True, MARK: True} if field.metadata.get("secret") is True else {}
    names = field.metadata.get("secret_names")
    return {**found, NAMES: names} if isinstance(names, str) else found


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


def to_json_schema(schema: Schema) -> dict[str, Any]:
    """Return ``schema`` as one JSON Schema object.

    Nested schemas stand where they are used, so a form can be made by walking ``properties``; those
    that contain themselves are referenced in ``$defs``.
    """
    plugin = _Plugin()
    spec = APISpec("data", "1", openapi_version="3.1.0", plugins=[plugin])
    assert plugin.converter is not None
    converted = plugin.converter.schema2jsonschema(schema)  # type: ignore[no-untyped-call]  # apispec's own
    inline = _Inline(spec.components.schemas)
    whole = {"$schema": DIALECT, **inline.resolve(converted, ())}
    if inline.recursive:
        whole["$defs"] = {name: inline.definition(name) for name in inline.recursive}
    return whole


class _Inline:
    """Puts referenced schemas where they are used; the recursive ones it notes down."""

    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components
        self.recursive: dict[str, None] = {name: None for name in components if self._reaches(name, name)}

    def resolve(self, node: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [self.resolve(item, inside) for item in node]
        if not isinstance(node, dict):
            return node
        name = _referenced(node)
        if name is None:
            return {key: self.resolve(value, inside) for key, value in node.items()}
        beside = {key: self.resolve(value, inside) for key, value in node.items() if key != "$ref"}
        if name in self.recursive:
            return {"$ref": f"#/$defs/{name}", **beside}
        return {**self.resolve(self._components[name], (*inside, name)), **beside}

    def definition(self, name: str) -> Any:
        return self.resolve(self._components[name], (name,))

    def _reaches(self, start: str, goal: str) -> bool:
        waiting, seen = [start], set()
        while waiting:
            for found in _references(self._components[waiting.pop()]):
                if found == goal:
                    return True
                if found not in seen:
                    seen.add(found)
                    waiting.append(found)
        return False


def _referenced(node: Mapping[str, Any]) -> str | None:
    reference = node.get("$ref")
    return reference[len(_COMPONENTS) :] if isinstance(reference, str) and reference.startswith(_COMPONENTS) else None


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        name = _referenced(node)
        if name is not None:
            yield name
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _references(item)


def field_errors(messages: Any, schema: Schema) -> list[FieldError]:
    """Return marshmallow's nested messages as one error per message, its field a dotted path from ``data``."""
    return list(_walk(messages, schema, ("data",)))


def _walk(messages: Any, shape: Any, path: tuple[str, ...]) -> Iterator[FieldError]:
    """Follow ``messages`` down the schema or field ``shape``, which tells names of fields from names of marshmallow."""
    if not isinstance(messages, Mapping):
        for message in messages if isinstance(messages, list | tuple) else [messages]:
            if isinstance(message, Mapping | list | tuple):
                yield from _walk(message, shape, path)
            else:
                yield FieldError(join_path(path[0], path[1:]), _worded(str(message), shape, path))
        return
    for name, below in messages.items():
        if name == "_schema":
            yield from _walk(below, shape, path)
        elif isinstance(shape, fields.Mapping) and isinstance(below, Mapping) and below.keys() <= {"key", "value"}:
            yield from _walk(below.get("key", []), shape.key_field, (*path, str(name)))
            yield from _walk(below.get("value", []), shape.value_field, (*path, str(name)))
        else:
            yield from _walk(below, _below(shape, name), (*path, str(name)))


def _below(shape: Any, name: Any) -> Any:
    if isinstance(shape, fields.Nested):
        shape = shape.schema
        if shape.many and isinstance(name, int):
            return shape
    if isinstance(shape, Schema):
        by_key = {field.data_key or key: field for key, field in shape.load_fields.items()}
        return by_key.get(name, _Unknown(tuple(by_key)))
    if isinstance(shape, fields.List):
        return shape.inner
    if isinstance(shape, fields.Tuple) and isinstance(name, int):
        return shape.tuple_fields[name]
    return None


class _Unknown:
    """A field that the schema does not have, and those that it has."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known


def _worded(message: str, shape: Any, path: tuple[str, ...]) -> str:
    if isinstance(shape, _Unknown) and message == "Unknown field.":
        return unknown_field(path[-1], shape.known)
    return message
