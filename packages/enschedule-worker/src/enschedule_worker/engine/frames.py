"""The messages between a worker and its child processes: JSON lists with their length before them, on a socket.

JSON, because a handler can write into any descriptor of its process: what comes from a child is checked, never trusted.
A child imports this module, so it needs nothing but the standard library and the core.

To a child: ``["load", {…}]`` first, then ``["run", permit, *call]``, ``["stop", run_id]``, ``["quit"]``.
From a child: ``["ready"]``, ``["progress", run_id, fraction, text]``, ``["ended", run_id, [*outcome], marked, why,
seconds]``; ``marked`` says whether both outputs have the mark of the run's end, ``why`` why the child must not be used
again.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from typing import Any, NamedTuple

from enschedule_core.executor import Call
from enschedule_core.outcome import Outcome
from enschedule_core.run import OutcomeKind, RunStatus

MESSAGE_MAX_BYTES = 16 * 1024 * 1024
_LENGTH = 4
_CALL = tuple(field.name for field in fields(Call))
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class BadMessage(ValueError):
    """What came over the socket is no message of ours."""


def pack(message: list[Any]) -> bytes:
    """Return the bytes of a message."""
    body = _encode(message).encode()
    return len(body).to_bytes(_LENGTH, "big") + body


class Unpacker:
    """Puts messages together from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[list[Any]]:
        """Return the messages that ``data`` completes; raises :class:`BadMessage`."""
        if not self._pending and len(data) == _LENGTH + int.from_bytes(data[:_LENGTH], "big"):
            return [_parse(data[_LENGTH:])]  # one whole message, as nearly always
        self._pending += data
        found = []
        while len(self._pending) >= _LENGTH:
            end = _LENGTH + int.from_bytes(self._pending[:_LENGTH], "big")
            if end > MESSAGE_MAX_BYTES:
                raise BadMessage(f"a message of {end:,} bytes")
            if len(self._pending) < end:
                break
            found.append(_parse(bytes(self._pending[_LENGTH:end])))
            del self._pending[:end]
        return found


def _parse(body: bytes) -> list[Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise BadMessage(f"not JSON: {problem}") from None
    if not isinstance(message, list) or not message:
        raise BadMessage("not a list")
    return message


def pack_call(permit: int, call: Call) -> bytes:
    """Return the message that has a child run ``call`` if it gets the permit of this number."""
    return pack(["run", permit, *(getattr(call, name) for name in _CALL)])


def call_of(message: list[Any]) -> Call:
    """Return what :func:`pack_call` sent."""
    return Call(*message[2:])


def outcome_to_wire(outcome: Outcome) -> list[Any]:
    """Return an outcome as JSON values."""
    retry = outcome.retry.total_seconds() if isinstance(outcome.retry, timedelta) else outcome.retry
    return [
        outcome.status,
        outcome.kind,
        outcome.message,
        outcome.traceback,
        outcome.exit_code,
        outcome.result,
        outcome.note,
        retry,
    ]


def outcome_of(wire: list[Any]) -> Outcome:
    """Return what :func:`outcome_to_wire` sent; raises :class:`BadMessage`."""
    try:
        status, kind, message, traceback, exit_code, result, note, retry = wire
        return Outcome(
            RunStatus(status),
            None if kind is None else OutcomeKind(kind),
            message,
            traceback,
            exit_code,
            result,
            note,
            retry if isinstance(retry, str) else timedelta(seconds=retry),  # type: ignore[arg-type]  # our own words
        )
    except (TypeError, ValueError) as problem:
        raise BadMessage(f"no outcome: {problem}") from None


class Ended(NamedTuple):
    """What a child has said of a run's end; ``is_marked``: both outputs have the mark of it, after so many seconds."""

    outcome: Outcome
    is_marked: bool
    seconds: float


def ended_of(message: list[Any]) -> Ended:
    """Return what the message ``ended`` says; raises :class:`BadMessage`."""
    return Ended(outcome_of(message[2]), bool(message[3]), float(message[5]))
