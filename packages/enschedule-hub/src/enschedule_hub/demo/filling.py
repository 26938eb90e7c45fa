"""Filling a database with the shop: first the people's acts by the services, under a clock that stands in the past.

Definitions, edits, pauses and the audit come from the services that the REST API calls; runs, skips, counters and how
each schedule stands from the store's own functions. So nothing in the database is other than a worker would have left
it, except that nobody had to wait three weeks for it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from enschedule_core import triggers
from enschedule_core.actor import SYSTEM
from enschedule_core.clock import format_instant, from_micros, to_micros
from enschedule_core.errors import Conflict
from enschedule_core.plugins import load_handlers
from enschedule_core.run import RunStatus
from enschedule_core.schedule import Policies, SkipReason
from enschedule_core.wire.definition import Definition
from enschedule_hub.demo import history, shop
from enschedule_hub.demo.acts import Acts
from enschedule_hub.demo.people import person, stand_at
from enschedule_hub.demo.plan import Plan
from enschedule_worker.service import groups, schedules
from enschedule_worker.store import census, new_runs, occurrence, past, skips, state
from enschedule_worker.store import schedules as schedule_store
from enschedule_worker.store.clock import ManualClock
from enschedule_worker.store.database import Database, Transaction

HANDLERS = "enschedule_hub.demo.handlers"
PLUGINS = f"*,enschedule-shell-handler,{HANDLERS}"
"""What IMPORT_HANDLERS says, so that every schedule of the shop has its handler."""
MARK = "demo"
_WORKERS = {"web-1": ("Web 1", ()), "web-2": ("Web 2", ()), "media-1": ("Media 1", ("media",))}
_STOPPED = timedelta(days=2, hours=7)  # since when web-2 is away


@dataclass(frozen=True, slots=True)
class Filled:
    """What was put there."""

    schedules: int
    runs: int
    skipped: int


def was_filled(database: Database) -> bool:
    """Return whether the database was filled by this command before."""
    with database.read() as tx:
        return state.get(tx, MARK) is not None


def fill(database: Database, *, seed: int = 1, now: datetime | None = None) -> Filled:
    """Fill an empty database with three weeks up to ``now`` (the database's own clock unless told otherwise).

    The same for the same ``seed`` and the same ``now``. Raises :class:`Conflict` for a database that is not empty.
    """
    with database.read() as tx:
        if not past.is_blank(tx):
            raise Conflict(
                "This database is not empty, and nothing in it was changed.",
                hint="Name a new one, for example: enschedule demo --database demo.db",
            )
        moment = from_micros(tx.now) if now is None else now
    clock = database.clock
    try:
        return _Filling(database, moment, seed).run()
    finally:
        database.clock = clock


class _Filling:
    def __init__(self, database: Database, now: datetime, seed: int) -> None:
        self.database, self.now, self.seed = database, now, seed
        self.since = now - shop.SPAN
        self.registry = load_handlers(import_handlers=PLUGINS)
        self.plans = sorted(shop.plans(now), key=lambda plan: "on_success" in plan.wire)  # what is followed comes last

    def run(self) -> Filled:
        stand_at(self.database, self.since - timedelta(minutes=90))
        for id, title in shop.GROUPS.items():
            groups.create(self.database, person("ada"), id=id, title=title)
        with self.database.write() as tx:
            self._enter_workers(tx)
        for number, plan in enumerate(self.plans):
            stand_at(self.database, self.since - timedelta(minutes=80 - 2 * number))
            definition = Definition.from_wire(dict(plan.wire), default_timezone=shop.ZONE)
            schedules.create(self.database, self.registry, person(plan.maker), definition)
        pasts = self._pasts()
        with self.database.write() as tx:
            ids = _Ids(past.next_id(tx), [one for _, found in pasts for one in found.attempts])
            self._write(tx, pasts, ids)
        Acts(self.database, self.registry, self.plans, self.now).do(ids.numbers)
        stand_at(self.database, self.now)
        with self.database.write() as tx:
            state.put(tx, MARK, str(format_instant(self.now)))
        return Filled(len(self.plans), len(ids.numbers), sum(len(found.missed) for _, found in pasts))

    # ------------------------------------------------------------ the workers

    def _enter_workers(self, tx: Transaction) -> None:
        heard = {"web-1": self.now, "web-2": self.now - _STOPPED, "media-1": self.now - timedelta(minutes=41)}
        for id, (title, tags) in _WORKERS.items():
            card = census.WorkerCard(
                instance_id=_instance(self.seed, id),
                id=id,
                title=title,
                host=f"{id}.shop.example",
                pid=4200 + len(id),
                version="0.1.0",
                executor="process",
                places=8,
                tags=tags,
            )
            census.register(self._at(tx, self.since - timedelta(days=40)), card, self.registry)
            census.heartbeat(self._at(tx, heard[id]), card.instance_id)
            if id != "media-1":  # that one has just fallen silent
                census.stop(self._at(tx, heard[id]), card.instance_id)

    @staticmethod
    def _at(tx: Transaction, at: datetime) -> Transaction:
        """Return the same transaction at another instant."""
        return Transaction(tx.connection, ManualClock(to_micros(at)), tx.keyring)

    # ------------------------------------------------------------ the past

    def _pasts(self) -> list[tuple[history.Subject, history.Past]]:
        found: dict[str, tuple[history.Subject, history.Past]] = {}
        for plan in sorted(self.plans, key=lambda plan: "on_success" not in plan.wire):
            subject = self._subject(plan)
            found[plan.id] = subject, history.of(subject)
        for leader, (_, was) in list(found.items()):
            target = found[leader][0].plan.wire.get("on_success")
            if target is not None:
                subject, own = found[target]
                own.attempts += history.followers(subject, was.attempts)
        return list(found.values())

    def _subject(self, plan: Plan) -> history.Subject:
        wire = schedules.get(self.database, SYSTEM, plan.id)
        definition = {**dict(plan.wire), "handler": wire["handler"]}
        revisions = [definition]
        for change in plan.changes:
            revisions.append({**revisions[-1], **change.patch})
        until = self.now
        if plan.pause is not None:
            until = self.now - plan.pause.ago
        if plan.is_broken:
            until = self.now - timedelta(days=3, hours=1)
        return history.Subject(
            plan=plan,
            trigger=_trigger(revisions[-1]),
            policies=tuple(Policies.from_wire(one) for one in revisions),
            datas=tuple(one["data"] for one in revisions),
            since=self.since,
            until=until,
            now=self.now,
            seed=self.seed,
        )

    def _write(self, tx: Transaction, pasts: Sequence[tuple[history.Subject, history.Past]], ids: _Ids) -> None:
        every: list[past.PastRun] = []
        for subject, was in pasts:
            here = self._at(tx, self.now)
            row = schedule_store.get(here, subject.plan.id, SYSTEM.scope)
            assert row is not None
            done, waiting = self._rows(subject, was, row, ids)
            every += done
            for stretch in _stretches(subject, was):
                before = [run for run in done if run.new.queued_at < stretch[0].slot_at]
                done = done[len(before) :]
                past.add(here, before)
                self._skip(tx, row.key, subject, stretch)
            past.add(here, done, waiting)
            due = None if was.due_at is None else to_micros(was.due_at)
            moved = {"due_at": due, "fire_at": due, "slots_fired": was.slots_fired}
            schedule_store.change(here, row.key, moved)
        past.count(tx, every)

    def _rows(
        self, subject: history.Subject, was: history.Past, row: Any, ids: _Ids
    ) -> tuple[list[past.PastRun], list[past.Waiting]]:
        done, waiting = [], []
        for attempt in sorted(was.attempts, key=lambda one: ids.numbers[one]):
            new = self._new(subject, attempt, row, ids)
            if attempt.status is RunStatus.QUEUED:
                waiting.append(past.Waiting(ids.numbers[attempt], new))
            else:
                done.append(_past_run(attempt, new, ids.numbers[attempt], _instance(self.seed, attempt.worker)))
        return done, waiting

    def _new(self, subject: history.Subject, attempt: history.Attempt, row: Any, ids: _Ids) -> new_runs.NewRun:
        root = attempt.root or attempt
        if attempt.follows is not None:
            leader = attempt.follows.root or attempt.follows
            first = occurrence.chain_key(ids.numbers[leader], row.key)
        elif root.slot_at is not None:
            first = occurrence.slot_key(row.key, root.slot_at, 1)
        else:
            first = occurrence.manual_key(str(attempt.who), f"{self.seed} {subject.plan.id} {root.queued_at}")
        policies = subject.policies[attempt.revision - 1]
        return new_runs.NewRun(
            occurrence_key=occurrence.next_attempt_key(first, attempt.number),
            schedule_key=row.key,
            revision=attempt.revision,
            group_id=row.group_id,
            handler_id=row.handler_id,
            handler_version=row.handler_version,
            origin_kind=attempt.origin.value,
            origin_actor=attempt.follows.plan.id if attempt.follows else attempt.who,
            queued_at=attempt.queued_at,
            not_before=attempt.not_before,
            slot_at=attempt.slot_at,
            attempt=attempt.number,
            losses=attempt.losses,
            root_id=None if attempt.root is None else ids.numbers[attempt.root],
            retry_of=None if attempt.before is None else ids.numbers[attempt.before],
            depth=1 if attempt.follows else 0,
            **new_runs.claim_columns(row, None),
            **new_runs.policy_columns(policies.to_wire()),
        )

    def _skip(self, tx: Transaction, key: int, subject: history.Subject, stretch: Sequence[history.Missed]) -> None:
        """Record each slot at its own time, as the engine does; neighbours become one row by that."""

        def next_after(micros: int) -> int | None:
            following = subject.trigger.next_after(from_micros(micros))
            return None if following is None else to_micros(following)

        for one in stretch:
            skipped = skips.Skipped(SkipReason.OVERLAP, one.slot_at, one.slot_at, 1)
            past.skip(self._at(tx, from_micros(one.slot_at)), key, skipped, next_after)


class _Ids:
    """The ids of all runs to come, in the order in which they were queued."""

    def __init__(self, first: int, attempts: Iterable[history.Attempt]) -> None:
        ordered = sorted(attempts, key=lambda one: (one.queued_at, one.plan.id, one.number))
        self.numbers: Mapping[history.Attempt, int] = {one: first + n for n, one in enumerate(ordered)}


def _past_run(attempt: history.Attempt, new: new_runs.NewRun, number: int, instance: str) -> past.PastRun:
    return past.PastRun(
        id=number,
        new=new,
        status=attempt.status,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
        worker_id=attempt.worker,
        worker_instance=instance,
        retry_at=attempt.retry_at,
        outcome_kind=attempt.kind,
        message=attempt.message,
        result=None if attempt.result is None else json.dumps(attempt.result),
        traceback=attempt.traceback,
        printed=tuple(
            past.Printed("stderr" if line.wrong else "stdout", at, f"{line.text}\n") for line, at in attempt.printed
        ),
        cancelled_by="olaf" if attempt.status is RunStatus.CANCELLED else None,
    )


def _stretches(subject: history.Subject, was: history.Past) -> Iterator[list[history.Missed]]:
    return history.neighbours(was.missed, subject.trigger)


def _trigger(wire: Mapping[str, Any]) -> triggers.Trigger:
    """Return the trigger of a definition; its last one, so that the past fits what pages say of the future."""
    return Definition.from_wire(dict(wire), default_timezone=shop.ZONE).trigger


def _instance(seed: int, worker: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"demo {seed} {worker}").hex
