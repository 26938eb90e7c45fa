"""Rows of schedules and runs as they go over the wire; by hand, because lists are what a dashboard waits for."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Row

from enschedule_core import secret
from enschedule_core.clock import format_instant, from_micros, to_micros
from enschedule_core.errors import EnscheduleError
from enschedule_core.json_text import decode
from enschedule_core.run import RunStatus
from enschedule_core.schedule import NOTIFY_NOBODY, Policies
from enschedule_core.triggers import Trigger
from enschedule_worker.service.firing import trigger_of
from enschedule_worker.store import receivers, recent
from enschedule_worker.store.schedules import DELETED_MARK

logger = logging.getLogger(__name__)
NEXT_SHOWN = 3
_DEFAULTS = Policies().to_wire()
_MICROS = 1_000_000
_NEAR = timedelta(days=2)
MASK = "***"


def seconds(micros: int | None) -> float | None:
    """Return microseconds as seconds."""
    return None if micros is None else micros / _MICROS


def readable_trigger(text: str) -> Trigger | None:
    """Return the trigger of a stored text; ``None`` if this program cannot read it."""
    try:
        return trigger_of(text)
    except EnscheduleError:
        return None


@lru_cache(maxsize=4096)
def _trigger_wire(text: str) -> dict[str, Any]:
    return {**decode(text), "description": _described(readable_trigger(text))}


def _described(trigger: Trigger | None) -> str:
    """Return a trigger in words; one that fails over them must not keep a whole list from being shown."""
    if trigger is None:
        return "It cannot be read"
    try:
        return trigger.describe()
    except (ArithmeticError, ValueError) as problem:
        logger.warning("a trigger of the kind %s cannot be described: %s", trigger.kind, problem)
        return trigger.expression


def coming(row: Row[Any], count: int) -> list[int]:
    """Return at most ``count`` coming slots in microseconds; none while it is paused or broken."""
    if row.due_at is None or row.paused or row.broken_reason is not None or count <= 0:
        return []
    trigger = readable_trigger(row.trigger)
    if trigger is None:
        return []
    if trigger.max_runs is not None:
        count = min(count, max(trigger.max_runs - row.slots_fired, 0))
    return [row.due_at, *_following(row.trigger, row.due_at, count - 1)][:count]


@lru_cache(maxsize=4096)
def _following(trigger: str, slot: int, count: int) -> tuple[int, ...]:
    """Return at most ``count`` slots after ``slot``; kept, because they stay the same until it has come."""
    known, start = trigger_of(trigger), from_micros(slot)
    # Most have them within two days, which are walked through four times as fast as from one slot to the next.
    found = list(known.slots_between(start, start + _NEAR, count))
    while len(found) < count:
        following = known.next_after(found[-1] if found else start)
        if following is None:
            break
        found.append(following)
    return tuple(to_micros(at) for at in found)


def slots_since(row: Row[Any], now: int) -> int | None:
    """Return how many slots of a schedule have passed by ``now`` (microseconds); ``None`` where it cannot be read."""
    trigger = readable_trigger(row.trigger)
    if trigger is None:
        return None
    if row.due_at is None or row.due_at > now or row.broken_reason is not None:
        return 0
    _, count = trigger.latest_and_count(from_micros(row.due_at - 1), from_micros(now))
    return count if trigger.max_runs is None else min(count, max(trigger.max_runs - row.slots_fired, 0))


def definition(row: Row[Any]) -> dict[str, Any]:
    """Return the part of a schedule that somebody wrote, in the long wire form; what is secret is sealed, or whole."""
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "handler": {"id": row.handler_id, "version": row.handler_version},
        "data": decode(row.data),
        "trigger": decode(row.trigger),
        **_DEFAULTS,  # of a policy that is younger than the row
        **decode(row.policies),
        **({} if row.notify_address is None else {"notify": row.notify_address}),
        "tags": decode(row.tags),
        "env": {} if row.env is None else decode(row.env),
        "runbook": row.runbook,
        "managed_by": row.managed_by,
    }


def writable(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a definition as somebody may send it back: with the address of notices as it is shown."""
    return {**definition, "notify": masked(definition["notify"])}


def schedule(row: Row[Any]) -> dict[str, Any]:
    """Return a whole row of :func:`store.schedules.page` as a schedule."""
    places, shown = _places(row.recent), definition(row)
    return {
        **shown,
        "data": secret.shown(shown["data"]),
        "notify": masked(shown["notify"]),
        "trigger": _trigger_wire(row.trigger),
        "due_at": format_instant(row.due_at),
        "status": row.status,
        "paused": bool(row.paused),
        "pause": pause_of(row),
        "broken_reason": row.broken_reason,
        "group": row.group_name,
        "revision": row.revision,
        "overridden": overridden(row),
        "last_run": _last_run(row),
        "last_status": row.last_status,
        "failing_since": format_instant(row.failing_since),
        "failures_in_row": row.failures_in_row,
        "open_runs": row.open_runs,
        "recent": places[0],
        "usual_seconds": places[1],
        "next": [format_instant(slot) for slot in coming(row, NEXT_SHOWN)],
        "retry_at": format_instant(row.retry_at),
        "created_at": format_instant(row.created_at),
        "updated_at": format_instant(row.updated_at),
    }


def overridden(row: Row[Any]) -> bool:
    """Return whether somebody has edited a schedule after its owner, such as a file, had said what it is."""
    return row.managed_by is not None and row.file_revision not in (None, row.revision)


def masked(url: str | None) -> str | None:
    """Return an address without what may be secret of it: user and password, path and query."""
    if url is None or url == NOTIFY_NOBODY:
        return url
    if receivers.is_hidden(url):
        return receivers.shown_of(url)
    parts = urlsplit(url)
    secret = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{MASK}" if secret else url


def pause_of(row: Row[Any]) -> dict[str, Any] | None:
    """Return why, until when, by whom and since when a schedule is paused; ``None`` while it is not."""
    if not row.paused:
        return None
    return {
        "reason": row.pause_reason,
        "until": format_instant(row.paused_until),
        "by": row.paused_by,
        "at": format_instant(row.paused_at),
    }


def _last_run(row: Row[Any]) -> dict[str, Any] | None:
    if row.last_run_id is None:
        return None
    return {
        "id": row.last_run_id,
        "status": row.last_status,
        "finished_at": format_instant(row.last_finished_at),
        "duration_seconds": _between(row.last_started_at, row.last_finished_at),
        "message": row.last_message,
    }


@lru_cache(maxsize=2_000)
def _places(text: str) -> tuple[list[dict[str, Any]], float | None]:
    """Return the rail from its stored form, and what is usual; kept, because most rails are asked for unchanged.

    Nobody may change what this returns.
    """
    places = recent.decode(text)
    return [_place(place) for place in places], seconds(recent.usual(places))


def _place(place: recent.Place) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "run_id": place.run_id or None,
        "at": format_instant(place.at),
        "status": place.status,
        "duration_seconds": None if place.duration is None else place.duration / _MICROS,
    }
    if place.status is RunStatus.SKIPPED:
        wire["count"] = place.count
    return wire


def _between(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None else max(end - start, 0) / _MICROS


def ref(schedule_id: str | None, title: str | None, *, deleted: bool = False) -> dict[str, Any] | None:
    """Return a schedule as a run names it; a deleted one keeps its id and says so."""
    if schedule_id is None:
        return None
    named: dict[str, Any] = {"id": schedule_id.partition(DELETED_MARK)[0], "title": title}
    return {**named, "deleted": True} if deleted else named


def run(row: Row[Any]) -> dict[str, Any]:
    """Return a row of :func:`store.run_reads.page` as a run."""
    return {
        "id": row.id,
        "schedule": ref(row.schedule_id, row.schedule_title, deleted=row.schedule_deleted_at is not None),
        "handler": {"id": row.handler_id, "version": row.handler_version},
        "status": row.status,
        "outcome": _outcome(row),
        "attempt": row.attempt,
        "max_attempts": decode(row.retry).get("max_attempts", 1) if row.retry else 1,
        "retry_of": row.retry_of,
        "origin": {"kind": row.origin_kind, "actor": row.origin_actor},
        "slot_at": format_instant(row.slot_at),
        "queued_at": format_instant(row.queued_at),
        "not_before": format_instant(row.not_before),
        "started_at": format_instant(row.started_at),
        "finished_at": format_instant(row.finished_at),
        "worker": None if row.worker_id is None else {"id": row.worker_id, "instance_id": row.worker_instance},
        "progress": _progress(row),
        "cancel_requested": row.cancel_requested_at is not None,
        "output": {"bytes": row.output_bytes, "lines": row.output_lines, "truncated": bool(row.output_truncated)},
        "revision": row.revision,
        "duration_seconds": _between(row.started_at, row.finished_at),
        "delay_seconds": _between(row.not_before, row.started_at),
    }


def _progress(row: Row[Any]) -> dict[str, Any] | None:
    if row.progress is None and not row.progress_text:
        return None
    return {"fraction": row.progress, "text": row.progress_text}


def _outcome(row: Row[Any]) -> dict[str, Any] | None:
    if row.outcome_kind is None and row.message is None:
        return None
    return {"kind": row.outcome_kind, "message": row.message, "exit_code": row.exit_code}


def run_detail(row: Row[Any], attempts: Iterable[Row[Any]]) -> dict[str, Any]:
    """Return a row of :func:`store.run_reads.get` in full, with the chain of attempts it belongs to."""
    wire = run(row)
    if wire["outcome"] is not None:
        wire["outcome"]["traceback"] = row.traceback
    chain = list(attempts)
    waiting = (one for one in chain if one.id > row.id and one.status == RunStatus.QUEUED)
    following = next(islice(waiting, 1), None)
    return {
        **wire,
        "data": {} if row.data is None else secret.shown(decode(row.data)),
        "result": None if row.result is None else decode(row.result),
        "attempts": [attempt(one) for one in chain],
        "retry_at": None if following is None else format_instant(following.not_before),
        "note": row.note,
    }


def attempt(row: Row[Any]) -> dict[str, Any]:
    """Return one link of a chain of attempts."""
    return {
        "id": row.id,
        "status": row.status,
        "attempt": row.attempt,
        "queued_at": format_instant(row.queued_at),
        "not_before": format_instant(row.not_before),
        "started_at": format_instant(row.started_at),
        "finished_at": format_instant(row.finished_at),
    }
