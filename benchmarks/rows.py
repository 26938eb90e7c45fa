"""What a line of a table is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measures import Measure


@dataclass(frozen=True, slots=True)
class Stock:
    """A large database that all rounds share: ``size`` of ``what`` (schedules or runs) are stored in it."""

    what: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One competitor in one measure.

    Attributes:
        name: what ``--only`` calls it; unique within its measure.
        title: what the table calls it.
        program: ``module:function`` below ``benchmarks.competitors``; it takes an order and returns a sample.
        how: the configuration, the kind of trigger and of handler, and what is recorded.
        options: what the program is told besides.
        needs: ``postgres`` or ``mariadb`` (a database of its own there), ``redis`` (an empty one).
        factor: of the runs of a throughput sample, so that each lasts long enough, and none for ever.
        packages: the distributions whose versions the page names.
        environment: the name of another interpreter that has them, empty for this one.
        stock: the filled database that it works on.
        most_rounds: it is measured in fewer rounds than the others, because it takes so long.
        against: the rows of ours, by name, that it is compared with: the default executor's, and the other's.
    """

    measure: Measure
    name: str
    title: str
    program: str
    how: str
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    factor: float = 1.0
    packages: tuple[str, ...] = ()
    environment: str = ""
    stock: Stock | None = None
    most_rounds: int | None = None
    against: tuple[str, ...] = ()
