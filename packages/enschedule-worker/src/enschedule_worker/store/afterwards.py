"""What is really stored, when the connection broke at a commit and nobody knows whether it was made."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from enschedule_core.run import RunStatus
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.holding import Holder
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.status import has_status


def ended(tx: Transaction, holder: Holder, run_ids: Collection[int]) -> set[tuple[int, int, str]]:
    """Return (run id, fence, status) of those of these runs that have ended in the hands of this holder."""
    if not run_ids:
        return set()
    rows = tx.execute(
        select(Run.id, Run.fence, Run.status).where(
            Run.id.in_(sorted(run_ids)),
            Run.worker_instance == holder.instance_id,
            Run.status.not_in((RunStatus.QUEUED, RunStatus.RUNNING)),
        )
    )
    return {(row.id, row.fence, row.status) for row in rows}


def claimed(tx: Transaction, holder: Holder) -> dict[int, int]:
    """Return the runs, id → fence, that are running in the hands of this holder."""
    mine = has_status(Run.status, RunStatus.RUNNING), Run.worker_instance == holder.instance_id
    rows = tx.execute(select(Run.id, Run.fence).where(*mine))
    return {row.id: row.fence for row in rows}
