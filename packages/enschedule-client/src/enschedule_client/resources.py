"""What every group of routes has in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from enschedule_client.call import Call, Caller, Repeat
from enschedule_core.errors import EnscheduleError


class Resource:
    """A group of routes, asked through one caller."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        return self._caller.json(Call("GET", path, query=_names(query or {}), repeat=Repeat.ALWAYS))

    def _post(self, path: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None) -> Any:
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        repeat = Repeat.NEVER if idempotency_key is None else Repeat.ALWAYS
        return self._caller.json(Call("POST", path, body=body or {}, headers=headers, repeat=repeat))

    def _delete(self, path: str) -> None:
        self._caller.nothing(Call("DELETE", path, repeat=Repeat.NOT_ARRIVED))

    def _each(self, path: str, filters: Mapping[str, object]) -> Iterator[Any]:
        """Yield the items of every page of ``path``, fetching a page when the one before it is used up.

        Raises :class:`EnscheduleError` if the worker answers with a cursor twice, which would never end.
        """
        query = dict(filters)
        seen: set[str] = set()
        while True:
            page = self._get(path, query)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return
            if cursor in seen:
                raise EnscheduleError(f"{self._caller.url} gave the same page of {path} twice; the list has no end.")
            seen.add(cursor)
            query["cursor"] = cursor


def _names(filters: Mapping[str, object]) -> dict[str, object]:
    """Return filters under their wire names: ``from`` is a keyword of Python, so it is written ``from_`` there."""
    return {name.removesuffix("_"): value for name, value in filters.items()}
