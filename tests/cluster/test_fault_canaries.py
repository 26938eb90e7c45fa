"""The proof that the proof works: with one guard away, the chaos run turns red; with all of them it is green."""

from __future__ import annotations

import pytest

from faults.chaos import Plan, rage

pytestmark = [pytest.mark.cluster, pytest.mark.long]

FREEZE_SECONDS = 30  # until a worker stands still for long enough while it has a run

CANARIES = [
    ("fence", "freeze", "sqlite", {"double_finishes"}),
    ("fence", "freeze", "postgres", {"double_finishes"}),
    ("unique-key", "again", "sqlite", {"duplicates"}),
    ("unique-key", "again", "mariadb", {"duplicates"}),
    ("database-clock", "clock", "postgres", {"early", "false_losses"}),
    ("database-clock", "clock", "mariadb", {"early", "false_losses"}),
    ("begin-immediate", "again", "sqlite", {"refused"}),
]
LONG = {("fence", "postgres"), ("unique-key", "mariadb"), ("database-clock", "mariadb")}


@pytest.mark.parametrize(
    ("canary", "evil", "kind", "red"),
    [
        pytest.param(*row, marks=[pytest.mark.long] if (row[0], row[2]) in LONG else [], id=f"{row[0]}-{row[2]}")
        for row in CANARIES
    ],
)
def test_without_a_guard_the_chaos_run_turns_red(canary: str, evil: str, kind: str, red: set[str]) -> None:
    # In threads: a worker that stands still takes its runs along, where a child process would go on and end them.
    seconds = FREEZE_SECONDS if evil == "freeze" else 10
    report = rage(Plan(kind, seconds, (evil,), executor="thread", canary=canary, seed=1))
    print(report)
    found = {name for name in type(report.violations).names() if getattr(report.violations, name)}
    assert found & red, report  # which of them it is depends on who was in the way of whom


def test_with_the_fence_it_stays_green_even_where_nobody_is_told_of_a_loss() -> None:
    report = rage(Plan("sqlite", FREEZE_SECONDS, ("freeze",), executor="thread", canary="unaware", seed=1))
    assert not report.violations, report
    assert report.lost > 0, "nothing was lost, which proves nothing"
