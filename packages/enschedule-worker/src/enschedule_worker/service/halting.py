"""Pausing everything, and letting it go on: each schedule keeps its own state meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from enschedule_core.actor import SYSTEM, Actor, Permission
from enschedule_core.clock import format_instant, from_micros, to_micros
from enschedule_core.errors import Conflict, FieldError, InvalidInput, StaleRevision
from enschedule_worker.service import present
from enschedule_worker.service.access import reading, writing
from enschedule_worker.store import audit, halt, planned
from enschedule_worker.store.database import Database, Transaction

COUNTED_MOST = 5_000
"""Of schedules alike, whose slots are counted while everything is paused; beyond it the number is not said."""


def get(database: Database, actor: Actor) -> dict[str, Any]:
    """Return whether everything is paused, by whom, since when, why, until when, and how many slots it has cost."""
    with reading(database, actor) as tx:
        return _wire(tx, actor, halt.current(tx))


def put(
    database: Database,
    actor: Actor,
    *,
    paused: bool,
    reason: str | None = None,
    until: datetime | None = None,
    missed: str = "skip",
    if_match: str | None = None,
) -> dict[str, Any]:
    """Pause everything, or let it go on.

    While it lasts nothing is fired, claimed or started by hand; what runs goes on. Pausing again replaces reason and
    end, and keeps who began it and when. ``missed`` is for letting it go on: ``skip``, ``latest`` or ``all`` (at most
    as many as each schedule's catch-up policy allows). ``if_match`` is the revision that the asker has seen. Raises
    :class:`InvalidInput` for an end in the past, and :class:`StaleRevision` where ``if_match`` is another revision.
    """
    with writing(database, actor, Permission.OPERATE) as tx:
        if until is not None and to_micros(until) <= tx.now:
            message = f"Must be in the future; it is {format_instant(tx.now)}."
            raise InvalidInput(f"until: {message}", errors=[FieldError("until", message)])
        _check_revision(tx, actor, if_match)
        if paused:
            while not _begin(tx, actor, reason, until):  # somebody else did something at the same moment
                _check_revision(tx, actor, if_match)
        else:
            at = tx.now + 1  # the slot of this very instant came while it was on
            while halt.current(tx) is not None and not _end(tx, actor, at=at, missed=missed):
                _check_revision(tx, actor, if_match)
        tx.wake_engine()
        return _wire(tx, actor, halt.current(tx))


def _check_revision(tx: Transaction, actor: Actor, if_match: str | None) -> None:
    present_one = halt.revision(tx)
    if if_match in (None, "*", str(present_one)):
        return
    found = halt.current(tx)
    said = "Nothing is paused as a whole any more." if found is None else words(found)
    raise StaleRevision(
        f"{said} That is revision {present_one}, not {if_match}.",
        hint="Read it again, and send its ETag as If-Match.",
        extra={"current": _wire(tx, actor, found)},
    )


def _begin(tx: Transaction, actor: Actor, reason: str | None, until: datetime | None) -> bool:
    before = halt.current(tx)
    at, by = (tx.now, actor.name) if before is None else (before.at, before.by)
    end = None if until is None else to_micros(until)
    wanted = halt.Halt(at, by, reason or None, end, revision=halt.revision(tx) + 1)
    if not halt.begin(tx, wanted, instead_of=before):
        return False
    audit.record(tx, actor, "pause", "everything", "", detail={"reason": reason, "until": format_instant(until)})
    return True


def _end(tx: Transaction, actor: Actor, *, at: int, missed: str = "skip") -> bool:
    if halt.end(tx, at=at, missed=missed) is None:
        return False
    audit.record(tx, actor, "resume", "everything", "", detail={"missed": missed})
    return True


def end_if_over(database: Database) -> None:
    """Lift the pause if its end has come; as of that end, however late this is asked."""
    with database.write() as tx:
        found = halt.current(tx)
        if found is not None and found.until is not None and found.until <= tx.now:
            _end(tx, SYSTEM, at=found.until)
            tx.wake_engine()


def refuse(tx: Transaction) -> None:
    """Raise :class:`Conflict` while everything is paused: what is asked for now would start when nobody expects it."""
    found = halt.current(tx)
    if found is None:
        return
    raise Conflict(
        f"{words(found)} Nothing starts now.",
        hint='PUT /api/v1/pause with {"paused": false} lets everything go on.',
    )


def words(found: halt.Halt) -> str:
    """Return who has paused everything, since when, until when and why."""
    reason = f": “{found.reason}”" if found.reason else ""
    until = f" until {format_instant(found.until)}" if found.until is not None else ""
    return f"Everything is paused by {found.by} since {format_instant(found.at)}{until}{reason}."


def brief(found: halt.Halt | None) -> dict[str, Any] | None:
    """Return the pause of everything as the pause of a schedule is written; ``None`` while there is none."""
    if found is None:
        return None
    return {
        "reason": found.reason,
        "until": format_instant(found.until),
        "by": found.by,
        "at": format_instant(found.at),
    }


def _wire(tx: Transaction, actor: Actor, found: halt.Halt | None) -> dict[str, Any]:
    nobody = {"reason": None, "until": None, "by": None, "at": None}
    slots = 0 if found is None else _slots(tx, actor, found)
    return {
        "paused": found is not None,
        **(brief(found) or nobody),
        "slots": slots,
        "revision": halt.revision(tx),
    }


def _slots(tx: Transaction, actor: Actor, found: halt.Halt) -> int | None:
    """Return how many slots have passed since the pause began; ``None`` where that takes too long to count."""
    rows = planned.before(tx, actor.scope, tx.now + 1, COUNTED_MOST + 1)
    if len(rows) > COUNTED_MOST:
        return None
    total = 0
    for row in rows:
        trigger = present.readable_trigger(row.trigger)
        first = max(row.goes_on_at, found.at)
        if trigger is None or first > tx.now:
            continue
        _, count = trigger.latest_and_count(from_micros(first - 1), from_micros(tx.now))
        left = count if trigger.max_runs is None else min(count, max(trigger.max_runs - row.slots_fired, 0))
        total += left * row.number
    return total
