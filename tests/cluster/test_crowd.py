"""Two dashboards and three workers on one database; tools/crowd.py does it with a thousand schedules, for longer."""

from __future__ import annotations

import pytest

import crowd
from faults.crowd import Plan

pytestmark = [pytest.mark.cluster, pytest.mark.long]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_a_crowd_loses_nothing_and_does_nothing_twice(kind: str) -> None:
    report = crowd.gather(Plan(kind, 30, 100))
    print(crowd.table(report), *report.notes, *report.refused[:5], sep="\n")
    assert report.is_clean, report
    assert report.slots > 100
    assert report.lost > 0, "nothing was lost, which proves nothing"
    assert set(report.by_worker) == {"inside", "north", "south", "spare"}
    assert min(map(len, report.pages.values())) > 20
