"""New zone data between two starts: what is due by wall clock moves, and nothing comes twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from enschedule_core.clock import from_micros, to_micros
from enschedule_core.triggers import from_wire
from enschedule_worker.service import rezoning

DAILY = {"kind": "cron", "expression": "0 2 * * *", "timezone": "Europe/Stockholm"}
DUE = datetime(2026, 1, 15, 1, tzinfo=UTC)  # 02:00 in Stockholm


@pytest.mark.parametrize("hours", [-24, -2, -1, 0, 1, 2])
def test_the_nearest_slot_is_meant(hours: int) -> None:
    """The instant was computed when the zone was that much off."""
    old = DUE + timedelta(hours=hours)
    assert rezoning.nearest(from_wire(DAILY), old) == (DUE if hours != -24 else DUE - timedelta(days=1))


def test_what_is_a_slot_already_stays() -> None:
    minutely = from_wire({**DAILY, "expression": "*/15 * * * *"})
    assert rezoning.nearest(minutely, DUE) == DUE


def test_a_start_with_other_data_moves_what_is_due_once(world) -> None:
    world.add("daily", schedule="0 2 * * *", timezone="Europe/Stockholm")
    world.add("broken", schedule="0 2 * * *", timezone="Europe/Stockholm")
    world.add("utc", schedule="0 2 * * *", timezone="UTC")
    right = world.schedule("daily").due_at
    wrong = to_micros(from_micros(right) + timedelta(hours=1))
    trigger = world.schedule("broken").trigger.replace("Stockholm", "Nowhere")
    world.change("daily", due_at=wrong, fire_at=wrong, zone_version="2001a")
    world.change("broken", trigger=trigger, due_at=wrong, fire_at=wrong, zone_version="2001a")
    world.change("utc", due_at=wrong, fire_at=wrong, zone_version="2001a")
    assert rezoning.recompute(world.database, "2026b") == 1
    row = world.schedule("daily")
    assert (row.due_at, row.fire_at, row.zone_version) == (right, right, "2026b")
    assert world.schedule("broken").due_at == wrong
    assert world.schedule("utc").due_at == wrong, "it has no wall clock of its own"
    assert rezoning.recompute(world.database, "2026b") == 0
