"""Home: is everything all right, why not, what next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template

from enschedule_core.clock import format_instant
from enschedule_core.wire.types import Forecast, Run, RunStats, Schedule, Worker
from enschedule_dashboard import charts, health, present
from enschedule_dashboard.ahead import ahead
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.session import client

blueprint = Blueprint("home", __name__)

NEXT_LINES = 8
RUNNING_LINES = 8
SLOW_FACTOR = 3.0
LARGE_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class NextLine:
    """One line of Next: an instant, a schedule, how many others start with it, and which attempt a retry is."""

    at: str
    id: str
    title: str
    more: int = 0
    retry: str = ""


@dataclass(frozen=True, slots=True)
class RunningLine:
    """One line of Running now. ``share`` is 0 to 1; ``told`` says that the handler reported it, else it is guessed."""

    run: Run
    elapsed_seconds: float
    usual_seconds: float | None
    share: float | None
    told: bool
    slow: str


@blueprint.get("/")
def index() -> str:
    """Show the health sentence, the day, and what needs somebody."""
    ask = client()
    first, _, end = charts.hour_range(viewer())
    since, now, until = (format_instant(at) for at in (first, viewer().now, end))
    counting, queueing = ahead(ask.schedules.counts), ahead(ask.stats.queue)
    adding_up = ahead(lambda: ask.stats.runs(from_=since, to=until, bucket_seconds=3600))
    foreseeing = ahead(lambda: ask.forecast(from_=now, to=until, limit=40))
    seeing, waiting = ahead(ask.workers.list), ahead(lambda: ask.runs.list(status="queued", limit=50))
    counts, queue, stats, forecast = counting(), queueing(), adding_up(), foreseeing()
    workers, queued = seeing()["items"], waiting()["items"]
    running = ask.runs.list(status="running", limit=50)["items"] if queue["running"] else []
    busy = ask.schedules.list(status="running", limit=50)["items"] if running else []
    state = health.State(
        counts=counts,
        queue=queue,
        waiting=ask.schedules.list(status="waiting", limit=5)["items"] if counts["waiting"] else (),
        broken=counts.get("broken_items", ()),
        workers=workers,
        next=forecast["items"][0] if forecast["items"] else None,
        paused=ask.pause.get() if queue["pause"] else None,
    )
    return render_template(
        "home.html",
        headline=health.headline(state, viewer()),
        summary=summary(stats),
        day=charts.day(stats["items"], forecast["buckets"], viewer()) if counts["total"] else None,
        failing=counts["failing_items"],
        failing_count=counts["failing"],
        waits=_retries(queued),
        running=running_lines(running, busy, viewer()),
        running_count=queue["running"],
        next_lines=next_lines(forecast, queued, viewer()),
        workers=sorted(workers, key=_worker_order),
        queue=queue,
        halted=queue["pause"],
        large=present.size(queue["database_bytes"]) if queue["database_bytes"] >= LARGE_BYTES else None,
        blank=not counts["total"],
        handlers=ask.handlers.list()["items"] if not counts["total"] else [],
    )


def summary(stats: RunStats) -> str:
    """Return the line under the sentence: how many runs, how they ended, how soon they start."""
    totals = stats["totals"]
    ended = {status: count for status, count in totals.items() if status not in {"queued", "running"} and count}
    runs = sum(ended.values())
    if not runs and not stats["skipped"]:
        return "No run in the last 24 hours."
    words = {"timed_out": "timed out"}
    order = ("succeeded", "failed", "timed_out", "lost", "cancelled", "skipped")
    parts = [f"{ended[status]:,} {words.get(status, status)}" for status in order if ended.get(status)]
    skipped = f"; {present.plural(stats['skipped'], 'slot')} skipped" if stats["skipped"] else ""
    delay = stats["start_delay_seconds_p50"]
    starts = f" Runs start {present.duration(delay)} after their slot." if delay is not None else ""
    counted = ", ".join([present.plural(runs, "run"), *parts]) if len(parts) > 1 else present.plural(runs, "run")
    only = f", all {words.get(next(iter(ended)), next(iter(ended)))}" if len(parts) == 1 and runs > 1 else ""
    return f"Last 24 hours: {counted}{only}{skipped}.{starts}"


def _retries(queued: Iterable[Run]) -> dict[str, Run]:
    """Return the waiting retry of each schedule, if it has one."""
    return {run["schedule"]["id"]: run for run in queued if run["schedule"] and run["attempt"] > 1}


def next_lines(forecast: Forecast, queued: Sequence[Run], who: present.Viewer) -> list[NextLine]:
    """Return what starts next: planned slots and waiting retries by instant; what starts together is one line.

    The first of each instant has the line while few share it; from four on the rest are counted.
    """
    lines = [NextLine(slot["at"], slot["schedule"]["id"], slot["schedule"]["title"]) for slot in forecast["items"]]
    for run in queued:
        waits_until = run["not_before"]
        if run["schedule"] and waits_until and present.as_instant(waits_until) > who.now and run["attempt"] > 1:
            words = f"retry {run['attempt']} of {run['max_attempts']}"
            lines.append(NextLine(waits_until, run["schedule"]["id"], run["schedule"]["title"], retry=words))
    lines.sort(key=lambda line: present.as_instant(line.at))
    together: dict[str, list[NextLine]] = {}
    for line in lines:
        together.setdefault(line.at, []).append(line)
    found: list[NextLine] = []
    for at, group in together.items():
        if len(group) > 3:
            found.append(NextLine(at, group[0].id, group[0].title, more=len(group) - 1))
        else:
            found += group
    return found[:NEXT_LINES]


def running_lines(runs: Iterable[Run], busy: Iterable[Schedule], who: present.Viewer) -> list[RunningLine]:
    """Return the running runs, longest first, with their progress or their time against what is usual."""
    usual = {schedule["id"]: schedule["usual_seconds"] for schedule in busy}
    lines = [_running(run, usual.get(run["schedule"]["id"]) if run["schedule"] else None, who) for run in runs]
    lines.sort(key=lambda line: -line.elapsed_seconds)
    return lines[:RUNNING_LINES]


def _running(run: Run, usual: float | None, who: present.Viewer) -> RunningLine:
    started = run["started_at"]
    elapsed = max(0.0, (who.now - present.as_instant(started)).total_seconds()) if started else 0.0
    told = run["progress"]["fraction"] if run["progress"] else None
    ratio = elapsed / usual if usual else None
    slow = f"{ratio:.0f} × its usual time" if ratio and ratio > SLOW_FACTOR and elapsed > 1 else ""
    share = told if told is not None else min(1.0, ratio) if ratio is not None else None
    return RunningLine(run, elapsed, usual, share, told is not None, slow)


def _worker_order(worker: Worker) -> tuple[int, Any]:
    return ({"down": 0, "late": 1, "up": 2}.get(worker["status"], 3), worker["id"])
