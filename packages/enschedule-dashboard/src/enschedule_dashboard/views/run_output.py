"""What a run printed, for the script of its page: any stretch of lines, what is found in them, and more as it comes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request, stream_with_context

from enschedule_client import Client
from enschedule_core.errors import EnscheduleError
from enschedule_core.wire.types import OutputLines, Stream
from enschedule_dashboard.output import rows
from enschedule_dashboard.session import client

blueprint = Blueprint("run_output", __name__)

MEDIA_TYPE = "text/event-stream"
MOST_LINES = 500
MOST_HITS = 10_000
STREAMS = 6
"""At most so many pages of this process are sent lines as they come; the others come back each second instead."""

WAIT_SECONDS = 10.0
LONGEST_SECONDS = 120.0
BACK_MILLISECONDS = 1000
_HASTY_SECONDS = 0.5

_places = threading.BoundedSemaphore(STREAMS)


@blueprint.get("/runs/<int:id>/output.json")
def lines(id: int) -> Response:
    """Answer with the lines from ``from`` on, or those that changed after the cursor ``after``."""
    if "after" in request.args:
        return jsonify(_wire(_changes(client(), id, Place.read(request.args["after"]))))
    limit = min(max(whole("limit", MOST_LINES), 1), MOST_LINES)
    return jsonify(_wire(client().runs.lines(id, whole("from", 1) or 1, limit=limit, stream=stream())))


@blueprint.get("/runs/<int:id>/find.json")
def find(id: int) -> Response:
    """Answer with the places of the lines that hold ``find``, and how many there are."""
    sought = wanted()
    if not sought:
        return jsonify(positions=[], count=0, next_from=None)
    found = client().runs.matches(id, sought, first=max(1, whole("from", 1)), limit=MOST_HITS, stream=stream())
    return jsonify(positions=found["positions"], count=found["count"], next_from=found["next_from"])


@blueprint.get("/runs/<int:id>/output.events")
def events(id: int) -> Response:
    """Send lines as server-sent events, as they come.

    A page that finds all places taken gets what there is and comes back after a second: an EventSource does that by
    itself, with the id of the last event, which says where to go on.
    """
    place = Place.read(request.headers.get("Last-Event-ID") or request.args.get("after", ""))
    # Asked before the answer begins, so that what cannot be shown is refused as any other page is.
    first = _changes(client(), id, place)
    held = not first["complete"] and _places.acquire(blocking=False)
    response = Response(stream_with_context(_events(client(), id, place, first, held=held)), mimetype=MEDIA_TYPE)
    if held:
        response.call_on_close(_places.release)
    response.headers["X-Accel-Buffering"] = "no"  # or a proxy collects what is to be seen at once
    return response


@blueprint.get("/runs/<int:id>/output.txt")
def text(id: int) -> Response:
    """Download everything it printed, as it printed it."""
    printed = client().runs.text(id)
    headers = {"Content-Disposition": f'attachment; filename="run-{id}.txt"'}
    return Response(printed.encode(errors="replace"), mimetype="text/plain", headers=headers)


def whole(name: str, default: int) -> int:
    """Return a whole number of the address, ``default`` for anything else."""
    given = request.args.get(name, "")
    digits = given.removeprefix("-")
    return int(given) if digits.isascii() and digits.isdigit() and len(digits) < 10 else default


def wanted() -> str:
    """Return what the address looks for."""
    return request.args.get("find", "")[:200]


def stream() -> Stream | None:
    """Return which stream the address asks for, None for both."""
    given = request.args.get("stream")
    return "stdout" if given == "stdout" else "stderr" if given == "stderr" else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands: behind which chunk, of which claim of the run (0: not known)."""

    after: int = 0
    fence: int = 0

    @classmethod
    def read(cls, text: str) -> Place:
        """Read ``after`` or ``fence.after``; anything else is the beginning."""
        fence, dot, after = text.rpartition(".")
        if all(part.isascii() and part.isdigit() and len(part) < 10 for part in (after, fence if dot else "0")):
            return cls(int(after), int(fence) if dot else 0)
        return cls()


def _changes(asking: Client, id: int, place: Place, *, seconds: float = 0) -> OutputLines:
    return asking.runs.lines(id, after=place.after, wait_seconds=seconds, limit=MOST_LINES, stream=stream())


def _wire(page: OutputLines) -> dict[str, Any]:
    drawn = [row.wire() for row in rows(page, wanted())]
    return {**page, "items": drawn}


def _events(asking: Client, id: int, place: Place, page: OutputLines, *, held: bool) -> Iterator[str]:
    """Yield what there is, and what comes; without a thread to hold (``held``), only what there is."""
    yield f"retry: {BACK_MILLISECONDS}\n\n"
    until = time.monotonic() + LONGEST_SECONDS
    status = None
    while True:
        if place.fence and page["fence"] != place.fence:  # another worker has begun it anew
            place = Place(0, page["fence"])
            yield _event("again", {}, place)
            page = _changes(asking, id, place)
        place = Place(page["next_after"], page["fence"])
        is_news = bool(page["items"]) or page["status"] != status
        # Without news it is sent too: by this a page that went away is noticed.
        yield _event("lines", _wire(page), place) if is_news else _event("still", {}, place)
        status = page["status"]
        if page["complete"]:
            yield _event("end", {"status": status}, place)
            return
        is_behind = len(page["items"]) >= MOST_LINES
        if not (held or is_behind) or time.monotonic() > until:
            return
        asked = time.monotonic()
        try:
            page = _changes(asking, id, place, seconds=WAIT_SECONDS if held else 0)
        except EnscheduleError:
            return  # the page comes back, and is told then what is wrong
        is_idle = not page["items"] and not page["complete"] and page["status"] == status
        if is_idle and time.monotonic() - asked < _HASTY_SECONDS:
            return  # the worker holds as many answers back as it can, or stops


def _event(name: str, data: dict[str, Any], place: Place) -> str:
    return f"id: {place.fence}.{place.after}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
