"""Two pictures of time: how long a schedule's last runs took, and the way of one run.

Across they are drawn in percent, down in pixels, so that they stretch with the page while their labels keep
their size. The now line stands in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

from enschedule_core.run import TROUBLE
from enschedule_dashboard import present
from enschedule_dashboard.marks import mark_of
from enschedule_dashboard.present import Viewer, as_instant

STRIP_PLACES = 90
STRIP_AXIS_Y = 86
STRIP_TALLEST = 72
_USUAL_HEIGHT = 28
_DOWN = 14
_LABEL_WIDTH = 9  # percent of the chart, where the page is 1,024 px wide
_TROUBLE = frozenset(str(status) for status in TROUBLE)


@dataclass(frozen=True, slots=True)
class Bar:
    """One run (or one stretch of skipped slots) of the strip; ``x`` and ``width`` in percent, the rest in px."""

    run_id: int | None
    kind: str
    x: float
    width: float
    y: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The durations of the last runs, to scale; the usual run ends at ``usual_y``, its words stand at ``label_y``."""

    bars: tuple[Bar, ...]
    usual_y: float | None
    usual_words: str
    words: str
    label_y: float = 0.0


def last_attempts(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return runs without the attempts that another one of them followed; a run again by hand follows nothing."""
    followed = {run["retry_of"] for run in runs if run["attempt"] > 1}
    return [run for run in runs if run["id"] not in followed]


def attempts_of_newest(runs: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the ids of the newest of these runs (newest first) and of the attempts before it."""
    by_id = {run["id"]: run for run in runs}
    found: set[int] = set()
    run = next(iter(runs), None)
    while run is not None:
        found.add(run["id"])
        run = by_id.get(run["retry_of"]) if run["attempt"] > 1 else None
    return found


def strip(
    runs: Sequence[Mapping[str, Any]], skips: Iterable[Mapping[str, Any]], viewer: Viewer, usual: float | None = None
) -> Strip:
    """Draw the last runs (any order) of a schedule, and its skipped slots as one dash a stretch, at their time."""
    entries: list[tuple[datetime, Mapping[str, Any], bool]] = [
        (as_instant(run.get("slot_at") or run["queued_at"]), run, False) for run in last_attempts(runs)
    ]
    if entries:
        first = min(at for at, _, _ in entries)
        entries += [(at, skip, True) for skip in skips if (at := as_instant(skip["first_slot_at"])) >= first]
    entries = sorted(entries, key=lambda entry: entry[0])[-STRIP_PLACES:]
    took = [
        float(run["duration_seconds"]) for _, run, skipped in entries if not skipped and run.get("duration_seconds")
    ]
    typical = _typical(entries, usual)
    scale = min(_USUAL_HEIGHT / typical, STRIP_TALLEST / max([*took, typical])) if typical else 0.0
    # A few runs must not become barn doors, and the newest stands at the now line.
    pitch = 100 / max(len(entries), 45)
    start = 100 - pitch * len(entries)
    bars = tuple(
        _bar(run, start + pitch * index, pitch, scale, viewer, skipped=skipped)
        for index, (_, run, skipped) in enumerate(entries)
    )
    usual_y = round(STRIP_AXIS_Y - typical * scale, 1) if typical else None
    return Strip(
        bars=bars,
        usual_y=usual_y,
        label_y=_label_y(bars, usual_y) if usual_y is not None else 0.0,
        usual_words=f"usually {present.duration(typical)}" if typical else "",
        words=_strip_words(bars, typical),
    )


def _label_y(bars: Iterable[Bar], usual_y: float) -> float:
    """Return where the words on the line stand: above the bars they would lie over."""
    return round(max(12.0, min([usual_y, *(bar.y for bar in bars if bar.x < _LABEL_WIDTH)]) - 4), 1)


def _typical(entries: Iterable[tuple[datetime, Mapping[str, Any], bool]], usual: float | None) -> float | None:
    """Return what a run usually takes: as known, else the median of those that succeeded; None under half a ms."""
    took = [
        float(run["duration_seconds"])
        for _, run, skipped in entries
        if not skipped and run["status"] == "succeeded" and run.get("duration_seconds")
    ]
    found = usual or (median(took) if took else None)
    return found if found and found >= 0.0005 else None


def _bar(entry: Mapping[str, Any], x: float, pitch: float, scale: float, viewer: Viewer, *, skipped: bool) -> Bar:
    left, width = round(x + pitch * 0.2, 3), round(pitch * 0.56, 3)
    if skipped:
        count = int(entry["count"])
        at = present.slot_time(entry["first_slot_at"], viewer)
        words = f"{at} · {present.plural(count, 'slot')} skipped"
        return Bar(None, "d-idle", left, width, STRIP_AXIS_Y - 1, 3, words)
    status, took = str(entry["status"]), entry.get("duration_seconds")
    height = round(max(2.0, float(took or 0) * scale), 1)
    run_id = int(entry["id"])
    words = _run_words(entry, viewer)
    if status in _TROUBLE:
        return Bar(run_id, "d-bad" if status != "lost" else "d-lost", left, width, STRIP_AXIS_Y + 1, _DOWN, words)
    if status == "succeeded":
        return Bar(run_id, "d-ok", left, width, round(STRIP_AXIS_Y - height, 1), height, words)
    if status == "running":
        since = (viewer.now - as_instant(entry["started_at"])).total_seconds() if entry.get("started_at") else 0
        height = round(min(float(STRIP_TALLEST), max(4.0, since * scale)), 1)
        return Bar(run_id, "d-run", left, round(pitch * 0.8, 3), round(STRIP_AXIS_Y - height, 1), height, words)
    if status == "queued":
        return Bar(run_id, "d-next", left, width, STRIP_AXIS_Y - 8, 8, words)
    return Bar(run_id, "d-idle", left, width, STRIP_AXIS_Y + 3, 2, words)


def _run_words(run: Mapping[str, Any], viewer: Viewer) -> str:
    at = present.day_time(run.get("slot_at") or run["queued_at"], viewer)
    took = run.get("duration_seconds")
    joint = "in" if run["status"] == "succeeded" else "after"
    said = f"{at} · {mark_of(str(run['status'])).word}" + (
        f" {joint} {present.duration(took)}" if took is not None else ""
    )
    message = str((run.get("outcome") or {}).get("message") or "")
    return f"{said} · {message[:80]}" if message else said


def _strip_words(bars: Sequence[Bar], typical: float | None) -> str:
    runs = sum(1 for bar in bars if bar.run_id is not None)
    bad = sum(1 for bar in bars if bar.kind in ("d-bad", "d-lost"))
    said = f"Durations of the last {present.plural(runs, 'run')}: {bad} failed"
    return f"{said}; usually {present.duration(typical)}." if typical else f"{said}."


@dataclass(frozen=True, slots=True)
class Point:
    """One instant on the line; ``mark`` is ``dot``, ``now``, ``next``, ``usual``, or the status it ended with."""

    x: float
    mark: str
    label: str
    anchor: str = "start"
    label_x: float = 0.0
    above: bool = False


@dataclass(slots=True)
class Timeline:
    """The way of a run: stretches (x from, x to, class), points, the words over the run itself, all of it in words."""

    stretches: list[tuple[float, float, str]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    middle: tuple[float, str] | None = None
    tone: str = "idle"
    words: str = ""

    @property
    def labels(self) -> list[str]:
        """Return the labels in order, for a page too narrow to place them."""
        return [
            point.label
            for point in sorted(self.points, key=lambda point: point.x)
            if point.label and point.mark != "now"
        ]


_START_X, _LETTER = 0.4, 0.73  # percent of the width; a letter where the page is 1,024 px wide


def timeline(run: Mapping[str, Any], viewer: Viewer, usual: float | None = None) -> Timeline:
    """Draw planned, queued, started, finished, now and what is next; waiting and running to scale with each other."""
    planned = as_instant(run.get("slot_at") or run["queued_at"])
    if run.get("attempt", 1) > 1 or planned > as_instant(run["queued_at"]):
        planned = as_instant(run.get("not_before") or run["queued_at"])
    line = Timeline(tone=mark_of(str(run["status"])).tone)
    word = "planned" if run.get("slot_at") else "asked for"
    line.points.append(Point(_START_X, "dot", f"{word} {_precise(planned, viewer)}", label_x=0))
    if not run.get("started_at"):
        _waiting(line, run, planned, viewer)
    else:
        _started(line, run, planned, viewer, usual)
    line.words = ", ".join(line.labels) + (f", {line.middle[1]}" if line.middle else "")
    return line


def _precise(instant: datetime, viewer: Viewer) -> str:
    local = viewer.local(instant)
    day = present.day(instant, viewer)
    text = f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"
    return f"{day} {text}" if day else text


def _waiting(line: Timeline, run: Mapping[str, Any], planned: datetime, viewer: Viewer) -> None:
    ended = run.get("finished_at")
    if ended:
        line.stretches.append((_START_X, 50, "tl-wait"))
        word = mark_of(str(run["status"])).word
        line.points.append(Point(50, str(run["status"]), f"{word} {_precise(as_instant(ended), viewer)}", "middle", 50))
        line.points.append(Point(86, "now", "now", label_x=86.6, above=True))
        return
    if planned > viewer.now:
        line.points[0] = Point(
            62, "next", f"attempt {run.get('attempt', 1)} {_precise(planned, viewer)[:-4]}", "middle", 62
        )
        line.points.append(Point(40, "now", "now", label_x=40.6, above=True))
        return
    line.stretches.append((_START_X, 60, "tl-wait"))
    line.points.append(Point(60, "now", "now", label_x=60.6, above=True))
    line.middle = (30, f"waits for {present.span((viewer.now - planned).total_seconds())}")


def _started(line: Timeline, run: Mapping[str, Any], planned: datetime, viewer: Viewer, usual: float | None) -> None:
    started = as_instant(run["started_at"])
    wait = max(0.0, (started - planned).total_seconds())
    ended = as_instant(run["finished_at"]) if run.get("finished_at") else None
    took = max(0.001, ((ended or viewer.now) - started).total_seconds())
    follows = run.get("retry_at")
    end = 78.0 if ended is None else 56.0 if follows else 72.0
    start = _START_X + min(0.45 * end, max(3.2, (end - _START_X) * wait / (wait + took)))
    where = f" on {present.brief(run['worker']['id'])}" if run.get("worker") else ""
    line.stretches.append((_START_X, start, "tl-wait"))
    label = f"+{present.duration(wait)} started{where}"
    line.points.append(Point(start, "dot", label, label_x=max(start - 0.3, _LETTER * len(line.points[0].label))))
    if ended is None:
        _still(line, start, end, took, usual)
        return
    line.stretches.append((start, end, f"tl-{line.tone}"))
    line.middle = ((start + end) / 2, present.duration(took, True))
    word = mark_of(str(run["status"])).word
    line.points.append(Point(end, str(run["status"]), f"{word} {_precise(ended, viewer)}", "middle", end))
    now_x = 77.0 if follows else 92.0
    line.points.append(Point(now_x, "now", "now", label_x=now_x + 0.6, above=True))
    if follows:
        label = f"attempt {int(run.get('attempt') or 1) + 1} {present.clock_time(follows, viewer)}"
        line.points.append(Point(88, "next", label, "middle", 88))


def _still(line: Timeline, start: float, end: float, took: float, usual: float | None) -> None:
    if usual and took < usual:
        end = start + (88 - start) * min(0.97, max(0.02, took / usual))
        line.points.append(Point(88, "usual", f"usually {present.duration(usual)}", "middle", 88))
    line.stretches.append((start, end, "tl-run"))
    line.points.append(Point(end, "now", "now", label_x=end + 0.6, above=True))
    if end - start > 12:
        line.middle = ((start + end) / 2, present.duration(took, True))
