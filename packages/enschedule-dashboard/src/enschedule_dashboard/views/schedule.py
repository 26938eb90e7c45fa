"""One schedule: what it does, how it has done, why it is not running; and what can be done to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from enschedule_core.errors import EnscheduleError, InvalidInput, NotFound
from enschedule_core.wire.types import Diagnosis, DiagnosisCheck, JsonObject, Run, Schedule, Skip
from enschedule_dashboard import forms, policies, present, problems, strips, voices, when_form
from enschedule_dashboard.ahead import ahead
from enschedule_dashboard.filters import run_url, viewer
from enschedule_dashboard.forms import DataForm
from enschedule_dashboard.notices import say
from enschedule_dashboard.session import back, client, digest, once
from enschedule_dashboard.views import pausing

blueprint = Blueprint("schedule", __name__)

_ROWS = 20
_TROUBLED = frozenset({"failing", "waiting", "paused", "broken", "retrying"})
_OVERDUE_AFTER = timedelta(seconds=30)
SKIP_WORDS = {
    "overlap": "the previous run was still going",
    "missed": "no worker was up",
    "window": "too old to be caught up",
    "paused": "it was paused",
    "all_paused": "everything was paused",
    "expired": "every place was taken",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list of runs: a run, or a stretch of skipped slots at its time."""

    at: datetime
    text: str
    run: Run | None = None
    skip: Skip | None = None
    attempts: str = ""


@blueprint.get("/schedules/<id>")
def show(id: str) -> str:
    """Show the schedule."""
    asked = client()
    running = ahead(lambda: asked.runs.list(schedule=id, limit=strips.STRIP_PLACES + 30))
    skipping = ahead(lambda: asked.schedules.skips(id, limit=50))
    planning = ahead(lambda: asked.schedules.next(id, count=5))
    diagnosing = ahead(lambda: asked.schedules.diagnosis(id))
    remembering = ahead(lambda: asked.schedules.history(id, limit=6))
    schedule = asked.schedules.get(id)  # whatever is wrong with the others, this says first that there is none
    runs, skips, planned, diagnosis = running()["items"], skipping()["items"], planning(), diagnosing()
    return render_template(
        "schedule.html",
        schedule=schedule,
        said=voices.schedule_voice(schedule, viewer()),
        strip=strips.strip(runs, skips, viewer(), schedule["usual_seconds"]),
        rows=rows(runs, skips),
        skip_words=SKIP_WORDS,
        planned=planned["items"],
        planned_texts=_texts(planned["items"]),
        there=_there(planned["items"], schedule["trigger"]["timezone"]),
        notes=planned["notes"],
        diagnosis=_readable(diagnosis),
        is_stopped=_is_stopped(schedule),
        data=forms.json_lines(schedule["data"]),
        facts=policies.facts(schedule),
        history=remembering()["items"],
        zone_words=_zone_words(schedule),
        pauses=pausing.PAUSES,
        missed=pausing.missed_words(schedule, diagnosis["missed_slots"]),
    )


def rows(runs: list[Run], skips: list[Skip]) -> list[Row]:
    """Return the newest lines: each attempt of what ran last, the last attempt of all before, skips in between."""
    newest = strips.attempts_of_newest(runs)
    kept = {run["id"] for run in strips.last_attempts(runs)} | newest
    found = []
    for run in runs:
        if run["id"] not in kept:
            continue
        at = present.as_instant(run["started_at"] or run["not_before"] or run["queued_at"])
        count, most = run["attempt"], run["max_attempts"]
        is_newest = run["id"] in newest
        words = f"attempt {count} of {most}" if is_newest else present.plural(count, "attempt")
        says = count > 1 or (is_newest and most > 1 and run["status"] != "succeeded")
        found.append(Row(at, _moment(at), run=run, attempts=words if says else ""))
    oldest = found[-1].at if found else None
    for skip in skips:
        at = present.as_instant(skip["last_slot_at"])
        if oldest is None or at >= oldest or len(found) < _ROWS:
            first = present.slot_time(skip["first_slot_at"], viewer())
            text = first if skip["count"] == 1 else f"{first} to {present.slot_time(skip['last_slot_at'], viewer())}"
            found.append(Row(at, text, skip=skip))
    return sorted(found, key=lambda row: row.at, reverse=True)[:_ROWS]


def _texts(slots: list[str]) -> list[str]:
    """Return the coming slots as they are written; seconds stand in all of them or in none."""
    written = _moment if any(present.as_instant(at).second for at in slots) else _minute
    return [written(present.as_instant(at)) for at in slots]


def _there(slots: list[str], zone: str) -> list[str]:
    """Return what the coming slots are in the schedule's zone, where its clocks show something else."""
    try:
        far = present.Viewer(viewer().now, ZoneInfo(zone))
    except (KeyError, ValueError, OSError):  # a zone that only the worker knows
        return []
    pairs = [(far.local(at), viewer().local(at)) for at in map(present.as_instant, slots)]
    return [f"{there:%H:%M} there" if there.utcoffset() != here.utcoffset() else "" for there, here in pairs]


def _minute(at: datetime) -> str:
    return present.day_time(at, viewer())


def _readable(found: Diagnosis) -> Diagnosis:
    """Return the diagnosis with its instants in the viewer's zone, and no sentence that a check says again."""
    checks: list[DiagnosisCheck] = [
        {**check, "text": voices.readable(check["text"], viewer())} for check in found["checks"]
    ]
    sentence = voices.readable(found["sentence"], viewer())
    return {
        **found,
        "sentence": "" if any(sentence == check["text"] for check in checks) else sentence,
        "checks": checks,
    }


def _moment(at: datetime) -> str:
    """Return ``14:32:02`` today, else with its day: attempts may follow each other within a minute."""
    return f"{present.day(at, viewer())} {present.clock_time(at, viewer())}".strip()


def _is_stopped(schedule: Schedule) -> bool:
    """Return whether "Why is it not running?" stands open."""
    if schedule["status"] in _TROUBLED or schedule["failing_since"]:
        return True
    due = schedule["due_at"]
    return bool(due and schedule["status"] == "scheduled" and present.as_instant(due) < viewer().now - _OVERDUE_AFTER)


def _zone_words(schedule: Schedule) -> str:
    zone = schedule["trigger"]["timezone"]
    return (
        f"{zone}, your zone too." if zone == viewer().zone.key else f"Your time, {viewer().zone.key}; there is {zone}."
    )


@blueprint.get("/schedules/<id>/run")
def ask_run(id: str) -> str:
    """Show the data of the schedule, to be changed for one run."""
    schedule = client().schedules.get(id)
    return _run_page(schedule, forms.fill(_schema(schedule), schedule["data"], zone=viewer().zone.key))


@blueprint.post("/schedules/<id>/run")
def run(id: str) -> Response | str | tuple[str, int]:
    """Run it now, with its own data or with what the form says."""
    if "data_mode" in request.form:
        return _run_with_data(client().schedules.get(id))
    started = client().schedules.run(id, idempotency_key=once("run"))
    return _started(started)


def _run_with_data(schedule: Schedule) -> Response | str | tuple[str, int]:
    form = forms.posted(_schema(schedule), request.form, base=schedule["data"], zone=viewer().zone.key)
    if forms.is_inner(request.form.get("action", "run")):
        return _run_page(schedule, form)
    if form.data is None:
        return _run_page(schedule, form), 422
    try:
        started = client().schedules.run(
            schedule["id"], data=form.data, idempotency_key=once(f"run:{digest(form.data)}")
        )
        return _started(started)
    except InvalidInput as error:
        form.place(error.errors)
        return _run_page(schedule, form), error.status
    except problems.KEEPS_FORM as error:
        return _run_page(schedule, form, error), error.status


def _started(started: Run) -> Response:
    """Go to the run, or stay where the button was and name the run there."""
    path = f"/runs/{started['id']}"
    if request.form.get("next"):
        title = started["schedule"]["title"] if started["schedule"] else "It"
        say(f"{title} runs now.", link=(f"Open run {started['id']:,}", path))
        return back(path)
    return redirect(run_url(started["id"]), 303)


def _schema(schedule: Schedule) -> JsonObject | None:
    wanted = schedule["handler"]
    try:
        return client().handlers.get(wanted["id"], version=wanted["version"])["schema"]
    except NotFound:
        return None


def _run_page(schedule: Schedule, form: DataForm, problem: EnscheduleError | None = None) -> str:
    zones = when_form.zone_names() if form.has_zones else ()
    return render_template("schedule_run.html", schedule=schedule, data=form, zones=zones, problem=problem)


@blueprint.post("/schedules/<id>/revert")
def revert(id: str) -> Response:
    """Give it the definition again that its file has said."""
    reverted = client().schedules.revert(id)
    say(f"{reverted['title']} is what {reverted['managed_by']} says again.")
    return back(f"/schedules/{id}")


@blueprint.get("/schedules/<id>/delete")
def ask_delete(id: str) -> str:
    """Ask before deleting."""
    return render_template("schedule_delete.html", schedule=client().schedules.get(id))


@blueprint.post("/schedules/<id>/delete")
def delete(id: str) -> Response:
    """Delete it; for seven days this can be undone."""
    title = client().schedules.get(id)["title"]
    client().schedules.delete(id)
    say(f"{title} is deleted. Its runs stay.", undo=f"/schedules/{id}/restore")
    return back("/schedules")


@blueprint.post("/schedules/<id>/restore")
def restore(id: str) -> Response:
    """Undo the deletion."""
    say(f"{client().schedules.restore(id)['title']} is back.")
    return redirect(f"{request.script_root}/schedules/{id}", 303)
