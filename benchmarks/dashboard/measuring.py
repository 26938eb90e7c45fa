"""Each page and call so many times, in turns, from one browser with one connection; and the page that tells of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.competitors.own_database import Place
from benchmarks.dashboard import inside, serving
from benchmarks.dashboard.visits import CALLS, LIST_SQL_MS, PAGES, Known, Visit
from benchmarks.machine import Machine

TITLES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
WARM_UP = 3
PACE_STEPS = 1_000_000


@dataclass(slots=True)
class Taken:
    """What the answers of one page took, in milliseconds: until the last byte, and of a processor."""

    times: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


Times = dict[str, Taken]


@dataclass(slots=True)
class Seen:
    """What was seen on one database, by page, and what each of them asks.

    ``pace`` is what the same small piece of work took between the rounds, in milliseconds: what the machine gave.
    """

    kind: str
    pace: list[float] = field(default_factory=list)
    inline: Times = field(default_factory=dict)
    external: Times = field(default_factory=dict)
    asked: Mapping[str, inside.Asked] = field(default_factory=dict)


def see(kind: str, place: Place, folder: Path, times: int, say: Callable[[str], None]) -> Seen:
    """Measure everything on one filled database."""
    seen = Seen(kind)
    with inside.opened(place) as worker:
        known = inside.look_up(place, worker)
        seen.asked = inside.ask(place, worker, known)
    say(f"{TITLES[kind]}: what each page asks is known")
    with serving.inline(place, folder) as site:
        seen.inline = _each(site, known, (*PAGES, *CALLS), times, seen.pace)
    say(f"{TITLES[kind]}: the dashboard with its own worker is measured")
    with serving.external(place, folder) as site:
        seen.external = _each(site, known, PAGES, times, seen.pace)
    say(f"{TITLES[kind]}: the dashboard before a worker elsewhere is measured")
    return seen


def _each(site: serving.Site, known: Known, visits: Sequence[Visit], times: int, pace: list[float]) -> Times:
    browser = serving.Browser(site.port)
    found: Times = {visit.name: Taken() for visit in visits}
    for number in range(-WARM_UP, times):
        pace.append(_pace_ms())
        for visit in visits:
            before = site.cpu_ms()
            took = browser.took(visit.path(known, abs(number)))
            if number >= 0:
                found[visit.name].times.append(took)
                found[visit.name].cpu.append(site.cpu_ms() - before)
    browser.close()
    return found


def _pace_ms() -> float:
    began = time.perf_counter()
    sum(number & 1 for number in range(PACE_STEPS))
    return 1000 * (time.perf_counter() - began)


def p95(times: Sequence[float]) -> float:
    """Return the 95th percentile by nearest rank."""
    return sorted(times)[-(-95 * len(times) // 100) - 1]


INTRODUCTION = """# How fast the pages are

Written by `nox -s benchmarks -- dashboard`; do not edit. The dashboard with {runs:,} runs over thirty days of
{schedules:,} schedules that differ: real programs, asked over HTTP by one browser that keeps its connection, {times}
times each in turns, with different schedules, runs and searches. Milliseconds to the last byte, as it is sent
(compressed). *Own* is `enschedule up`; *elsewhere* is a dashboard with `WORKER_URL` before a worker with its REST API.
*CPU* is the median time on a processor of all serving threads, which other programs on the machine change little;
*calls* are those of the REST API that a page makes, *SQL* is how long its statements take on the driver alone.

{machine} {pace}

The aim is {aim:g} ms for the 95th percentile of each page. {verdict}
"""
BUSY = """

**The machine was busy with other work**: most of what an answer took was waiting for a processor. What a page costs is
under *CPU*; the aim is for a machine that has nothing else to do."""
LISTS = """## Lists and charts of the REST API

What a program asks. The aim is {list_ms:g} ms of SQL for a list, {chart_ms:g} ms for a chart. {verdict}
"""


def page(found: Sequence[Seen], machine: Machine, *, runs: int, schedules: int, times: int) -> str:
    """Return the whole page as Markdown."""
    late = [
        f"{visit.name} ({TITLES[seen.kind]}, {where}: {p95(by_name[visit.name].times):.0f} ms)"
        for seen in found
        for where, by_name in (("own", seen.inline), ("elsewhere", seen.external))
        for visit in PAGES
        if p95(by_name[visit.name].times) > visit.aim_ms
    ]
    heavy = [
        f"{visit.name} ({TITLES[seen.kind]}: {seen.asked[visit.name].sql_ms:.1f} ms)"
        for seen in found
        for visit in CALLS
        if seen.asked[visit.name].sql_ms > visit.aim_ms
    ]
    introduction = INTRODUCTION.format(
        runs=runs, schedules=schedules, times=times, machine=_surroundings(machine), pace=_paces(found),
        aim=PAGES[0].aim_ms, verdict=_verdict(late),
    )  # fmt: skip
    lists = LISTS.format(list_ms=LIST_SQL_MS, chart_ms=2 * LIST_SQL_MS, verdict=_verdict(heavy))
    return f"{introduction}\n{_pages(found)}\n{lists}\n{_calls(found)}"


def _surroundings(machine: Machine) -> str:
    return (
        f"{machine.cores} cores, {machine.system}; Python {machine.python}, SQLite {machine.sqlite} on "
        f"{machine.file_system}, {machine.postgres}; load average before the first sample {machine.load:.1f}."
        f"{BUSY if machine.load > machine.cores else ''}"
    )


def _paces(found: Sequence[Seen]) -> str:
    every = sorted(took for seen in found for took in seen.pace)
    return (
        f"Between the rounds one and the same loop of Python took {every[0]:.0f} ms at best, {median(every):.0f} ms at "
        f"the median and {every[-1]:.0f} ms at worst: the rest went to what else ran, here or on the machine's host."
    )


def _verdict(missed: Sequence[str]) -> str:
    return f"**Missed** by {', '.join(missed)}." if missed else "All of them meet it."


def _pages(found: Sequence[Seen]) -> str:
    heads = ["page"]
    for seen in found:
        title = TITLES[seen.kind]
        heads += [f"{title}, own: p50", "p95", "CPU", "elsewhere: p50", "p95", "CPU", "calls", "statements", "SQL"]
    lines = []
    for visit in PAGES:
        line = [visit.name]
        for seen in found:
            line += _cells(seen.inline[visit.name]) + _cells(seen.external[visit.name])
            asked = seen.asked[visit.name]
            line += [str(asked.calls), str(asked.statements), f"{asked.sql_ms:.1f}"]
        lines.append(line)
    return _table(heads, lines)


def _calls(found: Sequence[Seen]) -> str:
    heads = ["call"]
    for seen in found:
        heads += [f"{TITLES[seen.kind]}: p50", "p95", "CPU", "statements", "SQL"]
    lines = []
    for visit in CALLS:
        line = [f"`{visit.name}`"]
        for seen in found:
            asked = seen.asked[visit.name]
            line += [*_cells(seen.inline[visit.name]), str(asked.statements), f"{asked.sql_ms:.1f}"]
        lines.append(line)
    return _table(heads, lines)


def _cells(taken: Taken) -> list[str]:
    return [f"{median(taken.times):.1f}", f"{p95(taken.times):.1f}", f"{median(taken.cpu):.1f}"]


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("--:" for _ in heads[1:])]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, rule, *lines))
