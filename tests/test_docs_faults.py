"""The table of what is survived names tests that exist, and every test of a fault stands in it or is excused."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
OPERATIONS = ROOT / "docs" / "operations.md"


def names_in(*patterns: str) -> set[str]:
    """The names of the tests in files that match."""
    paths = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return {name for path in paths for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))}


def named() -> set[str]:
    """The names of the tests in the last column of the table."""
    section = OPERATIONS.read_text(encoding="utf-8").partition("## What is survived")[2].partition("\n## ")[0]
    return set(re.findall(r"\| `(test_\w+)` \|$", section, re.MULTILINE))


def test_every_line_of_the_table_is_a_test() -> None:
    assert len(named()) > 20
    assert named() <= names_in("tests/cluster/test_*.py", "packages/*/tests/test_*.py")


def test_every_fault_is_in_the_table() -> None:
    """Canaries and what is only about the message are told in the text."""
    besides = {
        "test_a_table_of_somebody_else_is_not_taken_for_ours",
        "test_with_the_fence_it_stays_green_even_where_nobody_is_told_of_a_loss",
        "test_without_a_guard_the_chaos_run_turns_red",
    }
    assert names_in("tests/cluster/test_fault_*.py") - besides <= named()
