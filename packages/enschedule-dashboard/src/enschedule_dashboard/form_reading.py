"""What was posted, read back from the controls into data. What cannot be read stays in its control, with an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from enschedule_core.secret import is_sealed
from enschedule_dashboard.form_fields import Field, Kind
from enschedule_dashboard.form_showing import SEALABLE, add_row, as_json, rest_of, show
from enschedule_dashboard.form_values import (
    ABSENT,
    Posted,
    is_number,
    join_instant,
    number,
    parse_json,
    reference,
)

_SEPARATORS = re.compile(r"[\s,;]+")
_ROW = re.compile(r"\d{1,9}")
_ROWS_MAX = 1_000
_OWN_TOUCH = (Kind.GROUP, Kind.BOOLEAN, Kind.CHOICE, Kind.UNION)


def read_value(found: Field, posted: Posted, base: Any) -> Any:
    """Return the posted value of one field, or :data:`ABSENT`; its control then shows what was posted.

    ``base`` is the value before the edit. What cannot be read gets an error at the field.
    """
    if f"{found.name}:json" in posted or found.kind is Kind.JSON:
        as_json(found, posted.get(f"{found.name}:json", "").replace("\r\n", "\n"))
        value = read_json(found)
    else:
        found.blank = posted.get(f"{found.name}:blank", "")
        if found.kind in SEALABLE:
            _follow(found, posted, base)
        value = _READS[found.kind](found, posted, base)
    if value is not ABSENT and found.kind not in _OWN_TOUCH:
        found.is_touched = found.is_touched or value not in (None, [], {})
    return value


def read_json(found: Field) -> Any:
    """Return the JSON in the text of a field, or :data:`ABSENT` for empty text and, with an error, for none."""
    if not found.text.strip():
        return ABSENT
    try:
        return parse_json(found.text)
    except ValueError as error:
        found.wrong(str(error))
        return ABSENT


def _follow(found: Field, posted: Posted, base: Any) -> None:
    """Make a control for text the one that was shown: for a reference, for what the server keeps, for any text."""
    if f"{found.name}:ref" in posted:
        found.kind = Kind.REFERENCE
    elif is_sealed(base):
        found.item = found.kind.value if found.kind in (Kind.INTEGER, Kind.NUMBER) else found.item
        found.kind = Kind.SECRET
    elif found.kind is Kind.INSTANT and f"{found.name}:zone" not in posted:
        found.kind = Kind.TEXT


def _nothing(found: Field, empty: Any = ABSENT) -> Any:
    """Return what an empty control means: what looked like nothing before, else null or ``empty`` if one is needed."""
    if found.blank == "null" or (found.nullable and found.required and empty is ABSENT):
        return None
    if empty is not ABSENT and (found.required or found.blank):
        return empty
    return ABSENT


def _read_text(found: Field, posted: Posted, _: Any) -> Any:
    text = posted.get(found.name, "").replace("\r\n", "\n")
    blank, found.text = found.blank, text
    if not text.strip():
        if blank == json.dumps(text):
            found.is_touched = True
            return text
        return _nothing(found)
    show(found, text)
    return text


def _read_secret(found: Field, posted: Posted, base: Any) -> Any:
    found.text = posted.get(found.name, "")
    found.has_secret = isinstance(base, str) or is_number(base, found.item) or is_sealed(base)
    if not found.text:
        return base if found.has_secret else _nothing(found)
    return found.text if found.item == "string" else _number(found, found.text, found.item)


def _read_reference(found: Field, posted: Posted, base: Any) -> Any:
    found.text = posted.get(f"{found.name}:ref", "").strip()
    kept = reference(base)
    if kept is not None and kept.strip() == found.text:
        return base
    if not found.text:
        found.wrong("Name a stored secret, for example ERP_TOKEN, or write the value here.")
        return ABSENT
    return {"$secret": found.text}


def _read_instant(found: Field, posted: Posted, _: Any) -> Any:
    found.text, found.zone = posted.get(found.name, "").strip(), posted.get(f"{found.name}:zone", "").strip()
    found.was = posted.get(f"{found.name}:was", "")
    if not found.text:
        return _nothing(found)
    try:
        return join_instant(found.text, found.zone, found.was)
    except ValueError as error:
        found.wrong(str(error))
        return ABSENT


def _read_number(found: Field, posted: Posted, _: Any) -> Any:
    found.text = posted.get(found.name, "")
    return _number(found, found.text, found.kind.value) if found.text.strip() else _nothing(found)


def _number(found: Field, text: str, kind: str) -> Any:
    try:
        return number(text, kind)
    except ValueError as error:
        found.wrong(str(error))
        return ABSENT


def _read_numbers(found: Field, posted: Posted, _: Any) -> Any:
    found.text = posted.get(found.name, "").replace("\r\n", "\n")
    parts = [part for part in _SEPARATORS.split(found.text) if part]
    return [_number(found, part, found.item) for part in parts] if parts else _nothing(found, [])


def _read_boolean(found: Field, posted: Posted, _: Any) -> Any:
    found.checked = found.name in posted
    is_default = found.checked is bool(found.default)
    if is_default and found.blank == "null":
        return None
    if is_default and found.blank == "absent":
        return found.checked if found.required else ABSENT
    found.is_touched, found.blank = not is_default, ""
    return found.checked


def _read_choice(found: Field, posted: Posted, _: Any) -> Any:
    found.text = posted.get(found.name, found.text if found.fixed else "")
    if not found.text.strip():
        return _nothing(found)
    found.is_touched = not found.fixed
    known = [choice.value for choice in found.choices if choice.key == found.text]
    if known:
        return known[0]
    try:
        return parse_json(found.text.removeprefix("=")) if found.text.startswith("=") else found.text
    except ValueError:
        return found.text


def _read_group(found: Field, posted: Posted, base: Any) -> Any:
    """A group is left out while nothing in it was chosen: a switch at its default counts as not chosen."""
    before = base if isinstance(base, Mapping) else {}
    values: dict[str, Any] = {}
    for child in found.children:
        value = read_value(child, posted, before.get(child.path[-1], ABSENT))
        found.is_touched = found.is_touched or child.is_touched or bool(child.errors)
        if value is not ABSENT:
            values[child.path[-1]] = value
    if f"{found.name}/*:json" in posted:
        rest = rest_of(found, posted.get(f"{found.name}/*:json", ""))
        found.children.append(rest)
        more = read_json(rest)
        if isinstance(more, Mapping):
            values = {**more, **values}
        elif more is not ABSENT:
            rest.wrong('Other data is a JSON object, for example {"a": 1}.')
        found.is_touched = found.is_touched or bool(rest.text.strip())
    if found.is_touched:
        return values
    return None if found.blank == "null" else values if found.required or found.blank else ABSENT


def _rows(found: Field, posted: Posted) -> list[str]:
    ids = posted.getlist(f"{found.name}:row")
    return [id for id in dict.fromkeys(ids) if _ROW.fullmatch(id)][:_ROWS_MAX]


def _read_list(found: Field, posted: Posted, base: Any) -> Any:
    before = base if isinstance(base, list) else []
    values: list[Any] = []
    for id in _rows(found, posted):
        row = add_row(found, id, str(len(values)))
        row.was = posted.get(f"{found.name}#{id}:was", "")
        at = int(row.was) if _ROW.fullmatch(row.was) else len(before)
        value = read_value(row.value, posted, before[at] if at < len(before) else ABSENT)
        found.is_touched = found.is_touched or bool(row.value.errors)
        if value is not ABSENT:
            values.append(value)
    return values or _nothing(found, [])


def _read_map(found: Field, posted: Posted, base: Any) -> Any:
    before = base if isinstance(base, Mapping) else {}
    values: dict[str, Any] = {}
    for id in _rows(found, posted):
        key = posted.get(f"{found.name}#{id}:key", "")
        row = add_row(found, id, key, key)
        row.was = posted.get(f"{found.name}#{id}:was", "")
        value = read_value(row.value, posted, before.get(row.was, ABSENT) if row.was else ABSENT)
        is_empty = value is ABSENT or value in ([], {}) or (not row.value.is_touched and row.value.kind is Kind.BOOLEAN)
        if not key.strip():
            if not is_empty:
                row.value.wrong("This has no name.")
            continue
        if key in values:
            row.value.wrong(f"“{key}” is there twice. Keep one.")
        if value is ABSENT and not row.value.errors:
            value = "" if row.value.kind in (Kind.TEXT, Kind.LONG_TEXT) else value
            if value is ABSENT:
                row.value.wrong(f"“{key}” has no value.")
        values[key] = value
    return values or _nothing(found, {})


def _read_union(found: Field, posted: Posted, base: Any) -> Any:
    found.variant = posted.get(f"{found.name}:variant", "")
    if found.variant == "null":
        found.is_touched = True
        return None
    if not _ROW.fullmatch(found.variant) or int(found.variant) >= len(found.variants):
        found.variant = ""
        return _nothing(found)
    child = found.variants[int(found.variant)].make()
    found.children = [child]
    value = read_value(child, posted, base)
    # The first shape stands there from the beginning where one is needed.
    found.is_touched = child.is_touched or bool(child.errors) or not found.required or found.variant != "0"
    return value


_READS: dict[Kind, Callable[[Field, Posted, Any], Any]] = {
    Kind.TEXT: _read_text,
    Kind.LONG_TEXT: _read_text,
    Kind.SECRET: _read_secret,
    Kind.REFERENCE: _read_reference,
    Kind.INSTANT: _read_instant,
    Kind.INTEGER: _read_number,
    Kind.NUMBER: _read_number,
    Kind.NUMBERS: _read_numbers,
    Kind.BOOLEAN: _read_boolean,
    Kind.CHOICE: _read_choice,
    Kind.GROUP: _read_group,
    Kind.LIST: _read_list,
    Kind.MAP: _read_map,
    Kind.UNION: _read_union,
}
