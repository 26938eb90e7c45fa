"""Pausing a schedule, and letting it go on: until when, why, and what becomes of the slots that were missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from enschedule_core.clock import format_instant
from enschedule_core.errors import InvalidInput
from enschedule_core.wire.types import Schedule
from enschedule_dashboard import present
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.session import back, client

blueprint = Blueprint("pausing", __name__)

PAUSES = {
    "": "until it is resumed",
    "3600": "for 1 h",
    "14400": "for 4 h",
    "86400": "for a day",
    "604800": "for a week",
}
MISSED = ("skip", "latest", "all")


@dataclass(frozen=True, slots=True)
class Missed:
    """What a resume asks: how many slots have passed, in words, and the ways to deal with them (key, label)."""

    words: str
    ways: list[tuple[str, str]]


def missed_words(schedule: Schedule, slots: int | None) -> Missed:
    """Return the question about the slots that a pause has cost; where there are none, there is one way."""
    if slots == 0:
        return Missed("No slot was missed.", [("skip", "Resume")])
    if slots == 1:
        return Missed("1 slot was missed.", [("skip", "Skip it"), ("latest", "Run it")])
    most = schedule["catch_up"]["max"]
    words = f"{present.plural(slots, 'slot')} were missed." if slots else "Slots were missed."
    some = f", at most {most}" if slots is None or slots > most else ""
    ways = [("skip", "Skip them"), ("latest", "Run the latest"), ("all", f"Run all{some}, one after the other")]
    return Missed(words, ways)


@blueprint.post("/schedules/<id>/pause")
def pause(id: str) -> Response:
    """Pause it: for a while, until an instant, or until somebody resumes it."""
    until = _until()
    paused = client().schedules.pause(id, reason=request.form.get("reason", "").strip() or None, until=until)
    when = f" until {present.day_time(until, viewer())}" if until else ""
    say(f"{paused['title']} is paused{when}.", undo=f"/schedules/{id}/resume")
    return back(f"/schedules/{id}")


def _until() -> str | None:
    """Return the end of the pause; a local time is the viewer's."""
    text, choice = request.form.get("until", "").strip(), request.form.get("for", "")
    if text:
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput(f"“{text}” is not a date and time. Write for example 2026-03-28 09:30.") from None
        return format_instant(local if local.tzinfo else local.replace(tzinfo=viewer().zone))
    return format_instant(viewer().now + timedelta(seconds=int(choice))) if choice and choice in PAUSES else None


@blueprint.get("/schedules/<id>/resume")
def ask_resume(id: str) -> str:
    """Ask what becomes of the slots that were missed."""
    schedule = client().schedules.get(id)
    slots = client().schedules.diagnosis(id)["missed_slots"]
    return render_template("schedule_resume.html", schedule=schedule, missed=missed_words(schedule, slots))


@blueprint.post("/schedules/<id>/resume")
def resume(id: str) -> Response:
    """Let it run again; ``missed`` says what becomes of the slots that passed."""
    missed: Any = request.form.get("missed", "skip")
    if missed not in MISSED:
        raise InvalidInput(f"“{missed}” is not one of skip, latest, all.")
    resumed = client().schedules.resume(id, missed=missed)
    due = resumed["due_at"]
    text = f"{resumed['title']} runs again" + (f", next {present.day_time(due, viewer())}." if due else ".")
    say(text, undo=f"/schedules/{id}/pause")
    return back(f"/schedules/{id}")
