"""The small shapes that all others are made of."""

from __future__ import annotations

from typing import Any, Generic, Literal, NotRequired, TypeAlias, TypedDict, TypeVar

T = TypeVar("T")

Instant: TypeAlias = str
JsonObject: TypeAlias = dict[str, Any]
Change: TypeAlias = Literal["created", "updated", "unchanged"]
Stream: TypeAlias = Literal["stdout", "stderr"]


class Page(TypedDict, Generic[T]):
    """One page of a list; ``next_cursor`` fetches the page after it, ``None`` on the last one."""

    items: list[T]
    next_cursor: str | None


class Ref(TypedDict):
    """A schedule, as far as a run or a list needs it; ``deleted`` is there, and true, for one that is gone."""

    id: str
    title: str
    deleted: NotRequired[bool]


class HandlerRef(TypedDict):
    """One version of a handler."""

    id: str
    version: int


class Pause(TypedDict):
    """Who stopped a schedule, or everything, when, why, and until when."""

    reason: str | None
    until: Instant | None
    by: str | None
    at: Instant | None
