"""One schedule of the shop, and what its people did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """An edit, so long before now, by somebody."""

    ago: timedelta
    who: str
    patch: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause, so long before now, by somebody; until then after now, or until somebody resumes."""

    ago: timedelta
    who: str
    reason: str
    ahead: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One schedule, and its past.

    Attributes:
        wire: its definition as it was first sent.
        maker: who made it.
        changes: edits since then, oldest first.
        pause: it is paused now.
        turns: what became of single slots, counted back from the last one: ``timed_out``, ``lost``, ``cancelled``, or
            ``slow``, which takes eight times as long as usual.
        by_hand: who ran it by hand, and how long ago.
        worker: the only worker that may run it, where there is one.
        silent_since: how long ago that worker was heard last.
    """

    wire: Mapping[str, Any]
    maker: str = "ada"
    changes: tuple[Change, ...] = ()
    pause: Pause | None = None
    turns: Mapping[int, str] = field(default_factory=dict)
    by_hand: tuple[tuple[timedelta, str], ...] = ()
    worker: str | None = None
    silent_since: timedelta | None = None
    is_broken: bool = False

    @property
    def id(self) -> str:
        """The schedule's id."""
        return str(self.wire["id"])
