"""Runs that have to end: at their deadline, because somebody cancels them, or because their worker stops."""

from __future__ import annotations

from collections import deque

from enschedule_core.executor import Executor
from enschedule_core.outcome import Outcome
from enschedule_worker.engine import verdict
from enschedule_worker.engine.holding import Holding
from enschedule_worker.engine.running import HeldRun

KILL_GRACE_SECONDS = 10.0  # how long a handler that is told to stop may go on where it can be killed
UNKILLABLE_SECONDS = 10.0  # a process that waits for a broken disk does not even die


class Deadlines:
    """Ends runs of ``held`` that do not end by themselves; those go to ``returned``, with how they ended.

    ``grace_seconds`` is how long a handler may go on that was told to stop. An executor that kills ends them itself.
    """

    def __init__(
        self, executor: Executor, held: Holding, returned: deque[tuple[HeldRun, Outcome]], *, grace_seconds: float
    ) -> None:
        self._executor = executor
        self._held = held
        self._returned = returned
        self._grace_seconds = min(grace_seconds, KILL_GRACE_SECONDS) if executor.kills else grace_seconds

    def press(self, run: HeldRun, now: float) -> None:
        """See to it that a run ends in time. Who can kill does so, and tells how it ended; else the engine decides."""
        is_due = run.deadline is not None and now >= run.deadline
        if not self._executor.kills:
            if is_due:
                self.decide(run, verdict.timed_out(run))
            elif run.stop_by is not None and now >= run.stop_by:
                self.decide(run, verdict.did_not_stop(run))
            return
        if is_due and not run.is_overdue:
            run.is_overdue = True
            self.ask_to_stop(run)
        if run.stop_by is None or now < run.stop_by:
            return
        if run.killed_at is None:
            run.killed_at = now
            self._executor.kill(run)
        elif now >= run.killed_at + UNKILLABLE_SECONDS:
            self.decide(run, verdict.could_not_be_killed(run))

    def ask_to_stop(self, run: HeldRun, *, by: str | None = None) -> None:
        """Tell the handler of a run to stop; ``by`` is who cancels it."""
        run.ask_to_stop(by=by, within_seconds=self._grace_seconds)
        self._executor.interrupt(run)

    def decide(self, run: HeldRun, outcome: Outcome) -> None:
        """End a run without waiting for its handler; one that somebody cancelled is that, whatever came besides."""
        if self._held.set_aside(run):
            self._returned.append((run, verdict.decided(run, outcome, kills=self._executor.kills)))
