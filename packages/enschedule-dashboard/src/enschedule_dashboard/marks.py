"""What stands for a status: its drawing, its tone, its word, and its place on the rail.

The drawings themselves are the symbols of ``templates/components/sprite.html``. The rail is the strip of the last 30
outcomes of a schedule and its next slots: up is fine, down is trouble; a place is 7 px wide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Any

PLACES = 30
PITCH = 7
NOW_X = 212
WIDTH = 242
HEIGHT = 40
AXIS_Y = 25
STUB, FULL = 3, 16
_PLACE_X = tuple(PITCH * place + 2.5 for place in range(PLACES))
_NEXT_X = (219, 228, 237)


@dataclass(frozen=True, slots=True)
class Mark:
    """One status: ``symbol`` in the sprite, ``tone`` (a class ``t-…``), and the word that always goes with it."""

    symbol: str
    tone: str
    word: str


MARKS: Mapping[str, Mark] = {
    # runs
    "succeeded": Mark("tick", "ok", "succeeded"),
    "failed": Mark("cross", "bad", "failed"),
    "timed_out": Mark("hourglass", "bad", "timed out"),
    "lost": Mark("question", "bad", "lost"),
    "cancelled": Mark("square", "idle", "cancelled"),
    "skipped": Mark("slash", "idle", "skipped"),
    "running": Mark("play", "run", "running"),
    "queued": Mark("dashed", "idle", "queued"),
    # schedules
    "failing": Mark("cross", "bad", "failing"),
    "retrying": Mark("again", "warn", "retrying"),
    "waiting": Mark("dashed", "warn", "waiting"),
    "broken": Mark("triangle", "bad", "broken"),
    "scheduled": Mark("ring", "idle", "scheduled"),
    "paused": Mark("bars", "idle", "paused"),
    "manual": Mark("dash", "idle", "manual"),
    "finished": Mark("dot", "idle", "finished"),
    # workers
    "up": Mark("tick", "ok", "up"),
    "late": Mark("hourglass", "warn", "late"),
    "down": Mark("cross", "bad", "down"),
    "stopped": Mark("square", "idle", "stopped"),
    # checks of a diagnosis
    "passed": Mark("tick", "ok", "in order"),
    "blocked": Mark("cross", "bad", "this stops it"),
    "noted": Mark("slash", "idle", "worth knowing"),
}
UNKNOWN = Mark("ring", "idle", "unknown")


def mark_of(status: str) -> Mark:
    """Return the mark of a status; a status of a newer server is drawn as a ring with its own word."""
    return MARKS.get(status) or Mark(UNKNOWN.symbol, UNKNOWN.tone, status.replace("_", " "))


def standing(schedule: Mapping[str, Any]) -> tuple[str, str]:
    """Return the status whose mark a schedule carries, and its words.

    A schedule whose last chain failed keeps the cross while it runs or retries again: ``failing, retrying``.
    """
    status = str(schedule.get("status") or "scheduled")
    if schedule.get("failing_since") and status in {"running", "retrying", "waiting"}:
        return "failing", f"failing, {status}"
    return status, mark_of(status).word


@dataclass(frozen=True, slots=True)
class Rail:
    """The paths of one rail (SVG path data by kind), its axis, and what it says in words."""

    paths: tuple[tuple[str, str], ...]
    axis: str
    label: str


def bar_height(duration_seconds: float | None, usual_seconds: float | None) -> int:
    """Return the height in px of a bar that stands on the axis.

    The usual run is half high, one that took eight times as long is full (16), one that ended at once is a stub (3).
    """
    if duration_seconds is None or not usual_seconds:
        return round(STUB + (FULL - STUB) * 0.5)
    if duration_seconds <= 0:
        return STUB
    share = 0.5 + math.log2(duration_seconds / usual_seconds) / 6
    if share <= 0:
        return STUB
    return FULL if share >= 1 else round(STUB + (FULL - STUB) * share)


def usual(schedule: Mapping[str, Any]) -> float | None:
    """Return the schedule's median duration in seconds: the server's, else that of the outcomes at hand."""
    known = schedule.get("usual_seconds")
    if known is not None:
        return float(known)
    done = [
        float(entry["duration_seconds"])
        for entry in schedule.get("recent") or ()
        if entry.get("status") == "succeeded" and entry.get("duration_seconds") is not None
    ]
    return median(done) if done else None


def places_of(schedule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what stands on the rail, oldest first: outcomes, and last the run that is going on, which has no more."""
    going_on = [{"status": "running"}] if schedule.get("status") == "running" else []
    return [*(schedule.get("recent") or ()), *going_on][-PLACES:]


def rail(schedule: Mapping[str, Any]) -> Rail:
    """Draw the last 30 outcomes of ``schedule``, the run that is going on at the now line, and three planned slots."""
    recent = places_of(schedule)
    outcomes = tuple((str(entry.get("status")), entry.get("duration_seconds")) for entry in recent)
    return _drawn(outcomes, usual(schedule), len(schedule.get("next") or ()))


@lru_cache(maxsize=4096)
def _drawn(recent: tuple[tuple[str, float | None], ...], typical: float | None, planned: int) -> Rail:
    """Draw status and duration of each place; kept, because most rails are looked at unchanged."""
    pens: dict[str, _Pen] = {}
    for x, (status, duration) in zip(_PLACE_X[PLACES - len(recent) :], recent, strict=True):
        figure = _figure(status, duration, typical)
        _pen(pens, figure.kind).draw(x, figure)
    for x in _NEXT_X[:planned]:
        _pen(pens, _PLANNED.kind).draw(x, _PLANNED)
    start = PITCH * (PLACES - len(recent)) if recent else NOW_X
    end = WIDTH if planned else NOW_X
    axis = f"M{start} {AXIS_Y}.5H{end}" if end > start else ""
    return Rail(
        tuple((kind, pen.path) for kind, pen in pens.items()), axis, rail_words([status for status, _ in recent])
    )


@dataclass(frozen=True, slots=True)
class _Figure:
    """What one place of a rail shows.

    ``kind`` is its class. It begins so far beside the middle of its place and below the axis, goes on with ``path``,
    and leaves the pen so far from where it began.
    """

    kind: str
    aside: float
    below: float
    path: str
    right: float = 0.0
    down: float = 0.0


class _Pen:
    """Joins figures to one path with relative moves, which keeps a page of fifty rails small."""

    __slots__ = ("_x", "_y", "path")

    def __init__(self) -> None:
        self.path = ""
        self._x = self._y = 0.0

    def draw(self, middle: float, figure: _Figure) -> None:
        """Add a figure to the place whose middle is at ``middle``."""
        x, y = middle + figure.aside, AXIS_Y + figure.below
        move = _move(x - self._x, y - self._y) if self.path else f"M{x:g} {y:g}"
        self.path += move + figure.path
        self._x, self._y = x + figure.right, y + figure.down


def _pen(pens: dict[str, _Pen], kind: str) -> _Pen:
    found = pens.get(kind)
    if found is None:
        found = pens[kind] = _Pen()
    return found


@lru_cache(maxsize=4096)
def _move(right: float, down: float) -> str:
    """Return a move of the pen; places and figures are alike, so that few moves differ."""
    return f"m{right:g} {down:g}".replace(" -", "-")


def _figure(status: str, duration: float | None, typical: float | None) -> _Figure:
    """Return the figure of one outcome."""
    if status in _BARS:
        return _BARS[status][bar_height(duration, typical)]
    return _FIGURES.get(status, _FLAT)


_BARS = {
    "succeeded": [_Figure("r-ok", 0.0, 0.0, f"v-{up}", down=-up) for up in range(FULL + 1)],
    # It is 8 px wide: it reaches the now line.
    "running": [_Figure("r-run", 1.5, 0.0, f"v-{up}", down=-up) for up in range(FULL + 1)],
}
"""What stands on the axis, by its height."""

_PLANNED = _Figure("r-next", 0.0, 0.0, "v-5", down=-5.0)
_FLAT = _Figure("r-skip", -2.5, -1.5, "h5", right=5.0)
_FIGURES = {
    "failed": _Figure("r-bad", 0.0, 1.0, "v8", down=8.0),
    "timed_out": _Figure("r-bad", 0.0, 9.0, "v-24", down=-24.0),
    "lost": _Figure("r-lost", -1.75, 1.0, "h3.5v7h-3.5z"),
    "queued": _Figure("r-next", -1.75, 0.0, "v-6h3.5v6", right=3.5),
    "cancelled": _Figure("r-skip", -2.5, 3.0, "h5", right=5.0),
}
"""What is always drawn alike."""


def rail_words(recent: Sequence[str]) -> str:
    """Return a rail in words, the outcomes in their order (``Last 30: 24 succeeded, then 6 failed.``)."""
    if not recent:
        return "No runs yet."
    groups: list[tuple[str, int]] = []
    for status in recent:
        word = mark_of(status).word
        if groups and groups[-1][0] == word:
            groups[-1] = (word, groups[-1][1] + 1)
        else:
            groups.append((word, 1))
    if len(groups) <= 3:
        said = ", then ".join(f"{count} {word}" for word, count in groups)
    else:
        totals: dict[str, int] = {}
        for word, count in groups:
            totals[word] = totals.get(word, 0) + count
        said = ", ".join(f"{count} {word}" for word, count in totals.items()) + f"; the last {groups[-1][0]}"
    return f"Last {len(recent)}: {said}."
