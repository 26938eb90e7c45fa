"""A value put into its control. What a control cannot show stands there as JSON: nothing is ever dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from enschedule_core.errors import InvalidInput
from enschedule_core.schema import validate_json_schema
from enschedule_core.secret import is_sealed
from enschedule_dashboard.form_fields import Field, Kind, Row, as_text
from enschedule_dashboard.form_values import ABSENT, is_number, reference, split_instant

_ROWS_MAX = 100
_ROWS_MAX_CHARACTERS = 60_000
_LONG = 120
_NUMBERS = (Kind.INTEGER, Kind.NUMBER)
SEALABLE = (Kind.TEXT, Kind.LONG_TEXT, Kind.SECRET, Kind.INSTANT, *_NUMBERS)
"""The controls in whose place a stored secret may be named, or a value kept that is not shown."""

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": (int, float),
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": Mapping,
}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?")
_KEY = re.compile(r"[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*")


def show(found: Field, value: Any) -> None:
    """Put a value into its control."""
    if value is ABSENT:
        return
    if value is None and found.kind is not Kind.JSON:
        found.blank, found.text, found.fixed = "null", "", False
        found.variant = "null" if found.kind is Kind.UNION else ""
        return
    if found.kind in SEALABLE and (reference(value) is not None or is_sealed(value)):
        found.item = found.kind.value if found.kind in _NUMBERS else found.item
        found.kind = Kind.SECRET if is_sealed(value) else Kind.REFERENCE
        found.has_secret, found.text = is_sealed(value), reference(value) or ""
        return
    fits = _SHOWS.get(found.kind)
    if fits is None or not fits(found, value):
        as_json(found, json.dumps(value, indent=2, ensure_ascii=False))


def as_json(found: Field, text: str) -> None:
    """Turn a field into a text of JSON."""
    found.kind, found.children, found.rows, found.variants, found.blank = Kind.JSON, [], [], [], ""
    found.text = text


def rest_of(found: Field, text: str) -> Field:
    """Return the field for the members of a group that the schema does not name."""
    return Field(
        (*found.path, "*"), f"{found.name}/*", Kind.JSON, "Other data", description="A JSON object.", text=text
    )


def _show_group(found: Field, value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    found.blank = "{}"
    known = {child.path[-1] for child in found.children}
    for child in found.children:
        show(child, value.get(child.path[-1], ABSENT))
    rest = {name: part for name, part in value.items() if name not in known}
    if rest or found.more:
        found.children.append(rest_of(found, json.dumps(rest, indent=2, ensure_ascii=False) if rest else ""))
    return True


def _is_too_long(value: Any) -> bool:
    return len(value) > _ROWS_MAX or len(json.dumps(value)) > _ROWS_MAX_CHARACTERS


def add_row(found: Field, id: str, place: str, key: str = "") -> Row:
    """Add an entry to a list or a map; ``place`` is its index or name."""
    assert found.make is not None  # both kinds have it
    row = Row(id, found.make((*found.path, place), f"{found.name}#{id}"), key=key)
    found.rows.append(row)
    return row


def _show_list(found: Field, value: Any) -> bool:
    if not isinstance(value, list) or _is_too_long(value):
        return False
    found.blank = "" if value else "[]"
    for index, part in enumerate(value):
        row = add_row(found, str(index), str(index))
        row.was = str(index)
        show(row.value, part)
    return True


def _show_map(found: Field, value: Any) -> bool:
    if not isinstance(value, Mapping) or _is_too_long(value) or not all(map(_KEY.fullmatch, value)):
        return False
    found.blank = "" if value else "{}"
    for index, (key, part) in enumerate(value.items()):
        row = add_row(found, str(index), key, key)
        row.was = key
        show(row.value, part)
    return True


def _show_numbers(found: Field, value: Any) -> bool:
    if not isinstance(value, list) or not all(is_number(part, found.item) for part in value):
        return False
    found.blank = "" if value else "[]"
    found.text = ", ".join(as_text(part) for part in value)
    return True


def _show_boolean(found: Field, value: Any) -> bool:
    found.checked, found.blank = value is True, ""
    return isinstance(value, bool)


def _show_secret(found: Field, value: Any) -> bool:
    found.has_secret = isinstance(value, str) or is_number(value, found.item)
    return found.has_secret


def _show_choice(found: Field, value: Any) -> bool:
    keys = [choice.key for choice in found.choices if choice.value == value and type(choice.value) is type(value)]
    found.text, found.fixed = keys[0] if keys else f"={as_text([value])[1:-1]}", bool(keys) and found.fixed
    return isinstance(value, str | int | float)


def _show_number(found: Field, value: Any) -> bool:
    found.text = as_text(value)
    return is_number(value, found.kind.value)


def _show_text(found: Field, value: Any) -> bool:
    if not isinstance(value, str) or "\r" in value:
        return False
    found.text = value
    if not value.strip():
        found.blank = json.dumps(value)
    if "\n" in value or (len(value) > _LONG and found.input_type == "text"):
        found.kind = Kind.LONG_TEXT
    # A browser empties or trims what is not of the type.
    pattern = {"date": _DATE, "time": _TIME}.get(found.input_type)
    if value != value.strip() or (pattern and not pattern.fullmatch(value)):
        found.input_type = "text"
    return True


def _show_instant(found: Field, value: Any) -> bool:
    parts = split_instant(value) if isinstance(value, str) else None
    if parts is None:
        found.kind = Kind.TEXT
        return _show_text(found, value)
    (found.text, found.zone), found.was = parts, str(value)
    return True


def _show_union(found: Field, value: Any) -> bool:
    likely = [index for index, variant in enumerate(found.variants) if _has_type(variant.schema, value)]
    fitting = [index for index in likely if len(likely) == 1 or _fits(found.variants[index].schema, value)]
    for index in fitting:
        child = found.variants[index].make()
        show(child, value)
        if child.kind is not Kind.JSON or index == fitting[-1]:
            found.variant, found.children = str(index), [child]
            return True
    return False


def _has_type(schema: Mapping[str, Any], value: Any) -> bool:
    """Return whether a value may be of a schema as far as its type tells."""
    if "const" in schema:
        return bool(schema["const"] == value)
    given = schema.get("type", ())
    names = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    return not names or any(isinstance(value, kind) for name, kind in _TYPES.items() if name in names)


def _fits(schema: Mapping[str, Any], value: Any) -> bool:
    try:
        validate_json_schema(value, schema)
    except InvalidInput:
        return False
    except Exception:  # noqa: BLE001 - a schema that is none, or names what is not here: jsonschema raises many things
        return False
    return True


_SHOWS: dict[Kind, Callable[[Field, Any], bool]] = {
    Kind.GROUP: _show_group,
    Kind.MAP: _show_map,
    Kind.LIST: _show_list,
    Kind.NUMBERS: _show_numbers,
    Kind.UNION: _show_union,
    Kind.BOOLEAN: _show_boolean,
    Kind.SECRET: _show_secret,
    Kind.CHOICE: _show_choice,
    Kind.INTEGER: _show_number,
    Kind.NUMBER: _show_number,
    Kind.TEXT: _show_text,
    Kind.LONG_TEXT: _show_text,
    Kind.INSTANT: _show_instant,
}
