"""The schedules that charts of what is planned look at, kept while nobody changes one.

Thousands of triggers are read for each such chart, and most of the time they are the ones that were read before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from enschedule_core.actor import Scope
from enschedule_worker.service.day_tally import DayTally, Kind
from enschedule_worker.service.days import DAY
from enschedule_worker.service.present import readable_trigger
from enschedule_worker.store import audit, planned, schedule_counts
from enschedule_worker.store.database import Database, Transaction

MOST = 20_000
"""As many kinds of schedules are looked at; those with the same trigger and next slot are one kind."""
AHEAD = 33 * DAY
KEPT = 600_000_000
"""So long, in microseconds, is kept what was read, although nobody has changed anything."""
_MOST_SCOPES = 32
_MOST_DAYS = 40


class Version(NamedTuple):
    """What tells that no schedule is planned otherwise: the newest changes, and which schedules are broken.

    Nothing else that the engine does by itself changes what is planned: who ends has no slots any more.
    """

    changes: tuple[int, int]
    broken: tuple[int, int]

    @classmethod
    def of(cls, tx: Transaction) -> Version:
        """Return the present one."""
        return cls(audit.newest(tx), schedule_counts.broken(tx))


class Agenda:
    """Kinds of schedules, what goes on first at the front, and what they come to on each day."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self.is_whole = len(kinds) <= MOST
        self.kinds = kinds[:MOST]
        self.limited = [kind for kind in self.kinds if kind.left is not None]
        self._days: dict[int, DayTally] = {}
        self._lock = threading.Lock()

    def day(self, start: int) -> DayTally:
        """Return the tally of the 24 hours from ``start`` on, without those that have a limit."""
        with self._lock:
            found = self._days.get(start)
            if found is None:
                found = self._days[start] = DayTally.of(start, self._unlimited())
                if len(self._days) > _MOST_DAYS:
                    del self._days[next(iter(self._days))]
            return found

    def examples(self, day: int, minute: int) -> Sequence[Kind]:
        """Return up to three kinds that start in a minute of a day, without those that have a limit."""
        found = self.day(day)
        if found.few[minute] and not found.examples(minute):  # those that were kept have gone, others have not
            with self._lock:
                found = self._days[day] = DayTally.of(day, self._unlimited())
        return found.examples(minute)

    def becomes(self, kinds: Sequence[Kind], today: int) -> Agenda:
        """Return the agenda of other kinds; days that were counted need not be again, from ``today`` on."""
        agenda = Agenda(kinds)
        before, after = set(self._unlimited()), set(agenda._unlimited())
        gone, new = before - after, after - before
        if len(gone) + len(new) <= len(after):
            with self._lock:
                agenda._days = {start: day.changed(gone, new) for start, day in self._days.items() if start >= today}
        return agenda

    def _unlimited(self) -> Iterable[Kind]:
        return (kind for kind in self.kinds if kind.left is None)


class _Kept(NamedTuple):
    version: Version
    read_at: int
    agenda: Agenda


class _Cache:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_scope: dict[Scope, _Kept] = {}


_CACHES: WeakKeyDictionary[Database, _Cache] = WeakKeyDictionary()


def of(database: Database, tx: Transaction, scope: Scope, end: int) -> Agenda:
    """Return what is planned before ``end``.

    What somebody has changed is in it at once, as each change is in the audit log.
    """
    if end > tx.now + AHEAD - KEPT:
        return Agenda(_read(tx, scope, end))
    cache = _CACHES.setdefault(database, _Cache())
    with cache.lock:
        version = Version.of(tx)
        kept = cache.by_scope.pop(scope, None)
        if kept is None or kept.version != version or not 0 <= tx.now - kept.read_at < KEPT:
            kinds = _read(tx, scope, tx.now + AHEAD)
            agenda = Agenda(kinds) if kept is None else kept.agenda.becomes(kinds, tx.now - tx.now % DAY)
            kept = _Kept(version, tx.now, agenda)
        cache.by_scope[scope] = kept
        if len(cache.by_scope) > _MOST_SCOPES:
            del cache.by_scope[next(iter(cache.by_scope))]
    return kept.agenda


def _read(tx: Transaction, scope: Scope, end: int) -> Sequence[Kind]:
    return [
        Kind(row.trigger, row.goes_on_at, row.number, row.key, row.last_key, _left(row.trigger, row.slots_fired))
        for row in planned.before(tx, scope, end, MOST + 1)
    ]


def _left(text: str, fired: int) -> int | None:
    if '"max_runs":null' in text:  # as the most of them: then the rest need not be read
        return None
    trigger = readable_trigger(text)
    return None if trigger is None or trigger.max_runs is None else max(trigger.max_runs - fired, 0)
