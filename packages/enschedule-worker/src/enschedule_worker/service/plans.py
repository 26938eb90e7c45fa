"""The schedules that charts of what is planned look at, kept while nobody changes one.

Thousands of triggers are read for each such chart, and most of the time they are the ones that were read before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Row

from enschedule_core.actor import Scope
from enschedule_worker.service.present import readable_trigger
from enschedule_worker.store import audit, schedule_lists
from enschedule_worker.store.database import Database, Transaction

MOST = 20_000
"""As many kinds of schedules are looked at; those with the same trigger and next slot are one kind."""
AHEAD = 33 * 24 * 3_600_000_000
KEPT = 60_000_000
"""So long, in microseconds, is kept what the engine itself may change: schedules that end, or break."""
_MOST_SCOPES = 32


class Kind(NamedTuple):
    """Schedules that are planned alike: how many, and the lowest and the highest of their keys.

    ``goes_on_at`` is the instant from which their slots run. ``left`` is how many slots they still have, ``None`` where
    there is no limit.
    """

    trigger: str
    goes_on_at: int
    number: int
    key: int
    last_key: int
    left: int | None = None


class _Kept(NamedTuple):
    newest_change: int
    read_at: int
    kinds: Sequence[Kind]


class _Cache:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_scope: dict[Scope, _Kept] = {}


_CACHES: WeakKeyDictionary[Database, _Cache] = WeakKeyDictionary()


def kinds(database: Database, tx: Transaction, scope: Scope, end: int) -> Sequence[Kind]:
    """Return what is planned before ``end``, what goes on first at the front: at most :data:`MOST`, and one more.

    What somebody has changed is in it at once, as each change is in the audit log; what the engine has changed, within
    :data:`KEPT`.
    """
    if end > tx.now + AHEAD - KEPT:
        return _read(tx, scope, end)
    cache = _CACHES.setdefault(database, _Cache())
    with cache.lock:
        newest_change = audit.newest(tx)
        kept = cache.by_scope.get(scope)
        if kept is None or kept.newest_change != newest_change or not 0 <= tx.now - kept.read_at < KEPT:
            kept = _Kept(newest_change, tx.now, _read(tx, scope, tx.now + AHEAD))
            cache.by_scope.pop(scope, None)
            cache.by_scope[scope] = kept
            if len(cache.by_scope) > _MOST_SCOPES:
                del cache.by_scope[next(iter(cache.by_scope))]
    return kept.kinds


def _read(tx: Transaction, scope: Scope, end: int) -> Sequence[Kind]:
    return [
        Kind(row.trigger, row.goes_on_at, row.number, row.key, row.last_key, _left(row.trigger, row.slots_fired))
        for row in schedule_lists.planned(tx, scope, end, MOST + 1)
    ]


def _left(text: str, fired: int) -> int | None:
    if '"max_runs":null' in text:  # as the most of them: then the rest need not be read
        return None
    trigger = readable_trigger(text)
    return None if trigger is None or trigger.max_runs is None else max(trigger.max_runs - fired, 0)


def without(kinds: Iterable[Kind], row: Row[Any]) -> Iterator[Kind]:
    """Yield the kinds without one of the schedules, the stored ``row``."""
    for kind in kinds:
        if kind.trigger != row.trigger or not kind.key <= row.key <= kind.last_key:
            yield kind
        elif kind.number > 1:  # there may be others like it that go on at another time; then one of those is missed
            other = kind.last_key if kind.key == row.key else kind.key
            yield kind._replace(number=kind.number - 1, key=other)
