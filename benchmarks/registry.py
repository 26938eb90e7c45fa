"""Who is measured: all rows, in the order in which each round takes them."""

from __future__ import annotations

from benchmarks import floors, ours, peers
from benchmarks.rows import Row

ROWS: tuple[Row, ...] = (*ours.ROWS, *floors.ROWS, *peers.ROWS)
NAMES = tuple(dict.fromkeys(row.name for row in ROWS))
