"""Bodies of requests: JSON, read strictly, because what is read loosely here is refused by some database later."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from flask import Request

from enschedule_core.errors import BadRequest, FieldError, InvalidInput, TooLarge, UnsupportedMediaType
from enschedule_worker.api.context import BODY_MAX_BYTES

_DIGITS_MAX = 30  # far beyond 2^63, far below what Python refuses to convert
_LEVELS_MAX = 200


def read(request: Request, *, optional: bool = False) -> Any:
    """Return the JSON body; ``{}`` for an empty one if it is ``optional``.

    Raises :class:`UnsupportedMediaType` unless it is sent as JSON, :class:`BadRequest` where it cannot be read at
    all, :class:`InvalidInput` for NaN, numbers out of range, a member twice, or far too many levels. A body over
    the limit is refused by the server's own check (413) before anything is read.
    """
    raw = request.get_data(cache=True)
    if request.content_length is None and len(raw) >= BODY_MAX_BYTES:
        raise TooLarge  # werkzeug cuts a chunked body off at the limit, without a word
    if not raw and optional:
        return {}
    if not _is_json(request.mimetype):
        raise UnsupportedMediaType(f"The body must be JSON; send Content-Type: application/json.{_sent(request)}")
    if not raw.strip():
        raise BadRequest("The body is empty; send JSON.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise BadRequest(f"The body is not UTF-8: byte {problem.start:,} cannot be read.") from None
    return parse(text)


def _sent(request: Request) -> str:
    return f" This is {request.mimetype[:80]}." if request.mimetype else ""


def _is_json(mimetype: str) -> bool:
    return mimetype == "application/json" or (mimetype.startswith("application/") and mimetype.endswith("+json"))


def parse(text: str) -> Any:
    """Return the value of JSON text; see :func:`read` for what is refused."""
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_fraction
        )
    except json.JSONDecodeError as problem:
        raise BadRequest(
            f"The body is not JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}."
        ) from None
    except RecursionError:
        _refuse("The JSON is nested far too deep.")
    if _depth_exceeds(value, _LEVELS_MAX):
        _refuse("The JSON is nested far too deep.")
    return value


def _depth_exceeds(value: Any, levels: int) -> bool:
    """Return whether a value has more levels; without recursion, so that no depth can break it."""
    row = [value]
    for _ in range(levels):
        row = [
            inner
            for one in row
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not row:
            return False
    return True


def _refuse(message: str, field: str = "") -> NoReturn:
    raise InvalidInput(f"{field}: {message}" if field else message, errors=[FieldError(field, message)])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        _refuse("This member stands there twice.", twice[:100])
    return found


def _constant(name: str) -> NoReturn:
    _refuse(f"{name} is not a JSON number; write null or a string.")


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS_MAX:
        _refuse(f"An integer of {len(digits):,} digits is too large; write it as a string.")
    return int(digits)


def _fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse(f"The number {text[:40]} is out of range; write it as a string.")
    return number
