"""A schedule is due: its runs come into being and ``due_at`` moves on, in one transaction.

No crash can lose the next occurrence or make one twice: the runs, their ``occurrence_key`` and the moved ``due_at``
(guarded by its old value, the revision and the pause) are committed together.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, select, true, update
from sqlalchemy.exc import SQLAlchemyError

from enschedule_core import triggers
from enschedule_core.clock import from_micros, to_micros
from enschedule_core.run import OriginKind, RunStatus
from enschedule_core.schedule import CatchUpMode, Overlap, Policies, SkipReason
from enschedule_worker.service.claiming import Taken
from enschedule_worker.service.fired_batch import Batch, FreePlaces, Moved
from enschedule_worker.service.slots import ON_TIME, Plan, plan
from enschedule_worker.store import due_schedules, halt, new_runs, occurrence, queue, recent, runs, skips
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.tables import table_of

logger = logging.getLogger(__name__)
_TABLE = table_of(Schedule)
_MAX_BACKOFF_SECONDS = 3600


@lru_cache(maxsize=20_000)
def trigger_of(text: str) -> triggers.Trigger:
    """Return the trigger from its stored form."""
    return triggers.from_wire(json.loads(text))


@lru_cache(maxsize=2_000)
def policies_of(text: str) -> Policies:
    """Return the policies from their stored form."""
    return Policies.from_wire(json.loads(text))


@lru_cache(maxsize=2_000)
def _policy_columns(text: str) -> dict[str, Any]:
    return new_runs.policy_columns(json.loads(text))


@dataclass(slots=True)
class Fired:
    """How many schedules were looked at, how many runs wait in the queue now, and those that were taken at once.

    ``ranked`` is False only if no schedule has ever had a priority: then the oldest is always the next.
    """

    looked: int
    queued: int = 0
    ranked: bool = True
    taken: list[Taken] = field(default_factory=list)


def fire_due(tx: Transaction, *, kinds: Collection[str], limit: int, free: FreePlaces | None = None) -> Fired:
    """Fire up to ``limit`` due schedules, oldest first, of the trigger ``kinds`` that this worker knows.

    As many ``looked`` at as ``limit`` means that there may be more.
    """
    rows = due_schedules.take(tx, kinds, limit=limit)
    batch = Batch(free)
    for row in sorted(rows, key=lambda found: found.key):
        try:
            _fire(tx, batch, row)
        except SQLAlchemyError:  # no row's fault: the transaction is undone, and nothing of it may be committed
            raise
        except Exception as problem:  # noqa: BLE001 - one bad row must not stop the others
            _back_off(tx, row, problem)
    batch.write(tx)
    ranked = not rows or rows[0].ranked is not None
    return Fired(len(rows), len(batch.new), ranked, batch.taken)


def fire_missed(tx: Transaction, row: Row[Any], *, mode: CatchUpMode) -> None:
    """Decide over the slots that were missed up to now as ``mode`` says, and move ``due_at`` behind now.

    For a resume: the row's pause must be lifted in the same transaction, before or after.
    """
    batch = Batch()
    _fire(tx, batch, due_schedules.row_of(tx, row.key), mode=mode, reason=SkipReason.PAUSED)
    batch.write(tx, guarded=False)


def _fire(
    tx: Transaction, batch: Batch, row: Row[Any], *, mode: CatchUpMode | None = None, reason: SkipReason | None = None
) -> None:
    if row.paused and mode is None:
        _end_pause(tx, row)
        return
    if row.due_at is None or row.due_at > tx.now:
        _look_again(tx, row)
        return
    over = halt.read(row.last_halt)
    if over is not None and mode is None and row.due_at < (over.lifted_at or 0):
        _settle_halted(tx, batch, row, over)
        return
    trigger, policies = trigger_of(row.trigger), policies_of(row.policies)
    catch_up = policies.catch_up if mode is None else replace(policies.catch_up, mode=mode)
    found = plan(trigger, due_at=from_micros(row.due_at), now=from_micros(tx.now), catch_up=catch_up)
    skipped = [skips.Skipped(reason, s.first, s.last, s.count) for s in found.skip] if reason else list(found.skip)
    _carry_out(tx, batch, row, found, skipped, policies)


def _carry_out(
    tx: Transaction, batch: Batch, row: Row[Any], found: Plan, skipped: list[skips.Skipped], policies: Policies
) -> None:
    trigger = trigger_of(row.trigger)
    slots, serial = _after_overlap(tx, row, list(found.run), policies.overlap)
    overlapped = found.run[: len(found.run) - len(slots)]
    if overlapped:
        instants = [to_micros(slot) for slot in overlapped]
        skipped.append(skips.Skipped(SkipReason.OVERLAP, instants[0], instants[-1], len(instants)))
    next_at = found.next_at
    if trigger.max_runs is not None:  # only slots that become runs count
        left = trigger.max_runs - row.slots_fired
        slots, next_at = slots[:left], None if left <= len(slots) else next_at
    rail = _record(tx, row, skipped) if skipped or policies.overlap is Overlap.REPLACE else row.recent
    made = [_slot_run(tx, row, slot, policies, serial=serial) for slot in slots]
    if len(made) == 1 and row.open_runs == 0:
        batch.alone.append((made[0], row.id))
    else:
        batch.new += made
    batch.moved.append(
        Moved(
            row.key, row.revision, row.due_at, len(slots), None if next_at is None else to_micros(next_at), recent=rail
        )
    )


def _record(tx: Transaction, row: Row[Any], skipped: Iterable[skips.Skipped]) -> str:
    """Record slots that do not run, and return the schedule's rail with them."""
    trigger = trigger_of(row.trigger)

    def next_after(micros: int) -> int | None:
        found = trigger.next_after(from_micros(micros))
        return None if found is None else to_micros(found)

    # Read now: what overlap has cancelled a moment ago is on it already.
    rail: str = tx.execute(select(_TABLE.c.recent).where(_TABLE.c.key == row.key)).scalar_one()
    for skip in skipped:
        skips.record(tx, row.key, skip, next_after)
        rail = recent.add(rail, recent.Place(0, skip.first, RunStatus.SKIPPED, count=skip.count))
    return rail


def _after_overlap(
    tx: Transaction, row: Row[Any], slots: list[datetime], overlap: Overlap
) -> tuple[list[datetime], bool]:
    """Return the slots that become runs, and whether each waits for the open runs before it."""
    if overlap is Overlap.ALLOW or not slots:
        return slots, False
    if row.open_runs == 0:
        return slots, len(slots) > 1
    if overlap is Overlap.SKIP:
        return [], False
    if overlap is Overlap.QUEUE:
        waiting = row.open_runs - row.running_runs
        return ([] if waiting > 0 else slots[-1:]), True
    for run_id in queue.open_of(tx, row.key):  # replace
        runs.request_cancel(tx, run_id, "the next slot (overlap is replace)")
    return slots[-1:], True


def _slot_run(tx: Transaction, row: Row[Any], slot: datetime, policies: Policies, *, serial: bool) -> new_runs.NewRun:
    slot_at = to_micros(slot)
    window = policies.catch_up.window_seconds
    return new_runs.NewRun(
        occurrence_key=occurrence.slot_key(row.key, slot_at, 1),
        schedule_key=row.key,
        revision=row.revision,
        group_id=row.group_id,
        handler_id=row.handler_id,
        handler_version=row.handler_version,
        slot_at=slot_at,
        origin_kind=OriginKind.SLOT,
        queued_at=tx.now,
        not_before=slot_at,
        serial=serial,
        expires_at=None if window is None else slot_at + round(window * 1_000_000),
        **new_runs.claim_columns(row, row.handler_max_running),
        **_policy_columns(row.policies),
    )


def _end_pause(tx: Transaction, row: Row[Any]) -> None:
    """The pause was until now: lift it, record its slots as skipped, and leave those since then to the next look."""
    if row.paused_until is None or row.paused_until > tx.now:
        _look_again(tx, row)
        return
    tx.execute(
        update(_TABLE)
        .where(_TABLE.c.key == row.key, _TABLE.c.paused == true(), _TABLE.c.paused_until == row.paused_until)
        .values(paused=False, paused_at=None, paused_by=None, paused_until=None, pause_reason=None)
    )
    skip_paused(tx, row, before=row.paused_until)


def skip_paused(tx: Transaction, row: Row[Any], *, before: int) -> None:
    """Record the slots before an instant (microseconds) as skipped by a pause; the first one since is due next."""
    _skip_until(tx, row, [(SkipReason.PAUSED, before)])


def _settle_halted(tx: Transaction, batch: Batch, row: Row[Any], over: halt.Halt) -> None:
    """Decide over the slots up to the end of a pause of everything, as whoever lifted it said; later ones come next."""
    assert over.lifted_at is not None
    if over.missed == "skip":
        _skip_halted(tx, row, over)
        return
    policies = policies_of(row.policies)
    catch_up = replace(policies.catch_up, mode=CatchUpMode(over.missed))
    last = from_micros(over.lifted_at - 1)
    found = plan(trigger_of(row.trigger), due_at=from_micros(row.due_at), now=last, catch_up=catch_up)
    skipped = [skips.Skipped(SkipReason.ALL_PAUSED, one.first, one.last, one.count) for one in found.skip]
    _carry_out(tx, batch, row, found, skipped, policies)


def _skip_halted(tx: Transaction, row: Row[Any], over: halt.Halt) -> None:
    """Record the slots that came while everything was paused, and before that those that nobody had looked at."""
    assert over.lifted_at is not None
    missed = min(over.at - round(ON_TIME.total_seconds() * 1_000_000), over.lifted_at)
    _skip_until(tx, row, [(SkipReason.MISSED, missed), (SkipReason.ALL_PAUSED, over.lifted_at)])


def _skip_until(tx: Transaction, row: Row[Any], borders: list[tuple[SkipReason, int]]) -> None:
    """Record the slots before each border (microseconds) as skipped for its reason; the first one since is due next."""
    trigger, due_at = trigger_of(row.trigger), row.due_at
    skipped = []
    for reason, before in borders:
        if due_at is None or due_at >= before:
            continue
        latest, count = trigger.latest_and_count(from_micros(due_at - 1), from_micros(before - 1))
        skipped.append(skips.Skipped(reason, due_at, to_micros(latest or from_micros(due_at)), max(count, 1)))
        following = trigger.next_after(from_micros(before - 1))
        due_at = None if following is None else to_micros(following)
    rail = {"recent": _record(tx, row, skipped)} if skipped else {}
    tx.execute(update(_TABLE).where(_TABLE.c.key == row.key).values(due_at=due_at, fire_at=due_at, **rail))


def _look_again(tx: Transaction, row: Row[Any]) -> None:
    """Nothing is due after all: set when to look next."""
    wake_at = row.paused_until if row.paused else row.due_at
    tx.execute(update(_TABLE).where(_TABLE.c.key == row.key).values(fire_at=wake_at))


def _back_off(tx: Transaction, row: Row[Any], problem: Exception) -> None:
    """Leave this schedule alone for 2^n seconds, at most an hour, and keep the reason for people to see."""
    faults = row.faults + 1
    wait = min(2 ** min(faults, 20), _MAX_BACKOFF_SECONDS)
    reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
    message = "schedule %s cannot be fired, next try in %s s: %s"
    logger.warning(message, row.id, wait, reason, extra={"schedule_id": row.id})
    tx.execute(
        update(_TABLE)
        .where(_TABLE.c.key == row.key)
        .values(faults=faults, broken_reason=reason[:1000], fire_at=tx.now + wait * 1_000_000)
    )
