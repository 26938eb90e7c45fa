"""What is large about a run: its details, and deleting it with all that it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import insert, select, update

from enschedule_core.run import OPEN
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.holding import Ending
from enschedule_worker.store.models.runs import Output, Run, RunDetail

_OPEN = tuple(sorted(OPEN))


def store_ends(tx: Transaction, endings: Iterable[Ending]) -> None:
    """Store the results, tracebacks and notes of runs that have ended."""
    _store(
        tx,
        [
            {"run_id": e.run_id, "result": e.result, "traceback": e.traceback, "note": e.note}
            for e in endings
            if e.result is not None or e.traceback is not None or e.note is not None
        ],
    )


def _store(tx: Transaction, details: list[dict[str, Any]]) -> None:
    """Write columns of ``run_details``, each with its ``run_id``, whether that has a row already or not."""
    if not details:
        return
    ids = [row["run_id"] for row in details]
    there = set(tx.execute(select(RunDetail.run_id).where(RunDetail.run_id.in_(ids))).scalars())
    fresh = [row for row in details if row["run_id"] not in there]
    if fresh:
        tx.execute(insert(RunDetail), fresh)
    for row in details:
        if row["run_id"] in there:
            values = {name: value for name, value in row.items() if name != "run_id"}
            tx.execute(update(RunDetail).where(RunDetail.run_id == row["run_id"]).values(**values))


def add_note(tx: Transaction, run_id: int, text: str) -> None:
    """Add a sentence to the note of a run that has ended."""
    found = tx.execute(select(RunDetail.note).where(RunDetail.run_id == run_id)).scalar()
    _store(tx, [{"run_id": run_id, "note": (f"{found} {text}" if found else text)[:500]}])


def delete(tx: Transaction, run_id: int) -> bool:
    """Delete a run that has ended, with its details and output; False where it is open or not there."""
    gone = tx.execute(sql_delete(Run).where(Run.id == run_id, Run.status.not_in(_OPEN)))
    if gone.rowcount != 1:
        return False
    tx.execute(sql_delete(RunDetail).where(RunDetail.run_id == run_id))
    tx.execute(sql_delete(Output).where(Output.run_id == run_id))
    return True
