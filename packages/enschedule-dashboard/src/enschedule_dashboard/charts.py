"""Pictures as numbers: the day on Home, and the places of a worker.

The day chart is drawn with percentages across and pixels down, so that bars stretch with the page while its labels
keep their size, without a line of script.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from enschedule_core.run import TROUBLE
from enschedule_dashboard.present import Viewer, as_instant

HOURS_BACK = 24
HOURS_AHEAD = 12
AXIS_Y = 104
TALLEST = 84
DEEPEST = 24
_HOUR = timedelta(hours=1)
_TROUBLE = frozenset(str(status) for status in TROUBLE)
_OPEN = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the day chart. Across in percent of the width, down in px; a height of 0 is not drawn."""

    at: datetime
    x: float
    width: float
    hit_x: float
    hit_width: float
    up: int = 0
    down: int = 0
    planned_x: float = 0.0
    planned_width: float = 0.0
    planned: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """The day chart: its hours, where now is, the labels under it, and the height of its one grid line."""

    hours: tuple[Hour, ...]
    now_x: float
    labels: tuple[tuple[float, str], ...]
    grid_y: int | None
    grid_words: str
    words: str

    @property
    def start(self) -> datetime:
        """The first instant drawn."""
        return self.hours[0].at


def hour_range(viewer: Viewer) -> tuple[datetime, datetime, datetime]:
    """Return the first hour drawn, the present hour and the end of the last hour drawn, in UTC."""
    this = viewer.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return this - HOURS_BACK * _HOUR, this, this + (HOURS_AHEAD + 1) * _HOUR


def day(past: Iterable[Mapping[str, Any]], planned: Iterable[Mapping[str, Any]], viewer: Viewer) -> Day:
    """Draw the runs of the last 24 hours and the slots of the next 12.

    ``past`` are buckets ``{at, counts}`` of an hour each, ``planned`` are buckets ``{at, count}``. The present hour
    is split by the now line: what ran left of it, what is planned right of it.
    """
    first, this, end = hour_range(viewer)
    slots = int((end - first) / _HOUR)
    done = {as_instant(bucket["at"]): _split(bucket["counts"]) for bucket in past}
    ahead = {as_instant(bucket["at"]): int(bucket["count"]) for bucket in planned}
    most = max([*(up for up, _ in done.values()), *ahead.values(), 1])
    worst = max([*(down for _, down in done.values()), 1])
    scale = TALLEST / most
    now_at = (viewer.now - first) / _HOUR
    scene = _Scene(first, slots, now_at, scale, min(scale, DEEPEST / worst), viewer)
    hours = tuple(_hour(scene, index, done, ahead) for index in range(slots))
    grid = _round_under(most) if most >= 2 else None
    return Day(
        hours=hours,
        now_x=_percent(now_at / slots),
        labels=_labels(first, slots, now_at, viewer),
        grid_y=AXIS_Y - round(grid * scale) if grid else None,
        grid_words=f"runs an hour, line at {grid:,}" if grid else "runs an hour",
        words=_words(done, ahead, this),
    )


def _percent(share: float) -> float:
    return round(share * 100, 3)


def _split(counts: Mapping[str, int]) -> tuple[int, int]:
    """Return how many runs of a bucket stand on the axis, and how many hang from it."""
    bad = sum(count for status, count in counts.items() if status in _TROUBLE)
    return sum(count for status, count in counts.items() if status not in _OPEN) - bad, bad


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all hours of a chart share: where they start, how many, where now is (in hours), and px a run."""

    first: datetime
    slots: int
    now_at: float
    up_scale: float
    down_scale: float
    viewer: Viewer


def _hour(scene: _Scene, index: int, done: Mapping[datetime, tuple[int, int]], ahead: Mapping[datetime, int]) -> Hour:
    pitch = 1 / scene.slots
    at = scene.first + index * _HOUR
    left, right = (index + 0.22) * pitch, (index + 0.78) * pitch
    up, down = done.get(at, (0, 0)) if index <= scene.now_at else (0, 0)
    planned = ahead.get(at, 0) if index + 1 > scene.now_at else 0
    past, following = (left, right), (left, right)
    if index <= scene.now_at < index + 1:
        # what ran ends before the now line, what is planned begins after it; each keeps a width that can be seen
        before, after, least = (scene.now_at - 0.05) * pitch, (scene.now_at + 0.05) * pitch, 0.1 * pitch
        past = (min(left, before - least), min(right, before))
        following = (max(left, after), max(right, after + least))
    return Hour(
        at=at,
        x=_percent(past[0]),
        width=_percent(past[1] - past[0]),
        hit_x=_percent(index * pitch),
        hit_width=_percent(pitch),
        up=max(2, round(up * scene.up_scale)) if up else 0,
        down=max(4, round(down * scene.down_scale)) if down else 0,
        planned_x=_percent(following[0]),
        planned_width=_percent(following[1] - following[0]),
        planned=max(3, round(planned * scene.up_scale)) if planned else 0,
        words=_hour_words(at, up, down, planned, scene.viewer),
    )


def _hour_words(at: datetime, up: int, down: int, planned: int, viewer: Viewer) -> str:
    local, after = viewer.local(at), viewer.local(at + _HOUR)
    said = [f"{up + down:,} run{'' if up + down == 1 else 's'}"] if up or down or not planned else []
    if down:
        said.append(f"{down:,} failed")
    if planned:
        said.append(f"{planned:,} planned")
    return f"{local:%H:%M} to {after:%H:%M} · " + ", ".join(said)


def _labels(first: datetime, slots: int, now_at: float, viewer: Viewer) -> tuple[tuple[float, str], ...]:
    """Return where the hours 0, 6, 12 and 18 of the viewer's zone stand; none under the word of the now line."""
    found = []
    for index in range(slots):
        local = viewer.local(first + index * _HOUR)
        if local.hour % 6 == 0 and abs(index - now_at) > 1.2 and index < slots - 1:
            found.append((_percent(index / slots), f"{local:%H:%M}"))
    return tuple(found)


def _round_under(most: int) -> int:
    """Return the largest of 1, 2, 5 × a power of ten that is not above ``most`` (the grid line's count)."""
    power = int(10 ** int(math.log10(most)))
    return max(step * power for step in (1, 2, 5) if step * power <= most)


def _words(done: Mapping[datetime, tuple[int, int]], ahead: Mapping[datetime, int], this: datetime) -> str:
    runs = sum(up + down for up, down in done.values())
    bad = sum(down for _, down in done.values())
    coming = sum(count for at, count in ahead.items() if at >= this)
    return f"Runs an hour: {runs:,} in the last 24 hours, {bad:,} failed; {coming:,} planned in the next 12."


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a worker as small squares: path data of the taken and of the free ones, and the size in px."""

    taken: str
    free: str
    width: int
    height: int


PLACES_A_LINE = 16


def places(used: int, total: int) -> Places:
    """Draw ``total`` places, ``used`` of them taken, 16 a line; more than 64 are drawn to scale as 64."""
    if total > 4 * PLACES_A_LINE:
        used, total = math.ceil(used * 4 * PLACES_A_LINE / total), 4 * PLACES_A_LINE
    spots = [(10 * (index % PLACES_A_LINE), 10 * (index // PLACES_A_LINE) + 5) for index in range(max(total, 0))]
    drawn = [f"M{x} {y}h8" for x, y in spots]
    return Places(
        taken="".join(drawn[:used]),
        free="".join(drawn[used:]),
        width=10 * min(len(spots), PLACES_A_LINE),
        height=10 * max(1, math.ceil(len(spots) / PLACES_A_LINE)),
    )
