"""What runs have brought and the database does not have yet; it stays until it is committed, so no error loses it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from enschedule_core.outcome import Outcome
from enschedule_worker.engine import verdict
from enschedule_worker.engine.running import HeldRun
from enschedule_worker.service import endings
from enschedule_worker.store import output, runs
from enschedule_worker.store.database import Database, Transaction
from enschedule_worker.store.holding import Ending, Holder

logger = logging.getLogger(__name__)
LONGEST_DELAY_SECONDS = 366 * 86_400


class Unwritten:
    """The endings, output and progress of the runs of ``holder`` that wait for the next transaction."""

    def __init__(
        self, holder: Holder, notify_url: str | None, retry_delay: Callable[[int], float] | None = None
    ) -> None:
        self._holder = holder
        self._notify_url = notify_url
        self._retry_delay = retry_delay
        self.ended: list[tuple[HeldRun, Outcome]] = []
        self._output: list[output.Chunk] = []
        self._progress: dict[tuple[int, int], tuple[float, str]] = {}

    # ------------------------------------------------------------ what comes in

    def add_ended(self, run: HeldRun, outcome: Outcome) -> None:
        """Keep how a run ended, after all that it printed."""
        self._take_output(run, last=True)
        if self._retry_delay is not None and outcome.status.is_trouble and outcome.retry == "policy":
            run.default_delay = _delay_after(run, self._retry_delay)
        self.ended.append((run, outcome))

    def add_output(self, held: Iterable[HeldRun]) -> None:
        """Keep what these runs have printed since the last time."""
        for run in held:
            if run.capture.pending:
                self._take_output(run)

    def add_progress(self, held: Iterable[HeldRun]) -> None:
        """Keep the last progress that these runs have reported."""
        for run in held:
            found = run.take_progress()
            if found is not None:
                self._progress[run.run_id, run.claimed.fence] = found

    def _take_output(self, run: HeldRun, *, last: bool = False) -> None:
        for printed in run.capture.take(last=last):
            chunk = output.Chunk(run.run_id, run.claimed.fence, run.next_seq, printed.stream, printed.at, printed.text)
            run.next_seq += 1
            self._output.append(chunk)

    # ------------------------------------------------------------ what goes out

    def store_ahead(self, database: Database) -> None:
        """Store output that is too much for the transaction of a turn before it, so that nobody waits long."""
        *ahead, rest = [*output.parts(self._output)] or [[]]
        for part in ahead:
            database.retrying(partial(_append, chunks=part))
            self._output = self._output[len(part) :]
        self._output = [*rest]

    def store(self, tx: Transaction, instant_of: Callable[[float], int]) -> None:
        """Store all of it. ``instant_of`` turns seconds of the monotonic clock into the database's microseconds."""
        output.append(tx, self._output)
        if self.ended or self._output:
            tx.tell_watchers()
        runs.report_progress(tx, self._holder, self._progress)
        if self.ended:
            written = [_ending(run, outcome, tx.now, instant_of) for run, outcome in self.ended]
            endings.finish(tx, self._holder, written, notify_url=self._notify_url)

    def drop(self, known: Sequence[HeldRun]) -> None:
        """Forget the endings of runs that turned out to be stored."""
        self.ended = [(run, outcome) for run, outcome in self.ended if run not in known]

    def clear(self) -> None:
        """The transaction is committed: forget what it holds."""
        self.ended = []
        self._output = []
        self._progress = {}


def _delay_after(run: HeldRun, strategy: Callable[[int], float]) -> int | None:
    """Return what the program's own strategy says, in microseconds; nothing if it raises, or says what is no delay."""
    try:
        seconds = float(strategy(run.claimed.attempt))
        if not 0 <= seconds <= LONGEST_DELAY_SECONDS:
            raise ValueError(f"{seconds} is not a number of seconds from 0 to {LONGEST_DELAY_SECONDS:,}")
    except Exception:
        message = "retry_strategy failed for attempt %s; the delay is the usual one"
        ids = {"run_id": run.run_id, "schedule_id": run.claimed.schedule_id}
        logger.exception(message, run.claimed.attempt, extra=ids)
        return None
    return round(seconds * 1_000_000)


def _append(tx: Transaction, chunks: Sequence[output.Chunk]) -> None:
    output.append(tx, chunks)
    tx.tell_watchers()


def _ending(run: HeldRun, outcome: Outcome, now: int, instant_of: Callable[[float], int]) -> Ending:
    called, ended = run.called_at, run.ended_at
    return verdict.ending(
        run,
        outcome,
        started_at=run.claimed.claimed_at if called is None else instant_of(called),
        finished_at=now if ended is None else instant_of(ended),
    )
