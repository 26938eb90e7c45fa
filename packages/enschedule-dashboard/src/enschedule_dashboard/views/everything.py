"""The pause of everything: begun on Workers and Schedules, lifted from the banner that stands on every page."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.wrappers import Response

from enschedule_dashboard import present
from enschedule_dashboard.notices import say
from enschedule_dashboard.session import back, client

blueprint = Blueprint("everything", __name__)


@blueprint.post("/everything/pause")
def pause() -> Response:
    """Fire, claim and start nothing more until somebody resumes."""
    client().pause.begin(reason=request.form.get("reason", "").strip() or None)
    say("Everything is paused. What runs goes on to its end.", undo="/everything/resume")
    return back("/workers")


@blueprint.post("/everything/resume")
def resume() -> Response:
    """Let everything go on, and say what the pause has cost."""
    slots = client().pause.get()["slots"]
    client().pause.end()
    cost = f" {present.plural(slots, 'slot')} {'was' if slots == 1 else 'were'} skipped." if slots else ""
    say(f"Everything goes on.{cost}")
    return back("/")
