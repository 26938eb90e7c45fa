"""One run: what happened in one sentence, its way on one line, and what it printed, live."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from enschedule_core.errors import NotFound
from enschedule_core.wire.types import Attempt, OutputPage, RunDetail, Schedule
from enschedule_dashboard import forms, present, strips, tracebacks, voices
from enschedule_dashboard.filters import run_url, viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.output import Assembler, Piece, merge
from enschedule_dashboard.present import plural, size
from enschedule_dashboard.session import back, client, once

blueprint = Blueprint("run", __name__)

OPEN = frozenset({"queued", "running"})
LINES_A_PAGE = 2_000
CHARACTERS_A_PAGE = 400_000
WAIT_SECONDS = 10
LONG_POLLS = 6
"""At most so many requests of this process wait for output; the next ones are answered at once and poll."""

_waits = threading.BoundedSemaphore(LONG_POLLS)


@dataclass(frozen=True, slots=True)
class Line:
    """A line (or the next part of one) as it is drawn: the time is shortened where the second repeats."""

    piece: Piece
    time: str
    exact: str


@dataclass(slots=True)
class Output:
    """What is shown of the output, and where reading goes on."""

    lines: list[Line]
    after: int
    state: str
    fence: int
    complete: bool
    more: bool
    error_line: int | None = None


@blueprint.get("/runs/<int:id>")
def show(id: int) -> str:
    """Show the run."""
    run = client().runs.get(id)
    schedule = _schedule(run)
    output = _read(id, _whole("after"), request.args.get("state", ""))
    stream = request.args.get("stream")
    usual = schedule["usual_seconds"] if schedule else None
    return render_template(
        "run.html",
        run=run,
        schedule=schedule,
        is_open=run["status"] in OPEN,
        said=voices.run_voice(run, viewer(), schedule),
        line=strips.timeline(run, viewer(), usual),
        output=output,
        stream=stream if stream in ("stdout", "stderr") else "",
        size_words=_size_words(run),
        nothing=_nothing(run),
        data=forms.json_lines(run["data"]),
        data_note=_data_note(run, schedule),
        result=forms.json_lines(run["result"]) if run["result"] is not None else None,
        traceback=_traceback(run),
        attempts=[(link, _took(link)) for link in run["attempts"]],
        facts=_facts(run, schedule),
    )


@blueprint.get("/runs/<int:id>/output.json")
def output_json(id: int) -> Response:
    """Answer with what was printed after a cursor, already read into lines; waits a while for more.

    ``state`` is what the answer before gave. Where ``fence`` changes, the output begins again.
    """
    assembler = Assembler.resume(request.args.get("state", ""))
    with _waiting() as seconds:
        page = client().runs.output(id, _whole("after"), wait_seconds=seconds)
    fence = _whole("fence")
    if fence and page["fence"] != fence and _whole("after"):
        return jsonify(again=True, fence=page["fence"], complete=False)
    lines = _lines(assembler, assembler.feed(page["items"]))
    return jsonify(
        lines=[_wire(line) for line in lines],
        after=page["next_after"],
        state=assembler.state(),
        fence=page["fence"],
        complete=page["complete"],
        status=page["status"],
    )


@blueprint.get("/runs/<int:id>/output.txt")
def output_text(id: int) -> Response:
    """Download everything it printed, as it printed it."""
    text = client().runs.text(id)
    headers = {"Content-Disposition": f'attachment; filename="run-{id}.txt"'}
    return Response(text.encode(errors="replace"), mimetype="text/plain", headers=headers)


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
        say("It runs again.", link=(f"Open run {started['id']:,}", f"/runs/{started['id']}"))
        return back(f"/runs/{started['id']}")
    return redirect(run_url(started["id"]), 303)


@contextmanager
def _waiting() -> Iterator[float]:
    """Give the seconds that this request may wait: none where enough others wait already."""
    wanted = request.args.get("wait") == "1"
    if not wanted or not _waits.acquire(blocking=False):
        yield 0
        return
    try:
        yield WAIT_SECONDS
    finally:
        _waits.release()


def _whole(name: str) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isdigit() and len(text) < 16 else 0


def _schedule(run: RunDetail) -> Schedule | None:
    if run["schedule"] is None:
        return None
    try:
        return client().schedules.get(run["schedule"]["id"])
    except NotFound:
        return None


def _read(id: int, after: int, state: str) -> Output:
    """Read the output from a cursor until the page is full."""
    assembler = Assembler.resume(state) if after else Assembler()
    pieces: list[Piece] = []
    characters = 0
    start = assembler.lines
    while True:
        page: OutputPage = client().runs.output(id, after)
        pieces += assembler.feed(page["items"])
        characters += sum(len(item["text"]) for item in page["items"])
        after = page["next_after"]
        is_full = assembler.lines - start >= LINES_A_PAGE or characters >= CHARACTERS_A_PAGE
        if not page["items"] or page["complete"] or is_full:
            break
    lines = _lines(assembler, merge(pieces))
    return Output(
        lines=lines,
        after=after,
        state=assembler.state(),
        fence=page["fence"],
        complete=page["complete"],
        more=is_full and bool(page["items"]) and not page["complete"],
        error_line=next((line.piece.line for line in lines if line.piece.is_error), None),
    )


def _lines(assembler: Assembler, pieces: list[Piece]) -> list[Line]:
    found = []
    for piece in pieces:
        local = viewer().local(present.as_instant(piece.at))
        clock = f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"
        found.append(Line(piece, assembler.stamp(clock) if piece.new else "", present.exact(piece.at, viewer())))
    return found


def _wire(line: Line) -> dict[str, Any]:
    piece = line.piece
    return {
        "line": piece.line,
        "at": piece.at,
        "time": line.time,
        "exact": line.exact,
        "stream": piece.stream,
        "new": piece.new,
        "reset": piece.reset,
        "error": piece.is_error,
        "segments": [[segment.text, " ".join(segment.classes)] for segment in piece.segments],
    }


def _size_words(run: RunDetail) -> str:
    printed = run["output"]
    words = f"{plural(printed['lines'], 'line')}, {size(printed['bytes'])}"
    return words + (", cut" if printed["truncated"] else "")


def _nothing(run: RunDetail) -> str:
    if run["status"] == "queued":
        return "It has not started yet."
    if run["status"] == "running":
        return "It has printed nothing so far."
    if run["output"]["bytes"]:
        return "Its output was removed; the run itself is kept."
    return "It printed nothing." if run["started_at"] else "It never started, so it printed nothing."


def _data_note(run: RunDetail, schedule: Schedule | None) -> str:
    if schedule is None:
        return ""
    return "the same as the schedule's now" if run["data"] == schedule["data"] else "not the schedule's present data"


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
