"""Pausing a schedule, and letting it go on: until when, why, and what becomes of the slots that were missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from enschedule_core.clock import format_instant
from enschedule_core.errors import InvalidInput, StaleRevision
from enschedule_core.wire.types import Pause, Schedule
from enschedule_dashboard import present
from enschedule_dashboard.filters import schedule_url, viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.session import back, client, safe_next
from enschedule_dashboard.shell import actor

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
    """Pause it: for a while, until an instant, or until somebody resumes it; a pause of somebody else stays."""
    until, reason = _until(), request.form.get("reason", "").strip() or None
    try:
        paused = client().schedules.pause(id, reason=reason, until=until, pause_at=request.form.get("pause_at") or None)
    except StaleRevision as error:
        paused = error.extra["current"]
        if not _is_mine(paused, reason, until):
            return _met(paused, reason, until)
    when = f" until {present.day_time(until, viewer())}" if until else ""
    is_new = paused["pause"] is not None and not request.form.get("pause_at")  # else it was another pause before
    say(
        f"{paused['title']} is paused{when}.",
        undo=f"/schedules/{id}/resume" if is_new else None,
        fields={"pause_at": paused["pause"]["at"] or ""} if is_new and paused["pause"] else None,
    )
    return back(f"/schedules/{id}")


def _is_mine(found: Schedule, reason: str | None, until: str | None) -> bool:
    """Return whether it is the pause that was asked for: by the second click of a double click."""
    pause = found["pause"]
    return pause is not None and (pause["by"], pause["reason"], pause["until"]) == (actor()["name"], reason, until)


def _met(found: Schedule, reason: str | None, until: str | None) -> Response:
    """Say that it is paused otherwise than was seen, and offer to do it all the same."""
    path = f"/schedules/{found['id']}/pause"
    if found["pause"] is None:
        say(f"{found['title']} was resumed meanwhile, so nothing was changed.", tone="warn")
        return back(f"/schedules/{found['id']}")
    given = {"reason": reason, "until": until, "pause_at": found["pause"]["at"]}
    mine = {name: value for name, value in given.items() if value} if reason or until else None
    say(
        f"{found['title']} is paused already,{_by(found['pause'])}{' Yours was not written.' if mine else ''}",
        tone="warn",
        post=("Write mine instead", path) if mine else None,
        fields=mine,
    )
    return back(f"/schedules/{found['id']}")


def _by(pause: Pause) -> str:
    """Return `` by ada since 09:12: “vendor maintenance”.``; nobody has a name before there are accounts."""
    by = f" by {pause['by']}" if pause["by"] not in (None, "local") else ""
    reason = f": “{pause['reason']}”" if pause["reason"] else ""
    return f"{by} since {present.day_time(pause['at'] or viewer().now, viewer())}{reason}."


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
    return render_template(
        "schedule_resume.html",
        schedule=schedule,
        missed=missed_words(schedule, slots),
        next=safe_next(request.args.get("next"), f"/schedules/{id}"),
    )


@blueprint.post("/schedules/<id>/resume")
def resume(id: str) -> Response:
    """Let it run again; ``missed`` says what becomes of the slots that passed, which is asked where it is left out."""
    missed: Any = request.form.get("missed")
    if missed not in (None, *MISSED):
        raise InvalidInput(f"“{missed}” is not one of skip, latest, all.")
    before = client().schedules.get(id)["pause"]
    seen = request.form.get("pause_at") or (before["at"] if before else None)
    is_the_one_meant = before is not None and before["at"] == seen
    if missed is None and is_the_one_meant and client().schedules.diagnosis(id)["missed_slots"] != 0:
        next_page = safe_next(request.form.get("next"), f"/schedules/{id}")
        return redirect(f"{schedule_url(id, 'resume')}?next={quote(next_page)}", 303)
    try:
        resumed = client().schedules.resume(id, missed=missed or "skip", pause_at=seen)
    except StaleRevision as error:
        return _stays(error.extra["current"])
    due = resumed["due_at"]
    text = f"{resumed['title']} runs again" + (f", next {present.day_time(due, viewer())}." if due else ".")
    if before is None:
        say(text)
    else:
        again = {name: str(before[name]) for name in ("reason", "until") if before[name]}
        say(text, post=("Pause it again", f"/schedules/{id}/pause"), fields=again)
    return back(f"/schedules/{id}")


def _stays(found: Schedule) -> Response:
    if found["pause"] is None:
        say(f"{found['title']} runs again already.")
    else:
        said = f"{found['title']} was paused anew,{_by(found['pause'])}"
        say(f"{said} That is another pause than the one you meant, so it stays.", tone="warn")
    return back(f"/schedules/{found['id']}")
