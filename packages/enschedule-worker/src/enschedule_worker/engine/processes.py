"""The process executor: warm child processes, one run at a time each, that are captured whole and can be killed.

One thread owns the children: it starts them, reads all of their pipes, and buries them. It lives as long as the
executor, because the kernel kills a child when the *thread* that started it ends. Runs are handed to an idle child by
whoever submits them, without a detour over that thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import selectors
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Any

from enschedule_core.errors import ConfigurationError
from enschedule_core.executor import ExecutorOptions, Finished, HeldRun
from enschedule_core.outcome import Outcome
from enschedule_core.registrar import collecting
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_worker.engine.children import CONTROL, DEATH, ChildProcess, State
from enschedule_worker.engine.deaths import outcome_of_death

logger = logging.getLogger(__name__)
GROW_AFTER_SECONDS = 0.01  # a run waits that long for a child before another one is started
SHORT_SECONDS = 0.02  # of a run that is over by then, the output is read at its end
IDLE_SECONDS = 300.0
START_SECONDS = 120.0
LEAVE_SECONDS = 5.0
STALL_SECONDS = 5.0
RETRY_SECONDS = (0.1, 30.0)
LOOK_SECONDS = 1.0 if hasattr(os, "pidfd_open") else 0.05  # without it, the kernel does not tell who has died
AHEAD = 16  # how many runs a child has at most while they are quick
_NOT_CALLED = Outcome(RunStatus.CANCELLED, OutcomeKind.CANCELLED)  # of a run that its worker has ended: nobody reads it
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_STAYING = frozenset({State.STARTING, State.IDLE, State.BUSY})


class ProcessExecutor:
    """Child processes of this worker. A handler that does not stop is killed, and its place is free at once."""

    name = "process"
    kills = True

    def __init__(self, options: ExecutorOptions) -> None:
        self.places = options.places
        self._options = options
        self._refuse_homeless()
        if collecting() is not None:
            raise ConfigurationError(
                "A worker cannot start in a child process of a worker, which runs the program for its handlers only.",
                hint='Start it under: if __name__ == "__main__":',
            )
        self._finished: Finished | None = None
        self._lock = threading.Lock()
        self._queue: deque[HeldRun] = deque()
        self._children: list[ChildProcess] = []
        self._idle: list[ChildProcess] = []
        self._running: dict[int, ChildProcess] = {}
        self._busy: set[ChildProcess] = set()
        self._stopping = False
        self._waits_since: float | None = None  # when the queue had no child to go to
        self._failures = 0
        self._start_at = 0.0
        self._looked_at = self._glanced_at = 0.0
        self._is_dozing = False
        self._few_runs = options.runs_per_child // 10
        self._thread: threading.Thread | None = None

    def _refuse_homeless(self) -> None:
        registry = self._options.registry
        homeless = [one for one in registry.handlers() if registry.source(one).kind == "code"]
        if homeless:
            names = ", ".join(f"{one.id}@{one.version}" for one in homeless)
            raise ConfigurationError(
                f"ENSCHEDULE_EXECUTOR: a child process cannot find {names} again: made while the program ran, "
                "in a place that cannot be imported.",
                hint="Define handlers at the top level of a module or file, or set ENSCHEDULE_EXECUTOR=thread",
            )

    # ------------------------------------------------------------ enschedule_core.executor.Executor

    def start(self, finished: Finished) -> None:
        """Start the thread, which starts a first child."""
        self._finished = finished
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._own, name="enschedule-children", daemon=True)
        self._thread.start()

    def submit(self, run: HeldRun) -> None:
        """Hand ``run`` to an idle child; without one it waits."""
        with self._lock:
            if self._stopping:
                return
            self._queue.append(run)
            self._hand_out()
            if self._is_dozing or (self._queue and self._wants_child()):
                self._is_dozing = False
                self._wake()

    def interrupt(self, run: HeldRun) -> None:
        """Set ``context.cancelled`` in the child, and send SIGTERM to its group."""
        self._with_child_of(run, ChildProcess.interrupt)

    def kill(self, run: HeldRun) -> None:
        """Kill the child that runs ``run``, and its group, before this returns."""
        self._with_child_of(run, ChildProcess.kill)

    def _with_child_of(self, run: HeldRun, do: Callable[[ChildProcess], None]) -> None:
        """Do something to the child that has ``run`` now; what waits in it goes elsewhere before."""
        with self._lock:
            child = self._running.get(run.run_id)
            if child is None:
                return
            had = child.run
            over = self._take_back(child, child.load)
            # With more than one left, it is at a later one already, and the end of ``run`` is under way.
            if child.run is run and child.load == 1:
                do(child)
            elif child.load == 0:
                # It has not even begun with it: it stands still.
                child.kill() if had is run else self._rest(child)
            self._hand_out()
        for ended in over:
            self._finish(ended, _NOT_CALLED)

    def refresh(self) -> None:
        """Replace all children: at once, or when they have ended the run that they have now."""
        over = []
        with self._lock:
            for child in self._children:
                if child.state in _STAYING:
                    child.why = child.why or "its handlers have changed"
                    over += self._take_back(child, child.load - 1)
            for child in self._idle:
                child.quit()
            self._idle = []
            self._hand_out()
            self._is_dozing = False
            self._wake()
        for run in over:
            self._finish(run, _NOT_CALLED)

    def stop(self) -> None:
        """Kill what still runs, and let the thread end."""
        with self._lock:
            self._stopping = True
            self._queue.clear()
            for child in self._children:
                child.kill()
        if self._thread is not None:
            thread, self._thread = self._thread, None
            self._wake()
            thread.join(timeout=10)
            if not thread.is_alive():
                os.close(self._wake_read)
                os.close(self._wake_write)

    # ------------------------------------------------------------ giving out, under the lock

    def _hand_out(self) -> None:
        while self._queue and self._idle and len(self._busy) < self.places:
            # The one used last, so that the others become old enough to be let go.
            self._give(self._idle.pop(), 1)
        if not self._queue:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = time.monotonic()

    def _give(self, child: ChildProcess, most: int) -> None:
        """Give a child so many of the runs that wait; one that gets none is idle."""
        runs: list[HeldRun] = []
        while self._queue and len(runs) < most:
            run = self._queue.popleft()
            if run.begin():
                self._running[run.run_id] = child
                runs.append(run)
        if runs:
            self._busy.add(child)
            child.give(runs)
        elif not child.load:
            self._rest(child)

    def _rest(self, child: ChildProcess) -> None:
        self._busy.discard(child)
        child.state, child.since = State.IDLE, time.monotonic()
        self._idle.append(child)

    def _take_back(self, child: ChildProcess, most: int) -> list[HeldRun]:
        """Put what waits in a child to the front of the queue; return what its worker has ended meanwhile."""
        over = []
        for run in reversed(child.take_back(most)):
            del self._running[run.run_id]
            if run.put_back():
                self._queue.appendleft(run)
            else:
                over.append(run)
        return over

    def _wants_child(self) -> bool:
        """Return whether one more child would be of use: for what waits, and one in any case.

        One after the other: an interpreter that starts takes a processor for a while, and a worker with many places
        must not starve itself. Nor are more children of use where as many as there are processors work off quick runs.
        """
        staying = quick = 0
        just_now = time.monotonic() - SHORT_SECONDS
        for child in self._children:
            if child.state is State.STARTING and child.why is None:
                return False
            # The successor of one that has few runs left is started before that leaves.
            staying += child.state in _STAYING and child.why is None and child.runs_left > self._few_runs
            quick += child.state is State.BUSY and child.is_quick and child.since > just_now
        return staying == 0 or (bool(self._queue) and staying < self.places and quick < PROCESSORS)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is told already
            os.write(self._wake_write, b"!")

    # ------------------------------------------------------------ the owner's thread

    def _own(self) -> None:
        while not self._stopping or self._children:
            try:
                self._turn()
            except Exception:
                logger.exception("the owner of the child processes stumbled")
                time.sleep(0.1)
        self._selector.close()

    def _turn(self) -> None:
        patience = self._grow()
        ready: dict[ChildProcess, set[int]] = {}
        with self._lock:
            if any(child.state is State.BUSY and not child.is_followed for child in self._children):
                patience = min(patience, SHORT_SECONDS)
            self._is_dozing = patience > SHORT_SECONDS
        for key, _ in self._selector.select(patience):
            if key.data is None:
                os.read(self._wake_read, 4096)
            else:
                child, number = key.data
                ready.setdefault(child, set()).add(number)
        for child, numbers in ready.items():
            try:
                self._serve(child, numbers)
            except Exception as problem:
                logger.exception("child process %s is given up", child.pid)
                child.trouble = f"its worker could not deal with it ({problem})"
                child.kill()
        now = time.monotonic()
        if now - self._glanced_at >= SHORT_SECONDS:
            self._glance(now)
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._look_around(now)

    def _glance(self, now: float) -> None:
        """From now on, see at once what runs print that are not over at once: it is shown while they run."""
        self._glanced_at = now
        for child in self._children:
            if child.state is State.BUSY and now - child.since >= SHORT_SECONDS:
                child.follow_output()
                self._let_nothing_wait(child, now - child.since)

    def _let_nothing_wait(self, child: ChildProcess, seconds: float) -> None:
        """Give the runs behind a long one to other children; all of them, if it does not even begin."""
        with self._lock:
            stalls = seconds >= STALL_SECONDS
            over = self._take_back(child, child.load if stalls else child.load - 1)
            if child.load == 0:
                logger.error("child process %s does not take its run: it is replaced", child.pid)
                child.kill()
            self._hand_out()
        for run in over:
            self._finish(run, _NOT_CALLED)

    def _serve(self, child: ChildProcess, ready: Collection[int]) -> None:
        if child.wants_to_send and CONTROL in ready:
            with self._lock:
                child.send_rest()
        child.read(ready)
        if child.is_ready:
            self._welcome(child)
        self._take_ended(child)
        if DEATH in ready:
            self._bury(child)

    def _welcome(self, child: ChildProcess) -> None:
        """The child has its handlers."""
        self._log_said(child, logging.INFO)
        child.next_output()
        self._failures = 0
        with self._lock:
            if child.state is State.STARTING and child.why is not None:
                child.quit()  # it has begun with handlers that have changed since
            elif child.state is State.STARTING:
                self._rest(child)
            self._hand_out()

    def _take_ended(self, child: ChildProcess) -> None:
        """Report the runs of a child that have ended, after it was given what it is to do next."""
        ended = []
        while child.has_ended_run:
            ended.append(child.take_ended())
            child.read(())
        if not ended:
            return
        with self._lock:
            for run, _ in ended:
                del self._running[run.run_id]
            over = self._next(child)
            self._hand_out()
        for run, outcome in ended:
            self._finish(run, outcome)
        for run in over:
            self._finish(run, _NOT_CALLED)

    def _next(self, child: ChildProcess) -> list[HeldRun]:
        """Decide what becomes of a child that has ended a run; return what its worker has ended meanwhile."""
        over = [] if child.why is None else self._take_back(child, child.load)
        if child.load == 0:
            self._busy.discard(child)
        if child.state is not State.BUSY:
            return over
        if child.why is not None:
            if child.load == 0:
                child.kill()
        elif child.runs_left <= 0:
            if child.load == 0:
                child.quit()
        elif child.load <= AHEAD // 2:
            share = -(-len(self._queue) // max(1, len(self._busy)))
            room = min(AHEAD if child.is_quick else 1, child.runs_left) - child.load
            self._give(child, min(room, max(1, share)))
        return over

    def _finish(self, run: HeldRun, outcome: Outcome) -> None:
        assert self._finished is not None
        try:
            self._finished(run, outcome)
        except Exception:
            logger.exception("the end of run %s could not be reported", run.run_id, extra={"run_id": run.run_id})

    # ------------------------------------------------------------ birth and death

    def _grow(self) -> float:
        """Start a child if one is wanted; return how long nothing is to be done."""
        now = time.monotonic()
        with self._lock:
            if self._stopping or (self._waits_since is None and self._children):
                return LOOK_SECONDS
            begin_at = max(self._start_at, now if self._waits_since is None else self._waits_since + GROW_AFTER_SECONDS)
            wanted = self._wants_child()
        if not wanted:
            return LOOK_SECONDS if self._waits_since is None else SHORT_SECONDS
        if now < begin_at:
            return begin_at - now
        self._start_one()
        return 0.0

    def _start_one(self) -> None:
        # Not all at once: children that were started together would have to be replaced together.
        limit = self._options.runs_per_child or sys.maxsize
        try:
            child = ChildProcess(
                self._selector,
                self._options.environ,
                self._load(),
                runs_left=limit - random.randrange(limit // 5 + 1),  # noqa: S311
            )
        except OSError as problem:
            logger.error("a child process could not be started: %s", problem)  # noqa: TRY400 - no traceback needed
            self._put_off()
            return
        with self._lock:
            self._children.append(child)
            if self._stopping:
                child.kill()

    def _load(self) -> dict[str, Any]:
        return {
            "sources": [source.as_dict() for source in self._options.registry.sources],
            "texts": {
                folder: {path: text.decode("latin-1") for path, text in texts.items()}
                for folder, texts in self._options.registry.folder_texts.items()
            },
            "path": sys.path,
            "log_level": logging.root.level,
            "withheld": sorted(self._options.withheld),
            "memory_max_bytes": self._options.memory_max_bytes,
        }

    def _put_off(self) -> None:
        """Wait longer and longer as long as no child gets ready."""
        self._failures += 1
        first, most = RETRY_SECONDS
        self._start_at = time.monotonic() + min(most, first * 2 ** min(self._failures, 20))

    def _bury(self, child: ChildProcess) -> None:
        with self._lock:
            code = child.bury()
            self._children.remove(child)
            self._busy.discard(child)
            if child in self._idle:
                self._idle.remove(child)
            over = self._take_back(child, child.load)
        self._take_ended(child)
        child.close()
        self._take_ended(child)
        if not child.has_handlers and not self._stopping:
            logger.error("child process %s ended before it had its handlers (%s)", child.pid, code)
            self._log_said(child, logging.ERROR)
            self._put_off()
        run = child.run
        if run is not None:
            with self._lock:
                del self._running[run.run_id]
            limit = self._options.memory_max_bytes
            self._finish(run, outcome_of_death(code, memory_max_bytes=limit, why=child.trouble))
        for run in over:
            self._finish(run, _NOT_CALLED)

    def _look_around(self, now: float) -> None:
        """Let go what idles, end what does not get ready or does not leave, and look who has died."""
        with self._lock:
            for child in list(self._children):
                waited = now - child.since
                if child.state is State.IDLE and waited > IDLE_SECONDS and len(self._children) > 1:
                    self._idle.remove(child)
                    child.quit()
                elif child.state is State.STARTING and waited > START_SECONDS:
                    logger.error("child process %s had no handlers after %.0f s", child.pid, waited)
                    child.kill()
                elif child.state is State.LEAVING and waited > LEAVE_SECONDS:
                    child.kill()
        dead = [child for child in self._children if child.has_died()]
        for child in dead:
            self._bury(child)

    def _log_said(self, child: ChildProcess, level: int) -> None:
        said, child.said = child.said, b""
        for line in said.decode("utf-8", "backslashreplace").splitlines():
            logger.log(level, "child process %s: %s", child.pid, line)
