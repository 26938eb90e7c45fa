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

from enschedule_core.errors import EnscheduleError
from enschedule_core.executor import Executor
from enschedule_core.executor import HeldRun as AnyRun
from enschedule_core.outcome import Outcome
from enschedule_core.registry import Registry
from enschedule_worker.engine import verdict
from enschedule_worker.engine.deadlines import Deadlines
from enschedule_worker.engine.holding import Holding
from enschedule_worker.engine.intake import Intake, TakenIn
from enschedule_worker.engine.next_look import next_look
from enschedule_worker.engine.options import EngineOptions
from enschedule_worker.engine.receiving import receive
from enschedule_worker.engine.running import HeldRun, Stage
from enschedule_worker.engine.unwritten import Unwritten
from enschedule_worker.service import claiming
from enschedule_worker.store import afterwards, queue, runs
from enschedule_worker.store.database import Database, Transaction
from enschedule_worker.store.holding import Holder

logger = logging.getLogger(__name__)
AHEAD_PATIENCE_SECONDS = 1.0
FLUSH_SECONDS = 0.2
TROUBLE_SECONDS = 1.0
CONTESTED_SECONDS = 0.01


class Engine:
    """Holds this worker's runs and moves them on. ``turn`` is the whole of it; the thread only repeats that."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        executor: Executor,
        holder: Holder,
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
        self._deadlines = Deadlines(executor, self._held, self._returned, grace_seconds=options.grace_seconds)
        self._unwritten = Unwritten(holder, options.notify_url, options.retry_delay)
        self._withdrawn: list[HeldRun] = []
        self._intake = Intake(holder, registry, options)
        self._epoch = 0  # database microseconds minus monotonic microseconds
        self._flushed_at = 0.0
        self._unsure = False
        self._doubts = False  # that there are claims in the database that are not held here
        self._cancels_at = 0.0  # by the monotonic clock: when to look again at the latest
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
            self._deadlines.decide(run, verdict.worker_stopped())
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
        cancels, found = self.database.retrying(lambda tx: self._transact(tx, unsure=unsure))
        self._unsure = False
        self._written()
        self._hold(found.claim.runs)
        self._cancel(cancels)
        self._give_back(after_seconds=0.0 if self._stopping else AHEAD_PATIENCE_SECONDS)
        self.turned_at = self._monotonic()
        if self._returned or found.may_be_more:
            return 0.0
        if self._intake.fires_at is not None:
            return max(0.0, min([self._intake.fires_at - self._monotonic(), *self._held_waits()]))
        until = next_look(self.database, self.registry, self.options.poll_seconds, self._monotonic)
        contested = [CONTESTED_SECONDS] if found.claim.contested else []
        return max(0.0, min([until - self._monotonic(), *self._held_waits(), *contested]))

    def _transact(self, tx: Transaction, *, unsure: bool) -> tuple[dict[int, str], TakenIn]:
        """Do all of a turn that the database has to know; done again as it is where another worker was in the way."""
        self._epoch = tx.now - round(self._monotonic() * 1_000_000)
        if unsure:
            self._recognise(tx)
        self._unwritten.store(tx, self._instant_of)
        cancels = self._cancels(tx)
        if self._stopping:
            return cancels, TakenIn(claiming.Claim([]))
        not_roots = {run.claimed.root_id for run in self._held.stuck.values()}
        return cancels, self._intake.take(tx, self._monotonic(), self._free_places(), not_roots=not_roots)

    def _cancels(self, tx: Transaction) -> dict[int, str]:
        """Return who wants which held runs cancelled; looked up five times a second, however many turns there are."""
        now = self._monotonic()
        if not self._held or now < self._cancels_at:
            return {}
        self._cancels_at = now + FLUSH_SECONDS
        return queue.cancel_requests(tx, self.holder.instance_id)

    def _collect(self) -> None:
        """Gather outcomes and output; they stay gathered until they are committed."""
        now = self._monotonic()
        for run in self._held:
            if run.stage is Stage.CALLED:
                self._deadlines.press(run, now)
        while self._returned:
            self._unwritten.add_ended(*self._returned.popleft())
        going_on = [run for run in self._held if run.stage is Stage.CALLED]
        self._unwritten.add_progress(going_on)
        if now - self._flushed_at >= FLUSH_SECONDS:
            self._flushed_at = now
            self._unwritten.add_output(going_on)

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
        ended = [run for run, _ in self._unwritten.ended]
        self._held.forget(ended)
        self._intake.pace(ended, self.executor.places)
        self._unwritten.clear()

    def _free_places(self) -> int:
        """Return how many runs more this worker may hold, with those that it takes ahead of its places."""
        ending = len(self._unwritten.ended)
        return self.executor.places + self._intake.ahead - (len(self._held) - ending) - len(self._held.stuck)

    def _held_waits(self) -> list[float]:
        """Return in how many seconds held runs need a look: at their output, and at their deadlines."""
        if not self._held:
            return []
        now = self._monotonic()
        return [FLUSH_SECONDS, *(at - now for run in self._held if (at := run.next_instant()) is not None)]

    def _hold(self, claimed: list[claiming.ClaimedRun]) -> None:
        for found in claimed:
            run, problem = receive(found, self.options, self.database.keyring, now=self.now, monotonic=self._monotonic)
            self._held.add(run)
            if problem is None:
                self.executor.submit(run)
            elif run.withdraw():
                self._returned.append((run, verdict.cannot_open(problem)))
                self.wake()

    def _cancel(self, requests: dict[int, str]) -> None:
        for run_id, by in requests.items():
            run = self._held.get(run_id)
            if run is None or run.cancelled_by is not None:
                continue
            self._deadlines.ask_to_stop(run, by=by)
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
