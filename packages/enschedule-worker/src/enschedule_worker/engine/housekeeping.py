"""What happens by the clock beside the loop: heartbeats, the reaper, registration. APScheduler keeps the times.

It is the clock and not the loop, because a tick as one of its jobs loses a wake-up that comes during a tick.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from enschedule_core.errors import EnscheduleError
from enschedule_worker.engine.loop import Engine
from enschedule_worker.service import endings, retention
from enschedule_worker.store import census, runs
from enschedule_worker.store.answering import again_if_undone

logger = logging.getLogger(__name__)
REAP_SECONDS = 5.0
STALL_SECONDS = 30.0
RETAIN_SECONDS = 300.0
REST_SECONDS = 0.01
REST_SHARE = 3
SUPERSEDED_AFTER_SECONDS = 3600.0
FENCE_SHARE = 0.75
"""A worker that could not renew its leases for this share of one stops what it runs, before anybody else begins it."""


class Housekeeping:
    """The periodic duties of one worker. Each of them is a method that tests call by hand."""

    def __init__(
        self,
        engine: Engine,
        card: census.WorkerCard,
        *,
        keep: retention.Keep | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep = keep or retention.Keep()
        self._stopping = threading.Event()
        self._engine = engine
        self._card = card
        self._monotonic = monotonic
        self._renewed_at = monotonic()
        self._clock = BackgroundScheduler(
            # Threads of their own: a slow reaper must not cost this worker its runs, nor a slow database the fence.
            executors={name: ThreadPoolExecutor(1) for name in ("default", "heartbeat", "fence", "watch", "retention")},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def start(self) -> None:
        """Enter this worker, then keep the times."""
        self.register()
        heartbeat = self._engine.options.heartbeat_seconds
        reap = min(REAP_SECONDS, self._engine.options.lease_seconds / 3)
        self._clock.add_job(self._safely(self.heartbeat), "interval", seconds=heartbeat, executor="heartbeat")
        fence = self._engine.options.lease_seconds / 10
        self._clock.add_job(self._safely(self.fence), "interval", seconds=fence, executor="fence")
        self._clock.add_job(self._safely(self.reap), "interval", seconds=reap, jitter=reap / 5)
        self._clock.add_job(self._safely(self.tidy), "interval", minutes=10, jitter=60)
        self._clock.add_job(
            self._safely(self.retain), "interval", seconds=RETAIN_SECONDS, jitter=60, executor="retention"
        )
        self._clock.add_job(self._safely(self.watch), "interval", seconds=STALL_SECONDS, executor="watch")
        self._clock.start()

    def stop(self) -> None:
        """Keep the times no more, and say that this worker has stopped."""
        self._stopping.set()
        if self._clock.running:
            self._clock.shutdown(wait=True)
        self._safely(self._sign_off)()

    def register(self) -> None:
        """Enter this worker with what it offers."""
        self._engine.database.retrying(lambda tx: census.register(tx, self._card, self._engine.registry))

    def heartbeat(self) -> None:
        """Renew the leases of this worker's runs; what was lost meanwhile is told to stop."""
        engine = self._engine
        held = engine.held_ids()
        with engine.database.write() as tx:
            known = census.heartbeat(tx, self._card.instance_id, stuck=engine.stuck)
            kept = runs.renew(tx, engine.holder, held, lease=self._lease())
            engine.database.announcer.is_alone = census.is_alone(tx, self._card.instance_id)
        self._renewed_at = self._monotonic()
        if not known:
            self.register()
        # What ended since ``held`` was read is neither kept nor lost.
        lost = (held - kept) & engine.going_on()
        if lost:
            engine.abandon(lost)

    def fence(self) -> None:
        """Stop everything before the leases are over, by this machine's own clock: the database cannot be asked.

        A duty of its own, because a heartbeat may wait for a locked database longer than a lease.
        """
        silent, going_on = self._monotonic() - self._renewed_at, self._engine.going_on()
        if going_on and silent >= self._engine.options.lease_seconds * FENCE_SHARE:
            logger.error("no heartbeat for %.0f s: stopping %s runs before their leases end", silent, len(going_on))
            self._engine.abandon(going_on)

    def reap(self) -> None:
        """Declare runs lost whose worker was not heard of, and skip those that came too late.

        Not this worker's own: when the machine slept or its clock was set, they are overdue and go on all the same.
        """
        held = self._engine.held_ids()
        with self._engine.database.write() as tx:
            runs.renew(tx, self._engine.holder, held, lease=self._lease())
            lost = endings.reap(tx, notify_url=self._engine.options.notify_url)
            endings.expire(tx)
            if lost:
                tx.wake_engine()

    def _lease(self) -> int:
        return round(self._engine.options.lease_seconds * 1_000_000)

    def tidy(self) -> None:
        """Forget workers that ended long ago and have started again since."""
        with self._engine.database.write() as tx:
            census.forget_superseded(tx, older_than_seconds=SUPERSEDED_AFTER_SECONDS)

    def retain(self) -> None:
        """Remove runs that are older than what is kept, unless another worker does or has just done it.

        After each short transaction it rests three times as long as that took, so that others have the database.
        """
        sweep = retention.Sweep(self._engine.database, self._keep, self._card.instance_id)
        if not sweep.begin():
            return
        began = self._monotonic()
        for _ in sweep.steps():
            if self._stopping.wait(max(REST_SHARE * (self._monotonic() - began), REST_SECONDS)):
                return
            began = self._monotonic()
        if sweep.removed:
            logger.info("retention: %s rows removed", f"{sweep.removed:,}")

    def watch(self) -> None:
        """Say so when the loop has not turned for a while, for example because a handler holds the interpreter."""
        silent = self._monotonic() - self._engine.turned_at
        if silent > STALL_SECONDS:
            logger.error("the engine has not turned for %.0f s", silent)

    def _sign_off(self) -> None:
        with self._engine.database.write() as tx:
            census.stop(tx, self._card.instance_id)

    def _safely(self, duty: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                again_if_undone(duty)
            except EnscheduleError as problem:
                logger.warning("%s: %s", duty.__name__, problem)
            except Exception:
                logger.exception("%s failed", duty.__name__)

        return run
