"""The occurrence keys: what makes a run exist once."""

from __future__ import annotations

import uuid


def slot_key(schedule_key: int, slot_at: int, attempt: int) -> str:
    """Return the occurrence key of a slot's attempt."""
    return f"s{schedule_key}:{slot_at}:{attempt}"


def manual_key(actor: str, idempotency: str | None) -> str:
    """Return the occurrence key of a first attempt that no slot asked for; the same for a repeated request."""
    name = uuid.uuid5(uuid.NAMESPACE_OID, f"{actor}\n{idempotency}") if idempotency else uuid.uuid4()
    return f"m{name.hex}:1"


def chain_key(root_id: int, target_key: int) -> str:
    """Return the occurrence key of the run of a schedule that follows a chain of attempts: one, whoever asks twice."""
    name = uuid.uuid5(uuid.NAMESPACE_OID, f"chain {root_id} {target_key}")
    return f"m{name.hex}:1"


def next_attempt_key(occurrence_key: str, attempt: int) -> str:
    """Return the occurrence key of a later attempt of the same chain."""
    return f"{occurrence_key.rsplit(':', 1)[0]}:{attempt}"
