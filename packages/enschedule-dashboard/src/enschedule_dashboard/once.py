"""A form that is sent twice (a double click, a repeated request) does what it says once."""

from __future__ import annotations

import hashlib
import json
import re
import uuid

from flask import g, request

_TOKEN = re.compile(r"[0-9a-f]{32}")


def token() -> str:
    """Return what tells the forms of this page from those of every other: what it was sent with, or something new."""
    sent = request.form.get("once", "")
    if _TOKEN.fullmatch(sent):
        return sent
    if "once" not in g:
        g.once = uuid.uuid4().hex
    found: str = g.once
    return found


def key(what: str, data: object = None) -> str | None:
    """Return the idempotency key of what a form does; None for a form without a token.

    The same form with other ``data`` is another thing to do.
    """
    sent = request.form.get("once", "")
    if not _TOKEN.fullmatch(sent):
        return None
    told = json.dumps([sent, what, data], sort_keys=True)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:40]
