"""What a notice says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from enschedule_core.clock import format_instant
from enschedule_worker.service.present import ref
from enschedule_worker.store import notices as store
from enschedule_worker.store.database import Transaction

LINES = 20
LINE_CHARACTERS = 500


def document(tx: Transaction, notice: store.Due, base_url: str | None) -> dict[str, Any]:
    """Return the JSON document of a notice: as much as is still there of the run and of its schedule."""
    schedule, run = store.schedule(tx, notice.schedule_key), store.run(tx, notice.run_id)
    named = None if schedule is None else ref(schedule.id, schedule.title)
    return {
        "id": identity(notice),
        "event": notice.kind,
        "at": format_instant(notice.created_at),
        "text": _sentence(notice, schedule, run),
        "schedule": named,
        "runbook": None if schedule is None else schedule.runbook,
        "run": {"id": notice.run_id} if run is None else _run(run),
        "error": None if run is None or run.outcome_kind is None else _error(run),
        "output": [] if run is None else _lines(tx, run),
        "link": None if base_url is None else f"{base_url}/runs/{notice.run_id}",
    }


def identity(notice: store.Due) -> str:
    """Return what is the same each time this notice is sent, and is not that of any other."""
    return f"{notice.id}-{notice.created_at}"


def _sentence(notice: store.Due, schedule: Row[Any] | None, run: Row[Any] | None) -> str:
    title = "A deleted schedule" if schedule is None else schedule.title
    if notice.kind == store.RECOVERED:
        return f"{title} has recovered."
    why = f": {run.message.splitlines()[0]}" if run is not None and run.message else "."
    return f"{title} is failing{why}"


def _run(run: Row[Any]) -> dict[str, Any]:
    return {
        "id": run.id,
        "status": run.status,
        "attempt": run.attempt,
        "slot_at": format_instant(run.slot_at),
        "started_at": format_instant(run.started_at),
        "finished_at": format_instant(run.finished_at),
        "worker": run.worker_id,
    }


def _error(run: Row[Any]) -> dict[str, Any]:
    return {"kind": run.outcome_kind, "message": run.message, "exit_code": run.exit_code}


def _lines(tx: Transaction, run: Row[Any]) -> list[str]:
    return [line[:LINE_CHARACTERS] for line in store.last_lines(tx, run.id, run.fence, LINES)]
