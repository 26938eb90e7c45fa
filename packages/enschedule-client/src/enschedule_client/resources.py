"""What every group of routes has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from enschedule_client.call import Call, Caller, Repeat
from enschedule_core.errors import EnscheduleError

AT_ONCE = 1_000
ACTIONS_SECONDS = 10.0
"""How long a bulk action may take longer than another request: a worker stops after five seconds and answers."""


class Resource:
    """A group of routes, asked through one caller."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        return self._caller.json(Call("GET", path, query=_names(query or {}), repeat=Repeat.ALWAYS))

    def _post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        if_match: int | str | None = None,
    ) -> Any:
        headers = if_match_header(if_match)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        repeat = Repeat.NEVER if idempotency_key is None else Repeat.ALWAYS
        return self._caller.json(Call("POST", path, body=body or {}, headers=headers, repeat=repeat))

    def _delete(self, path: str, if_match: int | str | None = None) -> None:
        call = Call("DELETE", path, headers=if_match_header(if_match), repeat=Repeat.NOT_ARRIVED)
        self._caller.nothing(call)

    def _act(self, path: str, given: Mapping[str, Any], *, harmless: bool, idempotency_key: str | None) -> Any:
        """Do one request of a bulk action; ``harmless`` where a second arrival changes nothing and says the same."""
        body = {name: value for name, value in given.items() if value is not None}
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        repeat = Repeat.ALWAYS if harmless or idempotency_key is not None else Repeat.NOT_ARRIVED
        call = Call("POST", path, body=body, headers=headers, repeat=repeat, extra_wait_seconds=ACTIONS_SECONDS)
        return self._caller.json(call)

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


def to_the_end(ask: Callable[..., Any], action: str, more: dict[str, Any]) -> dict[str, Any]:
    """Ask for a bulk action until nothing is left to do, and return all answers as one.

    Raises :class:`EnscheduleError` if the worker answers with a cursor twice, which would never end.
    """
    every = more.pop("ids", None)
    parts = [every[at : at + AT_ONCE] for at in range(0, len(every), AT_ONCE)] if every is not None else [None]
    done, failed = [], []
    for ids in parts:
        cursor, seen = None, set()
        while True:
            found = ask(action, ids=ids, cursor=cursor, **more)
            done += found["done"]
            failed += found["failed"]
            cursor = found["next_cursor"]
            if cursor is None:
                break
            if cursor in seen:
                raise EnscheduleError("The worker answered with the same cursor twice; this has no end.")
            seen.add(cursor)
    return {"done": done, "failed": failed, "next_cursor": None}


def if_match_header(revision: int | str | None) -> dict[str, str]:
    """Return the header that makes a change depend on a revision; none for ``None``."""
    if revision is None:
        return {}
    text = str(revision)
    return {"If-Match": text if text == "*" or text.startswith(('"', "W/")) else f'"{text}"'}


def wire_filter(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters of a list as the ``filter`` of a bulk action: without pages, several words by commas."""
    found = {}
    for name, value in _names(filters).items():
        if value is None:
            continue
        found[name] = value if isinstance(value, (str, bool, datetime)) else ",".join(map(str, _several(value)))
    return found


def _several(value: object) -> Iterable[object]:
    return value if isinstance(value, (list, tuple, set, frozenset)) else [value]


def _names(filters: Mapping[str, object]) -> dict[str, object]:
    """Return filters under their wire names: ``from`` is a keyword of Python, so it is written ``from_`` there."""
    return {name.removesuffix("_"): value for name, value in filters.items()}
