"""Everybody's favourite instant: 5,000 schedules at midnight."""

from __future__ import annotations

import threading
import time

import pytest
from cluster_kit import Start, due_now, multiply, on, serving, wait_for

from faults.databases import Database

pytestmark = [pytest.mark.cluster, pytest.mark.long]
CROWD = 5_000


@pytest.mark.timeout(300)
@on("postgres", long=("sqlite", "mariadb"))
def test_five_thousand_schedules_at_one_instant(start: Start, database: Database) -> None:
    """All are started within a minute, and the API answers within a second meanwhile."""
    program = serving(start, ENSCHEDULE_LEASE_SECONDS="45")
    program.make("s", "tick", "every 1 day")
    multiply(database, "s", CROWD)
    waits: list[float] = []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.2):
            began = time.monotonic()
            assert program.status("/api/v1/schedules?limit=50") == 200
            waits.append(time.monotonic() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    began = time.monotonic()
    due_now(database)
    wait_for("all were started", lambda: len(program.marks("tick")) >= CROWD, 60)
    took = time.monotonic() - began
    done.set()
    asking.join()
    waits.sort()
    print(f"{CROWD} started within {took:.1f} s; the API answered {len(waits)} times, {waits[-1]:.2f} s at most")
    assert waits[len(waits) * 9 // 10] < 1.0
    wait_for("all ended", lambda: database.value("SELECT count(*) FROM runs WHERE status = 'succeeded'") == CROWD)
    assert len(program.marks("tick")) == CROWD
    assert program.stop() == 0
