"""Notices: made in the transaction in which a schedule began to fail or recovered, sent later and elsewhere.

``send_at`` is when a notice may be taken, NULL once it was sent or given up. Who takes one moves it on, guarded by its
old value: that is the lease, and a sender that dies leaves the notice to others when it is over.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from enschedule_core.schedule import NOTIFY_NOBODY
from enschedule_worker.store import receivers
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Output, Run
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.models.sharing import Notice
from enschedule_worker.store.seal import Unreadable
from enschedule_worker.store.standing import Turn
from enschedule_worker.store.tables import table_of

FAILING, RECOVERED = "failing", "recovered"
_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that may be taken: whom to tell, how often that was tried before, and since when it waits."""

    id: int
    kind: str
    schedule_key: int
    run_id: int
    url: str = field(repr=False)
    created_at: int
    send_at: int
    attempts: int


def queue(tx: Transaction, turns: Sequence[Turn], default_url: str | None) -> None:
    """Make a notice for each turn that somebody is to be told of: whom the schedule names, else ``default_url``."""
    if not turns:
        return
    keys = sorted({turn.schedule_key for turn in turns})
    columns = (Schedule.key, Schedule.policies, Schedule.notify_address, Schedule.deleted_at)
    rows = tx.execute(select(*columns).where(Schedule.key.in_(keys)))
    urls = {row.key: _url(tx, row, default_url) for row in rows}
    made = [
        {
            "kind": FAILING if turn.is_failing else RECOVERED,
            "schedule_key": turn.schedule_key,
            "run_id": turn.run_id,
            "url": tx.keyring.hide(url),
            "created_at": tx.now,
            "send_at": tx.now,
            "attempts": 0,
        }
        for turn in turns
        if (url := urls.get(turn.schedule_key)) is not None
    ]
    if made:
        tx.execute(insert(Notice), made)
        tx.tell_sender()


def _url(tx: Transaction, row: Row[Any], default_url: str | None) -> str | None:
    """Return whom to tell; nobody of a schedule that was deleted while its last run went on."""
    if row.deleted_at is None and row.notify_address is not None:
        try:
            return receivers.opened(tx.keyring, row.notify_address)
        except Unreadable:
            return ""
    named = json.loads(row.policies).get("notify")
    if row.deleted_at is not None or named == NOTIFY_NOBODY:
        return None
    return named or default_url


def due(tx: Transaction, limit: int) -> list[Due]:
    """Return notices that may be taken, those that wait longest first; of each schedule only its oldest that waits.

    So nobody hears that a schedule has recovered before hearing that it failed.
    """
    earlier = table_of(Notice).alias("earlier")
    oldest = (
        select(func.min(earlier.c.id))
        .where(earlier.c.schedule_key == Notice.schedule_key, earlier.c.send_at.is_not(None))
        .scalar_subquery()
    )
    rows = tx.execute(
        select(*Notice.__table__.columns)
        .where(Notice.send_at <= tx.now, Notice.id == oldest)
        .order_by(Notice.send_at, Notice.id)
        .limit(limit)
    )
    return [
        Due(row.id, row.kind, row.schedule_key, row.run_id, _opened(tx, row), row.created_at, row.send_at, row.attempts)
        for row in rows
    ]


def _opened(tx: Transaction, row: Row[Any]) -> str:
    """Return whom to tell; nothing that could be an address where no key of this worker opens it."""
    try:
        return tx.keyring.reveal(row.url)
    except Unreadable:
        return ""


def next_at(tx: Transaction) -> int | None:
    """Return when the next notice becomes due; what is due already waits for something else."""
    return tx.execute(select(func.min(Notice.send_at)).where(Notice.send_at > tx.now)).scalar()


def take(tx: Transaction, notice: Due, *, lease: int) -> bool:
    """Take a notice for ``lease`` microseconds; ``False`` if somebody else has it."""
    return _change(tx, notice, notice.attempts, send_at=tx.now + lease, attempts=notice.attempts + 1, at=notice.send_at)


def put_off(tx: Transaction, notice: Due, *, until: int) -> bool:
    """Let a notice that was not taken wait longer, because its receiver did not answer just now."""
    return _change(tx, notice, notice.attempts, send_at=until, at=notice.send_at)


def sent(tx: Transaction, notice: Due) -> bool:
    """Note that a notice that was taken has arrived."""
    return _change(tx, notice, notice.attempts + 1, send_at=None, sent_at=tx.now, error=None)


def failed(tx: Transaction, notice: Due, error: str, *, again_at: int | None) -> bool:
    """Note why a notice that was taken did not arrive, and when to try again; ``None`` gives it up."""
    return _change(tx, notice, notice.attempts + 1, send_at=again_at, error=error[:500])


def _change(tx: Transaction, notice: Due, tried: int, *, at: int | None = None, **values: Any) -> bool:
    statement = update(Notice).where(Notice.id == notice.id, Notice.attempts == tried, Notice.send_at.is_not(None))
    if at is not None:
        statement = statement.where(Notice.send_at == at)
    return tx.execute(statement.values(**values)).rowcount == 1


# ---------------------------------------------------------------- what it says


def schedule(tx: Transaction, key: int) -> Row[Any] | None:
    """Return id, title, runbook, failing_since and failures_in_row of a schedule."""
    columns = (Schedule.id, Schedule.title, Schedule.runbook, Schedule.failing_since, Schedule.failures_in_row)
    return tx.execute(select(*columns).where(Schedule.key == key)).first()


def run(tx: Transaction, run_id: int) -> Row[Any] | None:
    """Return the columns of a run; ``None`` if it was deleted meanwhile."""
    return tx.execute(select(*Run.__table__.columns).where(Run.id == run_id)).first()


def last_lines(tx: Transaction, run_id: int, fence: int, count: int) -> list[str]:
    """Return the last lines that a run printed, from its last chunks."""
    chunks = (
        select(Output.text)
        .where(Output.run_id == run_id, Output.fence == fence)
        .order_by(Output.seq.desc())
        .limit(_CHUNKS)
    )
    text = ""
    for chunk in tx.execute(chunks).scalars():
        text = chunk + text
        if text.count("\n") > count:
            break
    return text.splitlines()[-count:]
