"""What a schedule of the demonstration has done: its chains of attempts and its skips, without a database.

The rules are those of the engine: slots from the trigger, the next attempt as the retry policy says, a slot that comes
while the run before is open is skipped. How long an attempt takes and what it prints comes from its scene.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from enschedule_core.clock import from_micros, to_micros
from enschedule_core.run import OriginKind, OutcomeKind, RunStatus
from enschedule_core.schedule import Policies
from enschedule_core.triggers import Trigger
from enschedule_hub.demo.plan import Plan
from enschedule_hub.demo.scenes import SCENES, Line, ServiceError

SECOND = 1_000_000
NEVER_SEEN = "Worker {worker} was not heard of again."
_SLOW = 8.0
_PLACES = {  # where a traceback of the shop's own code says that it was
    "check-page": ("checks.py", 31, "check_page", 'raise ServiceError(f"{answer.status_code} from {url}")'),
    "export-invoices": ("invoices.py", 58, "export_invoices", 'erp = connect(urlsplit(data["url"]).netloc)'),
    "sync-contacts": ("contacts.py", 44, "sync_contacts", "page = crm.contacts(page=number, changed_since=since)"),
    "import-orders": ("orders.py", 71, "import_orders", 'customer = customers[row["customer"]]'),
}


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt: a run that is over, or one that waits, where ``status`` is queued. Instants in microseconds."""

    plan: Plan
    queued_at: int
    not_before: int
    number: int = 1
    slot_at: int | None = None
    before: Attempt | None = None
    root: Attempt | None = None
    losses: int = 0
    revision: int = 1
    origin: OriginKind = OriginKind.SLOT
    who: str | None = None
    follows: Attempt | None = None
    status: RunStatus = RunStatus.QUEUED
    started_at: int | None = None
    finished_at: int = 0
    worker: str = "web-1"
    kind: OutcomeKind | None = None
    message: str | None = None
    traceback: str | None = None
    result: Any = None
    retry_at: int | None = None
    printed: list[tuple[Line, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Missed:
    """A slot that was skipped because the run before it was still open (microseconds)."""

    slot_at: int


@dataclass(slots=True)
class Past:
    """What came of one schedule: its attempts and skips by time, and its next slot."""

    attempts: list[Attempt] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    slots_fired: int = 0
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A schedule whose past is made up: its plan, and what the service has made of it.

    ``datas`` and ``policies`` are by revision, from 1 on; ``until`` is where its past ends.
    """

    plan: Plan
    trigger: Trigger
    policies: tuple[Policies, ...]
    datas: tuple[Mapping[str, Any], ...]
    since: datetime
    until: datetime
    now: datetime
    seed: int

    def revision_at(self, at: int) -> int:
        """Return the revision that held at an instant."""
        edits = (to_micros(self.now - change.ago) for change in self.plan.changes)
        return 1 + sum(edit <= at for edit in edits)


def of(subject: Subject) -> Past:
    """Return the past of a schedule; the same for the same seed and the same now."""
    past = Past()
    slots = list(subject.trigger.slots_between(subject.since, subject.until, 2**31))
    turns = {len(slots) - 1 - back: turn for back, turn in subject.plan.turns.items()}
    busy_until = 0
    for index, slot in enumerate(slots):
        slot_at = to_micros(slot)
        if slot_at < busy_until:
            past.missed.append(Missed(slot_at))
            continue
        chance = Random(f"{subject.seed} {subject.plan.id} {slot_at}")  # noqa: S311 - to be the same again
        first = Attempt(subject.plan, slot_at + chance.randrange(400, 9_000), slot_at, slot_at=slot_at)
        chain = _chain(subject, first, chance, turns.get(index))
        if chain is None:  # it would go on now: the engine does that
            past.due_at = slot
            break
        past.slots_fired += 1
        past.attempts += chain
        last = chain[-1]
        busy_until = last.finished_at if last.status is not RunStatus.QUEUED else 2**62
    else:
        past.due_at = subject.trigger.next_after(subject.until)
    for number, (ago, who) in enumerate(subject.plan.by_hand):
        at = to_micros(subject.now - ago)
        chance = Random(f"{subject.seed} {subject.plan.id} by hand {number}")  # noqa: S311
        past.attempts += _chain(subject, Attempt(subject.plan, at, at, origin=OriginKind.MANUAL, who=who), chance) or ()
    return past


def followers(subject: Subject, leaders: list[Attempt]) -> list[Attempt]:
    """Return the runs of a schedule that follows each success of another one."""
    found: list[Attempt] = []
    for leader in leaders:
        if leader.status is RunStatus.SUCCEEDED:
            at = leader.finished_at
            chance = Random(f"{subject.seed} {subject.plan.id} {at}")  # noqa: S311
            found += (
                _chain(subject, Attempt(subject.plan, at, at, origin=OriginKind.CHAIN, follows=leader), chance) or ()
            )
    return found


def _chain(subject: Subject, first: Attempt, chance: Random, turn: str | None = None) -> list[Attempt] | None:
    """Return the attempts of one chain, ``None`` if one of them would still be going on."""
    chain = [first]
    now = to_micros(subject.now)
    while True:
        attempt = chain[-1]
        attempt.root = None if attempt is first else first
        attempt.revision = subject.revision_at(first.queued_at)
        silent = subject.plan.silent_since
        if attempt.not_before > now or (silent is not None and attempt.not_before > to_micros(subject.now - silent)):
            return chain  # it waits
        _perform(subject, attempt, chance, turn)
        turn = None
        if attempt.finished_at > now:
            return None
        if not _goes_on(subject, attempt):
            return chain
        assert attempt.retry_at is not None
        lost = attempt.status is RunStatus.LOST
        chain.append(
            Attempt(
                subject.plan,
                attempt.finished_at,
                attempt.retry_at,
                number=attempt.number + 1,
                slot_at=first.slot_at,
                before=attempt,
                losses=attempt.losses + lost,
                origin=first.origin,
                who=first.who,
                follows=first.follows,
            )
        )


def _goes_on(subject: Subject, attempt: Attempt) -> bool:
    """Set when the next attempt may start; return whether there is one."""
    if not attempt.status.is_trouble:
        return False
    retry = subject.policies[attempt.revision - 1].retry
    if attempt.status is RunStatus.LOST:
        attempt.retry_at = attempt.finished_at
        return True
    if attempt.number - attempt.losses >= retry.max_attempts:
        return False
    delay = retry.delay_after(attempt.number - attempt.losses, chance=0.0)
    attempt.retry_at = attempt.finished_at + round(delay.total_seconds() * SECOND)
    return True


def _perform(subject: Subject, attempt: Attempt, chance: Random, turn: str | None) -> None:
    """Let an attempt start, print and end."""
    plan, policies = subject.plan, subject.policies[attempt.revision - 1]
    attempt.worker = plan.worker or ("web-1" if chance.random() < 0.6 else "web-2")
    attempt.started_at = max(attempt.queued_at, attempt.not_before) + round(chance.lognormvariate(8.3, 0.7))
    data = dict(subject.datas[attempt.revision - 1])
    if turn == "slow":
        data["seconds"] *= _SLOW
    if turn == "timed_out":
        data["seconds"] = (policies.timeout_seconds or 3600) * 3
    at, error = attempt.started_at, None
    lines = _lines(str(plan.wire["handler"]), data, chance)
    while error is None:
        try:
            line = next(lines)
        except StopIteration as over:
            attempt.result = over.value
            break
        except (OSError, ValueError, ServiceError) as problem:
            error = problem
            break
        at += round(line.after * SECOND)
        if turn == "timed_out" and at - attempt.started_at > (policies.timeout_seconds or 3600) * SECOND:
            break
        if turn in ("lost", "cancelled") and attempt.printed:
            break
        attempt.printed.append((line, at))
    attempt.finished_at = at + chance.randrange(300, 2_500)
    attempt.status = RunStatus.SUCCEEDED
    if error is not None:
        attempt.status, attempt.kind = RunStatus.FAILED, OutcomeKind.EXCEPTION
        attempt.message = f"{type(error).__name__}: {error}"
        attempt.traceback = _traceback(str(plan.wire["handler"]), error)
    elif turn in _ENDS:
        _end_otherwise(attempt, policies, turn)


def _end_otherwise(attempt: Attempt, policies: Policies, turn: str) -> None:
    assert attempt.started_at is not None
    attempt.status, attempt.kind = _ENDS[turn]
    attempt.result = None
    if turn == "timed_out":
        limit = policies.timeout_seconds or 3600
        attempt.finished_at = attempt.started_at + round(limit * SECOND) + 41_000
        attempt.message = f"Timed out after {limit / 3600:g} h. It stopped when it was told to."
    elif turn == "lost":
        attempt.worker = "web-2"
        attempt.finished_at = attempt.started_at + 48 * SECOND
        attempt.message = NEVER_SEEN.format(worker=attempt.worker)
    else:
        attempt.finished_at = attempt.started_at + 2 * SECOND
        attempt.message = "Cancelled by olaf."


_ENDS = {
    "timed_out": (RunStatus.TIMED_OUT, OutcomeKind.TIMEOUT),
    "lost": (RunStatus.LOST, OutcomeKind.LOST),
    "cancelled": (RunStatus.CANCELLED, OutcomeKind.CANCELLED),
}


def _lines(handler: str, data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Yield what a handler prints and return its result, also for the handlers that are not of the demonstration."""
    if handler in SCENES:
        return (yield from SCENES[handler](data, chance))
    if handler == "shell":
        yield Line(str(data["command"]).removeprefix("echo "), after=chance.uniform(0.004, 0.02))
        return {"exit_code": 0}
    yield Line(str(data["message"]), after=chance.uniform(0.0005, 0.002))
    return None


def _traceback(handler: str, error: Exception) -> str:
    file, line, function, code = _PLACES[handler]
    below = ""
    if isinstance(error, OSError):
        below = (
            '  File "/usr/lib/python3.12/site-packages/erp/connection.py", line 112, in connect\n'
            "    return self._pool.open(host, timeout=self.timeout)\n"
            '  File "/usr/lib/python3.12/socket.py", line 865, in create_connection\n    raise exceptions[0]\n'
        )
    module = "shop.errors." if isinstance(error, ServiceError) else ""
    return (
        f'Traceback (most recent call last):\n  File "/srv/shop/handlers/{file}", line {line}, in {function}\n'
        f"    {code}\n{below}{module}{type(error).__name__}: {error}\n"
    )


def neighbours(missed: list[Missed], trigger: Trigger) -> Iterator[list[Missed]]:
    """Yield skipped slots in stretches in which each is the next slot after the one before it."""
    stretch: list[Missed] = []
    for one in missed:
        following = trigger.next_after(from_micros(stretch[-1].slot_at)) if stretch else None
        if stretch and (following is None or to_micros(following) != one.slot_at):
            yield stretch
            stretch = []
        stretch.append(one)
    if stretch:
        yield stretch
