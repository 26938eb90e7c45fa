"""What a page says once about what was just done, with the way to it or back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import flash, get_flashed_messages, request

_CATEGORY = "notice"


@dataclass(frozen=True, slots=True)
class Notice:
    """One line: ``link`` is (label, path) of what it speaks of, ``post`` is (label, path) of what takes it back.

    ``fields`` are sent along with ``post``.
    """

    text: str
    tone: str = "done"
    link: tuple[str, str] | None = None
    post: tuple[str, str] | None = None
    fields: tuple[tuple[str, str], ...] = ()


def say(
    text: str,
    *,
    tone: str = "done",
    link: tuple[str, str] | None = None,
    undo: str | None = None,
    post: tuple[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
) -> None:
    """Say ``text`` on the next page that is shown.

    ``undo`` is the path that takes the action back (POST, button "Undo"); ``post`` is the same with a label of its
    own; ``fields`` are what either sends. ``tone`` is ``done``, ``bad`` or ``warn``. Paths begin with a slash and are
    relative to where the dashboard is mounted.
    """
    back = post or (("Undo", undo) if undo else None)
    kept = {"text": text, "tone": tone, "link": link, "post": back, "fields": list((fields or {}).items())}
    flash(kept, _CATEGORY)  # type: ignore[arg-type]  # a session keeps any JSON


def notices() -> list[Notice]:
    """Return and forget what has been said since the last page; a page that only looks for what is new leaves it."""
    if "X-Live" in request.headers:  # of another tab, which would throw it away
        return []
    found: list[Any] = list(get_flashed_messages(category_filter=[_CATEGORY]))
    return [
        Notice(
            text=raw["text"],
            tone=raw["tone"],
            link=tuple(raw["link"]) if raw["link"] else None,
            post=tuple(raw["post"]) if raw["post"] else None,
            fields=tuple((name, value) for name, value in raw.get("fields") or ()),
        )
        for raw in found
    ]
