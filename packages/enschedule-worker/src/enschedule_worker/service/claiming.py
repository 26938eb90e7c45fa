"""Taking queued runs, complete with the data that they were made for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import Executable, Row, and_, select

from enschedule_core import secret
from enschedule_worker.service import opening
from enschedule_worker.store import bulk, picking, queue, runs, secrets
from enschedule_worker.store.bindings import Reach
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.holding import Holder
from enschedule_worker.store.models.schedules import Revision, Schedule
from enschedule_worker.store.new_runs import NewRun
from enschedule_worker.store.schedules import DELETED_MARK
from enschedule_worker.store.seal import Keyring
from enschedule_worker.store.tables import table_of


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that this worker holds under ``fence``; times are microseconds, database time.

    ``data`` and ``env`` are JSON as it is stored: what is secret is sealed in it, or named. ``named`` are the secrets
    that it names and may use, sealed.
    """

    run_id: int
    fence: int
    root_id: int
    handler_id: str
    handler_version: int
    data: str = field(repr=False)
    attempt: int
    slot_at: int | None
    schedule_id: str | None
    idempotency_key: str
    timeout: int | None
    not_before: int
    claimed_at: int
    env: str | None = field(default=None, repr=False)
    named: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def has_secrets(self) -> bool:
        """Whether there may be something in it to open."""
        return secret.may_be_in(self.data) or secret.may_be_in(self.env)

    def opened(self, keyring: Keyring) -> opening.Opened:
        """Return data and variables with every secret in its place. Raises :class:`opening.CannotOpen`."""
        if not self.has_secrets:
            return opening.Opened(self.data, self.env)
        return opening.opened(self.data, self.env, self.named, keyring)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim took; ``contested``: there may be more at once, when another worker has committed."""

    runs: list[ClaimedRun]
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A run that its worker has fired and claimed at once, with the id of its schedule."""

    run_id: int
    new: NewRun
    schedule_id: str


_REVISIONS_TABLE, _SCHEDULES_TABLE = table_of(Revision), table_of(Schedule)
_REVISION, _SCHEDULE = _REVISIONS_TABLE.c, _SCHEDULES_TABLE.c


def _revisions_statement(dialect: str) -> Executable:
    found = bulk.rows(dialect, key=bulk.NUMBER, revision=bulk.NUMBER).c
    same = and_(_REVISION.schedule_key == found.v_key, _REVISION.revision == found.v_revision)
    return (
        select(_REVISION.schedule_key, _REVISION.revision, _REVISION.data, _REVISION.env, _SCHEDULE.id)
        .select_from(_REVISIONS_TABLE.outerjoin(_SCHEDULES_TABLE, _SCHEDULE.key == _REVISION.schedule_key))
        .where(same)
    )


_REVISIONS = bulk.Statement(_revisions_statement)


class Kept(NamedTuple):
    """What runs of a revision have in common: data and environment variables, sealed, and the schedule's public id."""

    data: str
    env: str | None
    schedule_id: str | None


class RevisionCache:
    """The revisions seen last. A revision never changes, and its schedule keeps its id: nothing here goes stale."""

    def __init__(self, size: int = 5_000) -> None:
        self._size = size
        self._found: OrderedDict[tuple[int, int], Kept] = OrderedDict()

    def fetch(self, tx: Transaction, keys: Collection[tuple[int, int]]) -> dict[tuple[int, int], Kept]:
        """Return what is kept of each (schedule key, revision), reading those that are not here."""
        missing = set(keys) - self._found.keys()
        if missing:
            rows = _REVISIONS.run(tx, sorted(missing)).all()
            self._found.update(
                (
                    (row.schedule_key, row.revision),
                    Kept(row.data, row.env, None if row.id is None else row.id.partition(DELETED_MARK)[0]),
                )
                for row in rows
            )
        found = {key: self._found[key] for key in keys if key in self._found}
        for key in found:
            self._found.move_to_end(key)
        while len(self._found) > self._size:
            self._found.popitem(last=False)
        return found


def claim(
    tx: Transaction,
    holder: Holder,
    offers: queue.Offers,
    reach: Reach,
    cache: RevisionCache,
    *,
    limit: int,
    lease: int,
    not_roots: Collection[int] = (),
) -> Claim:
    """Claim up to ``limit`` runs (see :func:`enschedule_worker.store.picking.choose`) and fetch their data."""
    choice = picking.choose(tx, offers, reach, limit=limit, not_roots=not_roots)
    rows = runs.claim(tx, holder, choice.ids, lease=lease)
    if not rows:
        return Claim([], choice.contested)
    own = queue.data_of(tx, [row.id for row in rows if row.has_data])
    shared = cache.fetch(tx, {(row.schedule_key, row.revision) for row in rows if row.schedule_key is not None})
    return Claim(_with_named(tx, [_claimed(row, own, shared) for row in rows]), choice.contested)


def _with_named(tx: Transaction, claimed: list[ClaimedRun]) -> list[ClaimedRun]:
    """Return runs with the secrets that their data name, as those are now; most have none, and cost nothing."""
    wanted = {run.run_id: opening.names(run.data, run.env) for run in claimed if run.has_secrets}
    if not any(wanted.values()):
        return claimed
    known = secrets.values(tx, frozenset().union(*wanted.values()))
    groups = secrets.groups_of_runs(tx, [run_id for run_id, names in wanted.items() if names])
    return [
        replace(run, named=opening.usable(known, wanted[run.run_id], groups.get(run.run_id)))
        if wanted.get(run.run_id)
        else run
        for run in claimed
    ]


def taken(tx: Transaction, cache: RevisionCache, runs: Sequence[Taken]) -> list[ClaimedRun]:
    """Return what was fired and claimed at once, with its data."""
    shared = cache.fetch(tx, {_revision_of(one.new) for one in runs}) if runs else {}
    claimed = [
        ClaimedRun(
            run_id=one.run_id,
            fence=1,
            root_id=one.run_id,
            handler_id=one.new.handler_id,
            handler_version=one.new.handler_version,
            data=shared[_revision_of(one.new)].data,
            attempt=1,
            slot_at=one.new.slot_at,
            schedule_id=one.schedule_id,
            idempotency_key=one.new.occurrence_key.rsplit(":", 1)[0],
            timeout=one.new.timeout,
            not_before=one.new.not_before,
            claimed_at=tx.now,
            env=shared[_revision_of(one.new)].env,
        )
        for one in runs
    ]
    return _with_named(tx, claimed)


def _revision_of(new: NewRun) -> tuple[int, int]:
    assert new.schedule_key is not None
    assert new.revision is not None
    return new.schedule_key, new.revision


def _claimed(row: Row[Any], own: dict[int, str], shared: dict[tuple[int, int], Kept]) -> ClaimedRun:
    kept = shared.get((row.schedule_key, row.revision))
    data = "{}" if kept is None else kept.data
    return ClaimedRun(
        run_id=row.id,
        fence=row.fence,
        root_id=row.root_id or row.id,
        handler_id=row.handler_id,
        handler_version=row.handler_version,
        data=own[row.id] if row.has_data else data,
        attempt=row.attempt,
        slot_at=row.slot_at,
        schedule_id=None if kept is None else kept.schedule_id,
        idempotency_key=row.occurrence_key.rsplit(":", 1)[0],
        timeout=row.timeout,
        not_before=row.not_before,
        claimed_at=row.started_at,
        env=None if kept is None else kept.env,
    )
