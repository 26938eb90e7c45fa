"""Schedules that run after others: ``on_success`` and ``on_failure``.

The follow-up is made in the transaction that ends the run, once for each chain of attempts: after it has succeeded, or
when its attempts are used up. A run that was cancelled or came too late has none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from enschedule_core.errors import FieldError, InvalidInput
from enschedule_core.run import OriginKind, RunStatus
from enschedule_core.schedule import Policies
from enschedule_worker.store import limits, new_runs, occurrence, run_details, standing
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.tables import table_of

MAX_DEPTH = 20
"""How long a chain of schedules may be; longer ones are most likely circles that two people closed at once."""

_S = table_of(Schedule).c


# ---------------------------------------------------------------- at the end of a run


@dataclass(frozen=True, slots=True)
class _FollowUp:
    """A run that has ended, and the schedule that is to run after it."""

    source_id: str
    group_id: int | None
    end: standing.End
    target_id: str


def follow(tx: Transaction, standings: Sequence[standing.Standing]) -> int:
    """Make the runs that follow the ends in ``standings``, and return how many.

    Where there is none to make, the ended run gets a note why: the schedule is gone or paused, or the chain too long.
    """
    wanted = [found for one in standings for found in _wanted(one)]
    if not wanted:
        return 0
    ids = {one.target_id for one in wanted}
    targets = {row.id: row for row in tx.execute(select(*_S).where(_S.id.in_(sorted(ids))))}
    made: dict[str, new_runs.NewRun] = {}
    for one in wanted:
        target = targets.get(one.target_id)
        hindrance = _hindrance(one, target)
        if target is None or hindrance is not None:
            run_details.add_note(tx, one.end.run_id, f"{one.target_id} was not started after it: {hindrance}.")
            continue
        new = _run_of(tx, one, target)
        made[new.occurrence_key] = new
    there = new_runs.existing(tx, made) if made else set()
    fresh = [new for key, new in made.items() if key not in there]
    new_runs.insert_many(tx, fresh)
    standing.opened(tx, standing.tally(new.schedule_key for new in fresh))
    if fresh:
        tx.wake_engine()
    return len(fresh)


def _wanted(one: standing.Standing) -> Iterable[_FollowUp]:
    if one.row.deleted_at is not None:  # it lets its runs end, and starts no more
        return
    for end in one.ends:
        if end.status is RunStatus.SUCCEEDED:
            target = one.row.on_success
        elif end.status.is_trouble and end.retry_at is None:
            target = one.row.on_failure
        else:
            continue
        if target is not None:
            yield _FollowUp(one.row.id, one.row.group_id, end, target)


def _hindrance(one: _FollowUp, target: Row[Any] | None) -> str | None:
    if target is None:
        return "there is no such schedule any more"
    if target.group_id != one.group_id:
        return "it belongs to another group"
    if target.paused:
        return f"it is paused by {target.paused_by}"
    if one.end.depth >= MAX_DEPTH:
        return f"{MAX_DEPTH} runs have followed one another already"
    return None


def _run_of(tx: Transaction, one: _FollowUp, target: Row[Any]) -> new_runs.NewRun:
    return new_runs.NewRun(
        occurrence_key=occurrence.chain_key(one.end.root_id, target.key),
        schedule_key=target.key,
        revision=target.revision,
        group_id=target.group_id,
        handler_id=target.handler_id,
        handler_version=target.handler_version,
        origin_kind=OriginKind.CHAIN,
        origin_actor=one.source_id,
        queued_at=tx.now,
        not_before=tx.now,
        depth=one.end.depth + 1,
        **new_runs.claim_columns(target, limits.of_handler(tx, target.handler_id, target.handler_version)),
        **new_runs.policy_columns(json.loads(target.policies)),
    )


# ---------------------------------------------------------------- when a schedule is saved


def check(
    tx: Transaction,
    schedule_id: str,
    policies: Policies,
    before: Row[Any] | None,
    *,
    group: int | None = None,
    known: Collection[str] = (),
) -> None:
    """Raise :class:`InvalidInput` for a follow-up that does not exist, or that would lead back to ``schedule_id``.

    A schedule can start those of its own ``group`` only: whoever edits it may not run others. One that has gone since
    it was saved (``before`` is the row) does not keep other edits from being saved. Those in ``known`` will be saved as
    well, and are looked at then.
    """
    errors = []
    for name in ("on_success", "on_failure"):
        target = getattr(policies, name)
        if target is None or target in known or (before is not None and getattr(before, name) == target):
            continue
        message = _fault(tx, schedule_id, target, group)
        if message is not None:
            errors.append(FieldError(name, message))
    if errors:
        raise InvalidInput(f"{errors[0].field}: {errors[0].message}", errors=errors)


def _fault(tx: Transaction, schedule_id: str, target: str, group: int | None) -> str | None:
    if target == schedule_id:
        return "A schedule cannot run after itself."
    found = tx.execute(select(_S.group_id).where(_S.id == target)).first()
    if found is None or found.group_id != group:
        return f"There is no schedule {target}." if group is None else f"There is no schedule {target} in its group."
    way = _way_back(tx, target, schedule_id)
    if way is not None:
        return f"This is a circle: {' → '.join([schedule_id, *way])}."
    return None


def _way_back(tx: Transaction, start: str, goal: str) -> list[str] | None:
    """Return the ids from ``start`` to ``goal`` along follow-ups; ``None`` if they do not lead there."""
    came_from: dict[str, str | None] = {start: None}
    layer = [start]
    while layer:
        rows = tx.execute(select(_S.id, _S.on_success, _S.on_failure).where(_S.id.in_(sorted(layer))))
        layer = []
        for row in rows:
            for following in (row.on_success, row.on_failure):
                if following is None or following in came_from:
                    continue
                came_from[following] = row.id
                layer.append(following)
        if goal in came_from:
            way: list[str] = []
            at: str | None = goal
            while at is not None:
                way.append(at)
                at = came_from[at]
            return way[::-1]
    return None
