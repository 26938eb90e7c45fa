"""What is planned, as the REST API answers it: coming slots, and where they come together."""

from __future__ import annotations

from typing import TypedDict

from enschedule_core.wire._shared_types import Instant, Ref


class NextSlots(TypedDict):
    """The coming slots of a schedule; ``notes`` mark the days on which clocks change."""

    items: list[Instant]
    timezone: str
    notes: list[str]


class PlannedSlot(TypedDict):
    """One coming slot."""

    at: Instant
    schedule: Ref


class PlannedBucket(TypedDict):
    """How many slots an hour has."""

    at: Instant
    count: int


class FullMinute(TypedDict):
    """A minute in which several schedules start, and some of them."""

    at: Instant
    count: int
    schedules: list[Ref]


class Forecast(TypedDict):
    """The coming slots: the earliest ones, how many in each hour, and the fullest minutes if they were asked for."""

    items: list[PlannedSlot]
    buckets: list[PlannedBucket]
    fullest: list[FullMinute]
    truncated: bool


class FreeMinute(TypedDict):
    """A minute in which no other schedule starts, and the trigger so moved as a short text."""

    at: Instant
    schedule: str


class Collisions(TypedDict):
    """How many other schedules start in the minute of a trigger's first slot, some of them, and a free minute near."""

    at: Instant
    count: int
    schedules: list[Ref]
    free: FreeMinute | None


class Preview(TypedDict):
    """What a trigger would do; ``collisions`` only where they were asked for and something is planned."""

    kind: str
    expression: str
    timezone: str
    description: str
    next: list[Instant]
    notes: list[str]
    collisions: Collisions | None
