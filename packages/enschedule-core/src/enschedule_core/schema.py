"""Data: what JSON values are taken, on every database alike, and how they are checked.

The limits are those of the strictest database (MariaDB refuses 32 levels, PostgreSQL refuses NUL in
text, none of them has NaN, integers of SQLite and PostgreSQL end at 2^63 - 1), so that a schedule
that is valid on one is valid on all.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from enschedule_core.errors import FieldError, InvalidData, InvalidInput

if TYPE_CHECKING:
    from jsonschema import ValidationError

DATA_MAX_BYTES = 1024 * 1024
DATA_MAX_LEVELS = 30
INTEGER_LIMIT = 2**63

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean_text(text: str) -> str:
    r"""Return ``text`` with NUL and lone surrogates escaped (``\x00``, ``\ud800``), which no database stores."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class _Refused(Exception):
    """A value that cannot be stored, and where it is."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class _Reader:
    """Copies a JSON value with its text cleaned; stops early where the value is far too large."""

    def __init__(self, max_bytes: int, max_levels: int) -> None:
        self._max_bytes = max_bytes
        self._max_levels = max_levels
        self._seen_bytes = 0  # never more than the true size of the JSON text

    def read(self, value: Any, path: tuple[str | int, ...] = (), level: int = 0) -> Any:
        if value is None or isinstance(value, bool):
            self._count(4)
            return value
        if isinstance(value, str):
            self._count(len(value) + 2)
            return clean_text(value)
        if isinstance(value, int):
            if not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
                raise _Refused(path, "An integer must be below 9223372036854775808 (2^63); write it as a string.")
            self._count(1)
            return int(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                raise _Refused(path, "NaN and infinity are not JSON numbers; write null or a string.")
            self._count(1)
            return float(value)
        return self._container(value, path, level + 1)

    def _container(self, value: Any, path: tuple[str | int, ...], level: int) -> Any:
        if not isinstance(value, dict | list | tuple):
            raise _Refused(path, f"A value of type {type(value).__name__} is not JSON.")
        if level > self._max_levels:
            raise _Refused(path, f"At most {self._max_levels} levels of objects and lists are taken.")
        self._count(2)
        if not isinstance(value, dict):
            return [self.read(item, (*path, index), level) for index, item in enumerate(value)]
        copy = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise _Refused(path, f"The key {key!r:.80} is not a string.")
            self._count(len(key) + 3)
            copy[clean_text(key)] = self.read(item, (*path, clean_text(key)), level)
        return copy

    def _count(self, size: int) -> None:
        self._seen_bytes += size
        if self._seen_bytes > self._max_bytes:
            raise _Refused((), _too_large(self._max_bytes))


def _too_large(max_bytes: int) -> str:
    return f"As JSON this is larger than {max_bytes / 1024 / 1024:g} MiB."


def check_json(
    value: Any,
    *,
    field: str = "data",
    max_bytes: int = DATA_MAX_BYTES,
    error: type[InvalidInput] = InvalidData,
) -> Any:
    """Return a copy of ``value`` that every database can store, its text cleaned by :func:`clean_text`.

    Taken are JSON values of at most ``max_bytes`` (of UTF-8 JSON text without spaces), at most 30
    levels of objects and lists, finite numbers, integers from -2^63 to 2^63 - 1; tuples become lists.
    Anything else raises ``error`` with one :class:`FieldError` whose path begins with ``field``.
    """
    try:
        copy = _Reader(max_bytes, DATA_MAX_LEVELS).read(value)
        if len(encode_json(copy).encode()) > max_bytes:
            raise _Refused((), _too_large(max_bytes))
    except _Refused as refused:
        path = join_path(field, refused.path)
        raise error(f"{path}: {refused.message}", errors=[FieldError(path, refused.message)]) from None
    return copy


def check_data(value: Any) -> dict[str, Any]:
    """Return ``value`` checked by :func:`check_json` as the data of a schedule or a run: a JSON object."""
    if not isinstance(value, Mapping):
        raise not_an_object(value)
    checked: dict[str, Any] = check_json(dict(value))
    return checked


def not_an_object(value: Any) -> InvalidData:
    """Return the error for data that is a list, a text, a number or null."""
    message = f'Must be a JSON object, for example {{"message": "hello"}}, not {_json_type(value)}.'
    return InvalidData(f"data: {message}", errors=[FieldError("data", message)])


def _json_type(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", str: "a text", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), type(value).__name__)


def encode_json(value: Any) -> str:
    """Return the compact JSON text of a checked value, as it is stored; keys keep their order."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def join_path(field: str, path: Iterable[str | int]) -> str:
    """Return the dotted path of a place below ``field``: ``data.items.0.name``."""
    return ".".join([field, *(str(part) for part in path)])


def unknown_field(name: str, known: Iterable[str]) -> str:
    """Return the message for a field that the schema does not have, with the nearest one that it has."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Unknown field. Did you mean {near[0]}?" if near else "Unknown field."


def invalid_data(errors: Iterable[FieldError]) -> InvalidData:
    """Return the error for data that does not fit a schema; its detail names each field and what is wrong."""
    found = tuple(errors)
    shown = "; ".join(f"{error.field}: {error.message.rstrip('.')}" for error in found[:5])
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return InvalidData(f"The data does not fit the handler: {shown}{more}", errors=found)


def validate_json_schema(data: Any, schema: Mapping[str, Any], *, field: str = "data") -> None:
    """Check ``data`` against a stored JSON Schema (2020-12), where this process does not have the handler.

    Raises :class:`InvalidData` with one :class:`FieldError` per mistake. References are followed
    inside ``schema`` only: nothing is ever fetched. With ``x-ignore-case`` beside an ``enum``, upper and lower case are
    the same, as the handler's own schema has it.
    """
    import jsonschema  # noqa: PLC0415 - see enschedule_core.handler
    import referencing  # noqa: PLC0415

    draft = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"enum": _enum})  # type: ignore[no-untyped-call]  # jsonschema's own
    validator = draft(
        dict(schema),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
        registry=referencing.Registry(),
    )
    errors = list(dict.fromkeys(_from_json_schema(validator.iter_errors(data), field)))
    if errors:
        raise invalid_data(errors)


def _enum(_: Any, allowed: Any, instance: Any, rule: Mapping[str, Any]) -> Iterator[ValidationError]:
    import jsonschema  # noqa: PLC0415

    if any(one == instance and isinstance(one, bool) == isinstance(instance, bool) for one in allowed):
        return
    folded = [one.lower() for one in allowed if isinstance(one, str)] if rule.get("x-ignore-case") else []
    if not (isinstance(instance, str) and instance.strip().lower() in folded):
        yield jsonschema.ValidationError(f"Must be one of: {', '.join(str(one) for one in allowed)}.")


def _from_json_schema(found: Iterable[ValidationError], field: str) -> Iterator[FieldError]:
    for error in found:
        path = join_path(field, error.absolute_path)
        rule: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
        if error.validator == "required":
            there = _names(error)
            for name in rule["required"]:
                if name not in there:
                    yield FieldError(f"{path}.{name}", "Missing data for required field.")
        elif error.validator == "additionalProperties" and rule["additionalProperties"] is False:
            known = rule.get("properties", {})
            for name in _names(error):
                if name not in known:
                    yield FieldError(f"{path}.{name}", unknown_field(name, known))
        else:
            yield FieldError(path, _shorten(error.message))


def _names(error: ValidationError) -> list[str]:
    return list(error.instance) if isinstance(error.instance, Mapping) else []


def _shorten(message: str, limit: int = 300) -> str:
    return message if len(message) <= limit else message[: limit - 1] + "…"
