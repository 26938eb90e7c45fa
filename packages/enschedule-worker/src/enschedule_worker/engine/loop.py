"""The engine: one thread on a flag that finishes, fires and claims, each time in one transaction.

Clear, look, wait. Whatever happens while it looks sets the flag again, so no wake-up is lost; and because everything
that ended or came due meanwhile is handled in one turn, batches form from load alone, and an idle engine is prompt.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from enschedule_core import triggers
from enschedule_core.errors import EnscheduleError
from enschedule_core.executor import Executor
from enschedule_core.executor import HeldRun as AnyRun
from enschedule_core.masking import recent
from enschedule_core.outcome import Outcome
from enschedule_core.registry import Registry
from enschedule_worker.engine import verdict
from enschedule_worker.engine.capture import Capture
from enschedule_worker.engine.echo import Echo
from enschedule_worker.engine.holding import Holding
from enschedule_worker.engine.options import EngineOptions
from enschedule_worker.engine.running import HeldRun, Stage
from enschedule_worker.engine.unwritten import Unwritten
from enschedule_worker.service import claiming, firing, halting, opening
from enschedule_worker.service.fired_batch import FreePlaces
from enschedule_worker.store import afterwards, halt, queue, runs
from enschedule_worker.store.bindings import Reach
from enschedule_worker.store.database import Database, Transaction

logger = logging.getLogger(__name__)
FIRE_BATCH = 256
AHEAD_MAX = 256
AHEAD_PATIENCE_SECONDS = 1.0
SHORT_RUN_SECONDS = 0.05
AHEAD_WORTH_SECONDS = 0.25
FLUSH_SECONDS = 0.2
AHEAD_SECONDS = 0.5
TROUBLE_SECONDS = 1.0
CONTESTED_SECONDS = 0.01
KILL_GRACE_SECONDS = 10.0  # how long a handler that is told to stop may go on where it can be killed
UNKILLABLE_SECONDS = 10.0  # a process that waits for a broken disk does not even die


class Engine:
    """Holds this worker's runs and moves them on. ``turn`` is the whole of it; the thread only repeats that."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        executor: Executor,
        holder: runs.Holder,
        options: EngineOptions,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.registry = registry
        self.executor = executor
        self.holder = holder
        self.options = options
        self._monotonic = monotonic
        self._flag = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._held = Holding(executor)
        self._returned: deque[tuple[HeldRun, Outcome]] = deque()
        self._unwritten = Unwritten(holder, options.notify_url, options.retry_delay)
        self._withdrawn: list[HeldRun] = []
        self._cache = claiming.RevisionCache()
        self._reach = Reach(holder.worker_id, holder.tags)
        self._epoch = 0  # database microseconds minus monotonic microseconds
        self._flushed_at = 0.0
        self._unsure = False
        self._doubts = False  # that there are claims in the database that are not held here
        self._ahead = 0
        self._cancels_at = self._fire_at = 0.0  # by the monotonic clock: when to look again at the latest
        self._fire_limit = FIRE_BATCH
        self._holds_back = False
        self._ranked = True
        self.turned_at = monotonic()
        # By itself it looks again within this time, whatever is in the way.
        database.on_wake(self.wake, within_seconds=max(options.poll_seconds, TROUBLE_SECONDS))

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Start the executor and the loop's thread."""
        self.executor.start(self._finished)
        self._thread = threading.Thread(target=self._loop, name="enschedule-engine", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Make the loop look again at once: somebody has changed something, and be it that a run is to be cancelled."""
        self._cancels_at = 0.0
        self._flag.set()

    def stop(self, *, grace_seconds: float | None = None) -> None:
        """Claim nothing more, give back what has not begun, and wait for the rest as long as the grace allows.

        What is left then is recorded as lost, because nobody will know how it ended.
        """
        self._stopping = True
        self.wake()
        grace = self.options.grace_seconds if grace_seconds is None else grace_seconds
        give_up_at = self._monotonic() + grace
        idle = threading.Event()
        while self.in_flight and self._monotonic() < give_up_at and self._is_alive():
            idle.wait(0.02)
        if self._thread is not None:
            thread, self._thread = self._thread, None
            self.wake()
            thread.join(timeout=10)
        self._withdraw_waiting()
        for run in self._held:
            self._decide(run, verdict.worker_stopped())
        self.executor.stop()
        self._write_last()

    def _write_last(self) -> None:
        try:
            self.turn()
        except EnscheduleError as problem:
            logger.error("the last results could not be stored; the runs will be found lost: %s", problem)  # noqa: TRY400

    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _loop(self) -> None:
        while self._thread is not None:
            self._flag.clear()
            try:
                wait = self.turn()
            except EnscheduleError as problem:
                logger.warning("%s", problem)
                wait = TROUBLE_SECONDS
            except Exception:
                logger.exception("a turn of the engine failed; the next one is in %s s", TROUBLE_SECONDS)
                wait = TROUBLE_SECONDS
            if wait > 0:
                self._flag.wait(wait)

    # ------------------------------------------------------------ what others see

    @property
    def in_flight(self) -> int:
        """How many runs this worker holds."""
        return len(self._held)

    @property
    def stuck(self) -> int:
        """How many places are taken by handlers whose runs were ended without them."""
        return len(self._held.stuck)

    def now(self) -> int:
        """Return the database's time in microseconds, as far as it is known from the last turn."""
        return self._instant_of(self._monotonic())

    def _instant_of(self, seconds: float) -> int:
        """Return the database's time in microseconds at an instant of the monotonic clock."""
        return self._epoch + round(seconds * 1_000_000)

    def held_ids(self) -> set[int]:
        """Return the ids of the runs whose leases this worker has to keep, those that wait to be stored included."""
        return self._held.ids()

    def going_on(self) -> set[int]:
        """Return the ids of the runs that this worker believes to hold and that have not ended."""
        return self._held.going_on()

    def abandon(self, run_ids: set[int]) -> None:
        """These runs were lost to this worker: tell their handlers to stop, and drop what they still say.

        Those whose handlers were not called go back to the queue at the next turn, if nobody else has them by then.
        """
        if self._held.lose(run_ids):
            self._doubts = True

    # ------------------------------------------------------------ one turn

    def turn(self) -> float:
        """Finish, store output, fire, and claim; return how many seconds nothing is due.

        On any error nothing is lost: what was not written is written by the next turn.
        """
        self._collect()
        self._unwritten.store_ahead(self.database)
        unsure, self._doubts, self._unsure = self._unsure or self._doubts, False, True
        cancels, fired, claim = self.database.retrying(lambda tx: self._transact(tx, unsure=unsure))
        self._unsure = False
        self._written()
        self._hold(claim.runs)
        self._cancel(cancels)
        self._give_back(after_seconds=0.0 if self._stopping else AHEAD_PATIENCE_SECONDS)
        self.turned_at = self._monotonic()
        if self._returned or fired == self._fire_limit:
            return 0.0
        if self._holds_back:
            return max(0.0, min([self._fire_at - self._monotonic(), *self._held_waits()]))
        until = self._next_instant()
        waits = [until - self._monotonic(), *self._held_waits(), *([CONTESTED_SECONDS] if claim.contested else [])]
        return max(0.0, min(waits))

    def _transact(self, tx: Transaction, *, unsure: bool) -> tuple[dict[int, str], int, claiming.Claim]:
        """Do all of a turn that the database has to know; done again as it is where another worker was in the way."""
        self._epoch = tx.now - round(self._monotonic() * 1_000_000)
        if unsure:
            self._recognise(tx)
        self._unwritten.store(tx, self._instant_of)
        cancels = self._cancels(tx)
        if self._stopping:
            return cancels, 0, claiming.Claim([])
        claim = self._claim(tx, limit=self._free_places())
        left = 0 if claim.contested else self._free_places() - len(claim.runs)
        fired = self._fire(tx, left)
        found = [*claim.runs, *claiming.taken(tx, self._cache, fired.taken)]
        rest = claiming.Claim([], claim.contested)
        if fired.queued and left > len(fired.taken):
            rest = self._claim(tx, limit=left - len(fired.taken))
        if len(rest.runs) < fired.queued:
            tx.wake_others()  # for what this worker has no place or no handler
        return cancels, fired.looked, claiming.Claim(found + rest.runs, rest.contested)

    def _cancels(self, tx: Transaction) -> dict[int, str]:
        """Return who wants which held runs cancelled; looked up five times a second, however many turns there are."""
        now = self._monotonic()
        if not self._held or now < self._cancels_at:
            return {}
        self._cancels_at = now + FLUSH_SECONDS
        return queue.cancel_requests(tx, self.holder.instance_id)

    def _fire(self, tx: Transaction, left: int) -> firing.Fired:
        """Fire as many schedules as there are places ``left`` for, which are taken at once.

        Without any, fire a batch into the queue now and then: it must not grow long before its time, and what is fired
        when there is a place again saves itself the way through it.
        """
        now = self._monotonic()
        self._holds_back = left <= 0 and now < self._fire_at
        if self._holds_back:
            return firing.Fired(0)
        self._fire_at = now + AHEAD_SECONDS
        # With priorities, those that are due have to be seen together.
        self._fire_limit = FIRE_BATCH if left <= 0 or self._ranked else min(left, FIRE_BATCH)
        free = FreePlaces(self.holder, self.registry.offers(), self._reach, left, self._lease())
        fired = firing.fire_due(tx, kinds=triggers.KINDS, limit=self._fire_limit, free=free)
        self._ranked = fired.ranked if fired.looked else self._ranked
        return fired

    def _collect(self) -> None:
        """Gather outcomes and output; they stay gathered until they are committed."""
        now = self._monotonic()
        for run in self._held:
            if run.stage is Stage.CALLED:
                self._press(run, now)
        while self._returned:
            self._unwritten.add_ended(*self._returned.popleft())
        going_on = [run for run in self._held if run.stage is Stage.CALLED]
        self._unwritten.add_progress(going_on)
        if now - self._flushed_at >= FLUSH_SECONDS:
            self._flushed_at = now
            self._unwritten.add_output(going_on)

    def _press(self, run: HeldRun, now: float) -> None:
        """See to it that a run ends in time. Who can kill does so, and tells how it ended; else the engine decides."""
        is_due = run.deadline is not None and now >= run.deadline
        if not self.executor.kills:
            if is_due:
                self._decide(run, verdict.timed_out(run))
            elif run.stop_by is not None and now >= run.stop_by:
                self._decide(run, verdict.did_not_stop(run))
            return
        if is_due and not run.is_overdue:
            run.is_overdue = True
            self._ask_to_stop(run)
        if run.stop_by is None or now < run.stop_by:
            return
        if run.killed_at is None:
            run.killed_at = now
            self.executor.kill(run)
        elif now >= run.killed_at + UNKILLABLE_SECONDS:
            self._decide(run, verdict.could_not_be_killed(run))

    def _ask_to_stop(self, run: HeldRun, *, by: str | None = None) -> None:
        grace = self.options.grace_seconds
        run.ask_to_stop(by=by, within_seconds=min(grace, KILL_GRACE_SECONDS) if self.executor.kills else grace)
        self.executor.interrupt(run)

    def _recognise(self, tx: Transaction) -> None:
        """The last turn failed, maybe after its commit: drop what is stored already, and give back unheard claims."""
        ended = afterwards.ended(tx, self.holder, [run.run_id for run, _ in self._unwritten.ended])
        known = [
            run for run, result in self._unwritten.ended if (run.run_id, run.claimed.fence, result.status) in ended
        ]
        self._unwritten.drop(known)
        self._held.forget(known)
        runs.give_back(tx, self.holder, self._held.unheard(afterwards.claimed(tx, self.holder)))

    def _written(self) -> None:
        """The transaction is committed: forget what it holds."""
        self._held.forget([run for run, _ in self._unwritten.ended])
        self._pace()
        self._unwritten.clear()

    def _pace(self) -> None:
        """Claim ahead of the places while runs are short: twice what ended in this turn, at most one batch.

        No more than the places work off in a moment, and nothing where runs take long: another worker may have a place.
        """
        times = [
            run.ended_at - run.called_at
            for run, _ in self._unwritten.ended
            if run.called_at is not None and run.ended_at is not None
        ]
        mean = sum(times) / len(times) if times else SHORT_RUN_SECONDS
        in_a_moment = int(self.executor.places * AHEAD_WORTH_SECONDS / max(mean, 1e-6))
        self._ahead = min(2 * len(times), AHEAD_MAX, in_a_moment) if mean < SHORT_RUN_SECONDS else 0

    def _free_places(self) -> int:
        """Return how many runs more this worker may hold, with those that it takes ahead of its places."""
        ending = len(self._unwritten.ended)
        return self.executor.places + self._ahead - (len(self._held) - ending) - len(self._held.stuck)

    def _lease(self) -> int:
        return round(self.options.lease_seconds * 1_000_000)

    def _claim(self, tx: Transaction, *, limit: int) -> claiming.Claim:
        return claiming.claim(
            tx,
            self.holder,
            self.registry.offers(),
            self._reach,
            self._cache,
            limit=limit,
            lease=self._lease(),
            not_roots={run.claimed.root_id for run in self._held.stuck.values()},
        )

    def _next_instant(self) -> float:
        """Return when the next thing is due, by the monotonic clock; at most the poll interval from now.

        Asked after the claimed runs were handed on, so that they do not wait for it. What is committed meanwhile
        sets the flag. An instant and no duration, because the rest of this takes time, too.
        """
        with self.database.glance() as tx:
            now, here = tx.now, self._monotonic()
            pause = halt.current(tx)
            if pause is None:
                instants = [firing.next_fire_at(tx, triggers.KINDS), queue.next_at(tx, self.registry.offers())]
            else:
                instants = [pause.until]
            waits = [self.options.poll_seconds, *((at - now) / 1_000_000 for at in instants if at is not None)]
            over = pause is not None and pause.until is not None and pause.until <= now
        if over:
            halting.end_if_over(self.database)
        return here + min(waits)

    def _held_waits(self) -> list[float]:
        """Return in how many seconds held runs need a look: at their output, and at their deadlines."""
        if not self._held:
            return []
        now = self._monotonic()
        return [
            FLUSH_SECONDS,
            *(at - now for run in self._held if (at := run.next_instant()) is not None),
        ]

    def _echo(self, found: claiming.ClaimedRun) -> Echo:
        name = found.schedule_id or found.handler_id
        is_json = self.options.log_format == "json"
        return Echo(name, found.run_id, is_json=is_json, schedule_id=found.schedule_id)

    def _hold(self, claimed: list[claiming.ClaimedRun]) -> None:
        for found in claimed:
            seconds = self.options.timeout_seconds if found.timeout is None else found.timeout / 1_000_000
            capture = Capture(self.now, limit=self.options.output_max_bytes)
            echo = self._echo(found) if self.options.log_jobs else None
            opened, problem = self._open(found)
            clock = self._monotonic
            run = HeldRun(found, capture, timeout_seconds=seconds, monotonic=clock, echo=echo, opened=opened)
            self._held.add(run)
            if problem is None:
                self.executor.submit(run)
            elif run.withdraw():
                self._returned.append((run, verdict.cannot_open(problem)))
                self.wake()

    def _open(self, found: claiming.ClaimedRun) -> tuple[opening.Opened | None, str | None]:
        """Return what the handler of a run gets, or why that cannot be; other runs do not suffer from it."""
        try:
            opened = found.opened(self.database.keyring)
        except opening.CannotOpen as problem:
            return None, str(problem)
        if opened.values:
            recent.add(opened.values)
        return opened, None

    def _cancel(self, requests: dict[int, str]) -> None:
        for run_id, by in requests.items():
            run = self._held.get(run_id)
            if run is None or run.cancelled_by is not None:
                continue
            self._ask_to_stop(run, by=by)
            if run.withdraw():
                self._returned.append((run, verdict.cancelled(run)))
                self.wake()

    def _give_back(self, *, after_seconds: float = 0.0) -> None:
        """Put runs back into the queue that were claimed so long ago and have not begun: others may have a place."""
        self._withdraw_waiting(after_seconds=after_seconds)
        if not self._withdrawn:
            return
        with self.database.write() as tx:
            runs.give_back(tx, self.holder, {run.run_id: run.claimed.fence for run in self._withdrawn})
        self._held.forget(self._withdrawn)
        self._withdrawn = []

    def _withdraw_waiting(self, *, after_seconds: float = 0.0) -> None:
        self._withdrawn += self._held.withdraw_waiting(held_before=self._monotonic() - after_seconds)

    # ------------------------------------------------------------ from the executor

    def _finished(self, run: AnyRun, outcome: Outcome) -> None:
        assert isinstance(run, HeldRun)
        if self._held.returned(run):
            self._returned.append((run, verdict.handler_ended(run, run.masked(outcome))))
        self._flag.set()

    def _decide(self, run: HeldRun, outcome: Outcome) -> None:
        """End a run without waiting for its handler; one that somebody cancelled is that, whatever came besides."""
        if self._held.set_aside(run):
            self._returned.append((run, verdict.decided(run, outcome, kills=self.executor.kills)))
