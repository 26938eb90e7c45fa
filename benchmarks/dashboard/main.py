"""``python -m benchmarks dashboard``: measure the pages, print the tables, and write docs/benchmarks-dashboard.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import machine, rounds
from benchmarks.competitors.own_database import Place
from benchmarks.dashboard import measuring
from benchmarks.measures import FULL, QUICK, MeasureFailed, Order, Sizes
from benchmarks.resources import Places, Resources
from benchmarks.rows import Stock
from enschedule_core.errors import ConfigurationError

PAGE = rounds.ROOT / "docs" / "benchmarks-dashboard.md"
TIMES, LEAST_TIMES = 40, 10
KINDS = ("sqlite", "postgres")


def main(arguments: Sequence[str]) -> int:
    """Measure; return the exit code: 0 done, 1 it could not be measured, 130 stopped."""
    given = _parser().parse_args(arguments)
    sizes = QUICK if given.quick else FULL
    stored = given.stored or sizes.stored
    sizes = replace(sizes, stored=stored, listed=given.listed or sizes.listed)
    times = given.times or (LEAST_TIMES if given.quick else TIMES)
    kinds = [kind for kind in KINDS if kind in (given.database or KINDS)]
    try:
        surroundings = machine.look(given.folder, given.postgres)
        places = Places(folder=given.folder, postgres=given.postgres, mariadb=given.mariadb)
        with Resources(places) as resources:
            found = [_see(kind, sizes, resources, times) for kind in kinds]
    except (MeasureFailed, ConfigurationError) as problem:
        print(f"benchmarks dashboard: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("benchmarks dashboard: stopped before the end; nothing was written", file=sys.stderr)
        return 130
    text = measuring.page(found, surroundings, runs=stored, schedules=sizes.listed, times=times)
    print(f"\n{text}")
    is_whole = sizes == FULL and times >= TIMES and len(kinds) == len(KINDS)
    if given.output is None and not is_whole:
        print(f"This was a part of the measurements, so {PAGE.name} was left alone.")
        return 0
    (given.output or PAGE).write_text(text, encoding="utf-8")
    print(f"Written to {given.output or PAGE}")
    return 0


def _see(kind: str, sizes: Sizes, resources: Resources, times: int) -> measuring.Seen:
    _say(f"{kind}: filling a database with {sizes.stored:,} runs of {sizes.listed:,} schedules")
    stock = rounds.stock_of(kind, Stock("dashboard", sizes.stored), sizes, resources)
    with resources.folder() as folder:
        order = Order(folder=folder, sizes=sizes, count=0, seed=1, options={"database": kind}, stock=stock)
        return measuring.see(kind, Place.of(order), folder, times, _say)


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    from benchmarks.__main__ import MARIADB, POSTGRES, positive  # noqa: PLC0415 - it imports this module too

    parser = argparse.ArgumentParser(prog="python -m benchmarks dashboard", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="a small database: does it work, not how fast it is")
    add("--database", choices=KINDS, action="append", default=None, help="only this one; both unless told otherwise")
    add("--stored", type=positive(int), help=f"runs in the database; {FULL.stored}")
    add("--listed", type=positive(int), help=f"schedules in the database; {FULL.listed}")
    add("--times", type=positive(int), help=f"how often each page is asked for; {TIMES}")
    add("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where SQLite files are made")
    add("--output", type=Path, metavar="FILE", help="write the page there, also after a part")
    add("--postgres", default=POSTGRES, metavar="URL")
    add("--mariadb", default=MARIADB, metavar="URL")
    return parser
