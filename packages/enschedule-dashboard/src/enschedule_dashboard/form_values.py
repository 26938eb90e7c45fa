"""One value and its control: shown there, and read back from what was posted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from enschedule_core.errors import FieldError
from enschedule_core.secret import is_sealed
from enschedule_dashboard.form_fields import Field, Kind, as_text

ABSENT: Final[Any] = object()
"""Stands for "no value": the member is left out of the data."""

_SEPARATORS = re.compile(r"[\s,;]+")
_INTEGER = re.compile(r"[+-]?\d{1,18}")


class Posted(Protocol):
    """What a form posts: werkzeug's ``request.form`` or anything like it."""

    def get(self, key: str, default: str, /) -> str:
        """Return the first value under ``key``."""

    def getlist(self, key: str) -> list[str]:
        """Return all values under ``key``."""

    def __contains__(self, key: object) -> bool:
        """Return whether anything was posted under ``key``."""


def parse_json(text: str) -> Any:
    """Read JSON as the API does: no NaN, no key twice. A ``ValueError`` says what is wrong, and where."""

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON. Write a number, or null.")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(name for index, (name, _) in enumerate(pairs) if name in dict(pairs[:index]))
            raise ValueError(f'"{twice}" is there twice. Keep one.')
        return found

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"Line {error.lineno}, column {error.colno}: {error.msg.lower()}.") from None
    except RecursionError:
        raise ValueError("This is nested too deeply. At most 30 levels are allowed.") from None


def show(found: Field, value: Any) -> None:
    """Put a value into its control; one that does not fit the control is shown as JSON."""
    if value is ABSENT or (value is None and found.kind is not Kind.JSON):
        return
    fits = _SHOWS.get(found.kind)
    if fits is None or not fits(found, value):
        found.kind, found.children = Kind.JSON, []
        found.text = json.dumps(value, indent=2, ensure_ascii=False)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _show_group(found: Field, value: Any) -> bool:
    if not isinstance(value, Mapping) or not set(value) <= {child.path[-1] for child in found.children}:
        return False
    for child in found.children:
        show(child, value.get(child.path[-1], ABSENT))
    return True


def _show_pairs(found: Field, value: Any) -> bool:
    if not isinstance(value, Mapping) or not all(_has_type(entry, found.item) for entry in value.values()):
        return False
    found.rows = [(str(name), as_text(entry)) for name, entry in value.items()]
    return True


def _show_lines(found: Field, value: Any) -> bool:
    if not isinstance(value, list) or not all(_has_type(entry, found.item) for entry in value):
        return False
    texts = [as_text(entry) for entry in value]
    if found.item != "string":
        found.text = ", ".join(texts)
        return True
    if any(not text.strip() or text != text.strip() or "\n" in text for text in texts):
        return False
    found.text = "\n".join(texts)
    return True


def _has_type(value: Any, item: str) -> bool:
    return isinstance(value, str) if item == "string" else _is_scalar(value) and not isinstance(value, str)


def _show_boolean(found: Field, value: Any) -> bool:
    found.checked = value is True
    return isinstance(value, bool)


def _show_secret(found: Field, value: Any) -> bool:
    found.has_secret = isinstance(value, str) or is_sealed(value)
    return found.has_secret


def _show_choice(found: Field, value: Any) -> bool:
    found.text = as_text(value)
    return any(choice.value == value and type(choice.value) is type(value) for choice in found.choices)


def _show_number(found: Field, value: Any) -> bool:
    found.text = as_text(value)
    return _is_scalar(value) and not isinstance(value, str)


def _show_text(found: Field, value: Any) -> bool:
    if isinstance(value, str):
        found.text = value
        found.kind = Kind.LONG_TEXT if "\n" in value else found.kind
    return isinstance(value, str)


_SHOWS: dict[Kind, Callable[[Field, Any], bool]] = {
    Kind.GROUP: _show_group,
    Kind.PAIRS: _show_pairs,
    Kind.LINES: _show_lines,
    Kind.BOOLEAN: _show_boolean,
    Kind.SECRET: _show_secret,
    Kind.CHOICE: _show_choice,
    Kind.INTEGER: _show_number,
    Kind.NUMBER: _show_number,
    Kind.TEXT: _show_text,
    Kind.LONG_TEXT: _show_text,
}


def read_value(found: Field, posted: Posted, base: Any) -> Any:
    """Return the posted value of one field, or :data:`ABSENT`; its control then shows what was posted.

    ``base`` is the value before the edit. What cannot be read gets an error at the field.
    """
    if f"{found.name}:json" in posted or found.kind is Kind.JSON:
        found.kind, found.children = Kind.JSON, []
        found.text = posted.get(f"{found.name}:json", "")
        return read_json(found, found.text)
    if found.kind is Kind.GROUP:
        return _read_group(found, posted, base)
    if found.kind is Kind.PAIRS:
        return _read_pairs(found, posted)
    if found.kind is Kind.BOOLEAN:
        found.checked = found.name in posted
        return found.checked
    return _read_text(found, posted.get(found.name, "").replace("\r\n", "\n"), base)


def _read_text(found: Field, text: str, base: Any) -> Any:
    found.text = text
    if found.kind is Kind.LINES:
        return _read_lines(found)
    if found.kind is Kind.SECRET:
        found.has_secret = isinstance(base, str) or is_sealed(base)
        return text or (base if found.has_secret else ABSENT)
    if not text.strip():
        return _blank(found, base)
    if found.kind is Kind.CHOICE:
        return next((choice.value for choice in found.choices if choice.key == text), text)
    if found.kind in (Kind.INTEGER, Kind.NUMBER):
        return _number(found, text, found.kind.value)
    found.kind = Kind.LONG_TEXT if "\n" in text else found.kind
    return text


def _blank(found: Field, base: Any) -> Any:
    """An empty control leaves the value out, unless empty text or null is what stood there."""
    if base == "" and found.kind in (Kind.TEXT, Kind.LONG_TEXT):
        return ""
    return None if found.nullable and (found.required or base is None) else ABSENT


def _read_group(found: Field, posted: Posted, base: Any) -> Any:
    """A group is left out while nothing in it was set: a switch at its default counts as not set."""
    before = base if isinstance(base, Mapping) else {}
    values: dict[str, Any] = {}
    is_touched = found.required or base is not ABSENT
    for child in found.children:
        value = read_value(child, posted, before.get(child.path[-1], ABSENT))
        if value is not ABSENT:
            values[child.path[-1]] = value
            is_touched = is_touched or child.kind is not Kind.BOOLEAN or value is not bool(child.default)
    return values if is_touched else ABSENT


def _read_pairs(found: Field, posted: Posted) -> Any:
    names, texts = posted.getlist(f"{found.name}:key"), posted.getlist(f"{found.name}:value")
    found.rows = list(zip(names, texts, strict=False))
    values: dict[str, Any] = {}
    for name, text in found.rows:
        if not name.strip() and not text.strip():
            continue
        if not name.strip():
            found.errors.append(FieldError(found.dotted, f"“{text}” has no name."))
        elif name in values:
            found.errors.append(FieldError(found.dotted, f"“{name}” is there twice. Keep one."))
        values[name] = _number(found, text, found.item) if found.item != "string" else text
    return values if values or found.required else ABSENT


def _read_lines(found: Field) -> Any:
    parts = found.text.split("\n") if found.item == "string" else _SEPARATORS.split(found.text)
    texts = [part.strip() for part in parts if part.strip()]
    if not texts and not found.required:
        return ABSENT
    return texts if found.item == "string" else [_number(found, text, found.item) for text in texts]


def _number(found: Field, text: str, kind: str) -> Any:
    plain = text.strip()
    if _INTEGER.fullmatch(plain):
        return int(plain)
    if kind == "integer":
        found.errors.append(FieldError(found.dotted, f"“{plain}” is not a whole number. Write for example 10."))
        return ABSENT
    try:
        value = float(plain)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        found.errors.append(FieldError(found.dotted, f"“{plain}” is not a number. Write for example 1.5."))
        return ABSENT
    return value


def read_json(found: Field, text: str) -> Any:
    """Return the JSON in ``text``, or :data:`ABSENT` for empty text and, with an error at the field, for none."""
    if not text.strip():
        return ABSENT
    try:
        return parse_json(text)
    except ValueError as error:
        found.errors.append(FieldError(found.dotted, str(error)))
        return ABSENT
