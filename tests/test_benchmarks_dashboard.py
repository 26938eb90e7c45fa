"""The measurement of the pages does what its page says: a real one, tiny, and its arithmetic. No speed is asserted."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.dashboard import main, measuring  # noqa: E402 - the benchmarks are no installed package
from benchmarks.dashboard.inside import Asked  # noqa: E402
from benchmarks.dashboard.visits import CALLS, PAGES  # noqa: E402
from benchmarks.machine import Machine  # noqa: E402

MACHINE = Machine(2, "Linux on x", "3.11.0", "3.40", "ext4", 0.3, 0.0, "no PostgreSQL server")


def seen(kind: str = "sqlite", **slow: float) -> measuring.Seen:
    """What was seen where every answer took 5 ms, but for some of the pages in ``slow``."""
    times = {visit.name: measuring.Taken([5.0] * 20, [4.0] * 20) for visit in (*PAGES, *CALLS)}
    asked = {visit.name: Asked(3, 4, 1.0) for visit in (*PAGES, *CALLS)}
    late = {**times, **{name: measuring.Taken([5.0] * 18 + [took] * 2, [4.0] * 20) for name, took in slow.items()}}
    return measuring.Seen(kind, [60.0, 80.0, 61.0], late, times, asked)


def test_the_page_says_how_fast_the_machine_was() -> None:
    assert "took 60 ms at best, 61 ms at the median and 80 ms at worst" in page(seen())


def page(*found: measuring.Seen) -> str:
    return measuring.page(found, MACHINE, runs=1000, schedules=10, times=20)


@pytest.mark.long
@pytest.mark.cluster
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.database)])
def test_a_tiny_measurement_asks_for_every_page_and_writes_them_where_it_is_told(kind, tmp_path, monkeypatch):
    target = tmp_path / "page.md"
    monkeypatch.setattr(measuring, "WARM_UP", 0)
    only = ["--quick", "--database", kind, "--stored", "400", "--listed", "60", "--times", "1"]
    assert main.main([*only, "--folder", str(tmp_path), "--output", str(target)]) == 0
    written = target.read_text(encoding="utf-8")
    for visit in (*PAGES, *CALLS):
        begins = (f"| {visit.name} |", f"| `{visit.name}` |")
        assert any(line.startswith(begins) for line in written.splitlines()), visit.name
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.md"]


def test_a_page_names_what_misses_the_aim_and_on_which_database():
    assert page(seen()).count("All of them meet it.") == 2
    written = page(seen(), seen("postgres", Home=75.0))
    assert "**Missed** by Home (PostgreSQL, own: 75 ms)." in written
    assert written.count("All of them meet it.") == 1


def test_a_call_misses_by_its_statements():
    slow = seen()
    slow.asked = {**slow.asked, "GET runs": Asked(1, 3, 7.25)}
    assert "**Missed** by GET runs (SQLite: 7.2 ms)." in page(slow)


def test_the_95th_percentile_is_the_answer_that_one_in_twenty_is_slower_than():
    assert measuring.p95([float(number) for number in range(1, 101)]) == 95.0
    assert measuring.p95([3.0, 1.0, 2.0]) == 3.0


def test_a_part_of_the_measurement_leaves_the_page_of_the_documentation_alone(monkeypatch, capsys):
    monkeypatch.setattr(main, "_see", lambda kind, *_: seen(kind))
    before = main.PAGE.read_bytes() if main.PAGE.exists() else None
    assert main.main(["--quick", "--database", "sqlite"]) == 0
    assert "was left alone" in capsys.readouterr().out
    assert (main.PAGE.read_bytes() if main.PAGE.exists() else None) == before
