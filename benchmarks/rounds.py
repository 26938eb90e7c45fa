"""Interleaved rounds: A B C A B C, each sample by a process of its own with databases of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measures import Measure, MeasureFailed, Sample, Sizes
from benchmarks.resources import SERVERS, Resources
from benchmarks.rows import Row, Stock

ROOT = Path(__file__).resolve().parents[1]
MOST_SECONDS = 240.0
MOST_FILL_SECONDS = 900.0
STOP_SECONDS = 60
_ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit|Unavailable|Interrupt)\b.*$", re.MULTILINE)


@dataclass(slots=True)
class Found:
    """What the rounds found.

    Attributes:
        samples: one for each row and round, in the order of the rounds; ``None`` where it failed or was left out.
        reasons: why a row failed, the last time.
        seconds: how long all of it took.
    """

    samples: dict[Row, list[Sample | None]] = field(default_factory=dict)
    reasons: dict[Row, str] = field(default_factory=dict)
    seconds: float = 0.0


def measure(rows: Sequence[Row], sizes: Sizes, resources: Resources, say: Callable[[str], None]) -> Found:
    """Take all samples; ``say`` is told each as it comes. A row that fails is not tried again, and the others go on."""
    found = Found({row: [] for row in rows})
    began = time.monotonic()
    for number in range(1, sizes.rounds + 1):
        for kind in Measure:
            for row in (one for one in rows if one.measure is kind):
                sample = _one(found, row, number, sizes, resources)
                found.samples[row].append(sample)
                where = f"{time.monotonic() - began:5.0f} s, round {number} of {sizes.rounds}, {kind}: {row.name}: "
                if sample is not None:
                    say(where + sample.shown())
                elif row not in found.reasons:
                    say(f"{where}left out, it takes so long")
                elif number == 1:
                    say(f"{where}not measured: {found.reasons[row]}")
        found.seconds = time.monotonic() - began
        if number == 1 < sizes.rounds:
            left = found.seconds * (sizes.rounds - 1) / 60
            say(f"The first round took {found.seconds / 60:.1f} min; the others take at most {left:.0f} min more.")
    return found


def estimate(rows: Sequence[Row], sizes: Sizes) -> float:
    """Return about how many seconds all samples take: what they took on two cores, in proportion."""
    seconds = 0.0
    for row in rows:
        rounds = sizes.rounds if row.most_rounds is None else min(sizes.rounds, row.most_rounds)
        seconds += rounds * _SECONDS[row.measure](sizes)
    for _, stock in {(row.options.get("database"), row.stock) for row in rows}:
        seconds += 0.0 if stock is None else 40e-6 * min(stock.size, sizes.stored)
    return seconds


_SECONDS: dict[Measure, Callable[[Sizes], float]] = {
    Measure.THROUGHPUT: lambda sizes: 4 + 1e-3 * sizes.count,
    Measure.COST: lambda sizes: 8 + 1e-3 * sizes.count,
    Measure.DELAY: lambda sizes: 5 + 0.037 * sizes.slots,
    Measure.BURST: lambda sizes: 7 + 1e-3 * sizes.burst,
    Measure.MINUTE: lambda sizes: 70 + 4e-4 * sizes.minute,
    Measure.IDLE: lambda sizes: 3 + sizes.settle_seconds + sizes.idle_seconds,
    Measure.MEMORY: lambda sizes: 18 + 2 * sizes.settle_seconds,
    Measure.READS: lambda _: 15.0,
}


def _one(found: Found, row: Row, number: int, sizes: Sizes, resources: Resources) -> Sample | None:
    if row in found.reasons or (row.most_rounds is not None and number > row.most_rounds):
        return None
    try:
        return take(row, sizes, resources, seed=number)
    except MeasureFailed as problem:
        found.reasons[row] = str(problem)
        return None


def take(row: Row, sizes: Sizes, resources: Resources, *, seed: int) -> Sample:
    """Take one sample. Raises :class:`MeasureFailed`."""
    python = resources.places.pythons.get(row.environment) if row.environment else Path(sys.executable)
    if python is None:
        raise MeasureFailed(f"there is no environment {row.environment!r} for it; `nox -s benchmarks` makes one")
    with ExitStack() as stack:
        folder = stack.enter_context(resources.folder())
        server = next((need for need in row.needs if need in SERVERS), None)
        order = {
            "folder": str(folder),
            "sizes": asdict(sizes),
            "count": max(1, round(sizes.count * row.factor)),
            "seed": seed,
            "options": dict(row.options),
            "stock": None if row.stock is None else stock_of(str(row.options["database"]), row.stock, sizes, resources),
            "server": None if server is None else stack.enter_context(resources.database(server)),
            "redis": stack.enter_context(resources.redis()) if "redis" in row.needs else None,
        }
        return _run(python, row.program, row.packages, order, folder)


def stock_of(kind: str, stock: Stock, sizes: Sizes, resources: Resources) -> str:
    """Return the large database of that kind that is asked for; the first one to ask waits until it is filled."""
    size = min(stock.size, sizes.stored)

    def fill(url: str | None, home: Path) -> None:
        order = {"folder": str(home), "sizes": asdict(sizes), "count": size, "seed": 0, "server": url}
        order["options"] = {"database": kind}
        _run(Path(sys.executable), f"own_stock:{stock.what}", (), order, home, most_seconds=MOST_FILL_SECONDS)

    return resources.stock(kind, stock.what, size, fill)


def _run(
    python: Path,
    program: str,
    packages: Sequence[str],
    order: dict[str, Any],
    folder: Path,
    *,
    most_seconds: float = MOST_SECONDS,
) -> Sample:
    """Run the measuring process. Raises :class:`MeasureFailed` with what it complained about."""
    answer = folder.with_name(f"{folder.name}.json")
    text = json.dumps({"program": program, "packages": packages, "order": order, "answer": str(answer)})
    child = subprocess.Popen(
        [python, "-m", "benchmarks.child", text],
        cwd=ROOT,
        env={**os.environ, "PGSSLMODE": "disable"},  # for all of them alike; what is measured is not encryption
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        try:
            _, complaint = child.communicate(timeout=most_seconds)
        except subprocess.TimeoutExpired:
            raise MeasureFailed(f"no answer within {most_seconds:g} s. {_stopped(child)}".strip()) from None
        if child.returncode or not answer.exists():
            raise MeasureFailed(_reason(complaint) or f"exit code {child.returncode}")
        return Sample(**json.loads(answer.read_text(encoding="utf-8")))
    finally:
        _stopped(child)  # also where somebody has stopped this process
        answer.unlink(missing_ok=True)


def _reason(complaint: str) -> str:
    """Return what a process complained about: of a traceback, the error that it ends with."""
    errors = _ERROR.findall(complaint) if "Traceback (most recent call last)" in complaint else []
    return (errors[-1] if errors else complaint.strip())[-2000:]


def _stopped(child: subprocess.Popen[str]) -> str:
    """End the measuring process, which stops what it has started, and return what it still complained about."""
    if child.poll() is not None:
        return ""
    child.terminate()
    try:
        return child.communicate(timeout=STOP_SECONDS)[1]
    except subprocess.TimeoutExpired:
        child.kill()
        return child.communicate()[1]
