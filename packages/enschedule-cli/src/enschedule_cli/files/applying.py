"""Making the changes of a plan, and saying of each what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from enschedule_cli.files.ownership import is_files
from enschedule_cli.files.plan import Change, layers
from enschedule_cli.files.problems import Problem
from enschedule_core.clock import parse_instant
from enschedule_core.errors import EnscheduleError, FieldError, Forbidden, Unauthenticated, Unavailable

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.wire.types import Schedule

_AT_ONCE = 4
_PATHS_SHOWN = 4
_SOON = timedelta(days=6)


@dataclass(slots=True)
class Outcome:
    """What became of one change: a line to print, or the mistakes that the server found after all."""

    change: Change
    line: str = ""
    problems: list[Problem] = field(default_factory=list)


class Interrupted(Exception):
    """The server went away, or lets us do no more; ``cause`` is why."""

    def __init__(self, cause: EnscheduleError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def apply(client: Client, changes: Sequence[Change], now: datetime) -> Iterator[Outcome]:
    """Save what differs, a few at once, and yield what became of each, in order.

    Raises :class:`Interrupted` once the server cannot be reached.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="apply") as pool:
        for layer in layers([change.wanted for change in changes]):
            work = [pool.submit(_save, client, changes[number], now) for number in layer]
            try:
                for one in work:
                    yield one.result()
            finally:
                for one in work:
                    one.cancel()


def _save(client: Client, change: Change, now: datetime) -> Outcome:
    if change.answer["change"] == "unchanged":
        return Outcome(change, describe(change, change.answer["after"] or {}, now))
    try:
        saved = client.schedules.put(change.wanted.id, change.wanted.body)
    except (Unavailable, Unauthenticated, Forbidden) as refused:
        raise Interrupted(refused) from None
    except EnscheduleError as refused:
        errors = refused.errors or (FieldError("", refused.detail),)
        return Outcome(change, problems=[change.wanted.refused(error) for error in errors])
    return Outcome(change, describe(change, saved, now, done=saved["change"]))


def describe(
    change: Change, schedule: Mapping[str, Any], now: datetime, *, done: str | None = None, would: bool = False
) -> str:
    """Return ``ping: created, first run Tue 02:00 Europe/Stockholm`` and its like; ``would``: as what would be done."""
    answer = change.answer
    what = done or str(answer["change"])
    if what == "unchanged":
        return f"{change.wanted.id}: unchanged"
    verb = f"would be {what}" if would else what
    if what == "created":
        return f"{change.wanted.id}: {verb}, {_first(schedule, now, 'first run')}"
    paths = [path for path in answer["changes"] if path != "managed_by"]
    shown = ", ".join(paths[:_PATHS_SHOWN])
    more = f" and {len(paths) - _PATHS_SHOWN} more" if len(paths) > _PATHS_SHOWN else ""
    line = f"{change.wanted.id}: {verb}" + (f" ({shown}{more})" if shown else "")
    if any(path.partition(".")[0] in {"trigger", "paused"} for path in paths):
        line += f", {_first(schedule, now, 'next run')}"
    return line + _whose(change)


def _whose(change: Change) -> str:
    """Return what happens to somebody else's hold on the schedule."""
    before = change.answer["before"] or {}
    owner, mine = before.get("managed_by"), change.wanted.body["managed_by"]
    if change.answer["overridden"]:
        return "; an edit by hand is undone"
    if owner is None:
        return "; it was made by hand"
    return f"; it was from {owner}" if owner != mine else ""


def _first(schedule: Mapping[str, Any], now: datetime, word: str) -> str:
    """Return when it runs next, in its own zone."""
    if schedule["paused"]:
        return "paused"
    if schedule["trigger"]["kind"] == "manual":
        return "runs by hand"
    if schedule.get("due_at") is None:
        return "no run is planned"
    return f"{word} {local(schedule['due_at'], schedule['trigger']['timezone'], now)}"


def local(instant: str, zone: str, now: datetime) -> str:
    """Return ``Tue 02:00 Europe/Stockholm`` for what comes within days, else with the date."""
    at = parse_instant(instant)
    try:
        there = at.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):  # a zone that only the server knows
        there, zone = at, "UTC"
    day = f"{there:%a}" if timedelta(0) <= at - now < _SOON else f"{there:%Y-%m-%d}"
    clock = f"{there:%H:%M:%S}" if there.second else f"{there:%H:%M}"
    return f"{day} {clock} {zone}"


def prunable(client: Client, tag: str, keep: set[str]) -> list[Schedule]:
    """Return the schedules with a tag that belong to a file and stand in none of those that are applied now."""
    return [
        one
        for one in client.schedules.each(tag=tag, sort="id", limit=200)
        if is_files(one["managed_by"]) and one["id"] not in keep
    ]
