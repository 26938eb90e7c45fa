"""How many other schedules start in the minute of a trigger's first slot, and which minute near it is free."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor
from enschedule_core.clock import format_instant, from_micros, to_micros
from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers import Cron, Once, Trigger, parse
from enschedule_worker.service.access import reading
from enschedule_worker.service.forecast import HOUR, KINDS_READ, MINUTE
from enschedule_worker.service.present import readable_trigger, ref
from enschedule_worker.store import schedule_lists
from enschedule_worker.store import schedules as store
from enschedule_worker.store.database import Database

EXAMPLES = 3
MINUTES_IN_HOUR = 60
SECONDS_IN_HOUR = 3_600
_CLOCK = re.compile(r"\b(\d{1,2}):(\d{2})\b")
_HOUR = re.compile(r"\b(\d{1,2})( ?)(am|pm)\b", re.IGNORECASE)


def of_trigger(
    database: Database, actor: Actor, trigger: Trigger, *, after: datetime, own_id: str | None = None
) -> dict[str, Any] | None:
    """Return ``at`` (the minute), ``count``, up to three ``schedules``, and ``free``; None where nothing is planned.

    ``own_id`` is the schedule that the trigger is for: it does not stand in its own way. Schedules that start in every
    minute are left out: no minute is free of them. ``free`` is the nearest minute of the same hour in which no other
    schedule starts: ``at``, and ``schedule``, a short text that says the trigger so moved; it is None where the
    minute is free as it is, where none is, or where the trigger has several minutes.
    """
    first = trigger.next_after(after)
    if first is None:
        return None
    own = to_micros(first) - to_micros(first) % MINUTE
    start = own - own % HOUR
    counts: dict[int, int] = {}
    keys: list[int] = []
    with reading(database, actor) as tx:
        row = None if own_id is None else store.get(tx, own_id, actor.scope)
        without = None if row is None else int(row.key)
        for kind in schedule_lists.planned(tx, actor.scope, start + HOUR, KINDS_READ, without=without):
            minutes = _minutes_of(kind, start)
            for minute in minutes:
                counts[minute] = counts.get(minute, 0) + int(kind.number)
            if own in minutes and len(keys) < EXAMPLES:
                keys.append(int(kind.key))
        names = schedule_lists.names(tx, keys)
    count = counts.get(own, 0)
    return {
        "at": format_instant(own),
        "count": count,
        "schedules": [ref(names[key].id, names[key].title) for key in keys if key in names],
        "free": _free(trigger, own, start, set(counts)) if count else None,
    }


def _minutes_of(kind: Row[Any], start: int) -> list[int]:
    """Return the minutes of the hour from ``start`` on in which a kind of schedules starts; none for each minute."""
    trigger = readable_trigger(kind.trigger)
    begin = max(int(kind.goes_on_at), start)
    if trigger is None or len(_minutes(kind.trigger, begin, begin + HOUR)) >= MINUTES_IN_HOUR:
        return []
    left = None if trigger.max_runs is None else max(trigger.max_runs - int(kind.slots_fired), 0)
    return list(_minutes(kind.trigger, begin, start + HOUR)[:left])


@lru_cache(maxsize=100_000)
def _minutes(text: str, start: int, end: int) -> tuple[int, ...]:
    """Return the minutes in which a stored trigger has slots, from ``start`` until before ``end``."""
    trigger = readable_trigger(text)
    if trigger is None or start >= end:
        return ()
    slots = trigger.slots_between(from_micros(start - 1), from_micros(end - 1), SECONDS_IN_HOUR)
    return tuple(dict.fromkeys(at - at % MINUTE for at in map(to_micros, slots)))


def _free(trigger: Trigger, own: int, start: int, taken: set[int]) -> dict[str, Any] | None:
    later = range(own + MINUTE, start + HOUR, MINUTE)
    earlier = range(own - MINUTE, start - MINUTE, -MINUTE)
    for minute in (*later, *earlier):
        if minute not in taken:
            moved = _moved(trigger, timedelta(microseconds=minute - own))
            return None if moved is None else {"at": format_instant(minute), "schedule": moved}
    return None


def _moved(trigger: Trigger, by: timedelta) -> str | None:
    """Return a short text for the trigger, some minutes within its hour later or earlier; None if there is none."""
    minutes = int(by.total_seconds()) // 60
    if isinstance(trigger, Once):
        return format_instant(trigger.at + by)
    if not isinstance(trigger, Cron):
        return None
    minute, *others = trigger.expression.split()
    if len(others) != 4 or not minute.isdigit():
        return None
    expression = " ".join([str((int(minute) + minutes) % 60), *others])
    for text in _phrases(trigger.phrase or "", int(minute), minutes):
        try:
            found = parse(text, trigger.timezone)
        except InvalidTrigger:
            continue
        if found.expression == expression:
            return text
    return expression


def _phrases(phrase: str, minute: int, by: int) -> Iterator[str]:
    """Yield a phrase with its time moved, as it may be written: ``at 2:37`` for ``at 2:30``, ``at 2:07 am``."""
    new = (minute + by) % 60
    yield _CLOCK.sub(lambda found: f"{found[1]}:{new:02d}" if int(found[2]) == minute else found[0], phrase)
    if minute == 0:
        yield _HOUR.sub(lambda found: f"{found[1]}:{new:02d}{found[2]}{found[3]}", phrase)
