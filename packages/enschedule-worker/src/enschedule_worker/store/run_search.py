"""How a list of runs is found without walking through all of them: the narrowest ways to what a filter asks for.

Runs are listed newest first, by id. What most of them match is found at once on that way. What few match is found
through the schedules that match (their runs have an index), or through the index of runs that did not succeed; where
nothing narrows it, at least no further back than the filter's time goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.sql.elements import ColumnElement

from enschedule_core.run import OPEN, TERMINAL, RunStatus
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.matching import contains, is_one_of
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule, ScheduleTag
from enschedule_worker.store.models.status import has_status
from enschedule_worker.store.schedule_lists import MANY, is_of_group, named

_SLACK = 3_600_000_000  # µs: ids are given in the order of queueing, but for transactions that overlap and clocks
_STEPS = 60
_TOLD = tuple(sorted(TERMINAL - {RunStatus.SUCCEEDED}))  # ends that have a message


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilters:
    """Which runs a list has; ``None`` and empty mean all. ``since`` and ``before`` (µs) are on ``queued_at``."""

    statuses: tuple[str, ...] = ()
    schedule_key: int | None = None
    handler_id: str | None = None
    handler_version: int | None = None
    worker: str | None = None
    tags: tuple[str, ...] = ()
    group: str | None = None
    since: int | None = None
    before: int | None = None
    q: str | None = None


def of_schedule(filters: RunFilters, key: int) -> RunFilters:
    """Return the same filters for the runs of one schedule."""
    return replace(filters, schedule_key=key)


Way = Sequence[ColumnElement[bool]]


def ways(tx: Transaction, filters: RunFilters) -> list[Way]:
    """Return conditions for statements that find the runs of a list together, each quickly, newest first.

    A run may be found on several ways. None at all means that there is no such run.
    """
    common = [*_plain(filters), *_bounds(tx, filters)]
    keys: set[int] | None = None
    for tag in filters.tags:
        tagged = _some(tx.execute(select(ScheduleTag.schedule_key).where(ScheduleTag.tag == tag).limit(MANY + 1)))
        if tagged is None:
            common.append(_has_tag(tag))
        else:
            keys = tagged if keys is None else keys & tagged
    if keys is not None:
        common.append(is_one_of(Run.schedule_key, keys))
    if keys == set():
        return []
    if not filters.q:
        return _by_status(common, filters.statuses)
    said = named(tx, filters.q)
    if said is None:
        return _by_status([*common, _says(filters.q)], filters.statuses)
    told = [status for status in _TOLD if status in (filters.statuses or _TOLD)]
    found = _by_status([*common, contains(Run.message, filters.q)], told) if told else []
    if said:
        found += _by_status([*common, is_one_of(Run.schedule_key, said)], filters.statuses)
    return found


def _by_status(common: Way, statuses: Sequence[str]) -> list[Way]:
    """Return a way for each status: an index by status and id gives the newest of one, but not of several together."""
    if not statuses or RunStatus.SUCCEEDED in statuses:  # most runs succeed
        return [[*common, has_status(Run.status, *statuses)] if statuses else common]
    return [[*common, has_status(Run.status, status)] for status in statuses]


def _plain(filters: RunFilters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, value in (
        (Run.schedule_key, filters.schedule_key),
        (Run.handler_id, filters.handler_id),
        (Run.handler_version, filters.handler_version),
    ):
        if value is not None:
            found.append(column == value)
    if filters.worker is not None:
        found.append(or_(Run.worker_id == filters.worker, Run.worker_instance == filters.worker))
    if filters.group is not None:
        found.append(is_of_group(Run.group_id, filters.group))
    if filters.since is not None:
        found.append(Run.queued_at >= filters.since)
    if filters.before is not None:
        found.append(Run.queued_at < filters.before)
    return found


def _has_tag(tag: str) -> ColumnElement[bool]:
    return exists().where(ScheduleTag.tag == tag, ScheduleTag.schedule_key == Run.schedule_key)


def _says(text: str) -> ColumnElement[bool]:
    return or_(*(contains(column, text) for column in (Schedule.id, Schedule.title, Run.handler_id, Run.message)))


def _some(found: Any) -> set[int] | None:
    keys = set(found.scalars())
    return None if len(keys) > MANY else keys


def _bounds(tx: Transaction, filters: RunFilters) -> Iterator[ColumnElement[bool]]:
    """Yield conditions on the id that follow from the time; none where the newest runs match anyway."""
    if filters.schedule_key is not None or set(filters.statuses) & OPEN:
        return
    narrow = filters.statuses or filters.handler_id or filters.worker or filters.tags or filters.group or filters.q
    if filters.since is not None and narrow:
        yield Run.id >= _id_near(tx, filters.since - 2 * _SLACK, filters.since - _SLACK)
    if filters.before is not None:
        yield Run.id < _id_near(tx, filters.before + _SLACK, filters.before + 2 * _SLACK)


def _id_near(tx: Transaction, first: int, last: int) -> int:
    """Return the id of a run that was queued between two instants, or else of the first one after them.

    One above all where there is none. By looking at a few of them: where it would be if they had come evenly, and in
    the middle of what is left.
    """
    low, high = (tx.execute(select(Run.id, Run.queued_at).order_by(order).limit(1)).first() for order in _ENDS)
    if low is None or high is None:
        return 0
    if high.queued_at < first:
        return int(high.id) + 1
    left, right, begins, ends = low.id, high.id, low.queued_at, high.queued_at
    for step in range(_STEPS):
        if left >= right:
            break
        share = ((first + last) / 2 - begins) / (ends - begins) if step % 2 == 0 and ends > begins else 0.5
        guess = left + int((right - left) * min(max(share, 0.0), 1.0))
        row = tx.execute(_FROM.where(Run.id >= min(guess, right - 1))).first()
        assert row is not None
        if first <= row.queued_at <= last:
            return int(row.id)
        if row.queued_at < first:
            left, begins = row.id + 1, row.queued_at
        else:
            right, ends = min(guess, right - 1), row.queued_at
    return int(left)


_ENDS = (Run.id, Run.id.desc())
_FROM = select(Run.id, Run.queued_at).order_by(Run.id).limit(1)
