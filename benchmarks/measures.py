"""What is measured: the measures, how much of each, what one sample is told, and what it answers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any

NANOS = 1_000_000_000


class Measure(StrEnum):
    """What a table is about."""

    THROUGHPUT = "throughput"
    COST = "cost"
    DELAY = "delay"
    BURST = "burst"
    MINUTE = "minute"
    IDLE = "idle"
    MEMORY = "memory"
    READS = "reads"


class MeasureFailed(Exception):
    """A sample could not be taken, or what was measured did not do its work; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured.

    Attributes:
        rounds: how often everything is measured, in turns.
        count: runs of one throughput sample, before the factor of its row.
        slots: counted slots of one delay sample.
        warm_up: slots before those that are not counted, the same for all.
        burst: schedules that are due at one instant.
        minute: schedules that are due within a minute.
        stored: schedules, or runs, in the largest databases.
        listed: schedules in the database of the runs.
        idle_seconds: how long an idle process is watched.
        settle_seconds: how long it is left alone before that.
    """

    rounds: int = 3
    count: int = 5_000
    slots: int = 100
    warm_up: int = 5
    burst: int = 1_000
    minute: int = 100_000
    stored: int = 1_000_000
    listed: int = 10_000
    idle_seconds: float = 10.0
    settle_seconds: float = 2.0


FULL = Sizes()
QUICK = Sizes(
    rounds=1,
    count=1_000,
    slots=20,
    burst=200,
    minute=2_000,
    stored=20_000,
    listed=500,
    idle_seconds=2.0,
    settle_seconds=1.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a measuring process is told.

    Attributes:
        folder: empty, and removed afterwards.
        count: runs of a throughput sample, with the factor of its row.
        seed: the same for all competitors of a round.
        options: the row's own.
        server: the URL of an empty database of this sample's own, where the row needs a server.
        redis: the URL of an empty Redis server.
        stock: a filled database where the row asks for one, a SQLite file or a URL; other samples use it too.
    """

    folder: Path
    sizes: Sizes
    count: int
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    server: str | None = None
    redis: str | None = None
    stock: str | None = None

    @property
    def needed_server(self) -> str:
        """The URL of its database on a server. Raises :class:`MeasureFailed` where there is none."""
        if self.server is None:
            raise MeasureFailed("no database on a server was made for it")
        return self.server


@dataclass(frozen=True, slots=True)
class Shape:
    """How a figure is called and written."""

    title: str
    form: str


FIGURES: dict[str, Shape] = {
    "per_second": Shape("runs/s", "{:,.0f}"),
    "cpu_ms": Shape("CPU, ms a run", "{:.3f}"),
    "statements": Shape("statements a run", "{:.3f}"),
    "commits": Shape("commits a run", "{:.4f}"),
    "p50": Shape("p50, ms", "{:.2f}"),
    "p99": Shape("p99, ms", "{:.1f}"),
    "first": Shape("earliest, ms", "{:.2f}"),
    "last": Shape("latest, ms", "{:.1f}"),
    "last_seconds": Shape("last started after, s", "{:.2f}"),
    "started_part": Shape("started in the minute, %", "{:.2f}"),
    "cpu_percent": Shape("CPU, % of a core", "{:.2f}"),
    "main_rss_mib": Shape("RSS of its main process, MiB", "{:.0f}"),
    "pss_mib": Shape("PSS of all its processes, MiB", "{:.0f}"),
    "processes": Shape("processes", "{:.0f}"),
    "growth_mib": Shape("growth, MiB", "{:+.1f}"),
    "empty_mib": Shape("with none, MiB", "{:.1f}"),
    "stored_mib": Shape("with all, MiB", "{:.1f}"),
    "list_ms": Shape("slowest list, ms", "{:.2f}"),
    "chart_ms": Shape("slowest chart, ms", "{:.2f}"),
    "get_p50": Shape("GET schedules p50, ms", "{:.1f}"),
    "get_p95": Shape("GET schedules p95, ms", "{:.1f}"),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What one measurement found, by the names in :data:`FIGURES`; ``notes`` are for the page, ``versions`` too."""

    figures: dict[str, float]
    versions: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def shown(self) -> str:
        """Return the figures for the terminal."""
        return ", ".join(
            f"{FIGURES[name].title} {FIGURES[name].form.format(value)}" for name, value in self.figures.items()
        )


def throughput(count: int, seconds: float, **others: float) -> Sample:
    """Return the sample of ``count`` runs in ``seconds``, from the first start to the last finish that is recorded."""
    if seconds <= 0:
        raise MeasureFailed(f"{count} runs in {seconds} s: the clock was set meanwhile")
    return Sample({"per_second": count / seconds, **others})


def delays(slots: Sequence[int], starts: Sequence[int], *, warm_up: int = 0) -> Sample:
    """Compare slots with starts, both in nanoseconds since 1970 and in the order of the slots.

    The figures are milliseconds, negative where a start was early. The 99th percentile is by nearest rank: of 100
    slots, the second worst.
    """
    pairs = list(zip(slots, starts, strict=True))[warm_up:]
    found = sorted((start - slot) / 1e6 for slot, start in pairs)
    p99 = found[-(-99 * len(found) // 100) - 1]
    return Sample({"p50": median(found), "p99": p99, "first": found[0], "last": found[-1]})


def slots_from(first: int, sizes: Sizes, seed: int) -> list[int]:
    """Return the slots of one delay sample, in nanoseconds since 1970, the first one at ``first``.

    They are 20 to 50 ms apart, the same distances for the same ``seed``, and whole microseconds, which all
    competitors can store.
    """
    distances = random.Random(seed)  # noqa: S311 - nothing is secret here
    slots = [first - first % 1_000]
    while len(slots) < sizes.warm_up + sizes.slots:
        slots.append(slots[-1] + distances.randrange(20_000, 50_000) * 1_000)
    return slots
