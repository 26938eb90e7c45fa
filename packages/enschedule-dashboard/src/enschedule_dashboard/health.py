"""The one sentence of Home: is everything all right, and if not, what is not.

It is a list of pieces, so that the names in it can be links and the failing ones can be in the colour of trouble.
The first line of the wording table that applies is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enschedule_dashboard.present import Viewer, as_instant, day_time, number, plural, relative, span, times

SLOW_START_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the sentence; ``schedule`` is the id it links to, ``bad`` is trouble."""

    text: str
    schedule: str | None = None
    bad: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What the sentence is made from: counts, the queue, the first waiting schedules, workers, and what is next."""

    counts: Mapping[str, Any]
    queue: Mapping[str, Any]
    waiting: Sequence[Mapping[str, Any]] = ()
    broken: Sequence[Mapping[str, Any]] = ()
    workers: Sequence[Mapping[str, Any]] = ()
    next: Mapping[str, Any] | None = None
    paused: Mapping[str, Any] | None = None


def headline(state: State, viewer: Viewer) -> list[Piece]:
    """Return the sentence in pieces."""
    counts = state.counts
    if not state.queue["places"]:
        return _no_worker(state, viewer)
    if state.paused is not None:
        return _paused(state.paused, viewer)
    if not counts["total"]:
        return [Piece("Nothing is scheduled yet.")]
    if counts["failing"] or counts["broken"] or counts["waiting"] or counts["overdue"]:
        return _trouble(state, viewer)
    if (state.queue["start_delay_seconds"] or 0) >= SLOW_START_SECONDS and state.queue["queued"]:
        return _slow(state)
    return _fine(state, viewer)


def not_fine(counts: Mapping[str, Any]) -> int:
    """Return how many schedules are not fine: broken, failing, waiting for a worker, or overdue."""
    found = sum(int(counts[name]) for name in ("failing", "broken", "waiting", "overdue"))
    return min(int(counts["total"]), found)


def _all(total: int) -> str:
    return "The one schedule is fine" if total == 1 else f"All {number(total)} schedules are fine"


def _no_worker(state: State, viewer: Viewer) -> list[Piece]:
    seen = max((as_instant(worker["heartbeat_at"]) for worker in state.workers), default=None)
    if seen is None:
        return [Piece("No worker has been seen yet. Nothing runs until one is there.")]
    ago = span(max(0.0, (viewer.now - seen).total_seconds()))
    return [Piece(f"No worker has been seen for {ago}. Nothing runs until one is back.")]


def _paused(pause: Mapping[str, Any], viewer: Viewer) -> list[Piece]:
    reason = f": “{pause['reason']}”" if pause["reason"] else ""
    slots = pause["slots"]
    cost = f" {plural(slots, 'slot')} skipped so far." if slots else ""
    until = f" until {day_time(pause['until'], viewer)}" if pause.get("until") else ""
    return [Piece(f"Everything is paused by {pause['by']} since {day_time(pause['at'], viewer)}{until}{reason}.{cost}")]


def _slow(state: State) -> list[Piece]:
    queue = state.queue
    delay = span(queue["start_delay_seconds"])
    full = queue["used"] >= queue["places"]
    taken = f", and all {queue['places']} places are taken" if full else ", though places are free"
    waits = f"{number(queue['queued'])} {'waits' if queue['queued'] == 1 else 'wait'}"
    return [Piece(f"{_all(state.counts['total'])}, but runs start {delay} late: {waits}{taken}.")]


def _fine(state: State, viewer: Viewer) -> list[Piece]:
    said = [Piece(f"{_all(state.counts['total'])}. ")]
    if state.next is None:
        return [*said, Piece("Nothing is planned in the next 12 hours.")]
    schedule = state.next["schedule"]
    when = relative(state.next["at"], viewer)
    return [*said, Piece("Next is "), Piece(schedule["title"], schedule["id"]), Piece(f", {when}.")]


def _trouble(state: State, viewer: Viewer) -> list[Piece]:
    counts = state.counts
    failing = list(counts["failing_items"])
    fine = counts["total"] - not_fine(counts)
    if counts["failing"] > 1 or (counts["failing"] and not failing):
        return _many_failing(counts["failing"], failing, viewer) + _others(state)
    clauses = [_one_failing(failing[0], viewer)] if failing else []
    clauses += [_broken(state)] if counts["broken"] else []
    clauses += [_waiting(state)] if counts["waiting"] else []
    clauses += [_overdue(counts["overdue"])] if counts["overdue"] and not counts["waiting"] else []
    lead = _lead(fine, counts["total"])
    return [*lead, *_join(clauses), Piece(".")]


def _lead(fine: int, total: int) -> list[Piece]:
    if fine <= 0:
        return []
    return [Piece(f"{number(fine)} of {plural(total, 'schedule')} {'is' if fine == 1 else 'are'} fine. ")]


def _join(clauses: list[list[Piece]]) -> list[Piece]:
    joined: list[Piece] = []
    for index, clause in enumerate(clauses):
        if index:
            joined.append(Piece(", and " if index == len(clauses) - 1 else ", "))
        joined += clause
    return joined


def _one_failing(schedule: Mapping[str, Any], viewer: Viewer) -> list[Piece]:
    in_row = schedule["failures_in_row"] or 1
    since = day_time(schedule["failing_since"], viewer)
    if in_row == 1:
        how = f" failed at {since}" if since else " failed"
    else:
        how = f" has failed {times(in_row)} in a row" + (f" since {since}" if since else "")
    return [Piece(schedule["title"], schedule["id"], bad=True), Piece(how)]


def _many_failing(count: int, named: Sequence[Mapping[str, Any]], viewer: Viewer) -> list[Piece]:
    said = [Piece(f"{number(count)} schedules are failing"), Piece("; " if named else "")]
    shown = list(named[:2])
    rest = count - len(shown)
    for index, schedule in enumerate(shown):
        if index:
            said.append(Piece(", " if rest else " and "))
        said.append(Piece(schedule["title"], schedule["id"], bad=True))
        if schedule["failing_since"]:
            said.append(Piece(f" since {day_time(schedule['failing_since'], viewer)}"))
    if rest:
        said.append(Piece(f", and {'one' if rest == 1 else number(rest)} more"))
    return [*said, Piece(".")]


def _others(state: State) -> list[Piece]:
    """Say what is wrong besides the failing ones, as one more sentence."""
    clauses = [_broken(state)] if state.counts["broken"] else []
    clauses += [_waiting(state)] if state.counts["waiting"] else []
    return [Piece(" "), *_join(clauses), Piece(".")] if clauses else []


def _broken(state: State) -> list[Piece]:
    count = state.counts["broken"]
    if count == 1 and state.broken:
        return [Piece(state.broken[0]["title"], state.broken[0]["id"], bad=True), Piece(" cannot run as it is written")]
    return [Piece(f"{plural(count, 'schedule')} cannot run as {'it is' if count == 1 else 'they are'} written")]


def _needed(schedule: Mapping[str, Any]) -> str:
    handler, bound = schedule["handler"], schedule.get("worker") or {}
    who = f"worker {bound['id']}" if bound.get("id") else "a worker"
    tagged = f" tagged {' and '.join(bound['tags'])}" if bound.get("tags") else ""
    return f"{who}{tagged} with {handler['id']} v{handler['version']}"


def _waiting(state: State) -> list[Piece]:
    count, waiting = state.counts["waiting"], state.waiting
    needs = {_needed(entry) for entry in waiting}
    for_what = f" for {needs.pop()}" if len(needs) == 1 and len(waiting) == count else " for a worker"
    if count == 1 and waiting:
        return [Piece(waiting[0]["title"], waiting[0]["id"]), Piece(f" waits{for_what}")]
    return [Piece(f"{plural(count, 'schedule')} {'waits' if count == 1 else 'wait'}{for_what}")]


def _overdue(count: int) -> list[Piece]:
    return [Piece(f"{plural(count, 'schedule')} {'is' if count == 1 else 'are'} overdue")]
