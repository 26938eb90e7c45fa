"""Cron expressions: wall-clock times by the calendar, with the meaning of Debian's cron(8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from enschedule_core.triggers.base import COUNT_LIMIT, Trigger
from enschedule_core.triggers.cron_fields import check_cron, expand
from enschedule_core.triggers.cron_pattern import pattern_of
from enschedule_core.triggers.cron_words import describe_cron
from enschedule_core.triggers.members import read_text
from enschedule_core.triggers.problems import Mistake, refuse_text
from enschedule_core.triggers.zones import zone_of

_WALKED_BY_DAY = timedelta(days=40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron(Trigger):
    """The slots of a cron expression of 5 fields, or 6 with seconds in front, in the trigger's zone.

    Where clocks change, cron(8) of Debian is the reference. An expression whose minute and hour are both
    given (not ``*``) runs right after a gap that its time falls into, and only once, the first time,
    where its time comes twice. One with ``*`` in minute or hour follows real time: what a gap leaves out does
    not run, and what comes twice runs twice. The same holds with six fields, for seconds, minute and hour.
    """

    kind: ClassVar[str] = "cron"
    members: ClassVar[tuple[str, ...]] = ("expression",)

    expression: str = field()  # without a default; the base's property of that name would be taken for one

    def _check(self) -> None:
        text = read_text(self.expression, "expression", "30 2 * * *")
        try:
            check_cron(text)
        except Mistake as mistake:
            raise refuse_text("expression", mistake, check_cron) from None
        object.__setattr__(self, "expression", expand(text))
        pattern_of(self.expression)

    def describe(self) -> str:
        """Return the expression in English: ``Every weekday at 09:30``."""
        return describe_cron(self.expression)

    def own_wire(self) -> dict[str, Any]:
        """Return ``{expression}``."""
        return {"expression": self.expression}

    @classmethod
    def read(cls, own: Mapping[str, Any], common: Mapping[str, Any]) -> Self:
        """Make one from ``{expression}``; a macro such as ``@daily`` becomes its five fields."""
        return cls(expression=read_text(own.get("expression"), "expression", "30 2 * * *"), **common)

    def _next(self, instant: datetime) -> datetime | None:
        return pattern_of(self.expression).next_after(instant, zone_of(self.timezone))

    def _walk(self, start: datetime, end: datetime) -> Iterator[datetime]:
        start, end = self.clip(start, end)
        if end - start > _WALKED_BY_DAY:  # mostly a few slots of it are wanted, and they may be years apart
            return super(Cron, self)._walk(start, end)
        return pattern_of(self.expression).walk(start, end, zone_of(self.timezone))

    def latest_and_count(
        self,
        start: datetime,
        end: datetime,
        *,
        limit: int = COUNT_LIMIT,  # noqa: ARG002 - exact without walking
    ) -> tuple[datetime | None, int]:
        """Return the newest slot in ``(start, end]`` and how many there are, exactly, without walking through them."""
        count = self.count_between(start, end)
        return (self._latest(*self.clip(start, end)) if count else None), count

    def count_between(self, start: datetime, end: datetime) -> int:
        """Return how many slots there are in ``(start, end]``, by arithmetic."""
        start, end = self.clip(start, end)
        return pattern_of(self.expression).count(start, end, zone_of(self.timezone)) if start < end else 0
