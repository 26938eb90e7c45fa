"""Where a worker's runs come from: what is due is fired, and what waits is claimed, as far as there are places."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from enschedule_core import triggers
from enschedule_core.registry import Registry
from enschedule_worker.engine.options import EngineOptions
from enschedule_worker.engine.running import HeldRun
from enschedule_worker.service import claiming, firing
from enschedule_worker.service.fired_batch import FreePlaces
from enschedule_worker.store.bindings import Reach
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.holding import Holder

FIRE_BATCH = 256
AHEAD_MAX = 256
SHORT_RUN_SECONDS = 0.05
AHEAD_WORTH_SECONDS = 0.25
AHEAD_SECONDS = 0.5


class TakenIn(NamedTuple):
    """What a turn has got, and whether more schedules may be due than it has fired."""

    claim: claiming.Claim
    may_be_more: bool = False


class Intake:
    """Fires and claims for one worker. Instants are seconds of the engine's monotonic clock.

    ``ahead`` is how many runs it takes beyond its places. ``fires_at`` is when it fires again although no place is
    free, and None where it has just looked at what is due.
    """

    def __init__(self, holder: Holder, registry: Registry, options: EngineOptions) -> None:
        self._holder = holder
        self._registry = registry
        self._lease = round(options.lease_seconds * 1_000_000)
        self._cache = claiming.RevisionCache()
        self._reach = Reach(holder.worker_id, holder.tags)
        self._fire_at = 0.0
        self._fire_limit = FIRE_BATCH
        self._ranked = True
        self.ahead = 0
        self.fires_at: float | None = None

    def take(self, tx: Transaction, now: float, free: int, *, not_roots: Collection[int]) -> TakenIn:
        """Take up to ``free`` runs: first of those that wait, then of what is due, which waits first where it must.

        ``not_roots`` are chains of attempts of which a handler still runs here.
        """
        claim = self._claim(tx, free, not_roots)
        left = 0 if claim.contested else free - len(claim.runs)
        fired = self._fire(tx, now, left)
        found = [*claim.runs, *claiming.taken(tx, self._cache, fired.taken)]
        rest = claiming.Claim([], claim.contested)
        if fired.queued and left > len(fired.taken):
            rest = self._claim(tx, left - len(fired.taken), not_roots)
        if len(rest.runs) < fired.queued:
            tx.wake_others()  # for what this worker has no place or no handler
        return TakenIn(claiming.Claim(found + rest.runs, rest.contested), fired.looked == self._fire_limit)

    def _fire(self, tx: Transaction, now: float, left: int) -> firing.Fired:
        """Fire as many schedules as there are places ``left`` for, which are taken at once.

        Without any, fire a batch into the queue now and then: it must not grow long before its time, and what is fired
        when there is a place again saves itself the way through it.
        """
        if left <= 0 and now < self._fire_at:
            self.fires_at = self._fire_at
            return firing.Fired(0)
        self.fires_at = None
        self._fire_at = now + AHEAD_SECONDS
        # With priorities, those that are due have to be seen together.
        self._fire_limit = FIRE_BATCH if left <= 0 or self._ranked else min(left, FIRE_BATCH)
        free = FreePlaces(self._holder, self._registry.offers(), self._reach, left, self._lease)
        fired = firing.fire_due(tx, kinds=triggers.KINDS, limit=self._fire_limit, free=free)
        self._ranked = fired.ranked if fired.looked else self._ranked
        return fired

    def _claim(self, tx: Transaction, limit: int, not_roots: Collection[int]) -> claiming.Claim:
        return claiming.claim(
            tx,
            self._holder,
            self._registry.offers(),
            self._reach,
            self._cache,
            limit=limit,
            lease=self._lease,
            not_roots=not_roots,
        )

    def pace(self, ended: Collection[HeldRun], places: int) -> None:
        """Take ahead of the places while runs are short: twice what ended in this turn, at most one batch.

        No more than the places work off in a moment, and nothing where runs take long: another worker may have a place.
        """
        times = [
            run.ended_at - run.called_at for run in ended if run.called_at is not None and run.ended_at is not None
        ]
        mean = sum(times) / len(times) if times else SHORT_RUN_SECONDS
        in_a_moment = int(places * AHEAD_WORTH_SECONDS / max(mean, 1e-6))
        self.ahead = min(2 * len(times), AHEAD_MAX, in_a_moment) if mean < SHORT_RUN_SECONDS else 0
