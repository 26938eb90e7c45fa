"""What stands for a status: its drawing, its tone, its word, and its place on the rail.

The drawings themselves are the symbols of ``templates/components/sprite.html``. The rail is the strip of the last 30
outcomes of a schedule and its next slots: up is fine, down is trouble; a place is 7 px wide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

PLACES = 30
PITCH = 7
NOW_X = 212
WIDTH = 242
HEIGHT = 40
AXIS_Y = 25
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
        return round(3 + 13 * 0.5)
    if duration_seconds <= 0:
        return 3
    share = 0.5 + math.log2(duration_seconds / usual_seconds) / 6
    return round(3 + 13 * min(1.0, max(0.0, share)))


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
    typical = usual(schedule)
    pens: dict[str, _Pen] = {}
    for place, entry in enumerate(recent, start=PLACES - len(recent)):
        kind, stroke = _place(entry, PITCH * place + 2.5, typical)
        pens.setdefault(kind, _Pen()).draw(stroke)
    planned = list(schedule.get("next") or ())[: len(_NEXT_X)]
    for x in _NEXT_X[: len(planned)]:
        pens.setdefault("r-next", _Pen()).draw(_Stroke(x, AXIS_Y, "v-5", down=-5))
    start = PITCH * (PLACES - len(recent)) if recent else NOW_X
    end = WIDTH if planned else NOW_X
    axis = f"M{start} {AXIS_Y}.5H{end}" if end > start else ""
    return Rail(tuple((kind, pen.path) for kind, pen in pens.items()), axis, rail_words(recent))


@dataclass(frozen=True, slots=True)
class _Stroke:
    """One figure: where it begins, its path data after the move, and how far from there the pen ends."""

    x: float
    y: float
    path: str
    right: float = 0.0
    down: float = 0.0


class _Pen:
    """Joins figures to one path with relative moves, which keeps a page of fifty rails small."""

    def __init__(self) -> None:
        self.path = ""
        self._at = (0.0, 0.0)

    def draw(self, stroke: _Stroke) -> None:
        """Add one figure."""
        x, y = self._at
        move = f"m{stroke.x - x:g} {stroke.y - y:g}" if self.path else f"M{stroke.x:g} {stroke.y:g}"
        self.path += move.replace(" -", "-") + stroke.path
        self._at = (stroke.x + stroke.right, stroke.y + stroke.down)


def _place(entry: Mapping[str, Any], x: float, typical: float | None) -> tuple[str, _Stroke]:
    """Return the kind (a class) and the figure of one outcome whose middle is at ``x``."""
    status = entry.get("status")
    if status in ("succeeded", "running"):
        up = bar_height(entry.get("duration_seconds"), typical)
        if status == "succeeded":
            return "r-ok", _Stroke(x, AXIS_Y, f"v-{up}", down=-up)
        return "r-run", _Stroke(x + 1.5, AXIS_Y, f"v-{up}", down=-up)  # 8 px wide: it reaches the now line
    kind, aside, below, path, right, down = _FIGURES.get(str(status), _FLAT)
    return kind, _Stroke(x + aside, AXIS_Y + below, path, right, down)


_FLAT = ("r-skip", -2.5, -1.5, "h5", 5.0, 0.0)
_FIGURES = {
    "failed": ("r-bad", 0.0, 1.0, "v8", 0.0, 8.0),
    "timed_out": ("r-bad", 0.0, 9.0, "v-24", 0.0, -24.0),
    "lost": ("r-lost", -1.75, 1.0, "h3.5v7h-3.5z", 0.0, 0.0),
    "queued": ("r-next", -1.75, 0.0, "v-6h3.5v6", 3.5, 0.0),
    "cancelled": ("r-skip", -2.5, 3.0, "h5", 5.0, 0.0),
}
"""What is always drawn alike: the kind, how far beside and below the axis it begins, its path, where the pen ends."""


def rail_words(recent: Sequence[Mapping[str, Any]]) -> str:
    """Return a rail in words, the outcomes in their order (``Last 30: 24 succeeded, then 6 failed.``)."""
    if not recent:
        return "No runs yet."
    groups: list[tuple[str, int]] = []
    for entry in recent:
        word = mark_of(str(entry.get("status"))).word
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
