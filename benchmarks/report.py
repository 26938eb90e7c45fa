"""The page: what was to be reached first, then a table for each measure, then what ran and what did not.

Medians of the rounds, with the smallest and the largest in brackets. A ratio is taken within each round; its median is
that of these ratios, not the ratio of two medians.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from benchmarks import aims, figures
from benchmarks.machine import Machine
from benchmarks.measures import FIGURES, FULL, Measure, Sizes
from benchmarks.rounds import Found
from benchmarks.rows import Row

INTRODUCTION = """# Benchmarks

Written by `nox -s benchmarks`; do not edit. Enschedule beside its peers and beside the least that the work can cost,
measured back to back on one machine. Compare ratios: absolute figures differ by a factor of two between two days of the
same machine, and say nothing about another one. {figures}"""
ONE_ROUND = "There was one round, so nothing here says how much the figures vary."
ROUNDS = """Each figure is the median of {rounds} interleaved rounds, with the smallest
and the largest in brackets, which is the noise; each ratio was taken within a round. A figure without brackets
was taken once, because no ratio is about it or because it takes so long. All of it took {minutes:.0f} min."""
SMALLER = """**Not the whole measurement**, whatever titles below say: {sizes}."""
REACH = """## What it is to reach

Each aim, and whether the median of the rounds reaches it. Where an aim is about runs/s, Enschedule has child processes,
and what it does with threads stands beside; rows that name no executor have the worker's default. Not among them is
`apply` of 1,000 schedules (aim: 5 s): that is the command line, and no worker."""
HONEST = """Enschedule stores a row of every run, its output, how its schedule stands and an hourly counter. Of the
peers none stores what a function printed, and only some keep a row of what they ran; "What ran" says which. They are
here with the configuration that their documentation begins with, not tuned beyond what a line names."""

_HEADINGS: dict[Measure, str] = {
    Measure.THROUGHPUT: (
        "## Throughput\n\nRuns that are due at once, of a handler that prints one line, from the first start to the "
        "last finish that is recorded; how many is adjusted so that no round is too short to say something or lasts "
        "for ever. CPU is that of all processes of the program, its database's not included."
    ),
    Measure.COST: "## Statements\n\nWhat a backlog of {cost:,} runs asks of PostgreSQL.",
    Measure.DELAY: (
        "## Start delay\n\nFrom the instant that something is scheduled for to the first statement of its handler, "
        "over {slots} one-off schedules in each round, 20 to 50 ms apart, after {warm_up} that are not counted. An "
        "earliest below zero is a start before its time. That APScheduler is quicker from memory, where nothing "
        "survives its process, is as it should be."
    ),
    Measure.BURST: "## A burst\n\n{burst:,} schedules that are due at one instant: when the last handler was called.",
    Measure.MINUTE: (
        "## A full minute\n\n{minute:,} schedules that are due within one minute: how many of them started in it, how "
        "long after its beginning the last one did, and the delays of all."
    ),
    Measure.IDLE: (
        "## Idle\n\nOver {idle_seconds:g} s without a schedule. PSS counts a page that two processes share once; RSS "
        "is that of the main process alone. CPU is that of all processes of the program together."
    ),
    Measure.MEMORY: "## Memory\n\nThe worker with no schedules and with {stored:,}.",
    Measure.READS: (
        "## Lists and charts\n\nAt {stored:,} runs of {listed:,} schedules over 30 days, one in fifty of them failed; "
        "the time in the database of the slowest list and the slowest chart, and of one whole request."
    ),
}
_COMPARED = {Measure.THROUGHPUT: "per_second", Measure.DELAY: "p50"}


def page(found: Found, sizes: Sizes, machine: Machine) -> str:
    """Return the whole page as Markdown."""
    noise = ONE_ROUND if sizes.rounds == 1 else ROUNDS.format(rounds=sizes.rounds, minutes=found.seconds / 60)
    reached = _table(("what", "aim", "measured", "", "with threads"), aims.lines(found))
    parts = [INTRODUCTION.format(figures=noise), _surroundings(found, machine)]
    if smaller := {name: value for name, value in asdict(sizes).items() if value != getattr(FULL, name)}:
        parts.append(SMALLER.format(sizes=", ".join(f"{name} {value:,g}" for name, value in smaller.items())))
    parts += [REACH, reached, HONEST]
    for measure in Measure:
        rows = [row for row in found.samples if row.measure is measure]
        if rows:
            parts += [_heading(measure, sizes), _measured(found, measure, rows), _what_ran(rows)]
    if found.reasons:
        parts += ["## What could not be measured", _failures(found)]
    return "\n\n".join(parts) + "\n"


def _heading(measure: Measure, sizes: Sizes) -> str:
    named = {
        name: getattr(sizes, name)
        for name in ("slots", "warm_up", "burst", "minute", "idle_seconds", "stored", "listed")
    }
    return _HEADINGS[measure].format(**named, cost=2 * sizes.count)


def _surroundings(found: Found, machine: Machine) -> str:
    sync = f"a write of 4 kB with fsync takes {machine.fsync_ms:.2f} ms"
    if machine.file_system in ("tmpfs", "ramfs"):
        sync = "it is in memory, so that fsync costs nothing and nothing here says what a disk would"
    versions = {
        name: version
        for samples in found.samples.values()
        for sample in samples
        if sample is not None
        for name, version in sample.versions.items()
        if name != "Python"
    }
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine.cores} cores, {machine.system}; Python {machine.python}, SQLite {machine.sqlite}; SQLite files on "
        f"{machine.file_system}, where {sync}; {machine.postgres}; load average before the first sample "
        f"{machine.load:.1f}. {packages}."
    )


def _measured(found: Found, measure: Measure, rows: Sequence[Row]) -> str:
    names = [name for name in FIGURES if any(figures.values(found, row, name) for row in rows)]
    compared = _COMPARED.get(measure)
    heads = _ratio_heads(measure) if compared and any(row.against for row in rows) else ()
    lines = []
    for row in rows:
        if row in found.reasons and not any(figures.values(found, row, name) for name in names):
            why = f"not measured: {_short(found.reasons[row])}"
            lines.append((row.title, *[why, *["–"] * (len(names) + len(heads))][: len(names) + len(heads) or 1]))
            continue
        cells = [figures.spread(figures.values(found, row, name), FIGURES[name].form) for name in names]
        lines.append((row.title, *cells, *_ratios(found, row, measure, compared, len(heads))))
    return _table(("who", *(FIGURES[name].title for name in names), *heads), lines)


def _ratio_heads(measure: Measure) -> tuple[str, ...]:
    if measure is Measure.THROUGHPUT:
        return "Enschedule with processes", "Enschedule with threads"
    return ("p50 over Enschedule's",)


def _ratios(found: Found, row: Row, measure: Measure, compared: str | None, count: int) -> list[str]:
    """Return how much faster ours is (throughput), or how much later the other one starts (delay)."""
    if compared is None or not count:
        return []
    cells = []
    for name in (*row.against, *[""] * count)[:count]:
        ours = figures.find(found, measure, name)
        above, below = (ours, row) if measure is Measure.THROUGHPUT else (row, ours)
        cells.append(figures.spread(figures.ratios(found, above, below, compared), "{:.2f}", " ×") if name else "")
    return cells


def _what_ran(rows: Sequence[Row]) -> str:
    """Say how each was set up; rows that say the same share a line."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        titles.setdefault(row.how, []).append(row.title)
    return "What ran:\n\n" + "\n".join(f"- **{'; '.join(titled)}**: {how}" for how, titled in titles.items())


def _failures(found: Found) -> str:
    return "\n".join(
        f"- **{row.title}** ({row.measure}): {' '.join(reason.split())[:600]}" for row, reason in found.reasons.items()
    )


def _short(reason: str) -> str:
    """Return the beginning of a reason, fit for a cell of a table."""
    return " ".join(reason.split()).replace("|", "\\|")[:120]


def _table(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [columns, ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
