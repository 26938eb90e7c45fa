"""Python imports this by itself at its start, where the fault suite put this folder into its path.

It takes one guard away from a worker, the canary, to show that the checks of the suite notice. Nothing of it is in the
product, and nothing happens unless FAULTS_CANARY names a guard:

- ``fence``: the result of a run is taken from whoever brings it, and nobody is told that a run was lost
- ``unaware``: only that last part; no canary, but the proof that the fence alone is enough
- ``unique-key``: two runs may be made for one slot
- ``database-clock``: the worker's own clock decides, which is wrong by FAULTS_CLOCK_SECONDS
- ``begin-immediate``: a writing transaction on SQLite begins as a reading one

FAULTS_DIE_AFTER kills the process -9 right after its n-th statement that makes or changes a table.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import uuid
from typing import Any


def _without_fence() -> None:
    from sqlalchemy import select  # noqa: PLC0415 - only a tampered process pays for these imports

    from enschedule_worker.store import bulk, runs  # noqa: PLC0415

    columns = runs._R  # noqa: SLF001 - to take a guard away is to reach inside

    def held(tx: Any, _: Any, fences: dict[int, int]) -> dict[int, Any]:
        rows = tx.execute(select(*columns).where(columns.id.in_(sorted(fences)))) if fences else []
        return {row.id: row for row in rows}

    runs.held = held  # type: ignore[assignment]
    guarded = runs._finish_statement  # noqa: SLF001

    def bare(dialect: str) -> Any:
        statement: Any = guarded(dialect)
        statement._where_criteria = statement._where_criteria[:1]  # noqa: SLF001 - the id
        return statement

    runs._FINISH = bulk.Statement(bare)  # noqa: SLF001
    _unaware()


def _unaware() -> None:
    from enschedule_worker.engine.loop import Engine  # noqa: PLC0415

    Engine.abandon = lambda self, run_ids: None  # type: ignore[method-assign]  # noqa: ARG005 - as the one it replaces


def _without_unique_key() -> None:
    from enschedule_worker.store import occurrence  # noqa: PLC0415

    def slot_key(schedule_key: int, slot_at: int, attempt: int) -> str:  # noqa: ARG001 - as the one it replaces
        return f"x{uuid.uuid4().hex}:{attempt}"

    occurrence.slot_key = slot_key


def _without_database_clock() -> None:
    from enschedule_worker.store.clock import DatabaseClock  # noqa: PLC0415

    wrong = float(os.environ.get("FAULTS_CLOCK_SECONDS", "0"))
    DatabaseClock.read = lambda *_: round((time.time() + wrong) * 1_000_000)  # type: ignore[method-assign]


def _without_begin_immediate() -> None:
    from enschedule_worker.store import sqlite_file  # noqa: PLC0415

    sqlite_file.BEGIN_WRITING = "BEGIN"


def _die_after(statements: int) -> None:
    from sqlalchemy import Engine, event  # noqa: PLC0415

    seen: list[str] = []

    @event.listens_for(Engine, "after_cursor_execute")
    def executed(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("CREATE TABLE", "ALTER TABLE", "CREATE INDEX", "CREATE UNIQUE")):
            seen.append(statement)
            if len(seen) >= statements:
                print(f"tampered: dies after {' '.join(statement.split()[:3])}", file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)


_CANARIES = {
    "fence": _without_fence,
    "unaware": _unaware,
    "unique-key": _without_unique_key,
    "database-clock": _without_database_clock,
    "begin-immediate": _without_begin_immediate,
}

if "FAKETIME" in os.environ:  # libfaketime makes the clock wrong, and time.sleep fail besides

    def _sleep(seconds: Any, /) -> None:
        threading.Event().wait(float(seconds))

    time.sleep = _sleep
if "FAULTS_CANARY" in os.environ:
    _CANARIES[os.environ["FAULTS_CANARY"]]()
if "FAULTS_DIE_AFTER" in os.environ:
    _die_after(int(os.environ["FAULTS_DIE_AFTER"]))
