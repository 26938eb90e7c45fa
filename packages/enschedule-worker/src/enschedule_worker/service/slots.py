"""Which slots of a due schedule run, and which are skipped: a pure rule."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from enschedule_core.clock import to_micros
from enschedule_core.schedule import CatchUp, CatchUpMode, SkipReason
from enschedule_core.triggers import Trigger
from enschedule_worker.store.skips import Skipped

ON_TIME = timedelta(seconds=15)
"""A slot that is no later than this was not missed: the scheduler was only busy."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """The slots to run, oldest first; those that are skipped; and the next slot, ``None`` if there is none any more."""

    run: tuple[datetime, ...]
    skip: tuple[Skipped, ...]
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Due:
    """The slots from ``first`` to ``latest`` that came due by ``now``, ``count`` of them."""

    trigger: Trigger
    first: datetime
    latest: datetime
    count: int
    now: datetime
    catch_up: CatchUp

    def is_wanted(self, slot: datetime) -> bool:
        """Return whether a slot is not too late for the policy."""
        if self.catch_up.mode is CatchUpMode.NONE and self.now - slot > ON_TIME:
            return False
        return not self.is_outside_window(slot)

    def is_outside_window(self, slot: datetime) -> bool:
        """Return whether a slot is older than the window."""
        window = self.catch_up.window_seconds
        return window is not None and slot < self.now - timedelta(seconds=window)

    def chosen(self) -> list[datetime]:
        """Return the slots to run, oldest first; always the newest ones."""
        wanted = self._newest(self.catch_up.max) if self.catch_up.mode is CatchUpMode.ALL else [self.latest]
        return [slot for slot in wanted if self.is_wanted(slot)]

    def _newest(self, most: int) -> list[datetime]:
        """Return the newest ``most`` slots, without walking through a long outage."""
        if most <= 0:
            return []
        share = min(1.0, 2 * most / self.count)
        while True:
            since = max(self.now - (self.now - self.first) * share, self.first) - _MICROSECOND
            found = deque(self.trigger.slots_between(since, self.now, limit=self.count), maxlen=most)
            if len(found) >= min(most, self.count) or share >= 1.0:
                return list(found)
            share = min(1.0, share * 2)

    def skipped(self, chosen: list[datetime]) -> tuple[Skipped, ...]:
        """Return what covers every slot that was not chosen: one stretch, because the chosen ones are the newest."""
        missed = self.count - len(chosen)
        if missed <= 0:
            return ()
        last = self.latest
        if chosen:
            before, _ = self.trigger.latest_and_count(self.first - _MICROSECOND, chosen[0] - _MICROSECOND)
            last = before or self.first
        reason = SkipReason.WINDOW if self.is_outside_window(last) else SkipReason.MISSED
        return (Skipped(reason, to_micros(self.first), to_micros(last), missed),)


def plan(trigger: Trigger, *, due_at: datetime, now: datetime, catch_up: CatchUp) -> Plan:
    """Decide over the slots from ``due_at`` (one itself) to ``now``.

    ``latest`` runs the newest slot. ``all`` runs the newest ``catch_up.max`` of them, oldest first: the older ones
    are the less useful ones. ``none`` runs only what is on time. Slots older than the window never run.
    """
    next_at = trigger.next_after(due_at)
    latest, count = due_at, 1
    if next_at is not None and next_at <= now:
        found, count = trigger.latest_and_count(due_at - _MICROSECOND, now)
        latest = found or due_at
        next_at = trigger.next_after(now)
    due = _Due(trigger, due_at, latest, count, now, catch_up)
    chosen = due.chosen()
    return Plan(tuple(chosen), due.skipped(chosen), next_at)
