"""How many runs go on at once: limits of schedules, handlers and named groups, kept on all workers together.

Who claims a limited run holds the gate, one row, until its transaction ends, and counts what goes on after it has it:
so no two workers count the same free place. Nobody waits for the gate; who does not get it leaves the limited runs to
the one who has it. Everything else only makes places free, and needs no gate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, false, func, insert, not_, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from enschedule_core.run import OPEN, RunStatus
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.models.sharing import State
from enschedule_worker.store.models.status import has_status
from enschedule_worker.store.models.workers import ConcurrencyGroup, Handler
from enschedule_worker.store.tables import table_of

GROUP_DEFAULT = 1
"""What a group allows that a schedule names and nobody has defined: one at a time is what a name asks for."""

SKIP_LOCKED_MSSQL = "WITH (ROWLOCK, READPAST, UPDLOCK)"
_GATE = "claim-gate"
_R = table_of(Run).c
_S = table_of(Schedule).c
_H = table_of(Handler).c
_G = table_of(ConcurrencyGroup).c
_STATE = table_of(State)


# ---------------------------------------------------------------- the gate

_ENTER = (
    select(_STATE.c.name)
    .where(_STATE.c.name == _GATE)
    .with_for_update(skip_locked=True)
    .with_hint(_STATE, SKIP_LOCKED_MSSQL, "mssql")
)


def enter(tx: Transaction) -> bool:
    """Take the gate until the transaction ends; False if another worker has it. On SQLite the writer has it anyway."""
    if tx.dialect == "sqlite" or tx.execute(_ENTER).first() is not None:
        return True
    if tx.execute(select(_STATE.c.name).where(_STATE.c.name == _GATE)).first() is not None:
        return False
    try:
        with tx.connection.begin_nested():
            tx.execute(insert(_STATE).values(name=_GATE, value=""))
    except IntegrityError:  # another worker, at its first limited run as well
        return False
    return True


# ---------------------------------------------------------------- the room behind it

_RUNNING = (
    select(_R.schedule_key, _R.handler_id, _R.concurrency_group, func.count().label("runs"))
    .where(has_status(_R.status, RunStatus.RUNNING))
    .group_by(_R.schedule_key, _R.handler_id, _R.concurrency_group)
)
_Key = tuple[str, Any]


@dataclass(slots=True)
class Room:
    """What goes on now, and how much of it is allowed; :meth:`take` counts a further run in."""

    going_on: Counter[_Key]
    allowed: dict[_Key, int]

    @classmethod
    def look(cls, tx: Transaction, candidates: Collection[Row[Any]]) -> Room:
        """Count what goes on, and read the limits of that and of ``candidates``; the gate must be held."""
        going_on: Counter[_Key] = Counter()
        for row in tx.execute(_RUNNING):
            for key in _counted(row):
                going_on[key] += row.runs
        room = cls(going_on, {})
        room._read(tx, candidates)
        return room

    def _read(self, tx: Transaction, candidates: Iterable[Row[Any]]) -> None:
        for row in tx.execute(select(_H.id, _H.version, _H.max_running).where(_H.max_running.is_not(None))):
            self.allowed["version", (row.id, row.version)] = row.max_running
        for row in tx.execute(select(_G.name, _G.max_running)):
            self.allowed["group", row.name] = row.max_running
        self.learn(tx, candidates)

    def learn(self, tx: Transaction, candidates: Iterable[Row[Any]]) -> None:
        """Read the limits of the schedules of ``candidates`` and of what goes on, where they are not known."""
        found = {key for kind, key in self.going_on if kind == "schedule"}
        found |= {row.schedule_key for row in candidates if row.limited and row.schedule_key is not None}
        missing = sorted(key for key in found if ("schedule", key) not in self.allowed)
        if not missing:
            return
        self.allowed |= {("schedule", key): 2**31 for key in missing}
        for row in tx.execute(select(_S.key, _S.max_running).where(_S.key.in_(missing), _S.max_running.is_not(None))):
            self.allowed["schedule", row.key] = row.max_running

    def take(self, run: Row[Any]) -> bool:
        """Count ``run`` in if every limit on it allows one more."""
        if any(self._is_full(key) for key in _limits_on(run)):
            return False
        self.going_on.update(_counted(run))
        return True

    def _is_full(self, key: _Key) -> bool:
        kind, name = key
        default = GROUP_DEFAULT if kind == "group" else 2**31
        counted = ("handler", name[0]) if kind == "version" else key
        return self.going_on[counted] >= self.allowed.get(key, default)

    def has_room(self) -> ColumnElement[bool]:
        """Return the SQL condition on ``runs`` that none of the limits on it is reached."""
        groups = [name for kind, name in self.going_on if kind == "group" and self._is_full((kind, name))]
        schedules = [key for kind, key in self.going_on if kind == "schedule" and self._is_full((kind, key))]
        versions = [name for kind, name in self.allowed if kind == "version" and self._is_full((kind, name))]
        full = [and_(_R.handler_id == name, _R.handler_version == version) for name, version in sorted(versions)]
        conditions: list[ColumnElement[bool]] = [not_(or_(*full))] if full else []
        for column, names in ((_R.concurrency_group, groups), (_R.schedule_key, schedules)):
            if names:
                conditions.append(or_(column.is_(None), column.not_in(sorted(names))))
        return or_(_R.limited == false(), and_(*conditions)) if conditions else true()


def _counted(row: Row[Any]) -> list[_Key]:
    """Return what a run that goes on is counted for."""
    found: list[_Key] = [("handler", row.handler_id)]
    if row.schedule_key is not None:
        found.append(("schedule", row.schedule_key))
    if row.concurrency_group is not None:
        found.append(("group", row.concurrency_group))
    return found


def _limits_on(row: Row[Any]) -> list[_Key]:
    return [("version", (row.handler_id, row.handler_version)), *_counted(row)[1:]]


# ---------------------------------------------------------------- which runs are limited


def of_handler(tx: Transaction, handler_id: str, handler_version: int) -> int | None:
    """Return how many runs of a handler may go on at once, as its last registration says; ``None``: any number."""
    found: int | None = tx.execute(
        select(_H.max_running).where(_H.id == handler_id, _H.version == handler_version)
    ).scalar()
    return found


def apply_to_open(tx: Transaction, schedule_key: int, group: str | None) -> None:
    """Let the open runs of a schedule, which were made before it had a limit or another group, observe it from now."""
    tx.execute(
        update(Run)
        .where(Run.schedule_key == schedule_key, Run.status.in_(sorted(OPEN)))
        .values(limited=True, concurrency_group=group)
    )


# ---------------------------------------------------------------- groups


def define(tx: Transaction, name: str, max_running: int, by: str) -> None:
    """Say how many runs of a group may go on at once; runs that do already stay."""
    values = {"max_running": max_running, "updated_at": tx.now, "updated_by": by}
    if tx.execute(update(ConcurrencyGroup).where(ConcurrencyGroup.name == name).values(**values)).rowcount == 0:
        tx.execute(insert(ConcurrencyGroup).values(name=name, **values))


def groups(tx: Transaction) -> list[Row[Any]]:
    """Return every group that is defined or that a schedule names, by name.

    Columns: name, max_running, updated_at, updated_by (the last two ``None`` where it is not defined), ``schedules``
    that name it, and how many of its runs are ``running`` and ``queued`` (due, and waiting).
    """
    named = (
        select(_S.concurrency_group.label("name"), func.count().label("schedules"))
        .where(_S.concurrency_group.is_not(None), _S.deleted_at.is_(None))
        .group_by(_S.concurrency_group)
        .subquery()
    )
    every = select(_G.name).union(select(named.c.name)).subquery()

    def number(*conditions: ColumnElement[bool]) -> Any:
        return (
            select(func.count())
            .select_from(table_of(Run))
            .where(_R.concurrency_group == every.c.name, *conditions)
            .scalar_subquery()
        )

    return list(
        tx.execute(
            select(
                every.c.name,
                func.coalesce(_G.max_running, GROUP_DEFAULT).label("max_running"),
                _G.updated_at,
                _G.updated_by,
                func.coalesce(named.c.schedules, 0).label("schedules"),
                number(_R.status == RunStatus.RUNNING).label("running"),
                number(_R.status == RunStatus.QUEUED, _R.not_before <= tx.now).label("queued"),
            )
            .select_from(every)
            .outerjoin(table_of(ConcurrencyGroup), _G.name == every.c.name)
            .outerjoin(named, named.c.name == every.c.name)
            .order_by(every.c.name)
        )
    )


def holders(tx: Transaction, *, group: str | None = None, handler_id: str | None = None) -> list[Row[Any]]:
    """Return id, title, group_id of the schedules whose runs go on in a group or of a handler; ``runs`` of each.

    Runs without a schedule are one row without an id.
    """
    which = _R.concurrency_group == group if handler_id is None else _R.handler_id == handler_id
    return list(
        tx.execute(
            select(_S.id, _S.title, _S.group_id, func.count().label("runs"))
            .select_from(table_of(Run).outerjoin(table_of(Schedule), _S.key == _R.schedule_key))
            .where(has_status(_R.status, RunStatus.RUNNING), which)
            .group_by(_S.id, _S.title, _S.group_id)
            .order_by(func.count().desc(), _S.title)
        )
    )


def group_limit(tx: Transaction, name: str) -> int:
    """Return how many runs of a group may go on at once."""
    found: int | None = tx.execute(select(_G.max_running).where(_G.name == name)).scalar()
    return GROUP_DEFAULT if found is None else found
