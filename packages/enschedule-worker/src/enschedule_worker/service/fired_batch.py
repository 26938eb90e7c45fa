"""What one firing writes: runs come into being and schedules move on, a few statements however many are due."""

from __future__ import annotations

import logging
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from sqlalchemy import Executable, false, null, update

from enschedule_worker.service.claiming import Taken
from enschedule_worker.store import bulk, new_runs, queue
from enschedule_worker.store.bindings import Reach
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.holding import Holder
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.tables import table_of

logger = logging.getLogger(__name__)
_TABLE = table_of(Schedule)


@dataclass(frozen=True, slots=True)
class FreePlaces:
    """The worker that fires, if nothing waits for its places: it takes at once what it fires, up to ``places`` runs.

    Such a run begins as ``running``, which saves its way through the queue. ``lease`` is in microseconds.
    """

    holder: Holder
    offers: queue.Offers
    reach: Reach
    places: int
    lease: int

    def may_take(self, new: new_runs.NewRun) -> bool:
        """Return whether this worker may run it without asking what else goes on."""
        mine = (new.handler_id, new.handler_version) in self.offers and self.reach.is_open(new.binding)
        return mine and not new.limited and not new.serial


class Moved(NamedTuple):
    """A schedule whose ``due_at`` moves on, as it was (``revision``, ``due_at``) and as it becomes."""

    key: int
    revision: int
    due_at: int | None
    fired: int
    next_at: int | None
    recent: str
    started: int = 0


def _move_statement(dialect: str, *, guarded: bool) -> Executable:
    kinds = {name: bulk.TEXT if name == "recent" else bulk.NUMBER for name in Moved._fields}
    found = bulk.rows(dialect, **kinds).c
    guard = (_TABLE.c.due_at == found.v_due_at, _TABLE.c.paused == false()) if guarded else ()
    return (
        update(_TABLE)
        .where(_TABLE.c.key == found.v_key, _TABLE.c.revision == found.v_revision, *guard)
        .values(
            due_at=found.v_next_at,
            fire_at=found.v_next_at,
            slots_fired=_TABLE.c.slots_fired + found.v_fired,
            open_runs=_TABLE.c.open_runs + found.v_fired,
            running_runs=_TABLE.c.running_runs + found.v_started,
            recent=found.v_recent,
            broken_reason=null(),
            faults=0,
        )
    )


_MOVE = bulk.Statement(partial(_move_statement, guarded=False))
_MOVE_GUARDED = bulk.Statement(partial(_move_statement, guarded=True))


@dataclass(slots=True)
class Batch:
    """What one firing writes, collected so that it is a few statements however many schedules are due.

    ``alone`` are the runs, with their schedules' ids, that no other run of their schedule has to wait for or precede.
    """

    free: FreePlaces | None = None
    new: list[new_runs.NewRun] = field(default_factory=list)
    alone: list[tuple[new_runs.NewRun, str]] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)

    def write(self, tx: Transaction, *, guarded: bool = True) -> None:
        """Write all of it. ``guarded``: a schedule that somebody else has moved or paused meanwhile is an error."""
        if not self.moved:
            return
        there = Tally(run.schedule_key for run in self._insert(tx))
        started = Tally(taken.new.schedule_key for taken in self.taken)
        moved = [
            row._replace(fired=row.fired - there[row.key], started=started[row.key]) if there or started else row
            for row in self.moved
        ]
        done = (_MOVE_GUARDED if guarded else _MOVE).changed(tx, moved)
        if done != len(moved):
            raise RuntimeError(f"moved {done} of {len(moved)} locked schedules")

    def _insert(self, tx: Transaction) -> list[new_runs.NewRun]:
        """Insert the runs and return those that were there already: the clock went back, and their slots came again."""
        chosen = self._choose()
        waiting = self.new + [new for new, _ in self.alone if new.occurrence_key not in chosen]
        there = [*self._take(tx, chosen), *new_runs.insert_unless_there(tx, waiting)]
        self.new = [new for new in waiting if new not in there] if there else waiting
        if there:
            keys = ", ".join(sorted(new.occurrence_key for new in there))
            logger.warning("slots that had their runs already came again: %s", keys)
        return there

    def _choose(self) -> dict[str, tuple[new_runs.NewRun, str]]:
        """Return the runs to take at once, by occurrence key in the order of the queue, with their schedules' ids."""
        if self.free is None or self.free.places <= 0:
            return {}
        fitting = [(new, id) for new, id in self.alone if self.free.may_take(new)]
        fitting.sort(key=lambda one: (one[0].rank, one[0].not_before))
        return {one[0].occurrence_key: one for one in fitting[: self.free.places]}

    def _take(self, tx: Transaction, chosen: Mapping[str, tuple[new_runs.NewRun, str]]) -> Sequence[new_runs.NewRun]:
        """Insert the runs that this worker takes at once; return those that were there already."""
        if self.free is None or not chosen:
            return []
        holder = self.free.holder
        fresh = [new for new, _ in chosen.values()]
        ids, there = new_runs.insert_running(
            tx, fresh, worker_id=holder.worker_id, instance=holder.instance_id, lease=self.free.lease
        )
        self.taken = [Taken(ids[key], new, schedule_id) for key, (new, schedule_id) in chosen.items() if key in ids]
        return there
