"""How long runs are kept, and the sweep that removes what is older: in small steps, by one worker at a time.

A run goes once it ended more than ``days`` ago (``failures_days`` if it did not succeed), unless it is one of the
newest ``runs`` of its schedule. Runs without a schedule, and those of a schedule deleted for good, go by age alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

from sqlalchemy import Row

from enschedule_core.run import RunStatus
from enschedule_core.schedule import Retention
from enschedule_worker.service.firing import policies_of
from enschedule_worker.store import audit, census, people, state
from enschedule_worker.store import retention as store
from enschedule_worker.store.database import Database, Transaction
from enschedule_worker.store.schedules import UNDO_SECONDS

DAY = 86_400_000_000
SWEEP_EVERY_SECONDS = 3_600
WHOLE_SWEEP_EVERY_SECONDS = 86_400
LEASE_SECONDS = 300
BATCH_RUNS = 100
BATCH_CHUNKS = 500
WORKER_DAYS, NOTICE_DAYS, COUNTER_DAYS = 30, 30, 400
_MICROS = 1_000_000
_NEVER = -(2**62)
_NAME = "retention"


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept: ``days`` of runs that succeeded, ``failures_days`` of others (0: for ever), the newest ``runs``.

    Of the audit ``audit_days``, likewise.
    """

    days: int = 90
    runs: int = 20
    failures_days: int = 365
    audit_days: int = 365

    def of(self, own: Retention) -> Self:
        """Return this with what a schedule says itself; failures then stay at least as long as others."""
        days = self.days if own.days is None else own.days
        failures = own.failures_days
        if failures is None:
            for_ever = 0 in (self.failures_days, days)
            failures = 0 if for_ever else max(self.failures_days, days)
        return replace(self, days=days, runs=self.runs if own.runs is None else own.runs, failures_days=failures)

    def border(self, status: str, now: int) -> int:
        """Return the instant before which a run with this end is old."""
        days = self.days if status == RunStatus.SUCCEEDED else self.failures_days
        return now - days * DAY if days else _NEVER

    def newest_border(self, now: int) -> int:
        """Return the instant from which on nothing can be old."""
        return max(self.border(RunStatus.SUCCEEDED, now), self.border(RunStatus.FAILED, now))

    def is_old(self, row: Row[Any], now: int) -> bool:
        """Return whether a run has ended long enough ago."""
        return row.finished_at is not None and row.finished_at < self.border(row.status, now)

    def wire(self) -> dict[str, int]:
        """Return the JSON form."""
        return {"days": self.days, "runs": self.runs, "failures_days": self.failures_days}


def own_policies(tx: Transaction, keep: Keep) -> dict[int, Keep]:
    """Return by key what those schedules keep that say it themselves."""
    found: dict[int, Keep] = {}
    after = 0
    while rows := store.with_policy(tx, after):
        found |= {row.key: keep.of(policies_of(row.policies).retention) for row in rows}
        after = rows[-1].key
    return {key: own for key, own in found.items() if own != keep}


def removable(tx: Transaction, rows: Iterable[Row[Any]], keep: Keep) -> list[Row[Any]]:
    """Return those runs that are old and that nothing protects. All of them are under the same policy."""
    now = tx.now
    old = [row for row in rows if keep.is_old(row, now)]
    if not keep.runs:
        return old
    keys = {row.schedule_key for row in old if row.schedule_key is not None}
    stays = store.protected_from(tx, keys, keep.runs, deleted_before=now - UNDO_SECONDS * _MICROS) if keys else {}
    return [row for row in old if row.schedule_key not in stays or row.id < stays[row.schedule_key]]


class Sweep:
    """One sweep. ``steps`` yields after each transaction, so that whoever calls may pause, or stop."""

    def __init__(self, database: Database, keep: Keep, by: str) -> None:
        self._database = database
        self._keep = keep.of(Retention())
        self._by = by
        self._text: str | None = None
        self._noted = 0.0
        self._is_whole = True
        self._after = 0
        self._whole_at = 0
        self.removed = 0

    def begin(self) -> bool:
        """Take the lease, if the last sweep is an hour ago and no other worker is at it."""
        with self._database.write() as tx:
            text = state.get(tx, _NAME)
            found = {} if text is None else json.loads(text)
            if found.get("until", 0) > tx.now:
                return False
            is_whole = tx.now - found.get("whole_at", 0) >= WHOLE_SWEEP_EVERY_SECONDS * _MICROS
            # Between two whole sweeps only what became old since the last one is looked at.
            self._after = 0 if is_whole else found.get("after", 0)
            self._whole_at = tx.now if is_whole else found["whole_at"]
            self._is_whole = is_whole
            return self._note(tx, text, LEASE_SECONDS)

    def _note(self, tx: Transaction, old: str | None, seconds: int, *, done: bool = False) -> bool:
        until = tx.now + seconds * _MICROS
        # An interrupted whole sweep is begun again; what it removed it need not look at.
        whole_at = self._whole_at if done or not self._is_whole else 0
        noted = {"until": until, "by": self._by, "after": self._after if done else 0, "whole_at": whole_at}
        new = json.dumps(noted)
        if not state.swap(tx, _NAME, old, new):
            return False
        self._text = new
        self._noted = time.monotonic()
        return True

    def steps(self) -> Iterator[int]:
        """Remove what is old; yields after each short transaction how many rows it removed."""
        for step in self._work():
            self.removed += step
            yield step
            if not self._renewed():
                return
        with self._database.write() as tx:
            self._note(tx, self._text, SWEEP_EVERY_SECONDS, done=True)

    def _renewed(self) -> bool:
        if time.monotonic() - self._noted < LEASE_SECONDS / 3:
            return True
        with self._database.write() as tx:
            return self._note(tx, self._text, LEASE_SECONDS)

    def _work(self) -> Iterator[int]:
        yield from self._leftovers()
        with self._database.read() as tx:
            own = own_policies(tx, self._keep)
        yield from self._runs(self._keep, not_of=own)
        for key, keep in own.items():
            yield from self._runs(keep, schedule_key=key)
        if self._is_whole:
            yield from self._skips(self._keep, not_of=own)
            for key, keep in own.items():
                yield from self._skips(keep, schedule_key=key)
            yield from self._revisions()
            yield from self._deleted_schedules()
        yield from self._small()

    # ------------------------------------------------------------ runs

    def _runs(self, keep: Keep, *, schedule_key: int | None = None, not_of: Iterable[int] = ()) -> Iterator[int]:
        others = frozenset(not_of)
        after = self._after if schedule_key is None else 0
        more = True
        while more:
            with self._database.read() as tx:
                border = keep.newest_border(tx.now)
                rows = store.walk(tx, after, schedule_key=schedule_key)
                # In the order of ids runs were queued; what was queued after the border cannot have ended before it.
                young = next((at for at, row in enumerate(rows) if row.queued_at >= border), len(rows))
                more = young == len(rows) == store.WALK
                rows = rows[:young]
                old = removable(tx, (row for row in rows if row.schedule_key not in others), keep)
            yield from self._remove(old)
            if rows:
                after = rows[-1].id
            if schedule_key is None:
                self._after = after
            if not old:
                yield 0

    def _remove(self, old: list[Row[Any]]) -> Iterator[int]:
        batch: list[int] = []
        chunks = 0
        for row in old:
            size = row.chunks or 0
            if size > BATCH_CHUNKS:
                yield self._write(lambda tx, run_id=row.id: store.remove_run_before_output(tx, run_id))
                yield from self._output(row.id)
                continue
            if batch and (chunks + size > BATCH_CHUNKS or len(batch) == BATCH_RUNS):
                yield self._write(lambda tx, ids=tuple(batch): store.remove_runs(tx, ids))
                batch, chunks = [], 0
            batch.append(row.id)
            chunks += size
        if batch:
            yield self._write(lambda tx: store.remove_runs(tx, batch))

    def _output(self, run_id: int) -> Iterator[int]:
        while self._database.retrying(lambda tx: store.remove_output_piece(tx, run_id)):
            yield 0

    def _leftovers(self) -> Iterator[int]:
        """Remove the output of runs that an interrupted sweep has removed."""
        with self._database.read() as tx:
            found = store.leftovers(tx)
        for run_id in found:
            yield from self._output(run_id)

    def _write(self, work: Any) -> int:
        return int(self._database.retrying(work))

    # ------------------------------------------------------------ the rest

    def _skips(self, keep: Keep, *, schedule_key: int | None = None, not_of: Iterable[int] = ()) -> Iterator[int]:
        others, after, more = frozenset(not_of), 0, True
        while more:
            with self._database.read() as tx:
                border = keep.border(RunStatus.SKIPPED, tx.now)
                rows = store.walk_skips(tx, after, schedule_key=schedule_key)
            more = len(rows) == store.WALK and rows[-1].recorded_at < border
            old = [row.id for row in rows if row.last_slot_at < border and row.schedule_key not in others]
            after = rows[-1].id if rows else after
            yield self._write(lambda tx, ids=old, before=border: store.remove_skips(tx, ids, before=before))

    def _revisions(self) -> Iterator[int]:
        """Remove definitions that were replaced long ago and that no run was made from."""
        place, more = (0, 0), self._keep.days > 0 and self._keep.failures_days > 0
        while more:
            with self._database.read() as tx:
                border = tx.now - max(self._keep.days, self._keep.failures_days) * DAY
                rows = store.old_revisions(tx, place, before=border)
                more = len(rows) == store.WALK
                by_key: dict[int, list[int]] = {}
                for row in rows:
                    by_key.setdefault(row.schedule_key, []).append(row.revision)
                for key, revisions in by_key.items():
                    used = store.revisions_of_runs(tx, key)
                    by_key[key] = [revision for revision in revisions if revision not in used]
            for key, unused in by_key.items():
                if unused:
                    yield self._write(lambda tx, k=key, gone=unused: store.remove_revisions(tx, k, gone))
            if rows:
                place = (rows[-1].schedule_key, rows[-1].revision)
            yield 0

    def _deleted_schedules(self) -> Iterator[int]:
        """Remove what is left of schedules that can no longer be brought back and have no runs."""
        after, more = 0, True
        while more:
            with self._database.read() as tx:
                keys = store.deleted_schedules(tx, after, before=tx.now - UNDO_SECONDS * _MICROS)
            more = len(keys) == store.WALK
            for key in keys:
                after = key
                while gone := self._write(lambda tx, k=key: store.remove_history_piece(tx, k)):
                    yield gone
                yield self._write(lambda tx, k=key: store.remove_schedule(tx, k))

    def _small(self) -> Iterator[int]:
        """Remove sessions that are over, notices and counters of long ago, and workers that never came back."""
        yield self._write(people.sweep_sessions)
        while gone := self._write(lambda tx: store.remove_notices(tx, before=tx.now - NOTICE_DAYS * DAY)):
            yield gone
        while gone := self._write(lambda tx: store.remove_counters(tx, before=tx.now - COUNTER_DAYS * DAY)):
            yield gone
        while self._keep.audit_days and (gone := self._write(self._remove_audit)):
            yield gone
        yield self._write(_forget_silent)

    def _remove_audit(self, tx: Transaction) -> int:
        return audit.remove_old(tx, before=tx.now - self._keep.audit_days * DAY)


def _forget_silent(tx: Transaction) -> int:
    found = store.silent_workers(tx, before=tx.now - WORKER_DAYS * DAY)
    return sum(census.forget(tx, instance_id) for instance_id in found)
