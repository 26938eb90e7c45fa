"""The whole life of schedules and runs in random order, on the real store, with a clock moved by hand.

Hypothesis makes up what people and two workers do; after each step the promises are checked against the rows.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from database_kit import Places
from engine_kit import ACTOR, NOON, Handlers
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from enschedule_core import triggers
from enschedule_core.clock import from_micros, to_micros
from enschedule_core.errors import Conflict, InvalidInput
from enschedule_core.run import RunStatus, allowed
from enschedule_core.wire.definition import Definition
from enschedule_worker.service import concurrency_groups, endings, firing, halting, pausing, schedules
from enschedule_worker.service import runs as run_service
from enschedule_worker.store import census, picking, runs
from enschedule_worker.store.bindings import Reach
from enschedule_worker.store.clock import ManualClock
from enschedule_worker.store.holding import Ending, Holder
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule, Skip
from enschedule_worker.store.models.workers import Binding

LEASE = 45_000_000
GROUP_MOST = 2
IDS = ("a", "b", "c")
ENDS = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.CANCELLED, RunStatus.LOST)

definitions = st.fixed_dictionaries(
    {
        "schedule": st.sampled_from(["every 20 seconds", "every minute", "* * * * *", "every 45 minutes"]),
        "handler": st.sampled_from(["ok", "ok", "single"]),
        "overlap": st.sampled_from(["skip", "queue", "allow", "replace"]),
        "catch_up": st.fixed_dictionaries(
            {
                "mode": st.sampled_from(["latest", "all", "none"]),
                "window_seconds": st.sampled_from([None, None, 90]),
                "max": st.just(3),
            }
        ),
        "retry": st.fixed_dictionaries(
            {"max_attempts": st.sampled_from([1, 1, 2, 3]), "delay_seconds": st.sampled_from([0, 30])}
        ),
        "on_lost": st.sampled_from([None, "retry", "leave"]),
        "max_running": st.sampled_from([None, 1, 2]),
        "concurrency_group": st.sampled_from([None, "erp"]),
        "worker": st.sampled_from([{}, {}, {}, {"id": "w0"}, {"tags": ["odd"]}]),
        "priority": st.sampled_from([0, 5]),
    }
)
edits = st.sampled_from(
    [
        {"title": "Edited"},
        {"max_running": 1},
        {"max_running": None},
        {"concurrency_group": "erp"},
        {"concurrency_group": None},
        {"overlap": "allow"},
        {"overlap": "replace"},
        {"priority": 9},
        {"worker": {"id": "w1"}},
        {"worker": {}},
    ]
)


goings_on = st.fixed_dictionaries(
    {
        "seconds": st.sampled_from([0, 1, 20, 20, 60, 300]),
        "fires": st.sampled_from([True, True, True, False]),
        "takes": st.sampled_from([None, 0, 1]),
        "worker": st.sampled_from([0, 1]),
        "claims": st.sampled_from([0, 2, 4, 4]),
        "end": st.sampled_from([None, RunStatus.SUCCEEDED, RunStatus.FAILED, *ENDS]),
    }
)
"""What follows each action: Hypothesis leaves whole rules out of an example, and without time nothing happens."""


class Worker:
    """One of the two workers: what it believes to hold, which may be lost already."""

    def __init__(self, number: int) -> None:
        tags = ("odd",) if number else ()
        self.holder = Holder(f"w{number}", f"instance-{number}", tags)
        self.reach = Reach(self.holder.worker_id, tags)
        self.held: dict[int, Any] = {}


class Machine(RuleBasedStateMachine):
    """People and two workers on one database."""

    def __init__(self, place: Any) -> None:
        super().__init__()
        self.place = place
        self.clock = ManualClock(NOON)
        self.database = place.open(self.clock)
        self.registry = Handlers().registry()
        self.workers = [Worker(number) for number in range(2)]
        self.seen: dict[int, Any] = {}
        self.taken: set[int] = set()
        self.accepted: set[int] = set()
        for worker in self.workers:
            card = census.WorkerCard(
                instance_id=worker.holder.instance_id,
                id=worker.holder.worker_id,
                title="",
                host="",
                pid=1,
                version="0",
                executor="thread",
                places=4,
                tags=worker.holder.tags,
            )
            with self.database.write() as tx:
                census.register(tx, card, self.registry)
        concurrency_groups.put(self.database, ACTOR, {"erp": GROUP_MOST})

    def teardown(self) -> None:
        self.place.close()

    # ------------------------------------------------------------ people

    @initialize(bodies=st.tuples(*(definitions for _ in IDS)))
    def begin(self, bodies: tuple[dict[str, Any], ...]) -> None:
        for id, body in zip(IDS, bodies, strict=True):
            self.create(id, body)

    @rule(id=st.sampled_from(IDS), body=definitions)
    def create(self, id: str, body: dict[str, Any]) -> None:
        with suppress(Conflict):  # the id is taken
            schedules.create(self.database, self.registry, ACTOR, Definition.from_wire({"id": id, **body}))

    @rule(id=st.sampled_from(IDS), patch=edits, then=goings_on)
    def edit(self, id: str, patch: dict[str, Any], then: dict[str, Any]) -> None:
        if self._there(id):
            schedules.edit(self.database, self.registry, ACTOR, id, patch)
        self.go_on(then)

    @rule(
        id=st.sampled_from(IDS),
        name=st.sampled_from(["on_success", "on_failure"]),
        after=st.sampled_from(IDS),
        then=goings_on,
    )
    def chain(self, id: str, name: str, after: str, then: dict[str, Any]) -> None:
        if self._there(id):
            with suppress(InvalidInput):  # it would be a circle, or there is no such schedule
                schedules.edit(self.database, self.registry, ACTOR, id, {name: after})
        self.go_on(then)

    @rule(id=st.sampled_from(IDS), seconds=st.sampled_from([None, 50, 50]), then=goings_on)
    def pause(self, id: str, seconds: int | None, then: dict[str, Any]) -> None:
        if self._there(id):
            until = None if seconds is None else from_micros(self.clock.now) + timedelta(seconds=seconds)
            pausing.pause(self.database, ACTOR, id, until=until)
        self.go_on(then)

    @rule(id=st.sampled_from(IDS), missed=st.sampled_from(["skip", "latest", "all"]), then=goings_on)
    def resume(self, id: str, missed: str, then: dict[str, Any]) -> None:
        if self._there(id):
            pausing.resume(self.database, ACTOR, id, missed=missed)
        self.go_on(then)

    @rule(id=st.sampled_from(IDS), then=goings_on)
    def delete(self, id: str, then: dict[str, Any]) -> None:
        if self._there(id):
            schedules.delete(self.database, ACTOR, id)
        self.go_on(then)

    @rule(id=st.sampled_from(IDS), times=st.integers(1, 3), then=goings_on)
    def run_now(self, id: str, times: int, then: dict[str, Any]) -> None:
        for _ in range(times if self._there(id) else 0):
            with suppress(Conflict):  # everything is paused
                run_service.run_now(self.database, self.registry, ACTOR, id)
        self.go_on(then)

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), then=goings_on)
    def cancel(self, data: Any, then: dict[str, Any]) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.seen)))
        with suppress(Conflict):  # it has ended
            run_service.cancel(self.database, ACTOR, run_id)
        self.go_on(then)

    @rule(seconds=st.sampled_from([0, 30, 120]), then=goings_on)
    def pause_everything(self, seconds: int, then: dict[str, Any]) -> None:
        """A pause of everything, in which people and workers try all the same."""
        halting.put(self.database, ACTOR, paused=True)
        self.clock.advance(seconds=seconds)
        self.fire()
        self.claim(0, 4)
        if self._there("a"):
            with pytest.raises(Conflict):
                run_service.run_now(self.database, self.registry, ACTOR, "a")
        halting.put(self.database, ACTOR, paused=False)
        self.go_on(then)

    # ------------------------------------------------------------ time and workers

    @rule(then=goings_on)
    def go_on(self, then: dict[str, Any]) -> None:
        """Time passes, slots fire, a worker takes what there is, and perhaps one of its runs ends."""
        self.clock.advance(seconds=then["seconds"])
        if then["fires"]:
            self.fire(then["takes"])
        worker = self.workers[then["worker"]]
        if then["end"] is not None and worker.held:
            self._finish(worker, next(iter(worker.held.values())), then["end"])
        if then["claims"]:
            self.claim(then["worker"], then["claims"])

    def fire(self, takes: int | None = None) -> None:
        """Fire what is due; the worker ``takes`` has free places, and may take at once what nothing else concerns."""
        halted = halting.get(self.database, ACTOR)["paused"]
        free = None
        if takes is not None:
            worker = self.workers[takes]
            free = firing.FreePlaces(worker.holder, self.registry.offers(), worker.reach, 2, LEASE)
        with self.database.write() as tx:
            fired = firing.fire_due(tx, kinds=triggers.KINDS, limit=10, free=free)
        assert not (halted and fired.looked)
        ids = {taken.run_id for taken in fired.taken}
        if takes is not None and ids:
            self.workers[takes].held |= {row.id: row for row in self._rows(Run)[0] if row.id in ids}
            self._check_claim(ids, takes)
        self.taken |= ids

    def claim(self, number: int, limit: int) -> None:
        worker = self.workers[number]
        halted = halting.get(self.database, ACTOR)["paused"]
        with self.database.write() as tx:
            chosen = picking.choose(tx, self.registry.offers(), worker.reach, limit=limit)
            claimed = runs.claim(tx, worker.holder, chosen.ids, lease=LEASE)
        assert not (halted and claimed)
        worker.held |= {row.id: row for row in claimed}
        if claimed:
            self._check_claim({row.id for row in claimed}, number)

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(data=st.data(), status=st.sampled_from((RunStatus.SUCCEEDED, RunStatus.FAILED, *ENDS)))
    def finish(self, data: Any, status: RunStatus) -> None:
        """Report an end, also of a run that was lost meanwhile: it counts only if the row is still this claim's."""
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.held]))
        self._finish(worker, data.draw(st.sampled_from(list(worker.held.values()))), status)

    def _finish(self, worker: Worker, row: Any, status: RunStatus) -> None:
        before = self._row(row.id)
        ending = Ending(
            run_id=row.id, fence=row.fence, status=status, started_at=row.started_at, finished_at=self.clock.now
        )
        with self.database.write() as tx:
            accepted = endings.finish(tx, worker.holder, [ending])
        mine = before.status == "running" and (before.fence, before.worker_id) == (row.fence, worker.holder.worker_id)
        assert accepted == ({row.id} if mine else set())
        assert not accepted & self.accepted
        self.accepted |= accepted
        del worker.held[row.id]

    @precondition(lambda self: any(worker.held for worker in self.workers))
    @rule(data=st.data(), then=goings_on)
    def give_back(self, data: Any, then: dict[str, Any]) -> None:
        worker = data.draw(st.sampled_from([worker for worker in self.workers if worker.held]))
        row = data.draw(st.sampled_from(list(worker.held.values())))
        with self.database.write() as tx:
            runs.give_back(tx, worker.holder, {row.id: row.fence})
        after = self._row(row.id)
        assert after.status != "queued" or after.fence >= row.fence
        del worker.held[row.id]
        self.go_on(then)

    @rule(number=st.sampled_from([0, 1]), then=goings_on)
    def renew(self, number: int, then: dict[str, Any]) -> None:
        worker = self.workers[number]
        with self.database.write() as tx:
            runs.renew(tx, worker.holder, set(worker.held), lease=LEASE)
        self.go_on(then)

    @rule(then=goings_on)
    def reap(self, then: dict[str, Any]) -> None:
        with self.database.write() as tx:
            endings.reap(tx)
            endings.expire(tx)
        self.go_on(then)

    # ------------------------------------------------------------ the promises

    @invariant()
    def the_promises_hold(self) -> None:
        found, of_schedules, skipped = self._rows(Run, Schedule, Skip)
        self._nothing_moves_outside_the_table(found)
        self._counts_equal_the_rows(found, of_schedules)
        self._every_slot_is_a_chain_of_runs_or_in_one_skip(found, of_schedules, skipped)

    def _nothing_moves_outside_the_table(self, found: list[Any]) -> None:
        for row in found:
            before = self.seen.get(row.id)
            began = RunStatus.RUNNING if row.id in self.taken else RunStatus.QUEUED
            old = began if before is None else RunStatus(before.status)
            new = RunStatus(row.status)
            assert old is new or allowed(old, new), f"run {row.id} went from {old} to {new}"
            if before is not None and not old.is_open:
                assert (before.fence, before.finished_at, before.attempt) == (row.fence, row.finished_at, row.attempt)
            self.seen[row.id] = row

    def _counts_equal_the_rows(self, found: list[Any], of_schedules: list[Any]) -> None:
        for schedule in of_schedules:
            own = [row for row in found if row.schedule_key == schedule.key]
            running = sum(row.status == "running" for row in own)
            waiting = sum(row.status == "queued" for row in own)
            assert (schedule.open_runs, schedule.running_runs) == (running + waiting, running), schedule.id

    def _every_slot_is_a_chain_of_runs_or_in_one_skip(
        self, found: list[Any], of_schedules: list[Any], skipped: list[Any]
    ) -> None:
        for schedule in of_schedules:
            trigger = triggers.from_wire(json.loads(schedule.trigger))
            until = self.clock.now if schedule.due_at is None else schedule.due_at - 1
            slots = _slots(trigger, schedule.created_at, until)
            chains = [r.slot_at for r in found if r.schedule_key == schedule.key and r.slot_at and r.attempt == 1]
            covered = Counter(chains)
            for skip in skipped:
                if skip.schedule_key == schedule.key:
                    stretch = _slots(trigger, skip.first_slot_at - 1, skip.last_slot_at)
                    assert skip.number == len(stretch), f"{schedule.id}: {skip.reason} says {skip.number}"
                    covered.update(stretch)
            assert covered == Counter(slots), schedule.id

    def _check_claim(self, claimed: set[int], number: int) -> None:
        """What has just been claimed was within every limit, and for this worker."""
        found, of_schedules, bindings = self._rows(Run, Schedule, Binding)
        running = [row for row in found if row.status == "running"]
        by_key, bound = {row.key: row for row in of_schedules}, {row.key: row for row in bindings}
        for row in running:
            if row.id not in claimed:
                continue
            most = by_key[row.schedule_key].max_running
            assert most is None or sum(other.schedule_key == row.schedule_key for other in running) <= most
            if row.concurrency_group:
                assert sum(other.concurrency_group == row.concurrency_group for other in running) <= GROUP_MOST
            if row.handler_id == "single":
                assert sum(other.handler_id == "single" for other in running) <= 1
            if row.binding:
                assert bound[row.binding].worker_id in (None, f"w{number}")
                assert "odd" not in bound[row.binding].tags or number == 1

    # ------------------------------------------------------------ looking

    def _rows(self, *models: Any) -> list[list[Any]]:
        with self.database.read() as tx:
            return [list(tx.execute(_ALL[model])) for model in models]

    def _row(self, run_id: int) -> Any:
        return next(row for row in self._rows(Run)[0] if row.id == run_id)

    def _there(self, id: str) -> bool:
        return any(row.id == id for row in self._rows(Schedule)[0])


_ALL = {
    model: select(*(c.label("number") if c.name == "count" else c for c in model.__table__.columns))
    for model in (Run, Schedule, Skip, Binding)
}


def _slots(trigger: triggers.Trigger, after: int, until: int) -> list[int]:
    """Return the slots in (after, until], in microseconds."""
    return [to_micros(slot) for slot in trigger.slots_between(from_micros(after), from_micros(until), limit=10_000)]


def test_whatever_happens_the_promises_hold(
    places: Places, database_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def machine() -> Machine:
        folder: Path = tmp_path_factory.mktemp("machine")
        return Machine(places.take(database_kind, folder))

    on_sqlite = database_kind == "sqlite"
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10 if on_sqlite else 3,
            stateful_step_count=25,
            deadline=None,
            print_blob=True,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes; the blob repeats it
            suppress_health_check=list(HealthCheck),
        ),
    )
