"""What a run printed, read by a cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Row

from enschedule_core.actor import Actor
from enschedule_core.clock import format_instant
from enschedule_core.errors import NotFound
from enschedule_core.run import RunStatus
from enschedule_worker.service.access import reading
from enschedule_worker.store import output as store
from enschedule_worker.store import run_reads
from enschedule_worker.store.database import Database, Transaction

CHUNKS = 500
POLL_SECONDS = 0.25
LONGEST_SECONDS = 20.0


class Waiting(Protocol):
    """Something that rings when the database of this process changed."""

    @property
    def count(self) -> int:
        """How often it rang."""
        ...

    @property
    def is_muted(self) -> bool:
        """True once nobody should wait any more, since the server stops."""
        ...

    def wait(self, seen: int, seconds: float) -> None:
        """Wait until it rings again, at most that long."""
        ...


@dataclass(frozen=True, slots=True)
class Cursor:
    """Chunks with a seq above ``after``, of one stream or of both."""

    after: int = 0
    stream: str | None = None


def read(database: Database, actor: Actor, run_id: int, cursor: Cursor) -> dict[str, Any]:
    """Return the chunks after a cursor, and whether there can be more. Raises :class:`NotFound`."""
    with reading(database, actor) as tx:
        run = existing(tx, actor, run_id)
        # The output of an ended run is there before, or together with, its end: read after the status, it is whole.
        rows = store.chunks(tx, run_id, run.fence, after=cursor.after, limit=CHUNKS + 1, stream=cursor.stream)
    shown = rows[:CHUNKS]
    return {
        "items": [_chunk(row) for row in shown],
        "next_after": shown[-1].seq if shown else cursor.after,
        "complete": not RunStatus(run.status).is_open and len(rows) <= CHUNKS,
        "fence": run.fence,
        "status": run.status,
        "truncated": bool(run.output_truncated),
    }


def read_waiting(
    database: Database, actor: Actor, run_id: int, cursor: Cursor, *, seconds: float, bell: Waiting
) -> dict[str, Any]:
    """Do as :func:`read`, but wait up to ``seconds`` for a chunk, the end, or another status; outside any transaction.

    Another worker's output does not ring the bell, so the database is asked again each quarter of a second.
    """
    return waited_for(database, lambda: read(database, actor, run_id, cursor), seconds=seconds, bell=bell)


def waited_for(
    database: Database, ask: Callable[[], dict[str, Any]], *, seconds: float, bell: Waiting
) -> dict[str, Any]:
    """Ask until the answer has ``items``, is ``complete``, or has another ``status`` than at first.

    That is for ``seconds`` at most, and outside any transaction.
    """
    until = time.monotonic() + min(seconds, LONGEST_SECONDS)
    first_status = None
    if seconds > 0:
        database.look_anew()
    while True:
        seen = bell.count
        found = ask()
        first_status = first_status or found["status"]
        left = until - time.monotonic()
        if found["items"] or found["complete"] or found["status"] != first_status or left <= 0 or bell.is_muted:
            return found
        database.look_anew()
        bell.wait(seen, min(left, POLL_SECONDS))


def text(database: Database, actor: Actor, run_id: int, *, stream: str | None = None) -> Iterator[str]:
    """Return all that a run printed so far, in pieces. Raises :class:`NotFound` at once, not at the first piece."""
    with reading(database, actor) as tx:
        fence = int(existing(tx, actor, run_id).fence)
    return _pieces(database, actor, run_id, fence, stream)


def _pieces(database: Database, actor: Actor, run_id: int, fence: int, stream: str | None) -> Iterator[str]:
    after = 0
    while True:
        with reading(database, actor) as tx:
            rows = store.chunks(tx, run_id, fence, after=after, limit=CHUNKS, stream=stream)
        yield from (row.text for row in rows)
        if len(rows) < CHUNKS:
            return
        after = rows[-1].seq


def existing(tx: Transaction, actor: Actor, run_id: int) -> Row[Any]:
    """Return how a run stands. Raises :class:`NotFound` also for one that the actor may not see."""
    row = run_reads.standing(tx, run_id, actor.scope)
    if row is None:
        raise NotFound(f"There is no run {run_id:,}.")
    return row


def _chunk(row: Row[Any]) -> dict[str, Any]:
    return {"seq": row.seq, "at": format_instant(row.printed_at), "stream": row.stream, "text": row.text}
