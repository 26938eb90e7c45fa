"""``python -m benchmarks``: measure, print the tables, and write docs/benchmarks.md after a whole run."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks import machine, profiling, report, requesting, rounds
from benchmarks.dashboard import main as dashboard
from benchmarks.measures import FULL, QUICK, Measure, MeasureFailed, Sizes
from benchmarks.registry import NAMES, ROWS
from benchmarks.resources import Places, Resources

PAGE = rounds.ROOT / "docs" / "benchmarks.md"
POSTGRES = "postgresql://postgres@127.0.0.1:5432"
MARIADB = "mariadb://root@127.0.0.1:3306"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return the exit code.

    0 done, 1 nothing could be measured, 2 a wrong argument, 130 stopped.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["profile"]:
        return profiling.main(words[1:])
    if words[:1] == ["requests"]:
        return requesting.main(words[1:])
    if words[:1] == ["dashboard"]:
        return dashboard.main(words[1:])
    parser = _parser()
    given = parser.parse_args(words)
    rows = [row for row in ROWS if row.name in given.only and row.measure in given.measure]
    if not rows:
        parser.error(f"--only and --measure leave no row; {', '.join(given.measure)} has {_names_of(given.measure)}")
    if not given.folder.is_dir():
        parser.error(
            f"--folder: there is no folder {str(given.folder)!r}; for example --folder {tempfile.gettempdir()}"
        )
    sizes = _sizes(given)
    pythons = dict(given.python or ())
    places = Places(folder=given.folder, postgres=given.postgres, mariadb=given.mariadb, pythons=pythons)
    minutes = rounds.estimate(rows, sizes) / 60
    print(f"{len(rows)} rows in {sizes.rounds} rounds: about {minutes:.0f} min, more where a peer is slow.", flush=True)
    try:
        surroundings = machine.look(given.folder, given.postgres)
        with Resources(places) as resources:
            found = rounds.measure(rows, sizes, resources, lambda line: print(line, flush=True))
    except MeasureFailed as problem:
        print(f"benchmarks: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("benchmarks: stopped before the end; nothing was written", file=sys.stderr)
        return 130
    text = report.page(found, sizes, surroundings)
    print(f"\n{text}")
    _write(given.output, text, is_whole=sizes == FULL and rows == list(ROWS))
    return 1 if len(found.reasons) == len(rows) else 0


def _write(output: Path | None, text: str, *, is_whole: bool) -> None:
    """Write the page where it was asked for, else to the documentation if it is the whole of it."""
    if output is None and not is_whole:
        print("This was a part of the measurements, so docs/benchmarks.md was left alone.")
        return
    path = output or PAGE
    path.write_text(text, encoding="utf-8")
    print(f"Written to {path}")


def _sizes(given: argparse.Namespace) -> Sizes:
    chosen = {name: getattr(given, name) for name in ("rounds", "count", "slots", "stored", "minute", "idle_seconds")}
    return replace(
        QUICK if given.quick else FULL, **{name: value for name, value in chosen.items() if value is not None}
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Enschedule, its peers and the floor back to back, and write docs/benchmarks.md.",
        epilog=f"Names: {_names_of(tuple(Measure))}.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="one small round: does it work, not how fast it is")
    add(
        "--only",
        type=_choices(NAMES),
        default=NAMES,
        metavar="NAMES",
        help="rows, with commas between them and * for the rest of a name, for example ours-*,floor-postgres-100",
    )
    add(
        "--measure",
        type=_choices(tuple(Measure)),
        default=tuple(Measure),
        metavar="NAMES",
        help=f"of {','.join(Measure)}",
    )
    add("--rounds", type=positive(int), help=f"how often, in turns; {FULL.rounds} unless told otherwise")
    add("--count", type=positive(int), help=f"runs of a throughput sample, before its row's factor; {FULL.count}")
    add("--slots", type=positive(int), help=f"slots of a delay sample; {FULL.slots}")
    add("--stored", type=positive(int), help=f"what large databases hold at most; {FULL.stored}")
    add("--minute", type=positive(int), help=f"schedules that are due within a minute; {FULL.minute}")
    add("--idle-seconds", type=positive(float), help=f"of an idle sample; {FULL.idle_seconds:g}")
    add(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()),
        help="where SQLite files are made; on a disk, not in memory, or fsync costs nothing",
    )
    add("--postgres", default=POSTGRES, metavar="URL", help=f"a server, without a database; {POSTGRES}")
    add("--mariadb", default=MARIADB, metavar="URL", help=f"the same of MariaDB; {MARIADB}")
    add(
        "--python",
        action="append",
        type=_environment,
        metavar="NAME=PATH",
        help="the interpreter of an environment that some row needs, for example oban=/path/to/bin/python",
    )
    add("--output", type=Path, metavar="FILE", help="write the page there, also after a part")
    return parser


def _names_of(measures: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(row.name for row in ROWS if row.measure in measures))


def _choices(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        patterns = [name.strip() for name in text.split(",")]
        wrong = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in known)]
        if wrong:
            raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(known)}; for example {known[0]}")
        return tuple(name for name in known if any(fnmatchcase(name, pattern) for pattern in patterns))

    return read


def _environment(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not name or not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH, for example oban=/path/to/bin/python")
    return name, Path(path).absolute()


def positive(kind: type[float]) -> Callable[[str], float]:
    """Return what reads a number above zero, for an argument."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(0)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number above zero, for example 10")
        return value

    return read


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what runs is stopped first
    sys.exit(main())
