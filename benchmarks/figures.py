"""Medians and ratios of what the rounds found: no ratio is ever taken across rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.measures import Measure, Sample
from benchmarks.rounds import Found
from benchmarks.rows import Row


def find(found: Found, measure: Measure, name: str) -> Row | None:
    """Return the row of that measure and name, if it was among those to be measured."""
    return next((row for row in found.samples if row.measure is measure and row.name == name), None)


def values(found: Found, row: Row | None, figure: str) -> list[float]:
    """Return a figure of all rounds in which the row was measured."""
    samples: Sequence[Sample | None] = [] if row is None else found.samples[row]
    return [sample.figures[figure] for sample in samples if sample is not None and figure in sample.figures]


def ratios(found: Found, above: Row | None, below: Row | None, figure: str) -> list[float]:
    """Return a figure of one row over that of another, in each round that measured both."""
    if above is None or below is None:
        return []
    pairs = zip(found.samples[above], found.samples[below], strict=True)
    return [
        one.figures[figure] / other.figures[figure]
        for one, other in pairs
        if one is not None and other is not None and one.figures[figure] > 0 and other.figures[figure] > 0
    ]


def spread(figures: Sequence[float], form: str, unit: str = "") -> str:
    """Return median, smallest and largest; just the figure where there is one."""
    if not figures:
        return "–"
    middle = form.format(median(figures)) + unit
    if len(figures) == 1:
        return middle
    return f"{middle} ({form.format(min(figures))}–{form.format(max(figures))})"


def verdict(figures: Sequence[float], holds: Callable[[float], bool]) -> str:
    """Say whether the median of the rounds does what is asked of it."""
    if not figures:
        return "not measured"
    return "met" if holds(median(figures)) else "**missed**"
