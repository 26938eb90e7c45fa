"""``python -m benchmarks.child``: take one sample in a process of its own, and write it to a file as JSON.

One argument, a JSON object: ``program`` (``module:function`` below ``benchmarks.competitors``), ``packages`` (whose
versions are told), the parts of an :class:`~benchmarks.measures.Order`, and ``answer`` (a file). What the measured
handlers print goes to this process's standard output, which nobody reads. Imports only the standard library until the
program is loaded, because a peer may live in an environment of its own.
"""

from __future__ import annotations

import json
import platform
import signal
import sys
from dataclasses import asdict, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.measures import MeasureFailed, Order, Sizes


def main(text: str) -> int:
    """Take the sample; return the exit code."""

    def told_to_stop(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)  # an exception, so that what was started is stopped

    signal.signal(signal.SIGTERM, told_to_stop)
    wanted = json.loads(text)
    try:
        sample = _load(wanted["program"])(_order(wanted["order"]))
    except MeasureFailed as problem:
        print(problem, file=sys.stderr)
        return 1
    versions = {name: version(name) for name in wanted["packages"]}
    found = replace(sample, versions={**versions, "Python": platform.python_version(), **sample.versions})
    Path(wanted["answer"]).write_text(json.dumps(asdict(found)), encoding="utf-8")
    return 0


def _load(program: str) -> Any:
    module, _, function = program.partition(":")
    try:
        return getattr(import_module(f"benchmarks.competitors.{module}"), function)
    except ImportError as problem:
        raise MeasureFailed(f"it is not installed: {problem}") from problem


def _order(wanted: dict[str, Any]) -> Order:
    return Order(**{**wanted, "folder": Path(wanted["folder"]), "sizes": Sizes(**wanted["sizes"])})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
