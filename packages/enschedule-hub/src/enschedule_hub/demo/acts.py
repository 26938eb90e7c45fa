"""What the people of the shop have done to its schedules since they made them: edits, pauses, runs by hand."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from enschedule_core import triggers
from enschedule_core.actor import SYSTEM
from enschedule_core.clock import from_micros
from enschedule_core.registry import Registry
from enschedule_core.run import OriginKind
from enschedule_hub.demo import history, shop
from enschedule_hub.demo.people import person, stand_at
from enschedule_hub.demo.plan import Change, Pause, Plan
from enschedule_worker.service import firing, pausing, schedules
from enschedule_worker.store import audit
from enschedule_worker.store import schedules as schedule_store
from enschedule_worker.store.database import Database

logger = logging.getLogger(firing.__name__)


class Acts:
    """The acts on ``plans`` up to ``now``, done by the services that the REST API calls, each at its own time."""

    def __init__(self, database: Database, registry: Registry, plans: Sequence[Plan], now: datetime) -> None:
        self._database = database
        self._registry = registry
        self._plans = plans
        self._now = now

    def do(self, numbers: Mapping[history.Attempt, int]) -> None:
        """Do it, oldest first: the audit is in the order of its ids. ``numbers`` are the ids of the runs."""
        acts: list[tuple[datetime, Plan, Change | Pause | history.Attempt]] = []
        for plan in self._plans:
            acts += [(self._now - change.ago, plan, change) for change in plan.changes]
            acts += [(self._now - plan.pause.ago, plan, plan.pause)] if plan.pause else []
        acts += [
            (from_micros(one.queued_at), one.plan, one)
            for one in numbers
            if one.origin is OriginKind.MANUAL and one.number == 1
        ]
        for at, plan, act in sorted(acts, key=lambda one: one[0]):
            stand_at(self._database, at)
            match act:
                case Change():
                    self._edit(plan, act)
                case Pause():
                    until = None if act.ahead is None else self._now + act.ahead
                    pausing.pause(self._database, person(act.who), plan.id, reason=act.reason, until=until)
                case history.Attempt():
                    self._run(plan, str(act.who), numbers[act])
        self._break()

    def _run(self, plan: Plan, who: str, run_id: int) -> None:
        with self._database.write() as tx:
            row = schedule_store.get(tx, plan.id, SYSTEM.scope)
            assert row is not None
            detail = {"run": run_id, "own_data": False}
            audit.record(tx, person(who), "schedule.run", "schedule", plan.id, group_id=row.group_id, detail=detail)

    def _edit(self, plan: Plan, change: Change) -> None:
        """Save an edit; when the schedule is due next was decided already, with all edits known."""
        with self._database.read() as tx:
            before = schedule_store.get(tx, plan.id, SYSTEM.scope)
        assert before is not None
        schedules.edit(
            self._database, self._registry, person(change.who), plan.id, dict(change.patch), default_timezone=shop.ZONE
        )
        kept = {name: getattr(before, name) for name in ("due_at", "fire_at", "slots_fired")}
        with self._database.write() as tx:
            schedule_store.change(tx, before.key, kept)

    def _break(self) -> None:
        """Let the zone of a schedule be one that is not in the zone data any more, and the engine find that out."""
        for plan in self._plans:
            if not plan.is_broken:
                continue
            with self._database.write() as tx:
                row = schedule_store.get(tx, plan.id, SYSTEM.scope)
                assert row is not None
                wire = {**json.loads(row.trigger), "timezone": shop.GONE_ZONE}
                schedule_store.change(tx, row.key, {"trigger": json.dumps(wire, separators=(",", ":"))})
            assert row.due_at is not None
            stand_at(self._database, from_micros(row.due_at))
            logger.disabled = True  # what the engine would warn of is what is wanted here
            try:
                with self._database.write() as tx:
                    firing.fire_due(tx, kinds=triggers.KINDS, limit=1)
            finally:
                logger.disabled = False
