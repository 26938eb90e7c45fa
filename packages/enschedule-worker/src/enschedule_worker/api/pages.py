"""Cursors: where the next page begins, opaque, and good only for the list they came from."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from enschedule_core.errors import InvalidInput
from enschedule_worker.api.problems import at
from enschedule_worker.service.actions import Result

_BINDING_BYTES = 9


def _binding(name: str, query: dict[str, Any]) -> str:
    """Return a short hash of the list and its filters and order; the page size may change between pages."""
    kept = {key: value for key, value in query.items() if key not in {"limit", "cursor"}}
    text = json.dumps([name, kept], sort_keys=True, default=str)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:_BINDING_BYTES]).decode()


def encode(name: str, query: dict[str, Any], place: list[Any] | None) -> str | None:
    """Return the cursor for ``place`` (values of the sorted columns) in the list ``name`` with this query."""
    if place is None:
        return None
    text = json.dumps([_binding(name, query), *place], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(name: str, query: dict[str, Any], *kinds: type | tuple[type, ...]) -> list[Any] | None:
    """Return the place that the query's cursor names, ``None`` without one.

    ``kinds`` are the types of its values. Raises :class:`InvalidInput` for a cursor that was made up, or that
    belongs to other filters or another order.
    """
    cursor = query.get("cursor")
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
        binding, place = found[0], found[1:]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise _unusable("It is not a cursor; use next_cursor of the page before.") from None
    if binding != _binding(name, query):
        raise _unusable("It belongs to another list, other filters or another order; begin at the first page.")
    fits = len(place) == len(kinds) and all(
        isinstance(value, kind) and not isinstance(value, bool) for value, kind in zip(place, kinds, strict=True)
    )
    if not fits or any(isinstance(value, int) and abs(value) >= 2**63 for value in place):
        raise _unusable("It is not a cursor; use next_cursor of the page before.")
    return list(place)


def of_actions(name: str, body: dict[str, Any], result: Result) -> dict[str, Any]:
    """Return the answer to a bulk action; its cursor is good only for the same action on the same ones."""
    following = None if result.following is None else [result.following]
    return {"done": result.done, "failed": result.failed, "next_cursor": encode(name, body, following)}


def _unusable(message: str) -> InvalidInput:
    return at("cursor", message)
