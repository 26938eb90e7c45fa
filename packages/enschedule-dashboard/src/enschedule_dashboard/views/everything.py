"""The pause of everything: begun on Workers and Schedules, lifted from the banner that stands on every page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from enschedule_core.errors import InvalidInput, StaleRevision
from enschedule_core.wire.types import PauseOfAll
from enschedule_dashboard import present
from enschedule_dashboard.filters import to, viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.session import back, client, safe_next
from enschedule_dashboard.shell import actor
from enschedule_dashboard.views.pausing import MISSED, Missed

blueprint = Blueprint("everything", __name__)


def missed_words(slots: int | None) -> Missed:
    """Return the question about the slots that a pause of everything has cost; where there are none, there is one way.

    ``None`` are too many to count.
    """
    if slots == 0:
        return Missed("No slot was missed.", [("skip", "Resume everything")])
    if slots == 1:
        return Missed("1 slot was missed.", [("skip", "Skip it"), ("latest", "Run it")])
    words = f"{present.plural(slots, 'slot')} were missed." if slots else "Very many slots were missed."
    ways = [("skip", "Skip them"), ("latest", "Run the latest of each schedule"), ("all", "Run all")]
    return Missed(words, ways)


@blueprint.post("/everything/pause")
def pause() -> Response:
    """Fire, claim and start nothing more until somebody resumes; who has paused already is told, not replaced."""
    reason = request.form.get("reason", "").strip() or None
    found = client().pause.get()
    if found["paused"] and request.form.get("revision") != str(found["revision"]):
        return _met(found, reason)
    try:
        begun = client().pause.begin(reason, if_match=found["revision"])
    except StaleRevision as error:
        return _met(error.extra["current"], reason)
    if found["paused"]:  # what the other one had written is gone, so there is nothing to take back
        say("Everything stays paused, for your reason.")
        return back("/workers")
    return _paused(begun)


def _paused(begun: PauseOfAll) -> Response:
    text = "Everything is paused. What runs goes on to its end."
    say(text, undo="/everything/resume", fields={"revision": str(begun["revision"])})
    return back("/workers")


def _met(found: PauseOfAll, reason: str | None) -> Response:
    """Say what somebody else did since this page was loaded, and leave it."""
    if not found["paused"]:
        say("Somebody has resumed everything just now, so nothing was changed.", tone="warn")
    elif (found["by"], found["reason"]) == (actor()["name"], reason):
        return _paused(found)  # the second click of a double click
    else:
        mine = {"reason": reason, "revision": str(found["revision"])} if reason else None
        said = f"{_who(found)} Your reason was not written." if mine else _who(found)
        say(said, tone="warn", post=("Write mine instead", "/everything/pause") if mine else None, fields=mine)
    return back("/workers")


def _who(found: PauseOfAll) -> str:
    """Return ``Everything is paused already, by ada since 09:12: “database move”.``."""
    by = "" if found["by"] == "local" else f" by {found['by']}"
    reason = f": “{found['reason']}”" if found["reason"] else ""
    return f"Everything is paused already,{by} since {present.day_time(found['at'] or viewer().now, viewer())}{reason}."


@blueprint.get("/everything/resume")
def ask_resume() -> str:
    """Ask what becomes of the slots that were missed."""
    found = client().pause.get()
    return render_template(
        "everything_resume.html",
        pause=found,
        who=_who(found).replace(" already,", "") if found["paused"] else "",
        missed=missed_words(found["slots"]),
        next=safe_next(request.args.get("next")),
    )


@blueprint.post("/everything/resume")
def resume() -> Response:
    """Let everything go on, after asking about missed slots; ``revision`` is the pause that is meant."""
    missed: Any = request.form.get("missed")
    if missed not in (None, *MISSED):
        raise InvalidInput(f"“{missed}” is not one of skip, latest, all.")
    found = client().pause.get()
    if not found["paused"]:
        say("Everything goes on already.")
        return back("/")
    if request.form.get("revision", str(found["revision"])) != str(found["revision"]):
        return _stays(found)
    if missed is None and found["slots"] != 0:
        return redirect(to(f"/everything/resume?next={quote(safe_next(request.form.get('next')))}"), 303)
    try:
        client().pause.end(missed or "skip", if_match=found["revision"])
    except StaleRevision as error:
        return _stays(error.extra["current"])
    say(" ".join(["Everything goes on.", *_cost(found["slots"], missed)]))
    return back("/")


def _stays(found: PauseOfAll) -> Response:
    if found["paused"]:
        said = _who(found).replace(" already,", " again,")
        say(f"{said} That is another pause than the one you meant, so it stays.", tone="warn")
    else:
        say("Everything goes on already.")
    return back("/")


def _cost(slots: int | None, missed: str | None) -> list[str]:
    if slots == 0:
        return []
    if missed == "latest":
        return ["Of each schedule the latest missed slot runs."]
    if missed == "all":
        return ["The missed slots run, as many as each schedule allows."]
    count = "The missed slots" if slots is None else present.plural(slots, "slot")
    return [f"{count} {'was' if slots == 1 else 'were'} skipped."]
