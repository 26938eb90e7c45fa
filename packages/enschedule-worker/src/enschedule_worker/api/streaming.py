"""The output of a run as server-sent events, for ``EventSource`` and ``curl -N``.

Each event has the ``seq`` of its chunk as its id, so that a client that comes back with ``Last-Event-ID`` goes on where
it was. A stream takes a thread of the server, so there are only a few at once, and each ends after some minutes: the
client comes back by itself, and one that is refused can ask with ``wait`` instead.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flask import Response, request, stream_with_context

from enschedule_core.actor import Actor
from enschedule_core.errors import Unavailable
from enschedule_worker.api.conditions import LAST_EVENT_ID
from enschedule_worker.api.context import ApiContext
from enschedule_worker.api.problems import at
from enschedule_worker.service import output

MEDIA_TYPE = "text/event-stream"
STREAMS = 6
LONGEST_SECONDS = 300.0
WAIT_SECONDS = 10.0
_places = threading.BoundedSemaphore(STREAMS)


def stream(context: ApiContext, actor: Actor, run_id: int, cursor: output.Cursor) -> Response:
    """Return the chunks after ``cursor`` as they come, then the event ``end``; 204 where all of it was seen.

    Raises :class:`NotFound`, and :class:`Unavailable` while as many streams go on as may.
    """
    first = output.read(context.database, actor, run_id, cursor)
    if first["complete"] and not first["items"] and cursor.after:
        return Response(status=204)
    if not _places.acquire(blocking=False):
        raise Unavailable("As many outputs are streamed as this server can.", hint="Ask with wait=20 instead.")
    place = _Place()
    events = place.held_while(_events(context, actor, run_id, cursor, first))
    response = Response(stream_with_context(events), mimetype=MEDIA_TYPE)
    response.headers["X-Accel-Buffering"] = "no"  # or a proxy collects what is to be seen at once
    response.call_on_close(place.release)
    return response


class _Place:
    """One of the streams; given back once, also by a client that went away before the first event."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = True

    def held_while(self, events: Iterator[str]) -> Iterator[str]:
        """Pass on the events, and give the place back with the last one, however long the response is kept."""
        try:
            yield from events
        finally:
            self.release()

    def release(self) -> None:
        """Give it back."""
        with self._guard:
            held, self._held = self._held, False
        if held:
            _places.release()


def last_seen(after: int) -> int:
    """Return the ``Last-Event-ID`` of the request, ``after`` without one."""
    text = request.headers.get(LAST_EVENT_ID, "").strip()
    if not text:
        return after
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise at(LAST_EVENT_ID, "Must be the id of an event of this stream.")
    return int(text)


def _events(
    context: ApiContext, actor: Actor, run_id: int, cursor: output.Cursor, found: dict[str, Any]
) -> Iterator[str]:
    until = time.monotonic() + LONGEST_SECONDS
    while True:
        for item in found["items"]:
            yield f"id: {item['seq']}\nevent: chunk\ndata: {json.dumps(item, ensure_ascii=False)}\n\n"
        if not found["items"]:
            yield ": still there\n\n"  # by this a client that went away is noticed
        if found["complete"]:
            end = {"status": found["status"], "truncated": found["truncated"]}
            yield f"event: end\ndata: {json.dumps(end)}\n\n"
            return
        if time.monotonic() >= until or context.bell.is_muted:
            return
        cursor = replace(cursor, after=found["next_after"])
        found = output.read_waiting(context.database, actor, run_id, cursor, seconds=WAIT_SECONDS, bell=context.bell)
