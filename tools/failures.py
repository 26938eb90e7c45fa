"""Print why `make test` failed, in a page: what each session that failed has found, out of all that was printed.

    python tools/failures.py LOG CODE        LOG is all that `make test` printed, CODE its exit code

Prints nothing where the code is 0.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOM = 120  # lines, titles not counted: what somebody reads at once
WIDTH = 300
LAST = 15  # lines of a session that fails in a way that is not known here

# A finding is its lines, the first of which says most.
Finding = list[str]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BEGINS = re.compile(r"nox > Running session (\S+)$")
_ENDS = re.compile(r"nox > Session (\S+) (failed|aborted)\b")
_SUMMARY = re.compile(r"=+ short test summary info =+$")
_RULED_OFF = re.compile(r"[=!]+ .* [=!]+$")
_IN_SUMMARY = re.compile(r"(?:(FAILED|ERROR)|SKIPPED|XFAIL|XPASS) ")
_PLACE = re.compile(r"\s*--> (\S+:\d+:\d+)$")
_OF_FORMAT = re.compile(r"Would reformat: ")
_OF_MYPY = re.compile(r"\S+:\d+: error: ")
_OF_CHAOS = re.compile(r"Chaos (for|leaves out) ")
_NOTE = re.compile(r"\w+: ")


def of_pytest(lines: list[str]) -> list[Finding]:
    """Return the failures of pytest's summary, each with the lines of its message."""
    begins = [number for number, line in enumerate(lines) if _SUMMARY.match(line)]
    found: list[Finding] = []
    kept = False
    for line in lines[begins[-1] + 1 :] if begins else ():
        if _RULED_OFF.match(line):
            break
        if entry := _IN_SUMMARY.match(line):
            kept = entry[1] is not None
            found += [[]] if kept else []
        if kept and line.strip():
            found[-1].append(line)
    return found


def of_ruff(lines: list[str]) -> list[Finding]:
    """Return what ruff would have otherwise, a line each: the place, then the rule."""
    found: list[Finding] = []
    for before, line in zip(["", *lines], lines, strict=False):
        if place := _PLACE.match(line):
            found.append([f"{place[1]}: {before}"])
        elif _OF_FORMAT.match(line):
            found.append([line])
    return found


def of_mypy(lines: list[str]) -> list[Finding]:
    """Return the errors of mypy, a line each."""
    return [[line] for line in lines if _OF_MYPY.match(line)]


def of_chaos(lines: list[str]) -> list[Finding]:
    """Return the report of `tools/chaos.py`: its table first, then each of its notes."""
    begins = next((number for number, line in enumerate(lines) if _OF_CHAOS.match(line)), len(lines))
    found: list[Finding] = [[]]
    before = ""
    for line in lines[begins:]:
        if not before.strip() and _NOTE.match(line) and found[-1]:  # each begins with its database, after a gap
            found.append([])
        if line.strip() and not line.startswith("nox > "):
            found[-1].append(line)
        before = line
    return list(filter(None, found))


# Whatever is not named here is pytest's.
READERS: dict[str, Callable[[list[str]], list[Finding]]] = {"lint": of_ruff, "types": of_mypy, "chaos": of_chaos}


def last_lines(lines: Iterable[str]) -> list[Finding]:
    """Return the end of what was printed, as one finding."""
    return [[line for line in lines if line.strip()][-LAST:]]


def read(log: str) -> dict[str, list[Finding]]:
    """Return what the sessions that failed have found: session → findings."""
    printed: list[str] = []
    found: dict[str, list[Finding]] = {}
    for line in _COLOUR.sub("", log).splitlines():
        if _BEGINS.match(line):
            printed = []
        elif failed := _ENDS.match(line):
            reader = READERS.get(failed[1], of_pytest)
            found[failed[1]] = reader(printed) or last_lines(printed)
        else:
            printed.append(line[:WIDTH])
    return found or {"make test": last_lines(printed)}


def shares(needs: list[int], room: int) -> list[int]:
    """Share out lines: who needs few has them, the others have equally many, and nobody less than one."""
    fits = (most for most in range(1, room + 1) if sum(min(need, most) for need in needs) <= room)
    most = max(fits, default=1)
    return [min(need, most) for need in needs]


def cut(findings: list[Finding], room: int) -> list[str]:
    """Return the findings in at most ``room`` lines; what has no room is counted."""
    if len(findings) > room:
        return [*(finding[0] for finding in findings[: room - 1]), f"… and {len(findings) - room + 1} more"]
    lines = []
    for finding, share in zip(findings, shares([len(finding) for finding in findings], room), strict=True):
        if 1 < share < len(finding):
            lines += [*finding[: share - 1], f"  … {len(finding) - share + 1} more lines"]
        else:
            lines += finding[:share]
    return lines


def page(log: str, name: str) -> list[str]:
    """Return what is printed of a log that is called ``name``."""
    found = read(log)
    needs = [sum(map(len, findings)) for findings in found.values()]
    lines = [f"What failed (everything that was printed is in {name}):"]
    for (session, findings), share in zip(found.items(), shares(needs, ROOM), strict=True):
        lines += ["", f"--- {session}", *cut(findings, share)]
    return lines


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    name, code = arguments
    if code != "0":
        print("\n" + "\n".join(page(Path(name).read_text(encoding="utf-8", errors="replace"), name)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
