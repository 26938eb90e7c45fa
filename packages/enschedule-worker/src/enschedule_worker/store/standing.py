"""How a schedule stands: the columns of its row that follow from its runs, changed in the transaction of the run."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from sqlalchemy import Executable, Row, null, select, update

from enschedule_core.run import RunStatus
from enschedule_worker.store import bulk, recent
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.tables import table_of

_TABLE = table_of(Schedule)


@dataclass(frozen=True, slots=True)
class End:
    """A run that has ended. ``retry_at`` says when another attempt follows; ``was_running``, that it held a place."""

    schedule_key: int | None
    run_id: int
    root_id: int
    place_at: int
    status: RunStatus
    finished_at: int
    duration: int | None
    was_running: bool
    retry_at: int | None = None
    depth: int = 0

    @classmethod
    def of(
        cls,
        row: Row[Any],
        status: RunStatus,
        *,
        finished_at: int,
        started_at: int | None = None,
        retry_at: int | None = None,
        was_running: bool | None = None,
    ) -> Self:
        """Return the end of the run whose row, as it was before, is ``row``.

        What ``started_at`` and ``was_running`` say need not be in it.
        """
        started = row.started_at if started_at is None else started_at
        return cls(
            schedule_key=row.schedule_key,
            run_id=row.id,
            root_id=row.root_id or row.id,
            place_at=row.slot_at or row.queued_at,
            status=status,
            finished_at=finished_at,
            duration=None if started is None else finished_at - started,
            was_running=row.status == RunStatus.RUNNING if was_running is None else was_running,
            retry_at=retry_at,
            depth=row.depth,
        )


def tally(schedule_keys: Iterable[int | None]) -> dict[int, int]:
    """Count runs by schedule, leaving out those without one."""
    return dict(Tally(key for key in schedule_keys if key is not None))


def opened(tx: Transaction, amounts: Mapping[int, int]) -> None:
    """Count new open runs."""
    _add(tx, _OPENED, amounts)


def claimed(tx: Transaction, amounts: Mapping[int, int]) -> None:
    """Count runs that started. A retry that has started is no longer ahead."""
    _add(tx, _CLAIMED, amounts)


def released(tx: Transaction, amounts: Mapping[int, int]) -> None:
    """Count runs that went back to the queue."""
    _add(tx, _RELEASED, amounts)


def _add(tx: Transaction, statement: bulk.Statement, amounts: Mapping[int, int]) -> None:
    statement.changed(tx, sorted(amounts.items()))


def _counting(changes: Callable[[Any], Mapping[str, Any]]) -> bulk.Statement:
    """Return the statement for rows of (key, n) that makes ``changes`` of a schedule, which are given the column n."""

    def build(dialect: str) -> Executable:
        found = bulk.rows(dialect, key=bulk.NUMBER, n=bulk.NUMBER).c
        return update(_TABLE).where(_TABLE.c.key == found.v_key).values(**changes(found.v_n))

    return bulk.Statement(build)


_OPENED = _counting(lambda n: {"open_runs": _TABLE.c.open_runs + n})
_CLAIMED = _counting(lambda n: {"running_runs": _TABLE.c.running_runs + n, "retry_at": null()})
_RELEASED = _counting(lambda n: {"running_runs": _TABLE.c.running_runs - n})


@dataclass(frozen=True, slots=True)
class Turn:
    """A schedule that began to fail, or recovered, with this run."""

    schedule_key: int
    run_id: int
    is_failing: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A schedule over which runs have ended: its row before (:data:`_READ`), the ends, and since when it fails now."""

    row: Row[Any]
    ends: Sequence[End]
    failing_since: int | None

    @property
    def has_begun_to_fail(self) -> bool:
        """True if it was fine before these ends, and fails after them."""
        return self.row.failing_since is None and self.failing_since is not None

    @property
    def has_recovered(self) -> bool:
        """True if it failed before these ends, and is fine after them."""
        return self.row.failing_since is not None and self.failing_since is None

    @property
    def turn(self) -> Turn | None:
        """The turn that these ends have brought, by the last run that is a reason for it."""
        if not (self.has_begun_to_fail or self.has_recovered):
            return None
        failing = self.has_begun_to_fail
        reasons = [
            end.run_id
            for end in self.ends
            if (end.status.is_trouble and end.retry_at is None if failing else end.status is RunStatus.SUCCEEDED)
        ]
        return Turn(self.row.key, max(reasons), failing)


def ended(tx: Transaction, ends: Sequence[End]) -> list[Standing]:
    """Carry the ends of runs into their schedules: counts, last status, failing since, and the rail.

    Returns how each schedule stands now.
    """
    by_schedule: dict[int, list[End]] = {}
    for end in ends:
        if end.schedule_key is not None:
            by_schedule.setdefault(end.schedule_key, []).append(end)
    if not by_schedule:
        return []
    rows = _STANDINGS.run(tx, [(key,) for key in sorted(by_schedule)]).all()
    changes = [_standing(row, by_schedule[row.key]) for row in rows]
    _ENDED.changed(tx, changes)
    return [
        Standing(row, by_schedule[row.key], change.failing_since) for row, change in zip(rows, changes, strict=True)
    ]


_READ = (
    "key",
    "id",
    "deleted_at",
    "group_id",
    "recent",
    "failing_since",
    "failures_in_row",
    "last_success_at",
    "on_success",
    "on_failure",
)


def _standings_statement(dialect: str) -> Executable:
    found = bulk.rows(dialect, key=bulk.NUMBER).c
    return (
        select(*(_TABLE.c[name] for name in _READ))
        .where(_TABLE.c.key.in_(select(found.v_key)))
        .order_by(_TABLE.c.key)
        .with_for_update()
    )


_STANDINGS = bulk.Statement(_standings_statement)


class _Change(NamedTuple):
    """What the ends of runs change in the row of a schedule; ``closed`` and ``running`` are taken off."""

    key: int
    closed: int
    running: int
    recent: str
    last_status: str
    last_run_id: int
    last_run_at: int
    last_success_at: int | None
    failing_since: int | None
    failures_in_row: int
    retry_at: int | None


_CHANGED = _Change._fields[3:]


def _ended_statement(dialect: str) -> Executable:
    kinds = {name: bulk.TEXT if name in ("recent", "last_status") else bulk.NUMBER for name in _Change._fields}
    found = bulk.rows(dialect, **kinds).c
    return (
        update(_TABLE)
        .where(_TABLE.c.key == found.v_key)
        .values(
            open_runs=_TABLE.c.open_runs - found.v_closed,
            running_runs=_TABLE.c.running_runs - found.v_running,
            **{name: found[f"v_{name}"] for name in _CHANGED},
        )
    )


_ENDED = bulk.Statement(_ended_statement)


def _standing(row: Row[Any], ends: Sequence[End]) -> _Change:
    rail, failing_since, in_row, success = (
        row.recent,
        row.failing_since,
        row.failures_in_row,
        row.last_success_at,
    )
    for end in ends:
        rail = recent.add(rail, recent.Place(end.root_id, end.place_at, end.status, end.duration, count=1))
        if end.status is RunStatus.SUCCEEDED:
            failing_since, in_row, success = None, 0, end.finished_at
        elif end.status.is_trouble and end.retry_at is None:
            failing_since, in_row = failing_since or end.finished_at, in_row + 1
    last = ends[-1]
    return _Change(
        key=row.key,
        # A retry takes the place of the run that it repeats: the count of open runs stays.
        closed=sum(end.retry_at is None for end in ends),
        running=sum(end.was_running for end in ends),
        recent=rail,
        last_status=last.status,
        last_run_id=last.run_id,
        last_run_at=last.place_at,
        last_success_at=success,
        failing_since=failing_since,
        failures_in_row=in_row,
        retry_at=max((end.retry_at for end in ends if end.retry_at is not None), default=None),
    )
