"""One thing done to many schedules or runs: in short transactions, each of them refused or done by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import format_instant
from enschedule_core.errors import EnscheduleError, Unavailable
from enschedule_core.wire.actions import AT_ONCE, RunAction, ScheduleAction
from enschedule_worker.service import halting, pausing, present, runs, schedules
from enschedule_worker.service.access import changing, reading
from enschedule_worker.service.finding import existing
from enschedule_worker.store import run_reads, schedule_lists
from enschedule_worker.store import schedules as schedule_store
from enschedule_worker.store.answering import again_if_undone
from enschedule_worker.store.database import Database, Transaction

PIECE = 50
"""Rows in one transaction: others who write wait no longer than that takes."""
LONGEST_SECONDS = 5.0
"""After which a request stops between two transactions, so that whoever asked does not give up on it."""

Id = TypeVar("Id", str, int)


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Id]):
    """Which ones: ``ids``, or those that ``find`` gives: up to so many (place, id) behind a place.

    The place of an id among ``ids`` is how many stand before and at it.
    """

    ids: Sequence[Id] = ()
    find: Callable[[Transaction, int | None, int], Sequence[tuple[int, Id]]] | None = None

    def next(self, tx: Transaction, after: int | None, limit: int) -> Sequence[tuple[int, Id]]:
        """Return the next ones behind the place ``after``."""
        if self.find is not None:
            return self.find(tx, after, limit)
        begin = after or 0
        return list(enumerate(self.ids[begin : begin + limit], begin + 1))


@dataclass(slots=True)
class Result:
    """What was done and refused; ``following`` is the place to go on behind, ``None`` after the last."""

    done: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    following: int | None = None

    @property
    def count(self) -> int:
        """How many were looked at."""
        return len(self.done) + len(self.failed)


def schedules_where(actor: Actor, filters: schedule_lists.Filters) -> Chosen[str]:
    """Return the schedules of a filter, in the order in which they were made, which no action changes."""
    return Chosen(find=lambda tx, after, limit: schedule_lists.keys(tx, actor.scope, filters, limit=limit, after=after))


def runs_where(actor: Actor, filters: run_reads.RunFilters, schedule_id: str | None) -> Chosen[int]:
    """Return the runs of a filter, newest first: those that a retry makes meanwhile are not among them."""

    def find(tx: Transaction, before: int | None, limit: int) -> Sequence[tuple[int, int]]:
        narrowed = filters
        if schedule_id is not None:
            key = schedule_store.find_key(tx, schedule_id, actor.scope)
            if key is None:
                return []
            narrowed = run_reads.of_schedule(filters, key)
        return [(id, id) for id in run_reads.ids(tx, actor.scope, narrowed, limit=limit, before_id=before)]

    return Chosen(find=find)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the actions need besides: of a pause, of a resume, of a start by hand."""

    reason: str | None = None
    until: datetime | None = None
    missed: str = "skip"
    seen: pausing.Seen | None = None
    with_today: bool = False
    start: runs.Start = runs.BY_PROGRAM


def on_schedules(
    database: Database,
    actor: Actor,
    action: ScheduleAction,
    chosen: Chosen[str],
    wish: Wish,
    *,
    after: int | None = None,
) -> Result:
    """Run, pause, resume, delete or restore schedules, at most 1,000, behind the place ``after``.

    Raises :class:`Forbidden`, :class:`Conflict` for a run while everything is paused, and :class:`InvalidInput` for a
    pause that ends in the past; what is wrong with one schedule stands in the result.
    """
    edits = action in {ScheduleAction.DELETE, ScheduleAction.RESTORE}
    permission = Permission.EDIT if edits else Permission.OPERATE

    def do(tx: Transaction, schedule_id: str) -> dict[str, Any]:
        if action is ScheduleAction.RESTORE:
            schedules.restore_one(tx, actor, schedule_id)
            return {"id": schedule_id}
        row = existing(tx, actor, schedule_id, permission, lock=True)
        if action in {ScheduleAction.PAUSE, ScheduleAction.RESUME}:
            return _pause_or_resume(tx, actor, row, wish, is_pause=action is ScheduleAction.PAUSE)
        match action:
            case ScheduleAction.RUN:
                run_id, _ = runs.run_row(tx, actor, row, None, wish.start)
                return {"id": schedule_id, "run_id": run_id}
            case ScheduleAction.DELETE:
                schedules.delete_row(tx, actor, row)
        return {"id": schedule_id}

    with reading(database, actor, permission) as tx:
        pausing.check_until(tx, wish.until)
        if action is ScheduleAction.RUN:
            halting.refuse(tx)
    return _all(database, actor, permission, chosen, do, after)


def _pause_or_resume(tx: Transaction, actor: Actor, row: Row[Any], wish: Wish, *, is_pause: bool) -> dict[str, Any]:
    """Do it, and say which pause there was before and is now: who takes it back needs to know.

    What somebody has paused stays as it is, with their reason, end and name, unless that very pause was seen.
    """
    pausing.check_seen(row, wish.seen)
    before = present.pause_of(row)
    if is_pause and row.paused and wish.seen is None:
        return {"id": row.id, "pause_before": before, "pause": before}
    if is_pause:
        pausing.pause_row(tx, actor, row, reason=wish.reason, until=wish.until)
    elif row.paused:
        pausing.resume_row(tx, actor, row, missed=wish.missed)
    now = {
        "reason": wish.reason or None,
        "until": format_instant(wish.until),
        "by": actor.name,
        "at": format_instant(tx.now),
    }
    return {"id": row.id, "pause_before": before, "pause": now if is_pause else None}


def on_runs(
    database: Database, actor: Actor, action: RunAction, chosen: Chosen[int], wish: Wish, *, after: int | None = None
) -> Result:
    """Cancel, retry or delete runs, at most 1,000, behind the place ``after``.

    Raises :class:`Forbidden`, and :class:`Conflict` for a retry while everything is paused; what is wrong with one run
    stands in the result.
    """

    def do(tx: Transaction, run_id: int) -> dict[str, Any]:
        match action:
            case RunAction.CANCEL:
                runs.cancel_one(tx, actor, run_id)
            case RunAction.RETRY:
                again = runs.retry_one(tx, actor, run_id, with_today=wish.with_today, start=wish.start)
                return {"id": run_id, "run_id": again}
            case RunAction.DELETE:
                runs.delete_one(tx, actor, run_id)
        return {"id": run_id}

    permission = Permission.EDIT if action is RunAction.DELETE else Permission.OPERATE
    with reading(database, actor, permission) as tx:
        if action is RunAction.RETRY:
            halting.refuse(tx)
    return _all(database, actor, permission, chosen, do, after)


def _all(
    database: Database,
    actor: Actor,
    permission: Permission,
    chosen: Chosen[Id],
    do: Callable[[Transaction, Id], dict[str, Any]],
    after: int | None,
) -> Result:
    result, place = Result(), after
    until = time.monotonic() + LONGEST_SECONDS

    def piece() -> tuple[Result, int | None]:
        with changing(database, actor, permission) as tx:
            found = chosen.next(tx, place, PIECE + 1)
            now, is_more = found[:PIECE], len(found) > PIECE
            return _each(tx, [id for _, id in now], do), now[-1][0] if is_more else None

    while True:
        try:
            part, following = again_if_undone(piece)
        except Unavailable:
            if result.count == 0:
                raise
            break  # what was done is said, and the rest can be asked for again
        result.done += part.done
        result.failed += part.failed
        place = following
        if place is None or result.count >= AT_ONCE or time.monotonic() >= until:
            break
    result.following = place
    return result


def _each(tx: Transaction, ids: Sequence[Id], do: Callable[[Transaction, Id], dict[str, Any]]) -> Result:
    """Do it to each, in a savepoint of its own: one that is refused half-way leaves nothing behind."""
    result = Result()
    for id in ids:
        try:
            with tx.connection.begin_nested():
                result.done.append(do(tx, id))
        except EnscheduleError as problem:
            if problem.status >= 500:
                raise
            said = {"code": problem.code, "detail": problem.detail, "hint": problem.hint}
            result.failed.append({"id": id, **said})
    return result
