"""Why a schedule is not running: what has to hold for the next run, checked in the order in which it stops one."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission, Scope
from enschedule_core.clock import format_instant
from enschedule_core.run import RunStatus
from enschedule_core.schedule import Binding, Overlap
from enschedule_worker.service import present
from enschedule_worker.service.access import reading
from enschedule_worker.service.finding import existing
from enschedule_worker.service.firing import policies_of
from enschedule_worker.service.stats import OVERDUE_SECONDS
from enschedule_worker.store import census, halt, limits, run_reads, skips
from enschedule_worker.store.database import Database, Transaction

_MICROS = 1_000_000
_LIVE = frozenset({"up", "late"})
OPEN_LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class Check:
    """One condition: whether it holds (``None``: it does not stop anything, but is worth knowing), in words."""

    code: str
    ok: bool | None
    text: str
    action: dict[str, Any] | None = None

    def wire(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"code": self.code, "ok": self.ok, "text": self.text, "action": self.action}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks look at, read in one transaction."""

    now: int
    row: Row[Any]
    offers: list[Row[Any]]
    workers: list[Row[Any]]
    open_runs: list[Row[Any]]
    last_skip: Row[Any] | None
    halted: halt.Halt | None = None
    full: Full | None = None

    @property
    def waiting(self) -> Row[Any] | None:
        """The first run that could start by its time."""
        return next(
            (one for one in self.open_runs if one.status == RunStatus.QUEUED and one.not_before <= self.now), None
        )


@dataclass(frozen=True, slots=True)
class Full:
    """A limit that is reached: what it is on, how much it allows, how much goes on, and the titles of who holds it."""

    code: str
    name: str
    allowed: int
    going_on: int
    holders: list[str]


def diagnose(database: Database, actor: Actor, schedule_id: str) -> dict[str, Any]:
    """Return one sentence and the checks behind it. Raises :class:`NotFound`."""
    with reading(database, actor) as tx:
        row = existing(tx, actor, schedule_id, Permission.READ)
        facts = Facts(
            now=tx.now,
            row=row,
            offers=census.offers(tx, handler_id=row.handler_id),
            workers=census.workers(tx),
            open_runs=run_reads.open_of(tx, row.key, limit=OPEN_LOOKED_AT),
            last_skip=next(iter(skips.page(tx, row.key, limit=1)), None),
            halted=halt.current(tx),
        )
        if facts.waiting is not None:
            facts = replace(facts, full=_full(tx, row, actor.scope))
    checks = [check for make in _CHECKS if (check := make(facts)) is not None]
    trouble = next((check for check in checks if check.ok is False), None)
    sentence = trouble.text if trouble is not None else _fine(facts)
    missed = present.slots_since(row, facts.now) if row.paused else 0
    return {"sentence": sentence, "checks": [check.wire() for check in checks], "missed_slots": missed}


def _full(tx: Transaction, row: Row[Any], scope: Scope) -> Full | None:
    """Return the first limit on a schedule's runs that is reached."""
    if row.max_running is not None and row.running_runs >= row.max_running:
        return Full("max_running", "", row.max_running, row.running_runs, [])
    handler = limits.of_handler(tx, row.handler_id, row.handler_version)
    if handler is not None:
        held = limits.holders(tx, handler_id=row.handler_id)
        if sum(one.runs for one in held) >= handler:
            return _held_by("handler", row.handler_id, handler, held, scope)
    if row.concurrency_group is not None:
        held, allowed = limits.holders(tx, group=row.concurrency_group), limits.group_limit(tx, row.concurrency_group)
        if sum(one.runs for one in held) >= allowed:
            return _held_by("group", row.concurrency_group, allowed, held, scope)
    return None


def _held_by(code: str, name: str, allowed: int, held: list[Row[Any]], scope: Scope) -> Full:
    seen = [one.title or "runs without a schedule" for one in held if scope.covers(one.group_id)]
    titles = [*seen, *(["schedules of other groups"] if len(seen) < len(held) else [])]
    return Full(code, name, allowed, sum(one.runs for one in held), titles)


def _fine(facts: Facts) -> str:
    if any(run.status == RunStatus.RUNNING for run in facts.open_runs):
        return "It is running now."
    if facts.row.due_at is not None:
        return f"Nothing stops it. Its next slot is {format_instant(facts.row.due_at)}."
    if facts.row.trigger_kind == "manual":
        return "Nothing stops it. It runs when somebody asks for it."
    return "It has ended, as planned: there is no further slot."


def _button(label: str, kind: str, run_id: int | None = None) -> dict[str, Any]:
    return {"label": label, "kind": kind} if run_id is None else {"label": label, "kind": kind, "run_id": run_id}


def _trigger(facts: Facts) -> Check:
    row = facts.row
    if row.broken_reason is not None:
        again = f" It is tried again at {format_instant(row.fire_at)}." if row.fire_at is not None else ""
        return Check("trigger", False, f"It cannot be fired: {row.broken_reason}{again}", _button("Edit", "edit"))
    if present.readable_trigger(row.trigger) is None:
        return Check("trigger", False, "This program cannot read its trigger.", _button("Edit", "edit"))
    return Check("trigger", True, "Its trigger is valid.")


def _everything(facts: Facts) -> Check | None:
    found = facts.halted
    if found is None:
        return None
    until = f" until {format_instant(found.until)}" if found.until is not None else ""
    reason = f": “{found.reason}”" if found.reason else ""
    text = f"Everything is paused by {found.by} since {format_instant(found.at)}{until}{reason}."
    return Check("everything_paused", False, text, _button("Resume everything", "resume_all"))


def _switch(facts: Facts) -> Check:
    row = facts.row
    if not row.paused:
        return Check("paused", True, "It is on.")
    until = f" until {format_instant(row.paused_until)}" if row.paused_until is not None else ""
    reason = f": “{row.pause_reason}”" if row.pause_reason else ""
    since = format_instant(row.paused_at)
    text = f"It is paused by {row.paused_by} since {since}{until}{reason}."
    return Check("paused", False, text, _button("Resume…", "resume"))


def _worker(facts: Facts) -> Check:
    row = facts.row
    wanted = f"{row.handler_id} v{row.handler_version}"
    offering = [one for one in facts.offers if one.handler_version == row.handler_version and one.status in _LIVE]
    binding = policies_of(row.policies).worker
    able = sorted({one.worker_id for one in offering if binding.allows(one.worker_id, json.loads(one.tags))})
    if offering and not able:
        names = sorted({one.worker_id for one in offering})
        offer = "offers" if len(names) == 1 else "offer"
        text = f"It may run only on {_asked(binding)}, and none of that kind is up. {_listed(names)} {offer} {wanted}."
        return Check("worker", False, text, _button("Edit", "edit"))
    if able:
        count = f"{len(able)} workers offer" if len(able) > 1 else "1 worker offers"
        return Check("worker", True, f"{count} {wanted}: {_listed(able)}.")
    if not any(worker.status in _LIVE for worker in facts.workers):
        last = max((worker.heartbeat_at for worker in facts.workers), default=None)
        seen = f" The last was seen at {format_instant(last)}." if last is not None else ""
        return Check("worker", False, f"No worker is up.{seen}")
    others = _others(facts)
    return Check("worker", False, f"No worker that is up offers {wanted}.{others}")


def _asked(binding: Binding) -> str:
    """Say which workers a schedule asks for."""
    tags = f"tagged {' and '.join(binding.tags)}" if binding.tags else ""
    if binding.id is None:
        return f"workers {tags}"
    return f"the worker {binding.id}{', ' + tags if tags else ''}"


def _others(facts: Facts) -> str:
    """Say who offers other versions, and who had this one."""
    parts = []
    for one in facts.offers:
        if one.status in _LIVE:
            parts.append(f"{one.worker_id} offers v{one.handler_version}")
        elif one.handler_version == facts.row.handler_version:
            parts.append(f"{one.worker_id}, which has it, was last seen at {format_instant(one.heartbeat_at)}")
    return f" {'; '.join(dict.fromkeys(parts))}." if parts else ""


def _listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _limit(facts: Facts) -> Check | None:
    """A limit that a waiting run has reached."""
    full, run = facts.full, facts.waiting
    if full is None or run is None:
        return None
    since = f"It has waited since {format_instant(run.not_before)}."
    held = f", held by {_listed(full.holders, 2)}" if full.holders else ""
    amount = f"{full.going_on:,} of {full.allowed:,}"
    text = {
        "max_running": f"{amount} of its own runs that may go on at once do. {since}",
        "handler": f"The handler {full.name} is full: {amount}{held}. {since}",
        "group": f"Group {full.name} is full: {amount}{held}. {since}",
    }[full.code]
    return Check(full.code, False, text, _button("Open it", "open_run", run.id))


def _previous(facts: Facts) -> Check | None:
    """A run that is going stops the next slots if overlap is ``skip``: trouble once slots were skipped for it."""
    run = next((one for one in facts.open_runs if one.status == RunStatus.RUNNING), None)
    overlap = json.loads(facts.row.policies).get("overlap", Overlap.SKIP.value)
    if run is None or overlap != Overlap.SKIP:
        return None
    going = (facts.now - run.started_at) / _MICROS
    text = f"Run {run.id:,} has been going for {going:,.0f} s."
    skip = facts.last_skip
    if skip is not None and skip.reason == "overlap" and skip.last_slot_at >= run.started_at:
        amount = int(skip.slots)
        slots = "1 slot was" if amount == 1 else f"{amount:,} slots were"
        text = f"{text} Overlap is skip, so {slots} skipped."
        return Check("overlap", False, text, _button("Open it", "open_run", run.id))
    return Check("overlap", None, text, _button("Open it", "open_run", run.id))


def _queued(facts: Facts) -> Check | None:
    run = facts.waiting
    if run is None or facts.full is not None or facts.halted is not None:
        return None
    seconds = (facts.now - run.not_before) / _MICROS
    late = seconds > OVERDUE_SECONDS
    what = "a free place" if _worker(facts).ok else "one"
    text = f"Run {run.id:,} waits for {what} since {format_instant(run.not_before)}."
    return Check("queue", False if late else None, text, _button("Open it", "open_run", run.id))


def _last(facts: Facts) -> Check | None:
    row = facts.row
    if row.last_run_id is None:
        return Check("last_run", None, "It has not run yet.", _button("Run now", "run"))
    opened = _button("Open it", "open_run", row.last_run_id)
    if row.retry_at is not None:
        text = f"The last run failed; it waits for its retry at {format_instant(row.retry_at)}."
        return Check("last_run", False, text, _button("Try now", "run"))
    if row.failing_since is not None:
        times = "once" if row.failures_in_row == 1 else f"{row.failures_in_row:,} times in a row"
        message = f" The last said: {row.last_message}" if row.last_message else ""
        return Check(
            "last_run", False, f"It failed {times}, since {format_instant(row.failing_since)}.{message}", opened
        )
    return Check("last_run", True, f"The last run ended as {row.last_status}.", opened)


def _slot(facts: Facts) -> Check:
    row = facts.row
    if row.due_at is None:
        if row.trigger_kind == "manual":
            return Check("slot", None, "It has no slots: it runs by hand.", _button("Run now", "run"))
        return Check("slot", None, "It has no further slot.", _button("Edit", "edit"))
    late, slot = facts.now - row.due_at, format_instant(row.due_at)
    if late > OVERDUE_SECONDS * _MICROS:
        if row.paused or row.broken_reason is not None or facts.halted is not None:  # another check says why
            return Check("slot", None, f"Its slot of {slot} has not been fired.")
        text = f"Its slot of {slot} has not been fired for {late / _MICROS:,.0f} s: no engine looks at it."
        return Check("slot", False, text)
    return Check("slot", True, f"Its next slot is {slot}.")


def _skipped(facts: Facts) -> Check | None:
    skip = facts.last_skip
    if skip is None:
        return None
    reasons = {
        "overlap": "the previous run was still going",
        "missed": "no worker was up",
        "window": "they were too old when a worker was back",
        "paused": "it was paused",
        "all_paused": "everything was paused",
    }
    amount = int(skip.slots)
    first, last = format_instant(skip.first_slot_at), format_instant(skip.last_slot_at)
    slots = f"1 slot, {first}, was" if amount == 1 else f"{amount:,} slots from {first} to {last} were"
    return Check("skips", None, f"{slots} skipped: {reasons.get(skip.reason, skip.reason)}.")


_CHECKS = (_everything, _trigger, _switch, _worker, _limit, _queued, _previous, _last, _slot, _skipped)
