"""Who did what, written in the transaction of the change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from enschedule_core.actor import Actor
from enschedule_core.schema import encode_json
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models import Audit
from enschedule_worker.store.tables import table_of

_INSERT = insert(table_of(Audit))


def record(
    tx: Transaction,
    actor: Actor,
    action: str,
    object_kind: str,
    object_id: str | int,
    *,
    group_id: int | None = None,
    detail: Any = None,
) -> None:
    """Write that ``actor`` did ``action`` (``schedule.create``) to an object; ``detail`` is small JSON."""
    tx.execute(
        _INSERT,
        {
            "at": tx.now,
            "actor_kind": actor.kind.value,
            "actor_name": actor.name[:200],
            "address": actor.address[:64] if actor.address else None,
            "action": action,
            "object_kind": object_kind,
            "object_id": str(object_id),
            "group_id": group_id,
            "detail": None if detail is None else encode_json(detail),
        },
    )
