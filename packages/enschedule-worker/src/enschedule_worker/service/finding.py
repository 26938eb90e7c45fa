"""Finding the schedule that somebody names, and seeing that it is the one they mean."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import format_instant
from enschedule_core.errors import NotFound, StaleRevision
from enschedule_worker.service import present
from enschedule_worker.service.access import allow
from enschedule_worker.store import schedules as store
from enschedule_worker.store.database import Transaction


def existing(
    tx: Transaction, actor: Actor, schedule_id: str, permission: Permission, *, lock: bool = False
) -> Row[Any]:
    """Return the whole row of a schedule for an actor who has ``permission`` on it.

    Raises :class:`NotFound`, also for one outside the actor's scope, and :class:`Forbidden`.
    """
    row = store.get(tx, schedule_id, actor.scope, lock=lock)
    if row is None:
        raise _missing(tx, actor, schedule_id)
    allow(actor, permission, row.group_id)
    return row


def _missing(tx: Transaction, actor: Actor, schedule_id: str) -> NotFound:
    """Return the error for a schedule that is not there; of one that was deleted it has ``deleted_at``."""
    gone = store.deleted(tx, schedule_id, actor.scope)
    if gone is None or gone.deleted_at < tx.now - store.UNDO_SECONDS * 1_000_000:
        return NotFound(f"There is no schedule {schedule_id}.", hint="Ids are listed by GET /api/v1/schedules.")
    return NotFound(
        f"The schedule {schedule_id} was deleted.",
        hint="For 7 days it can be restored.",
        extra={"deleted_at": format_instant(gone.deleted_at)},
    )


def check_revision(row: Row[Any] | None, if_match: str | None) -> None:
    """Raise :class:`StaleRevision`, with the ``current`` one, unless ``if_match`` is none, ``*`` or its revision."""
    if if_match is None:
        return
    if row is None:
        raise StaleRevision("There is no such schedule any more.", extra={"current": None})
    if if_match not in ("*", str(row.revision)):
        raise StaleRevision(
            f"{row.id} was changed meanwhile: it has revision {row.revision}, not {if_match}.",
            hint="Read it again, and send its ETag as If-Match.",
            extra={"current": present.schedule(row)},
        )
