"""What a trigger will do, before anybody saves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from enschedule_core.clock import format_instant
from enschedule_core.triggers.base import Trigger
from enschedule_core.triggers.clock_changes import clock_change_notes

_FAR = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Preview:
    """A trigger in words, its next slots (aware UTC), and sentences about the days on which clocks change."""

    kind: str
    expression: str
    timezone: str
    description: str
    next: list[datetime] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the body of ``POST triggers/preview``."""
        return {
            "kind": self.kind,
            "expression": self.expression,
            "timezone": self.timezone,
            "description": self.description,
            "next": [format_instant(slot) for slot in self.next],
            "notes": list(self.notes),
        }


def preview(trigger: Trigger, *, after: datetime, count: int) -> Preview:
    """Return what ``trigger`` does after ``after`` (aware): at most ``count`` slots, and notes on 400 days.

    No more than ``max_runs`` slots are shown, since that many is all there will be of a new schedule.
    """
    most = count if trigger.max_runs is None else min(count, trigger.max_runs)
    return Preview(
        kind=trigger.kind,
        expression=trigger.expression,
        timezone=trigger.timezone,
        description=trigger.describe(),
        next=list(trigger.slots_between(after, _FAR, most)),
        notes=clock_change_notes(trigger, after),
    )
