"""How many other schedules start in the minute of a trigger's first slot, and which minute near it is free."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor
from enschedule_core.clock import format_instant, to_micros
from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers import Cron, Once, Trigger, parse
from enschedule_worker.service import agendas, days
from enschedule_worker.service.access import reading
from enschedule_worker.service.agendas import Agenda
from enschedule_worker.service.day_tally import EXAMPLES, Kind
from enschedule_worker.service.days import DAY, HOUR, MINUTE, MINUTES_IN_HOUR
from enschedule_worker.service.present import ref
from enschedule_worker.store import planned
from enschedule_worker.store import schedules as store
from enschedule_worker.store.database import Database

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
    with reading(database, actor) as tx:
        agenda = agendas.of(database, tx, actor.scope, start + HOUR)
        row = None if own_id is None else store.get(tx, own_id, actor.scope)
        if row is not None and not _is_planned(row):  # then nothing of it has been counted
            row = None
        counts, keys = _counts(agenda, start, row), _keys(agenda, own, row)
        names = planned.names(tx, keys)
    count = counts.get(own, 0)
    return {
        "at": format_instant(own),
        "count": count,
        "schedules": [ref(names[key].id, names[key].title) for key in keys if key in names],
        "free": _free(trigger, own, start, set(counts)) if count else None,
    }


def _counts(agenda: Agenda, start: int, row: Row[Any] | None) -> Counter[int]:
    """Return how many schedules but that of ``row`` start in each minute of the hour from ``start`` on."""
    day = start - start % DAY
    first = (start - day) // MINUTE
    few = agenda.day(day).few[first : first + MINUTES_IN_HOUR]
    counts = Counter({start + number * MINUTE: count for number, count in enumerate(few) if count})
    for kind in agenda.limited:
        for minute in _minutes(kind, start):
            counts[minute] += kind.number
    if row is not None:
        own = next((kind for kind in agenda.kinds if _has(kind, row)), None)
        counts.subtract(() if own is None else _minutes(own, start))
    return +counts


def _minutes(kind: Kind, start: int) -> set[int]:
    """Return the minutes of the hour from ``start`` on in which a kind of schedules starts; none for each minute."""
    begin, end = max(kind.goes_on_at, start), start + HOUR
    if kind.left is not None:
        slots: Sequence[int] = [slot for slot in kind.slots(end) if slot >= start]
    else:
        day = days.day(kind.trigger, start - start % DAY)
        if day.is_dense or days.fills_an_hour(day.slots):
            return set()
        slots = day.between(begin, end)
    return {slot - slot % MINUTE for slot in slots}


def _keys(agenda: Agenda, minute: int, row: Row[Any] | None) -> list[int]:
    """Return the keys of some schedules but that of ``row`` that start in a minute."""
    day = minute - minute % DAY
    found = [*agenda.examples(day, (minute - day) // MINUTE)]
    found += [kind for kind in agenda.limited if minute in _minutes(kind, minute - minute % HOUR)]
    keys = []
    for kind in found:
        if row is None or not _has(kind, row):
            keys.append(kind.key)
        elif kind.number > 1:  # another one that is planned like it
            keys.append(kind.last_key if kind.key == row.key else kind.key)
    return keys[:EXAMPLES]


def _is_planned(row: Row[Any]) -> bool:
    """Return whether the agenda has the slots of a schedule."""
    is_resting = row.paused and row.paused_until is None
    return row.due_at is not None and row.broken_reason is None and not is_resting


def _has(kind: Kind, row: Row[Any]) -> bool:
    """Return whether a schedule is of a kind; where two have its trigger, either may be taken for it."""
    return bool(kind.trigger == row.trigger and kind.key <= row.key <= kind.last_key)


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
