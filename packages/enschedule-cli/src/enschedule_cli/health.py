"""The sentence of ``enschedule status``: is everything all right, and if not, what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enschedule_cli.times import read, relative, span

SLOW_START_SECONDS = 5.0
_TROUBLES = ("failing", "broken", "waiting", "overdue")


@dataclass(frozen=True, slots=True)
class State:
    """What the sentence is made from: the API's counts, queue, workers, and the next slot where there is one."""

    counts: Mapping[str, Any]
    queue: Mapping[str, Any]
    workers: Sequence[Mapping[str, Any]]
    next: Mapping[str, Any] | None
    now: datetime

    @property
    def is_fine(self) -> bool:
        """False while something fails, is broken, waits for a worker, is overdue, or nobody could run anything."""
        return bool(self.queue["places"]) and not any(self.counts[name] for name in _TROUBLES)


def sentence(state: State) -> str:
    """Return how everything stands."""
    if not state.queue["places"]:
        return _no_worker(state)
    paused = _paused(state)
    if not state.counts["total"]:
        return f"{paused}Nothing is scheduled yet."
    if not state.is_fine:
        return paused + _trouble(state)
    return paused + (_slow(state) or _fine(state, is_paused=bool(paused)))


def _no_worker(state: State) -> str:
    seen = max((worker["heartbeat_at"] for worker in state.workers), default=None)
    if seen is None:
        return "No worker has been seen yet. Nothing runs until one is there."
    ago = span(max(0.0, (state.now - read(seen)).total_seconds()))
    return f"No worker has been seen for {ago}. Nothing runs until one is back."


def _paused(state: State) -> str:
    pause = state.queue["pause"]
    if pause is None:
        return ""
    reason = f": “{pause['reason']}”" if pause["reason"] else ""
    until = f" until {pause['until']}" if pause["until"] else ""
    by = f" by {pause['by']}" if pause["by"] else ""
    return f"Everything is paused{by}{until}{reason}. "


def _trouble(state: State) -> str:
    counts = state.counts
    said = [
        _count(counts["failing"], "is failing", "are failing"),
        _count(counts["broken"], "cannot run as it is written", "cannot run as they are written"),
        _count(counts["waiting"], "waits for a worker", "wait for a worker"),
        _count(counts["overdue"] if not counts["waiting"] else 0, "is overdue", "are overdue"),
    ]
    found = [text for text in said if text]
    return f"Of {_schedules(counts['total'])}, {', '.join(found[:-1])}{' and ' if found[1:] else ''}{found[-1]}."


def _count(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}" if count else ""


def _schedules(count: int) -> str:
    return f"{count:,} schedule{'' if count == 1 else 's'}"


def _slow(state: State) -> str:
    queue = state.queue
    delay = queue["start_delay_seconds"] or 0
    if delay < SLOW_START_SECONDS or not queue["queued"]:
        return ""
    full = f"all {queue['places']} places are taken" if queue["used"] >= queue["places"] else "places are free"
    waits = f"{queue['queued']:,} {'waits' if queue['queued'] == 1 else 'wait'}"
    return f"{_all_fine(state)}, but runs start {span(delay)} late: {waits}, {full}."


def _all_fine(state: State) -> str:
    total = state.counts["total"]
    return "The one schedule is fine" if total == 1 else f"All {total:,} schedules are fine"


def _fine(state: State, *, is_paused: bool) -> str:
    if is_paused:
        return f"{_all_fine(state)}."
    if state.next is None:
        return f"{_all_fine(state)}. Nothing is planned in the next 12 hours."
    return f"{_all_fine(state)}. Next is {state.next['schedule']['id']}, {relative(state.next['at'], state.now)}."
