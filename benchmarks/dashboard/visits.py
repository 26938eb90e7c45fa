"""Which pages are asked for: each with several addresses, so that no answer is the one that was just given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Known:
    """What is in the database: the ids of some schedules, of some runs, of one that printed much, of a failed one."""

    schedules: Sequence[str]
    runs: Sequence[int]
    printed: int
    failed: int
    worker: str
    schedules_cursor: str
    runs_cursor: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One page or call: its name, the aim in milliseconds, and its addresses by number.

    The aim of a page is about the 95th percentile of its answers, that of a call about its statements.
    """

    name: str
    aim_ms: float
    path: Callable[[Known, int], str]


PAGE_MS = 60.0
LIST_SQL_MS = 5.0
"""The aim for the statements of a list; a chart may take twice as long."""


def _page(name: str, path: Callable[[Known, int], str] | str, aim_ms: float = PAGE_MS) -> Visit:
    return Visit(name, aim_ms, path if callable(path) else lambda _known, _number: path)


def _list(name: str, path: Callable[[Known, int], str] | str) -> Visit:
    return _page(f"GET {name}", path, LIST_SQL_MS)


def _chart(name: str, path: Callable[[Known, int], str] | str) -> Visit:
    return _page(f"GET {name}", path, 2 * LIST_SQL_MS)


def _schedule(known: Known, number: int) -> str:
    return known.schedules[number % len(known.schedules)]


def _run(known: Known, number: int) -> int:
    return known.runs[number % len(known.runs)]


def _ago(days: float) -> str:
    return quote((datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds"))


PAGES = (
    _page("Home", "/"),
    _page("Schedules", "/schedules"),
    _page("Schedules, by title", "/schedules?sort=title"),
    _page("Schedules, by last run", "/schedules?sort=-last_run"),
    _page("Schedules, page 2", lambda known, _: f"/schedules?cursor={quote(known.schedules_cursor)}"),
    _page("Schedules, failing", "/schedules?status=failing"),
    _page("Schedules, paused", "/schedules?status=paused"),
    _page("Schedules, one tag", "/schedules?tag=finance"),
    _page("Schedules, one handler", "/schedules?handler=log-job"),
    _page("Schedules, search", lambda _, number: f"/schedules?q=invoices+{number}"),
    _page("Schedules, search without a hit", lambda _, number: f"/schedules?q=nothing+{number}"),
    _page("Schedule", lambda known, number: f"/schedules/{_schedule(known, number)}"),
    _page("Its runs", lambda known, number: f"/runs?schedule={_schedule(known, number)}"),
    _page("Runs", "/runs"),
    _page("Runs, page 2", lambda known, _: f"/runs?cursor={quote(known.runs_cursor)}"),
    _page("Runs, failed", "/runs?status=failed,timed_out,lost"),
    _page("Runs, failed, of all times", "/runs?status=failed,timed_out,lost&all=1"),
    _page("Runs, running", "/runs?status=running"),
    _page("Runs, cancelled", "/runs?status=cancelled,skipped&all=1"),
    _page("Runs, one worker", lambda known, _: f"/runs?worker={known.worker}"),
    _page("Runs, one hour", lambda *_: f"/runs?from={_ago(10)}&to={_ago(10 - 1 / 24)}"),
    _page("Run", lambda known, number: f"/runs/{_run(known, number)}"),
    _page("Run, failed", lambda known, _: f"/runs/{known.failed}"),
    _page("Run, 10,000 lines of output", lambda known, _: f"/runs/{known.printed}"),
    _page("Calendar", "/calendar"),
    _page("Handlers", "/handlers"),
    _page("Handler", "/handlers/log-job"),
    _page("Workers", "/workers"),
    _page("New, choose a handler", "/schedules/new"),
    _page("New", "/schedules/new?handler=log-job"),
    _page("Edit", lambda known, number: f"/schedules/{_schedule(known, number)}/edit"),
    _page("Admin, audit", "/admin/audit"),
    _page("Admin, settings", "/admin/settings"),
    _page("Palette", lambda _, number: f"/go?q=invoices+{number}"),
)
"""What somebody at a browser sees."""

CALLS = (
    _list("schedules", "/api/v1/schedules"),
    _list("schedules, search", lambda _, number: f"/api/v1/schedules?q=invoices+{number}"),
    _list("schedules, failing", "/api/v1/schedules?failing=true"),
    _list("schedules/{id}", lambda known, number: f"/api/v1/schedules/{_schedule(known, number)}"),
    _list("runs", "/api/v1/runs"),
    _list("runs, failed", "/api/v1/runs?status=failed"),
    _list("runs, of a schedule", lambda known, number: f"/api/v1/runs?schedule={_schedule(known, number)}"),
    _list("runs/{id}", lambda known, number: f"/api/v1/runs/{_run(known, number)}"),
    _list("audit", "/api/v1/audit"),
    _chart("stats/schedules", "/api/v1/stats/schedules"),
    _chart("stats/queue", "/api/v1/stats/queue"),
    _chart("stats/runs, a day by hours", lambda *_: f"/api/v1/stats/runs?from={_ago(1)}&bucket=3600"),
    _chart("stats/runs, a month by days", lambda *_: f"/api/v1/stats/runs?from={_ago(29)}&bucket=86400"),
    _chart("forecast", "/api/v1/forecast"),
)
"""What a program asks; their aims are about the statements alone."""
