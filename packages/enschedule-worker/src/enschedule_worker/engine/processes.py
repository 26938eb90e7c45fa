"""The process executor: warm child processes, one run at a time each, that are captured whole and can be killed.

One thread owns the children: it starts them, reads all of their pipes, and buries them. It lives as long as the
executor, because the kernel kills a child when the *thread* that started it ends. Runs are handed to an idle child by
whoever submits them, without a detour over that thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
import time
from collections.abc import Callable, Collection, Iterable

from enschedule_core.executor import ExecutorOptions, Finished, HeldRun
from enschedule_core.outcome import Outcome
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_worker.engine.births import Births
from enschedule_worker.engine.children import CONTROL, DEATH, ChildProcess, State
from enschedule_worker.engine.crew import SHORT_SECONDS, Crew
from enschedule_worker.engine.deaths import outcome_of_death

logger = logging.getLogger(__name__)
GROW_AFTER_SECONDS = 0.01  # a run waits that long for a child before another one is started
IDLE_SECONDS = 300.0
START_SECONDS = 120.0
LEAVE_SECONDS = 5.0
STALL_SECONDS = 5.0
LOOK_SECONDS = 1.0 if hasattr(os, "pidfd_open") else 0.05  # without it, the kernel does not tell who has died
_NOT_CALLED = Outcome(RunStatus.CANCELLED, OutcomeKind.CANCELLED)  # of a run that its worker has ended: nobody reads it


class ProcessExecutor:
    """Child processes of this worker. A handler that does not stop is killed, and its place is free at once."""

    name = "process"
    kills = True

    def __init__(self, options: ExecutorOptions) -> None:
        self.places = options.places
        self._options = options
        self._finished: Finished | None = None
        self._crew = Crew(options.places, few_runs=options.runs_per_child // 10)
        self._births = Births(options)
        self._stopping = False
        self._looked_at = self._glanced_at = 0.0
        self._is_dozing = False
        self._thread: threading.Thread | None = None

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
        crew = self._crew
        with crew.lock:
            if self._stopping:
                return
            crew.queue.append(run)
            crew.hand_out()
            if self._is_dozing or (crew.queue and crew.wants_child()):
                self._is_dozing = False
                self._wake()

    def interrupt(self, run: HeldRun) -> None:
        """Set ``context.cancelled`` in the child, and send SIGTERM to its group."""
        self._with_child_of(run, ChildProcess.interrupt)

    def kill(self, run: HeldRun) -> None:
        """Kill the child that runs ``run``, and its group, before this returns."""
        self._with_child_of(run, ChildProcess.kill)

    def _with_child_of(self, run: HeldRun, do: Callable[[ChildProcess], None]) -> None:
        with self._crew.lock:
            over = self._crew.with_child_of(run, do)
        self._forget(over)

    def refresh(self) -> None:
        """Replace all children: at once, or when they have ended the run that they have now."""
        with self._crew.lock:
            over = self._crew.replace_all("its handlers have changed")
            self._is_dozing = False
            self._wake()
        self._forget(over)

    def stop(self) -> None:
        """Kill what still runs, and let the thread end."""
        with self._crew.lock:
            self._stopping = True
            self._crew.queue.clear()
            for child in self._crew.children:
                child.kill()
        if self._thread is not None:
            thread, self._thread = self._thread, None
            self._wake()
            thread.join(timeout=10)
            if not thread.is_alive():
                os.close(self._wake_read)
                os.close(self._wake_write)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is told already
            os.write(self._wake_write, b"!")

    # ------------------------------------------------------------ the owner's thread

    def _own(self) -> None:
        while not self._stopping or self._crew.children:
            try:
                self._turn()
            except Exception:
                logger.exception("the owner of the child processes stumbled")
                time.sleep(0.1)
        self._selector.close()

    def _turn(self) -> None:
        patience = self._grow()
        ready: dict[ChildProcess, set[int]] = {}
        with self._crew.lock:
            if any(child.state is State.BUSY and not child.is_followed for child in self._crew.children):
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
        for child in self._crew.children:
            if child.state is State.BUSY and now - child.since >= SHORT_SECONDS:
                child.follow_output()
                self._let_nothing_wait(child, now - child.since)

    def _let_nothing_wait(self, child: ChildProcess, seconds: float) -> None:
        """Give the runs behind a long one to other children; all of them, if it does not even begin."""
        with self._crew.lock:
            stalls = seconds >= STALL_SECONDS
            over = self._crew.take_back(child, child.load if stalls else child.load - 1)
            if child.load == 0:
                logger.error("child process %s does not take its run: it is replaced", child.pid)
                child.kill()
            self._crew.hand_out()
        self._forget(over)

    def _serve(self, child: ChildProcess, ready: Collection[int]) -> None:
        if child.wants_to_send and CONTROL in ready:
            with self._crew.lock:
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
        self._births.succeeded()
        with self._crew.lock:
            self._crew.welcome(child)

    def _take_ended(self, child: ChildProcess) -> None:
        """Report the runs of a child that have ended, after it was given what it is to do next."""
        ended = []
        while child.has_ended_run:
            ended.append(child.take_ended())
            child.read(())
        if not ended:
            return
        with self._crew.lock:
            over = self._crew.go_on(child, [run for run, _ in ended])
        for run, outcome in ended:
            self._finish(run, outcome)
        self._forget(over)

    def _forget(self, over: Iterable[HeldRun]) -> None:
        """Report runs that their worker has ended before a child began with them."""
        for run in over:
            self._finish(run, _NOT_CALLED)

    def _finish(self, run: HeldRun, outcome: Outcome) -> None:
        assert self._finished is not None
        try:
            self._finished(run, outcome)
        except Exception:
            logger.exception("the end of run %s could not be reported", run.run_id, extra={"run_id": run.run_id})

    # ------------------------------------------------------------ birth and death

    def _grow(self) -> float:
        """Start a child if one is wanted; return how long nothing is to be done."""
        now, crew = time.monotonic(), self._crew
        with crew.lock:
            waits_since = crew.waits_since
            if self._stopping or (waits_since is None and crew.children):
                return LOOK_SECONDS
            wanted = crew.wants_child()
        if not wanted:
            return LOOK_SECONDS if waits_since is None else SHORT_SECONDS
        begin_at = max(self._births.not_before, now if waits_since is None else waits_since + GROW_AFTER_SECONDS)
        if now < begin_at:
            return begin_at - now
        self._start_one()
        return 0.0

    def _start_one(self) -> None:
        child = self._births.start(self._selector)
        if child is None:
            return
        with self._crew.lock:
            self._crew.children.append(child)
            if self._stopping:
                child.kill()

    def _bury(self, child: ChildProcess) -> None:
        with self._crew.lock:
            code = child.bury()
            over = self._crew.lose(child)
        self._take_ended(child)
        child.close()
        self._take_ended(child)
        if not child.has_handlers and not self._stopping:
            logger.error("child process %s ended before it had its handlers (%s)", child.pid, code)
            self._log_said(child, logging.ERROR)
            self._births.put_off()
        run = child.run
        if run is not None:
            with self._crew.lock:
                del self._crew.running[run.run_id]
            limit = self._options.memory_max_bytes
            self._finish(run, outcome_of_death(code, memory_max_bytes=limit, why=child.trouble))
        self._forget(over)

    def _look_around(self, now: float) -> None:
        """Let go what idles, end what does not get ready or does not leave, and look who has died."""
        with self._crew.lock:
            for child in list(self._crew.children):
                waited = now - child.since
                if child.state is State.IDLE and waited > IDLE_SECONDS and len(self._crew.children) > 1:
                    self._crew.let_go(child)
                elif child.state is State.STARTING and waited > START_SECONDS:
                    logger.error("child process %s had no handlers after %.0f s", child.pid, waited)
                    child.kill()
                elif child.state is State.LEAVING and waited > LEAVE_SECONDS:
                    child.kill()
        dead = [child for child in self._crew.children if child.has_died()]
        for child in dead:
            self._bury(child)

    def _log_said(self, child: ChildProcess, level: int) -> None:
        said, child.said = child.said, b""
        for line in said.decode("utf-8", "backslashreplace").splitlines():
            logger.log(level, "child process %s: %s", child.pid, line)
