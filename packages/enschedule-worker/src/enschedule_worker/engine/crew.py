"""The children of the process executor: which of them has which run, which is idle, and what waits for one."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from enschedule_core.executor import HeldRun
from enschedule_worker.engine.children import ChildProcess, State

SHORT_SECONDS = 0.02  # of a run that is over by then, the output is read at its end
AHEAD = 16  # how many runs a child has at most while they are quick
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_STAYING = frozenset({State.STARTING, State.IDLE, State.BUSY})


class Crew:
    """Gives runs out to children, in the order in which they came. Whoever calls any of it has the ``lock``.

    At most ``places`` children have runs at once; a child with ``few_runs`` left, or fewer, gets its successor before
    it leaves. What returns runs says which ones their worker has ended meanwhile: nobody has to run them any more.
    """

    def __init__(self, places: int, *, few_runs: int) -> None:
        self.places = places
        self.lock = threading.Lock()
        self.queue: deque[HeldRun] = deque()
        self.children: list[ChildProcess] = []
        self.running: dict[int, ChildProcess] = {}
        self.waits_since: float | None = None  # when the queue had no child to go to
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        self._few_runs = few_runs

    # ------------------------------------------------------------ giving out

    def hand_out(self) -> None:
        """Give what waits to children that are idle."""
        while self.queue and self._idle and len(self._busy) < self.places:
            # The one used last, so that the others become old enough to be let go.
            self._give(self._idle.pop(), 1)
        if not self.queue:
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = time.monotonic()

    def _give(self, child: ChildProcess, most: int) -> None:
        """Give a child so many of the runs that wait; one that gets none is idle."""
        runs: list[HeldRun] = []
        while self.queue and len(runs) < most:
            run = self.queue.popleft()
            if run.begin():
                self.running[run.run_id] = child
                runs.append(run)
        if runs:
            self._busy.add(child)
            child.give(runs)
        elif not child.load:
            self.rest(child)

    def rest(self, child: ChildProcess) -> None:
        """A child has nothing to do."""
        self._busy.discard(child)
        child.state, child.since = State.IDLE, time.monotonic()
        self._idle.append(child)

    def take_back(self, child: ChildProcess, most: int) -> list[HeldRun]:
        """Put what waits in a child to the front of the queue."""
        over = []
        for run in reversed(child.take_back(most)):
            del self.running[run.run_id]
            if run.put_back():
                self.queue.appendleft(run)
            else:
                over.append(run)
        return over

    def go_on(self, child: ChildProcess, ended: Iterable[HeldRun]) -> list[HeldRun]:
        """Decide what becomes of a child that has ended runs."""
        for run in ended:
            del self.running[run.run_id]
        over = [] if child.why is None else self.take_back(child, child.load)
        if child.load == 0:
            self._busy.discard(child)
        if child.state is State.BUSY:
            self._go_on_busy(child)
        self.hand_out()
        return over

    def _go_on_busy(self, child: ChildProcess) -> None:
        if child.why is not None:
            if child.load == 0:
                child.kill()
        elif child.runs_left <= 0:
            if child.load == 0:
                child.quit()
        elif child.load <= AHEAD // 2:
            share = -(-len(self.queue) // max(1, len(self._busy)))
            room = min(AHEAD if child.is_quick else 1, child.runs_left) - child.load
            self._give(child, min(room, max(1, share)))

    # ------------------------------------------------------------ who comes and who goes

    def wants_child(self) -> bool:
        """Return whether one more child would be of use: for what waits, and one in any case.

        One after the other: an interpreter that starts takes a processor for a while, and a worker with many places
        must not starve itself. Nor are more children of use where as many as there are processors work off quick runs.
        """
        staying = quick = 0
        just_now = time.monotonic() - SHORT_SECONDS
        for child in self.children:
            if child.state is State.STARTING and child.why is None:
                return False
            # The successor of one that has few runs left is started before that leaves.
            staying += child.state in _STAYING and child.why is None and child.runs_left > self._few_runs
            quick += child.state is State.BUSY and child.is_quick and child.since > just_now
        return staying == 0 or (bool(self.queue) and staying < self.places and quick < PROCESSORS)

    def welcome(self, child: ChildProcess) -> None:
        """A child that was started has its handlers."""
        if child.state is State.STARTING and child.why is not None:
            child.quit()  # it has begun with handlers that have changed since
        elif child.state is State.STARTING:
            self.rest(child)
        self.hand_out()

    def let_go(self, child: ChildProcess) -> None:
        """Let an idle child end."""
        self._idle.remove(child)
        child.quit()

    def lose(self, child: ChildProcess) -> list[HeldRun]:
        """A child is dead: it has only the run that it had begun with."""
        self.children.remove(child)
        self._busy.discard(child)
        if child in self._idle:
            self._idle.remove(child)
        return self.take_back(child, child.load)

    def replace_all(self, why: str) -> list[HeldRun]:
        """Let all children end: at once, or when they have ended the run that they have now."""
        over = []
        for child in self.children:
            if child.state in _STAYING:
                child.why = child.why or why
                over += self.take_back(child, child.load - 1)
        for child in self._idle:
            child.quit()
        self._idle = []
        self.hand_out()
        return over

    # ------------------------------------------------------------ one run

    def with_child_of(self, run: HeldRun, do: Callable[[ChildProcess], None]) -> list[HeldRun]:
        """Do something to the child that has ``run`` now; what waits in it goes elsewhere before."""
        child = self.running.get(run.run_id)
        if child is None:
            return []
        had = child.run
        over = self.take_back(child, child.load)
        # With more than one left, it is at a later one already, and the end of ``run`` is under way.
        if child.run is run and child.load == 1:
            do(child)
        elif child.load == 0:
            # It has not even begun with it: it stands still.
            child.kill() if had is run else self.rest(child)
        self.hand_out()
        return over
