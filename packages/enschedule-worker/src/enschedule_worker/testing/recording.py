"""Runs that note what an executor does with them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from enschedule_core.context import Stream
from enschedule_core.executor import Call, Executor, ExecutorFactory, ExecutorOptions, HeldRun
from enschedule_core.outcome import Outcome
from enschedule_core.registry import Registry
from enschedule_core.source import Source

PATIENCE_SECONDS = 60.0


class RecordedRun:
    """A :class:`enschedule_core.executor.HeldRun` that keeps all that it is told."""

    def __init__(self, run_id: int, handler_id: str, data: Any = None, *, version: int = 1, **call: Any) -> None:
        self._call = Call(run_id, handler_id, version, json.dumps({} if data is None else data), **call)
        self.changed = threading.Condition()
        self.is_wanted = True  # what begin() says
        self.cancelled = False
        self.begun = 0
        self.chunks: list[tuple[Stream, bytes]] = []
        self.size = 0
        self.keeps_output = True
        self.reports: list[tuple[float, str]] = []
        self.outcomes: list[Outcome] = []
        self.late: list[bytes] = []

    @property
    def run_id(self) -> int:
        """The id of the run."""
        return self._call.run_id

    def begin(self) -> bool:
        """Note it."""
        with self.changed:
            self.begun += 1
            self.changed.notify_all()
        return self.is_wanted

    def begin_late(self, *, seconds_ago: float = 0.0) -> None:
        """Do nothing: there is no clock."""

    def put_back(self) -> bool:
        """Note it."""
        self.begun -= 1
        return True

    def call(self) -> Call:
        """Return what was given."""
        return self._call

    def write(self, stream: Stream, data: bytes) -> None:
        """Keep the output."""
        if self.outcomes:
            self.late.append(data)
        self.size += len(data)
        if self.keeps_output:
            self.chunks.append((stream, bytes(data)))

    def progress(self, fraction: float, text: str) -> None:
        """Keep the report."""
        with self.changed:
            self.reports.append((fraction, text))
            self.changed.notify_all()

    def ended(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        with self.changed:
            self.outcomes.append(outcome)
            self.changed.notify_all()

    # ------------------------------------------------------------ for the checks

    def wait(self, condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait until ``condition`` holds, looked at after each change; False if it does not come true in time."""
        with self.changed:
            return self.changed.wait_for(lambda: bool(condition()), seconds)

    def outcome(self, seconds: float = PATIENCE_SECONDS) -> Outcome:
        """Wait for the end, and return it."""
        assert self.wait(lambda: self.outcomes, seconds), f"run {self.run_id} does not end"
        return self.outcomes[0]

    def wait_inside(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Wait until the handler has reported that it was called."""
        return self.wait(lambda: (0.0, "inside") in self.reports, seconds)

    def text(self, stream: Stream | None = None) -> str:
        """Return the output, or that of one stream."""
        return b"".join(data for found, data in self.chunks if stream in {None, found}).decode("utf-8", "replace")

    def lines(self) -> list[str]:
        """Return the lines of both outputs in the order in which they were captured."""
        return self.text().splitlines()


class Recorder:
    """An executor with runs that are recorded; ``submit`` makes one."""

    def __init__(self, executor: Executor, registry: Registry | None = None) -> None:
        self.executor = executor
        self.registry = registry or Registry()
        self.order: list[int] = []  # of the ends
        self._next = 1
        self._runs: dict[int, RecordedRun] = {}

    def finished(self, run: HeldRun, outcome: Outcome) -> None:
        """Be told of an end."""
        self.order.append(run.run_id)
        self._runs[run.run_id].ended(outcome)

    def run(self, handler_id: str, data: Any = None, **call: Any) -> RecordedRun:
        """Return a run that was not submitted."""
        run = RecordedRun(self._next, handler_id, data, **call)
        self._runs[self._next] = run
        self._next += 1
        return run

    def submit(self, handler_id: str, data: Any = None, **call: Any) -> RecordedRun:
        """Submit a run."""
        run = self.run(handler_id, data, **call)
        self.executor.submit(run)
        return run

    def stop_run(self, run: RecordedRun) -> None:
        """Tell a run to stop, as a worker does."""
        run.cancelled = True
        self.executor.interrupt(run)


@contextmanager
def recording(
    factory: ExecutorFactory, *, places: int = 2, sources: Iterable[Source] | None = None, **options: Any
) -> Iterator[Recorder]:
    """Start an executor with the handlers of the checks, or those of ``sources``; stop it at the end."""
    registry = Registry.load(sources or [Source("module", "enschedule_worker.testing.handlers")])
    assert not registry.broken, registry.broken
    recorder = Recorder(factory(ExecutorOptions(registry, places, **options)), registry)
    recorder.executor.start(recorder.finished)
    try:
        yield recorder
    finally:
        recorder.executor.stop()
