"""One run: what happened in one sentence, its way on one line, and what it printed, live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from enschedule_client import Client
from enschedule_core.errors import NotFound
from enschedule_core.wire.types import Attempt, OutputLines, RunDetail, Schedule
from enschedule_dashboard import data_notes, forms, present, strips, tracebacks, voices
from enschedule_dashboard.ahead import ahead
from enschedule_dashboard.filters import run_url, viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.output import Row, Times, rows, times
from enschedule_dashboard.present import plural, size
from enschedule_dashboard.session import back, client, once
from enschedule_dashboard.views.run_output import MOST_HITS, stream, wanted, whole

blueprint = Blueprint("run", __name__)

OPEN = frozenset({"queued", "running"})
LINES_A_PAGE = 500


@dataclass(frozen=True, slots=True)
class Output:
    """The lines that a page has, and what leads to others: query strings of the page's own address."""

    rows: list[Row]
    times: list[Times]
    page: OutputLines
    first: int = 1
    links: dict[str, str] = field(default_factory=dict)
    found: int | None = None
    start: int = 0

    @property
    def timed(self) -> Iterator[tuple[Row, Times]]:
        """Return each line with its times."""
        return zip(self.rows, self.times, strict=True)

    @property
    def last(self) -> int:
        """Return the position of the last line of the page."""
        return self.first + len(self.rows) - 1

    @property
    def is_part(self) -> bool:
        """Return whether there are lines that the page has not."""
        return self.first > 1 or self.last < self.page["lines"]


@blueprint.get("/runs/<int:id>")
def show(id: int) -> str:
    """Show the run.

    The page that keeps itself up to date asks again and again, and reads its output another way.
    """
    is_refresh = "X-Live" in request.headers
    asked = client()
    run = asked.runs.get(id)
    belonging = ahead(lambda: _schedule(asked, run))
    output = None if is_refresh else _output(run)
    schedule = belonging()
    usual = schedule["usual_seconds"] if schedule else None
    return render_template(
        "run.html",
        run=run,
        schedule=schedule,
        is_open=run["status"] in OPEN,
        said=voices.run_voice(run, viewer(), schedule),
        line=strips.timeline(run, viewer(), usual),
        output=output,
        stream=stream() or "",
        size_words=_size_words(run),
        nothing=_nothing(run),
        data=None if is_refresh else data_notes.read(asked, run, schedule),
        result=forms.json_lines(run["result"]) if run["result"] is not None else None,
        traceback=_traceback(run),
        attempts=[(link, _took(link)) for link in run["attempts"]],
        facts=_facts(run, schedule),
    )


@blueprint.post("/runs/<int:id>/cancel")
def cancel(id: int) -> AnyResponse:
    """Tell it to stop."""
    run = client().runs.cancel(id)
    say(f"Run {id:,} is cancelled." if run["status"] == "cancelled" else f"Run {id:,} was told to stop.")
    return back(f"/runs/{id}")


@blueprint.post("/runs/<int:id>/retry")
def retry(id: int) -> AnyResponse:
    """Run it again: with the same data, or with the schedule's present data."""
    if request.form.get("data") == "schedule":
        schedule = client().runs.get(id)["schedule"]
        if schedule is None:
            raise NotFound(f"Run {id:,} belongs to no schedule.")
        started = client().schedules.run(schedule["id"], idempotency_key=once("run"))
    else:
        started = client().runs.retry(id, idempotency_key=once("retry"))
    if request.form.get("next"):
        title = started["schedule"]["title"] if started["schedule"] else started["handler"]["id"]
        say(f"{title} runs again.", link=(f"Open run {started['id']:,}", f"/runs/{started['id']}"))
        return back(f"/runs/{started['id']}")
    return redirect(run_url(started["id"]), 303)


def _schedule(asked: Client, run: RunDetail) -> Schedule | None:
    if run["schedule"] is None:
        return None
    try:
        return asked.schedules.get(run["schedule"]["id"])
    except NotFound:
        return None


def _output(run: RunDetail) -> Output:
    """Read the lines of the page: the first ones, of a run that goes on the last; or from where the address says."""
    find, chosen = wanted(), stream()
    first = whole("from", -LINES_A_PAGE if run["status"] in OPEN else 1) or 1
    hits = client().runs.matches(run["id"], find, limit=MOST_HITS, stream=chosen) if find else None
    if hits and "from" not in request.args:
        first = next(iter(hits["positions"]), 1)
    page = client().runs.lines(run["id"], first, limit=LINES_A_PAGE, stream=chosen)
    drawn = rows(page, find)
    first = drawn[0].position if drawn else 1
    start = present.as_instant(run["started_at"]) if run["started_at"] else None
    return Output(
        rows=drawn,
        times=times(drawn, viewer(), start, since_start=request.args.get("times") == "start"),
        page=page,
        first=first,
        links=_links(first, drawn[-1].position if drawn else 0, page, hits["positions"] if hits else []),
        found=hits["count"] if hits else None,
        start=round(start.timestamp() * 1000) if start else 0,
    )


def _links(first: int, last: int, page: OutputLines, hits: list[int]) -> dict[str, str]:
    """Return the ways to other lines, for who has no script: name: query string."""
    places: dict[str, int] = {}
    if first > 1:
        places |= {"first": 1, "previous": max(1, first - LINES_A_PAGE)}
    if last < page["lines"]:
        places |= {"next": last + 1, "last": -LINES_A_PAGE}
    if page["first_error"]:
        places["error"] = max(1, page["first_error"] - 5)
    later, earlier = [hit for hit in hits if hit > first], [hit for hit in hits if hit < first]
    places |= {"hit": later[0]} if later else {}
    places |= {"hit before": earlier[-1]} if earlier else {}
    kept = {name: request.args[name] for name in ("stream", "times", "find") if request.args.get(name)}
    return {name: urlencode({**kept, "from": place}) for name, place in places.items()}


def _size_words(run: RunDetail) -> str:
    printed = run["output"]
    if not printed["bytes"]:
        return ""
    words = f"{plural(printed['lines'], 'line')}, {size(printed['bytes'])}"
    return words + (", the middle left out" if printed["truncated"] else "")


def _nothing(run: RunDetail) -> str:
    if run["status"] == "queued":
        return "It has not started yet."
    if run["status"] == "running":
        return "It has printed nothing so far."
    if run["output"]["bytes"]:
        return "Its output was removed; the run itself is kept."
    return "It printed nothing." if run["started_at"] else "It never started, so it printed nothing."


def _traceback(run: RunDetail) -> list[tracebacks.Part]:
    text = run["outcome"].get("traceback") if run["outcome"] else None
    if not text:
        return []
    wanted = run["handler"]
    try:
        source = client().handlers.get(wanted["id"], version=wanted["version"])["source"]
    except NotFound:
        return tracebacks.fold(str(text))
    return tracebacks.fold(str(text), own=source["name"])


def _took(link: Attempt) -> str:
    if not link["started_at"] or not link["finished_at"]:
        return ""
    took = present.as_instant(link["finished_at"]) - present.as_instant(link["started_at"])
    return present.duration(took.total_seconds())


_ORIGINS = {
    "slot": "its slot",
    "manual": "by hand",
    "chain": "another schedule",
    "retry": "a retry",
    "api": "over the API",
    "cli": "at the command line",
}


def _facts(run: RunDetail, schedule: Schedule | None) -> list[tuple[str, str]]:
    origin = run["origin"]
    began = _ORIGINS.get(origin["kind"], origin["kind"])
    if origin["kind"] == "slot" and run["slot_at"]:
        began = f"slot {present.day_time(run['slot_at'], viewer())}"
    elif origin["actor"]:
        began = f"{origin['actor']}, {began}"
    found = [("Handler", f"{run['handler']['id']} v{run['handler']['version']}"), ("Started by", began)]
    if run["worker"]:
        found.insert(1, ("Worker", run["worker"]["id"]))
    if run["delay_seconds"] is not None:
        found.append(("Start delay", present.duration(run["delay_seconds"])))
    if schedule:
        now = "today's" if run["revision"] == schedule["revision"] else f"now {schedule['revision']}"
        found.append(("Revision", f"{run['revision']}, {now}"))
    return found
