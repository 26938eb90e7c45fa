"""What Enschedule means to reach, and whether it does. Those that are missed stand in the same table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks import figures
from benchmarks.measures import Measure
from benchmarks.rounds import Found

EXECUTORS = ("process", "thread")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """One line.

    Attributes:
        what: in words.
        ours: the row of ours; ``{executor}`` in it stands for each of them.
        figure: which of its figures.
        against: the row that ours is divided by; the figure itself is meant where there is none.
        at_least: the bound from below.
        at_most: the bound from above.
        unit: of the bound.
    """

    what: str
    measure: Measure
    ours: str
    figure: str
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"
    form: str = "{:.2f}"

    def holds(self, value: float) -> bool:
        """Return whether a figure is within the bounds."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.at_least is not None:
            return f"at least {self.at_least:,g} {self.unit}"
        return f"at most {self.at_most:,g} {self.unit}"

    def found(self, found: Found, executor: str) -> list[float]:
        """Return the figure, or the ratio, of each round."""
        ours = figures.find(found, self.measure, self.ours.format(executor=executor))
        if self.against is None:
            return figures.values(found, ours, self.figure)
        return figures.ratios(
            found, ours, figures.find(found, self.measure, self.against.format(executor=executor)), self.figure
        )


def _faster(what: str, database: str, against: str, at_least: float, *, once: bool = False) -> Aim:
    return Aim(
        what=f"runs/s over those of {what}",
        measure=Measure.THROUGHPUT,
        ours=f"ours-{database}-{{executor}}" + ("-once" if once else ""),
        figure="per_second",
        against=against,
        at_least=at_least,
    )


def _on_each(what: str, measure: Measure, figure: str, unit: str, **bounds: Any) -> tuple[Aim, ...]:
    """Return the aim on SQLite and on PostgreSQL."""
    return tuple(
        Aim(what=f"{what}, {title}", measure=measure, ours=f"ours-{kind}", figure=figure, unit=unit, **bounds)
        for kind, title in (("sqlite", "SQLite"), ("postgres", "PostgreSQL"))
    )


def _of_postgres(what: str, measure: Measure, name: str, figure: str, **bounds: Any) -> Aim:
    return Aim(what=f"{what}, PostgreSQL", measure=measure, ours=name, figure=figure, **bounds)


def _stored(kind: str, title: str) -> Aim:
    return Aim(
        what=f"start delay p50 with all schedules stored over none, {title}",
        measure=Measure.DELAY,
        ours=f"ours-{kind}-1m",
        figure="p50",
        against=f"ours-{kind}",
        at_most=1.3,
    )


def _executors(kind: str, title: str) -> Aim:
    return Aim(
        what=f"runs/s of the process executor over the thread executor, {title}",
        measure=Measure.THROUGHPUT,
        ours=f"ours-{kind}-process",
        figure="per_second",
        against=f"ours-{kind}-thread",
        at_least=0.8,
    )


AIMS = (
    _faster("the floor on PostgreSQL, batch 100", "postgres", "floor-postgres", 0.40),
    _faster("the floor on SQLite, batch 100", "sqlite", "floor-sqlite", 0.20),
    _faster("pgqueuer, threaded, batch 100", "postgres", "pgqueuer-100", 1.0),
    _faster("pgqueuer, threaded, its default batch of 10", "postgres", "pgqueuer-10", 2.0),
    _faster("Oban for Python", "postgres", "oban", 5.0),
    _faster("Procrastinate", "postgres", "procrastinate", 12.0),
    _faster("SAQ on PostgreSQL", "postgres", "saq", 12.0),
    _faster("APScheduler 3 on PostgreSQL", "postgres", "apscheduler-postgres", 8.0, once=True),
    _faster("APScheduler 3 on SQLite", "sqlite", "apscheduler-sqlite", 12.0, once=True),
    _faster("Huey on SQLite", "sqlite", "huey", 5.0),
    _faster("Celery + Redis (Enschedule on PostgreSQL)", "postgres", "celery", 8.0),
    _faster("RQ, a fork each (Enschedule on PostgreSQL)", "postgres", "rq", 80.0),
    _executors("sqlite", "SQLite"),
    _executors("postgres", "PostgreSQL"),
    Aim(
        what="start delay p50, SQLite", measure=Measure.DELAY, ours="ours-sqlite", figure="p50", at_most=1.5, unit="ms"
    ),
    _of_postgres("start delay p50", Measure.DELAY, "ours-postgres", "p50", at_most=3.0, unit="ms"),
    *_on_each("earliest start (below 0 is early)", Measure.DELAY, "first", "ms", at_least=0),
    _stored("sqlite", "SQLite"),
    _stored("postgres", "PostgreSQL"),
    *_on_each("last start of a burst at one instant", Measure.BURST, "last_seconds", "s", at_most=0.3),
    *_on_each(
        "worker's memory with all schedules stored",
        Measure.MEMORY,
        "growth_mib",
        "MiB more",
        at_most=10,
        form="{:+.1f}",
    ),
    _of_postgres(
        "statements a run under backlog, thread executor",
        Measure.COST,
        "ours-postgres-thread",
        "statements",
        at_most=0.1,
        unit="",
        form="{:.3f}",
    ),
    _of_postgres(
        "worker's CPU a run, thread executor",
        Measure.THROUGHPUT,
        "ours-postgres-thread",
        "cpu_ms",
        at_most=0.15,
        unit="ms",
        form="{:.3f}",
    ),
    *_on_each("idle worker: CPU", Measure.IDLE, "cpu_percent", "% of a core", at_most=1.0),
    *_on_each(
        "idle worker: RSS of the worker's process", Measure.IDLE, "main_rss_mib", "MiB", at_most=80, form="{:.0f}"
    ),
    *_on_each("slowest list at all runs", Measure.READS, "list_ms", "ms", at_most=5),
    *_on_each("slowest chart at all runs", Measure.READS, "chart_ms", "ms", at_most=10),
    _of_postgres(
        "started in time, of all schedules that are due within a minute, 2 workers",
        Measure.MINUTE,
        "ours-postgres",
        "started_part",
        at_least=100,
        unit="%",
    ),
)
"""In the order of the page."""


def lines(found: Found) -> Iterator[tuple[str, str, str, str, str]]:
    """Give each aim as cells: what, aim, measured, verdict, and what the thread executor does where that differs."""
    first, other = EXECUTORS
    for aim in AIMS:
        measured = aim.found(found, first)
        unit = " ×" if aim.unit == "×" else ""
        besides = ""
        if "{executor}" in aim.ours:
            threads = aim.found(found, other)
            besides = f"{figures.spread(threads, aim.form, unit)}: {figures.verdict(threads, aim.holds)}"
        yield (
            aim.what,
            aim.bound.strip(),
            figures.spread(measured, aim.form, unit),
            figures.verdict(measured, aim.holds),
            besides,
        )
