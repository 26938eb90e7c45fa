"""Two dashboards and three workers on one database, a thousand schedules, readers; a worker is stopped, one killed.

    python tools/crowd.py [--seconds 90] [--schedules 1000] [--database postgres]

One dashboard has a worker inside, the other is three processes before a worker elsewhere. Prints a table and exits with
1 if a slot has no run or skip, or two, if a page was not answered, or if anything else happened that never may.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from faults.checks import Violations
from faults.crowd import Crowd, Plan, Report
from faults.databases import shared


def table(report: Report) -> str:
    """Return what was counted, a line each."""
    rows: list[tuple[str, object]] = [
        ("schedules", report.plan.schedules),
        ("apply", f"{report.apply_seconds:.1f} s"),
        ("slots with a run", report.slots),
        ("slots skipped", report.skips),
        ("runs by hand", report.by_hand),
        ("runs", report.runs),
        ("of them lost", report.lost),
    ]
    rows += [(f"runs on {name}", count) for name, count in sorted(report.by_worker.items())]
    for name, took in report.pages.items():
        rows.append((f"pages of {name}", f"{len(took)}, p50 {_share(took, 50)}, p95 {_share(took, 95)}"))
    rows += [("NEVER:", ""), ("pages refused", len(report.refused)), ("runs astray", report.astray)]
    rows += [(name.replace("_", " "), getattr(report.violations, name)) for name in Violations.names()]
    return "\n".join(f"{name:<20}{value!s:>40}" for name, value in rows)


def _share(took: Sequence[float], percent: int) -> str:
    if not took:
        return "-"
    return f"{sorted(took)[min(len(took) - 1, len(took) * percent // 100)] * 1000:.0f} ms"


def gather(plan: Plan) -> Report:
    """Let a crowd loose in a folder and on a database of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="enschedule-crowd-") as name,
        shared(plan.kind, Path(name)) as database,
    ):
        return Crowd(plan, Path(name), database).go()


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=90.0, help="how long it goes on; settling besides")
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--database", default="postgres", choices=("postgres", "mariadb", "sqlite"))
    given = parser.parse_args(arguments)
    print(f"A crowd for {given.seconds:g} s on {given.database}:", flush=True)
    report = gather(Plan(given.database, given.seconds, given.schedules))
    print(table(report))
    for line in (*report.did, *report.notes, *report.refused[:5]):
        print(f"- {line}")
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
