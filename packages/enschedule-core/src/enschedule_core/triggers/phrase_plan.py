"""What one phrase says, before it is known whether one schedule can do it."""

from __future__ import annotations

from dataclasses import dataclass, field

from enschedule_core.triggers.phrase_times import TimeOfDay
from enschedule_core.triggers.phrase_tokens import mend
from enschedule_core.triggers.problems import Mistake

LAST = 0
"""The ordinal ``last``."""


@dataclass(slots=True)
class Plan:
    """The parts of one phrase; ``spans`` has the characters of each part that was written."""

    text: str
    count: int = 1
    unit: str | None = None
    weekdays: list[int] = field(default_factory=list)
    """Days of the week, 0 is Sunday."""
    monthdays: list[int] = field(default_factory=list)
    """Days of the month, 1 to 31 or :data:`LAST`."""
    nths: list[int] = field(default_factory=list)
    """Which ones of the month: 1 to 5 or :data:`LAST`, of ``nth_days``."""
    nth_days: tuple[int, ...] = ()
    months: list[int] = field(default_factory=list)
    needs_month: bool = False
    """True for ``first monday``, which says nothing without ``of the month``."""
    times: list[TimeOfDay] = field(default_factory=list)
    minute: int | None = None
    window: tuple[TimeOfDay, TimeOfDay] | None = None
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)

    def has(self, *parts: str) -> str | None:
        """Return the first of ``parts`` that was written."""
        return next((part for part in parts if part in self.spans), None)

    def written(self, part: str) -> str:
        """Return the words of ``part`` as they stand in the phrase."""
        start, end = self.spans[part]
        return self.text[start:end]

    def wrong(self, part: str, message: str, replacement: str | None = None) -> Mistake:
        """Return the mistake at ``part``; the phrase is mended by putting ``replacement`` there."""
        start, end = self.spans[part]
        mended = None if replacement is None else mend(self.text, start, end, replacement)
        return Mistake(message, start, end, mended)
