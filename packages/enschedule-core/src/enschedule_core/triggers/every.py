"""Intervals: every so many seconds, counted from an anchor, in real time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from enschedule_core.clock import EPOCH, format_instant, from_micros, to_micros
from enschedule_core.triggers.base import COUNT_LIMIT, Trigger
from enschedule_core.triggers.members import read_instant
from enschedule_core.triggers.problems import refuse, type_of
from enschedule_core.triggers.words import interval

SHORTEST_SECONDS = 1
LONGEST_SECONDS = 100 * 366 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Every(Trigger):
    """A slot at ``anchor`` and every ``seconds`` before and after it.

    The anchor is ``starts_at`` unless given, else 1970-01-01T00:00Z. Intervals are real time: where
    clocks change, ``every 86400 s`` moves by an hour on the wall clock. All arithmetic is in whole microseconds.
    """

    kind: ClassVar[str] = "every"
    members: ClassVar[tuple[str, ...]] = ("seconds", "anchor")

    seconds: float
    anchor: datetime | None = None

    def _check(self) -> None:
        _check_seconds(self.seconds)
        object.__setattr__(self, "anchor", read_instant(self.anchor, "anchor"))

    @property
    def expression(self) -> str:
        """``every 90s``; :func:`~enschedule_core.triggers.parse` reads it back."""
        return f"every {self.seconds:.6f}".rstrip("0").rstrip(".") + "s"

    def describe(self) -> str:
        """Return the interval in its largest whole unit: ``Every 15 minutes``."""
        return f"Every {interval(self.seconds)}"

    def own_wire(self) -> dict[str, Any]:
        """Return ``{seconds, anchor}``."""
        return {"seconds": self.seconds, "anchor": format_instant(self.anchor)}

    @classmethod
    def read(cls, own: Mapping[str, Any], common: Mapping[str, Any]) -> Self:
        """Make one from ``{seconds, anchor}``; the anchor may be missing."""
        if "seconds" not in own:
            raise refuse("seconds", "seconds is missing; write for example 900.")
        return cls(seconds=own["seconds"], anchor=own.get("anchor"), **common)

    def count_between(self, start: datetime, end: datetime) -> int:
        """Return how many slots lie in ``(start, end]``, by arithmetic."""
        first, last = self._indexes(start, end)
        return max(0, last - first + 1)

    def latest_and_count(
        self,
        start: datetime,
        end: datetime,
        *,
        limit: int = COUNT_LIMIT,  # noqa: ARG002 - exact without walking
    ) -> tuple[datetime | None, int]:
        """Return the newest slot in ``(start, end]`` and how many there are, exactly and at once."""
        first, last = self._indexes(start, end)
        return (self._slot(last), last - first + 1) if last >= first else (None, 0)

    def _next(self, instant: datetime) -> datetime | None:
        return self._slot(self._index(instant) + 1)

    def _indexes(self, start: datetime, end: datetime) -> tuple[int, int]:
        """Return the numbers of the first and the last slot in ``(start, end]`` within starts_at and ends_at."""
        start, end = self.clip(start, end)
        return self._index(start) + 1, self._index(end)

    def _index(self, instant: datetime) -> int:
        """Return the number of the newest slot at or before ``instant``; the anchor is number 0."""
        return (to_micros(instant) - self._anchor_micros()) // self._step_micros()

    def _slot(self, index: int) -> datetime:
        return from_micros(self._anchor_micros() + index * self._step_micros())

    def _step_micros(self) -> int:
        return round(self.seconds * 1_000_000)

    def _anchor_micros(self) -> int:
        return to_micros(self.anchor or self.starts_at or EPOCH)


def _check_seconds(seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise refuse("seconds", f"seconds must be a number, for example 900; this is {type_of(seconds)}.")
    if (isinstance(seconds, float) and not math.isfinite(seconds)) or seconds > LONGEST_SECONDS:
        raise refuse("seconds", f"seconds must be at most {LONGEST_SECONDS}, which is 100 years.")
    if seconds < SHORTEST_SECONDS:
        raise refuse("seconds", f"seconds must be at least {SHORTEST_SECONDS}.", suggestion=str(SHORTEST_SECONDS))
