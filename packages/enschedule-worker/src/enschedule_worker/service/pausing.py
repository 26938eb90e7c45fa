"""Pausing a schedule, and letting it go on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import format_instant, from_micros, to_micros
from enschedule_core.errors import FieldError, InvalidInput, StaleRevision
from enschedule_core.schedule import CatchUpMode
from enschedule_worker.service import firing, present
from enschedule_worker.service.access import changing
from enschedule_worker.service.finding import check_revision, existing
from enschedule_worker.store import audit
from enschedule_worker.store import schedules as store
from enschedule_worker.store.database import Database, Transaction

Seen = frozenset[int | None]
"""When the pause began (µs) that somebody has seen of a schedule, or of several; ``None`` is that it had none."""
_MODES = {"latest": CatchUpMode.LATEST, "all": CatchUpMode.ALL}


def pause(
    database: Database,
    actor: Actor,
    schedule_id: str,
    *,
    reason: str | None = None,
    until: datetime | None = None,
    if_match: str | None = None,
    seen: Seen | None = None,
) -> dict[str, Any]:
    """Stop firing a schedule, until an instant or until somebody resumes it; open runs go on.

    Pausing a paused one replaces reason and end. Raises :class:`InvalidInput` for an end in the past, and
    :class:`StaleRevision` where ``if_match`` is another revision, or ``seen`` another pause.
    """
    with changing(database, actor, Permission.OPERATE) as tx:
        row = existing(tx, actor, schedule_id, Permission.OPERATE, lock=True)
        check_revision(row, if_match)
        check_seen(row, seen)
        check_until(tx, until)
        pause_row(tx, actor, row, reason=reason, until=until)
        return present.schedule(existing(tx, actor, schedule_id, Permission.READ))


def seen_at(*instants: datetime | None) -> Seen:
    """Return what somebody has seen, from the instants of a request."""
    return frozenset(None if at is None else to_micros(at) for at in instants)


def check_seen(row: Row[Any], seen: Seen | None) -> None:
    """Raise :class:`StaleRevision` where a schedule is paused otherwise than was seen, or no more."""
    if seen is None or (row.paused_at if row.paused else None) in seen:
        return
    said = f"{row.id} is not paused any more."
    if row.paused:
        reason = f": “{row.pause_reason}”" if row.pause_reason else ""
        said = f"{row.id} is paused by {row.paused_by} since {format_instant(row.paused_at)}{reason}."
    raise StaleRevision(
        said, hint="Read it again: its pause.at is what pause_at takes.", extra={"current": present.schedule(row)}
    )


def check_until(tx: Transaction, until: datetime | None) -> None:
    """Raise :class:`InvalidInput` for the end of a pause that has passed."""
    if until is not None and to_micros(until) <= tx.now:
        message = f"Must be in the future; it is {format_instant(tx.now)}."
        raise InvalidInput(f"until: {message}", errors=[FieldError("until", message)])


def resume(
    database: Database,
    actor: Actor,
    schedule_id: str,
    *,
    missed: str = "skip",
    if_match: str | None = None,
    seen: Seen | None = None,
) -> dict[str, Any]:
    """Let a schedule go on; the slots missed since it was paused are skipped (and recorded), or run.

    ``missed`` is ``skip``, ``latest`` or ``all`` (at most as many as its catch-up policy allows). Raises
    :class:`StaleRevision` where ``if_match`` is another revision, or ``seen`` another pause.
    """
    with changing(database, actor, Permission.OPERATE) as tx:
        row = existing(tx, actor, schedule_id, Permission.OPERATE, lock=True)
        check_revision(row, if_match)
        check_seen(row, seen)
        if row.paused:
            resume_row(tx, actor, row, missed=missed)
        return present.schedule(existing(tx, actor, schedule_id, Permission.READ))


def paused_columns(
    tx: Transaction, actor: Actor, *, reason: str | None = None, until: datetime | None = None
) -> dict[str, Any]:
    """Return the columns of a schedule that is paused now."""
    until_micros = None if until is None else to_micros(until)
    return {
        "paused": True,
        "paused_at": tx.now,
        "paused_by": actor.name,
        "paused_until": until_micros,
        "pause_reason": reason or None,
        "fire_at": until_micros,
    }


def pause_row(
    tx: Transaction, actor: Actor, row: Row[Any], *, reason: str | None = None, until: datetime | None = None
) -> None:
    """Pause a locked schedule."""
    store.change(tx, row.key, paused_columns(tx, actor, reason=reason, until=until))
    detail = {"reason": reason, "until": format_instant(until)}
    audit.record(tx, actor, "schedule.pause", "schedule", row.id, group_id=row.group_id, detail=detail)
    tx.wake_engine()


def resume_row(tx: Transaction, actor: Actor, row: Row[Any], *, missed: str = "skip") -> None:
    """Lift the pause of a locked schedule and settle its missed slots."""
    lifted = {"paused": False, "paused_at": None, "paused_by": None, "paused_until": None, "pause_reason": None}
    store.change(tx, row.key, {**lifted, "fire_at": row.due_at})
    if row.due_at is not None and row.due_at <= tx.now and row.broken_reason is None:
        if missed == "skip":
            firing.skip_paused(tx, row, before=tx.now + 1)
        else:
            firing.fire_missed(tx, row, mode=_MODES[missed])
    audit.record(tx, actor, "schedule.resume", "schedule", row.id, group_id=row.group_id, detail={"missed": missed})
    tx.wake_engine()


def due_after_now(tx: Transaction, row: Row[Any]) -> int | None:
    """Return the next slot of a schedule that was away: those meanwhile are gone; used-up ones have none."""
    trigger = present.readable_trigger(row.trigger)
    if row.due_at is None or trigger is None:
        return None
    following = trigger.next_after(from_micros(tx.now))
    return None if following is None else to_micros(following)
