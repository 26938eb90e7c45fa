"""Print how long each part of CI took, against its budget.

    python tools/budget.py REPORT SETUP_SECONDS        REPORT is what `nox --report` wrote

The budget is a promise to whoever waits for CI, not a test: going over it is printed, and fails nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# Part of CI: (its sessions, its budget in seconds).
BUDGET: dict[str, tuple[tuple[str, ...], int]] = {
    "set-up": (("set-up",), 180),
    "units": (("lint", "types", "layers", "tests"), 120),
    "databases": (("databases",), 180),
    "cluster": (("cluster", "chaos"), 240),
    "browser": (("browser",), 240),
    "wheels": (("wheels",), 60),
}


def table(seconds_by_session: dict[str, float]) -> list[str]:
    """Return one line per part and per session in it, and the total."""
    lines = []
    for part, (sessions, budget) in BUDGET.items():
        taken = {name: seconds_by_session[name] for name in sessions if name in seconds_by_session}
        total = sum(taken.values())
        verdict = "OVER BUDGET" if total > budget else "ok"
        detail = ", ".join(f"{name} {seconds:.0f}" for name, seconds in taken.items()) if len(taken) > 1 else ""
        lines.append(f"{part:<9} {total:6.0f} s of {budget:4d} s  {verdict:<12}{detail}".rstrip())
    known = {name for sessions, _ in BUDGET.values() for name in sessions}
    lines += [f"{name:<9} {s:6.0f} s, no budget" for name, s in seconds_by_session.items() if name not in known]
    return [*lines, f"{'total':<9} {sum(seconds_by_session.values()):6.0f} s"]


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    report, setup_seconds = Path(arguments[0]), float(arguments[1])
    seconds = {"set-up": setup_seconds}
    if report.exists():
        sessions = json.loads(report.read_text(encoding="utf-8"))["sessions"]
        seconds |= {session["name"]: session["duration"] for session in sessions}
    print("\nTime against the budget:")
    print("\n".join(table(seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
