"""What runs printed: chunks in order, keyed by (run, fence, seq)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Insert, Row, insert, select

from enschedule_core.run import RunStatus
from enschedule_worker.store import bulk
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.runs import Output, Run
from enschedule_worker.store.tables import table_of


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one stream of a run; ``printed_at`` is microseconds by the database's clock."""

    run_id: int
    fence: int
    seq: int
    stream: str
    printed_at: int
    text: str


def append(tx: Transaction, chunks: Sequence[Chunk]) -> None:
    """Store chunks of runs that go on; those of a run that has ended or was claimed again meanwhile are dropped.

    The same chunk twice is one: a transaction whose commit was made and not answered is written again. No statement
    has more than about 1 MB of text.
    """
    for part in parts(chunks):
        _APPEND.run(tx, [[c.run_id, c.fence, c.seq, c.stream, c.printed_at, c.text] for c in part])


def parts(chunks: Sequence[Chunk]) -> Iterator[Sequence[Chunk]]:
    """Cut chunks into stretches that a statement, and a transaction beside others, can take."""
    start = size = 0
    for at, chunk in enumerate(chunks):
        size += len(chunk.text)
        if size > bulk.MOST_BYTES and at > start:
            yield chunks[start:at]
            start, size = at, len(chunk.text)
    if start < len(chunks):
        yield chunks[start:]


def _appending(dialect: str) -> Insert:
    new = bulk.rows(
        dialect,
        run_id=bulk.NUMBER,
        fence=bulk.NUMBER,
        seq=bulk.NUMBER,
        stream=bulk.TEXT,
        printed_at=bulk.NUMBER,
        text=bulk.TEXT,
    )
    there, held = table_of(Output).alias("there"), table_of(Run).alias("held")
    # As values and not as joins: a join of these few rows with all of the table is what a planner without figures does.
    status = select(held.c.status).where(held.c.id == new.c.v_run_id, held.c.fence == new.c.v_fence)
    same = select(there.c.seq).where(
        there.c.run_id == new.c.v_run_id, there.c.fence == new.c.v_fence, there.c.seq == new.c.v_seq
    )
    fresh = select(*new.c).where(status.scalar_subquery() == RunStatus.RUNNING, same.scalar_subquery().is_(None))
    return insert(Output).from_select(["run_id", "fence", "seq", "stream", "printed_at", "text"], fresh)


_APPEND = bulk.Statement(_appending)


def chunks(
    tx: Transaction,
    run_id: int,
    fence: int,
    *,
    after: int = 0,
    limit: int = 500,
    stream: str | None = None,
) -> list[Row[Any]]:
    """Return up to ``limit`` chunks with a seq above ``after``, in order: columns seq, stream, printed_at, text."""
    statement = select(Output.seq, Output.stream, Output.printed_at, Output.text).where(
        Output.run_id == run_id, Output.fence == fence, Output.seq > after
    )
    if stream is not None:
        statement = statement.where(Output.stream == stream)
    return list(tx.execute(statement.order_by(Output.seq).limit(limit)))
