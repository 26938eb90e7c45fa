"""Headers that a change depends on."""

from __future__ import annotations

import re

from flask import Request

from enschedule_core.actor import Actor, ActorKind
from enschedule_core.run import OriginKind
from enschedule_worker.api.problems import at

IF_MATCH = "If-Match"
IDEMPOTENCY_KEY = "Idempotency-Key"
LAST_EVENT_ID = "Last-Event-ID"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_BY_HAND = frozenset({"enschedule-client", "enschedule-dashboard"})
_ETAG = re.compile(r'\s*(?:W/)?"?(\d{1,10}|\*)"?\s*')


def if_match(request: Request) -> str | None:
    """Return the revision of an ``If-Match`` header, ``*`` for any; ``None`` without one."""
    value = request.headers.get(IF_MATCH)
    if value is None:
        return None
    found = _ETAG.fullmatch(value)
    if found is None:
        raise at(IF_MATCH, 'Must be an ETag as it was sent, for example "3".')
    return found[1]


def idempotency_key(request: Request) -> str | None:
    """Return the ``Idempotency-Key`` header; ``None`` without one."""
    value = request.headers.get(IDEMPOTENCY_KEY)
    if value is not None and not _KEY.fullmatch(value):
        raise at(IDEMPOTENCY_KEY, "Must be 1 to 200 printable ASCII characters without spaces.")
    return value


def origin(request: Request, actor: Actor) -> OriginKind:
    """Return what made a run exist: the command line, somebody by our client (as the dashboard does), or a program."""
    program = request.headers.get("User-Agent", "").partition("/")[0]
    if program == "enschedule-cli":
        return OriginKind.CLI
    if program in _BY_HAND or actor.kind is ActorKind.SESSION:
        return OriginKind.MANUAL
    return OriginKind.API
