"""The thread executor: handlers in threads of this process, for those that are trusted and cooperate."""

from __future__ import annotations

import contextvars
import logging
import threading
from queue import SimpleQueue

from enschedule_core.executor import ExecutorOptions, Finished, HeldRun
from enschedule_core.failure import describe
from enschedule_core.outcome import Outcome
from enschedule_core.registry import Registry
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_worker.engine import streams

logger = logging.getLogger(__name__)
_NEEDS_PROCESS = (
    "The schedule has environment variables of its own, and threads share those of the worker. "
    "Set ENSCHEDULE_EXECUTOR=process for the worker, or take env out of the schedule."
)


class ThreadExecutor:
    """Threads of this process. A thread cannot be killed: a handler that does not stop keeps its place."""

    name = "thread"
    kills = False

    def __init__(self, options: ExecutorOptions) -> None:
        self.places = options.places
        self._registry = options.registry
        self._queue: SimpleQueue[HeldRun | None] = SimpleQueue()
        self._finished: Finished | None = None

    def start(self, finished: Finished) -> None:
        """Start the threads and put the output proxies in place."""
        self._finished = finished
        streams.install()
        for number in range(self.places):
            # Daemons, because a stuck handler must not keep the process from ending.
            threading.Thread(target=self._work, name=f"enschedule-place-{number + 1}", daemon=True).start()

    def submit(self, run: HeldRun) -> None:
        """Hand ``run`` to the next free thread."""
        self._queue.put(run)

    def interrupt(self, run: HeldRun) -> None:
        """Do nothing: the handler sees ``run.cancelled`` itself."""

    def kill(self, run: HeldRun) -> None:
        """Do nothing: it cannot be done."""

    def refresh(self) -> None:
        """Do nothing: each run asks the registry."""

    def stop(self) -> None:
        """Let each thread end after what it runs now."""
        for _ in range(self.places):
            self._queue.put(None)

    def _work(self) -> None:
        assert self._finished is not None
        while (run := self._queue.get()) is not None:
            if not run.begin():
                continue
            try:
                # A fresh context: what one handler sets in it, the next one must not see.
                outcome = contextvars.Context().run(execute, self._registry, run)
            except BaseException as problem:
                logger.exception("run %s broke its executor", run.run_id, extra={"run_id": run.run_id})
                outcome = Outcome(RunStatus.FAILED, OutcomeKind.EXCEPTION, describe(problem))
            self._finished(run, outcome)


def execute(registry: Registry, run: HeldRun) -> Outcome:
    """Call the handler of ``run`` with everything it prints captured, and return how it ended."""
    call = run.call()
    if call.env is not None:
        return Outcome(RunStatus.FAILED, OutcomeKind.EXCEPTION, _NEEDS_PROCESS, retry="never")
    streams.install()  # again, because whoever has replaced sys.stdout since would get this run's output
    with streams.captured(run):
        return call.perform(registry, run)
