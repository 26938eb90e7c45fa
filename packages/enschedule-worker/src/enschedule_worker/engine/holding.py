"""The runs that a worker holds: those that wait, go on or wait to be stored, and those it has given up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator, Mapping

from enschedule_core.executor import Executor
from enschedule_worker.engine.running import HeldRun, Stage

logger = logging.getLogger(__name__)


class Holding:
    """Which runs a worker holds, by id. Any thread may ask and change it.

    ``stuck`` are the handlers whose runs were ended without them: each keeps its place until it returns.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._guard = threading.Lock()
        self._held: dict[int, HeldRun] = {}
        self._given_up: set[tuple[int, int]] = set()  # begun here, and lost: (id, fence)
        self.stuck: dict[int, HeldRun] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[HeldRun]:
        return iter(list(self._held.values()))

    def get(self, run_id: int) -> HeldRun | None:
        """Return a held run."""
        return self._held.get(run_id)

    def ids(self) -> set[int]:
        """Return the ids of all that is held, what waits to be stored included."""
        with self._guard:
            return set(self._held)

    def going_on(self) -> set[int]:
        """Return the ids of the runs that have not ended."""
        with self._guard:
            return {run_id for run_id, run in self._held.items() if run.stage is not Stage.ENDED}

    def add(self, run: HeldRun) -> None:
        """Hold a run that was claimed."""
        with self._guard:
            self._held[run.run_id] = run

    def forget(self, runs: Collection[HeldRun]) -> None:
        """Hold these no more: the database knows of them."""
        with self._guard:
            for run in runs:
                self._held.pop(run.run_id, None)

    def withdraw_waiting(self, *, held_before: float) -> list[HeldRun]:
        """Take back, and return, what is held since before an instant of the monotonic clock and has not begun."""
        return [run for run in self if run.held_at <= held_before and run.withdraw()]

    def lose(self, run_ids: Collection[int]) -> bool:
        """Give runs up that this worker may have lost: tell their handlers to stop, and drop what they still say.

        Returns whether some had not begun: whoever asks the database next finds these among :meth:`unheard`.
        """
        with self._guard:
            found = [self._held.pop(run_id) for run_id in run_ids if run_id in self._held]
            lost = [run for run in found if not run.withdraw()]
            self._given_up.update((run.run_id, run.claimed.fence) for run in lost)
        for run in lost:
            message = "run %s was lost to this worker; its handler is told to stop"
            logger.warning(message, run.run_id, extra={"run_id": run.run_id})
            self.set_aside(run)
        return len(lost) < len(found)

    def unheard(self, claims: Mapping[int, int]) -> dict[int, int]:
        """Return those of this worker's claims in the database, id → fence, that are not held and had not begun."""
        self._given_up &= claims.items()  # what it began and gave up is not unheard, and becomes lost
        return {
            run_id: fence
            for run_id, fence in claims.items()
            if run_id not in self._held and (run_id, fence) not in self._given_up
        }

    def returned(self, run: HeldRun) -> bool:
        """Say that the handler of ``run`` has returned; False if the run was ended without it."""
        with self._guard:
            counts = run.end()
            self.stuck.pop(run.run_id, None)
        return counts

    def set_aside(self, run: HeldRun) -> bool:
        """Nothing that the handler still does counts; its place is taken until it returns. False if it just has."""
        run.ask_to_stop()
        with self._guard:
            if not run.end():
                return False
            if run.called_at is not None:
                self.stuck[run.run_id] = run
        run.capture.close()
        self._executor.kill(run)
        return True
