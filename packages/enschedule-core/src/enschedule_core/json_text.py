"""JSON as it travels: what an answer of fifty schedules takes to write and to read is felt.

By msgspec, which writes ten times and reads twice as fast as the standard library, and keeps whole numbers of any size
as they are. What it does not know (half a surrogate pair, ``NaN``, a subclass of ``str``) the standard library does.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def encode(value: Any) -> bytes:
    """Return ``value`` as UTF-8. Raises :class:`TypeError` for what is no JSON."""
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        return json.dumps(value).encode()


def decode(text: bytes | str) -> Any:
    """Return what ``text`` says. Raises :class:`ValueError` for what is no JSON, and :class:`RecursionError`."""
    try:
        return _decoder.decode(text)
    except (ValueError, msgspec.MsgspecError):  # which are ValueErrors from 0.21 on
        return json.loads(text)
