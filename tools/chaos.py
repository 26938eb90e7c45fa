"""Kill, stop and freeze workers and restart their databases for a while; then count what may never happen.

    python tools/chaos.py [--seconds 60] [--database sqlite,postgres,mariadb] [--executor thread|process]
                          [--workers 3] [--evils kill,stop,freeze,server,again,clock] [--seed 1] [--canary NAME]

The databases go on at the same time, each on a server of its own in a temporary folder; one whose server is not
installed is left out and named, which in CI, or where it was asked for, is a failure. Prints a table and exits with
1 if anything in it is not zero. A canary takes one guard away from all workers (fence, unique-key, database-clock,
begin-immediate): then the table has to turn red.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from faults.chaos import EVILS, Plan, Report, rage
from faults.checks import Violations
from faults.databases import KINDS
from faults.servers import why_missing


def table(reports: list[Report]) -> str:
    """Return what was done and what was found, one column a database."""
    did = sorted({name for report in reports for name in report.did})
    rows: list[tuple[str, list[object]]] = [("", [report.plan.kind for report in reports])]
    rows += [(name, [report.did[name] for report in reports]) for name in did]
    rows += [(name, [getattr(report, name) for report in reports]) for name in ("slots", "runs", "lost")]
    rows += [("NEVER:", ["" for _ in reports])]
    for name in Violations.names():
        rows.append((name.replace("_", " "), [getattr(report.violations, name) for report in reports]))
    return "\n".join(f"{name:<16}" + "".join(f"{cell!s:>10}" for cell in cells) for name, cells in rows)


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the chaos lasts; settling comes on top")
    parser.add_argument("--database", default="", help=f"one or several of: {','.join(KINDS)}; all that run here")
    parser.add_argument("--executor", default="", help="thread or process; the worker's default without it")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--evils", default=",".join(EVILS), help="one or several of: %(default)s")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--canary", default="", help="the guard that all workers do without")
    given = parser.parse_args(arguments)
    evils = tuple(filter(None, given.evils.split(",")))
    if unknown := set(evils) - set(EVILS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    kinds = given.database.split(",") if given.database else KINDS
    missing = {kind: why for kind in kinds if (why := why_missing(kind)) is not None}
    for kind, why in missing.items():
        print(f"Chaos leaves out {kind}: {why}", file=sys.stderr)
    if missing and (given.database or os.environ.get("CI") == "true"):
        return 1
    plans = [
        Plan(kind, given.seconds, evils, given.workers, given.executor, given.canary, given.seed)
        for kind in kinds
        if kind not in missing
    ]
    print(f"Chaos for {given.seconds:g} s, seed {given.seed}:", flush=True)
    with ThreadPoolExecutor(len(plans)) as pool:
        reports = list(pool.map(rage, plans))
    print(table(reports))
    for report in reports:
        for note in report.notes:
            print(f"\n{report.plan.kind}: {note}")
    return 1 if any(report.violations for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
