"""The few words of SQL that the databases call differently, for filling them by single statements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

QUOTE = "'\"'"
"""A quotation mark, as a text in SQL."""


@dataclass(frozen=True, slots=True)
class Words:
    """What one dialect says.

    Attributes:
        quoted: a name of a column.
        concat: texts and numbers after one another.
        floor: a number without its fraction.
        series: something with a column ``n`` from 0 on, of so many rows.
        iso: the instant in the column ``at``, microseconds since 1970, as our wire form has it.
        settle: what makes filled tables as they are after a while; the planner knows of the new rows.
    """

    quoted: Callable[[str], str]
    concat: Callable[..., str]
    floor: Callable[[str], str]
    series: Callable[[int], str]
    iso: str
    settle: tuple[str, ...]


def _sqlite_series(count: int) -> str:
    return f"(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {count - 1}) SELECT n FROM s)"


WORDS = {
    "sqlite": Words(
        quoted='"{}"'.format,
        concat=lambda *parts: " || ".join(parts),
        floor="CAST({} AS INTEGER)".format,
        series=_sqlite_series,
        iso="strftime('%Y-%m-%dT%H:%M:%S', at / 1000000, 'unixepoch') || printf('.%06dZ', at % 1000000)",
        settle=("PRAGMA wal_checkpoint(TRUNCATE)",),
    ),
    "postgresql": Words(
        quoted='"{}"'.format,
        concat=lambda *parts: " || ".join(parts),
        floor="CAST(floor({}) AS BIGINT)".format,
        series=lambda count: f"generate_series(0, {count - 1}) AS s(n)",
        iso="to_char(to_timestamp(at / 1000000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
        settle=("VACUUM ANALYZE",),
    ),
    "mysql": Words(
        quoted="`{}`".format,
        concat=lambda *parts: f"concat({', '.join(parts)})",
        floor="CAST(floor({}) AS SIGNED)".format,
        series=lambda count: f"(SELECT seq AS n FROM seq_0_to_{count - 1}) AS s",
        iso="date_format(from_unixtime(0) + INTERVAL at MICROSECOND, '%Y-%m-%dT%H:%i:%s.%fZ')",
        settle=("ANALYZE TABLE schedules, schedule_revisions",),
    ),
}
"""By the names of SQLAlchemy. MariaDB is ``mysql``; its time zone is UTC in our connections."""
