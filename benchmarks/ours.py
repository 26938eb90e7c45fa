"""The rows of Enschedule itself. Where a title names no executor, it is the program's default."""

from __future__ import annotations

from itertools import product
from typing import Any

from benchmarks.measures import Measure
from benchmarks.rows import Row, Stock

SQLITE, POSTGRES, MARIADB = "sqlite", "postgres", "mariadb"
TITLES = {SQLITE: "SQLite", POSTGRES: "PostgreSQL", MARIADB: "MariaDB"}
PACKAGES = ("enschedule-worker", "SQLAlchemy")
DRIVERS = {SQLITE: (), POSTGRES: ("psycopg",), MARIADB: ("PyMySQL",)}
_CONFIGURATION = {
    SQLITE: "a SQLite file (WAL, synchronous=FULL)",
    POSTGRES: "PostgreSQL (psycopg, synchronous_commit on)",
    MARIADB: "MariaDB (PyMySQL, its defaults)",
}
_BACKLOG = (
    "Runs of one schedule of `log-job` (a plain function that prints one line), each asked for as by `POST "
    "schedules/{{id}}/runs`, that wait in the queue and may begin at one instant, while {who} on {where}. Claims, runs "
    "and finishes each; the row of the run, what it printed and how its schedule stands are stored, and that they are "
    "is checked afterwards."
)
_ONCE = (
    "As many `once` schedules of `log-job`, all due at one instant, while {who} on {where}. Fires each besides: its "
    "run comes into being, and its schedule moves on."
)
_DELAY = (
    "`once` schedules of a plain function whose first statement reads the clock, on a worker with its defaults on "
    "{where}{stored}."
)


def _row(measure: Measure, name: str, title: str, program: str, how: str, database: str, **more: Any) -> Row:
    options = {"database": database, **more.pop("options", {})}
    needs = () if database == SQLITE else (database,)
    packages = (*PACKAGES, *DRIVERS[database])
    return Row(
        measure=measure,
        name=name,
        title=title,
        program=program,
        how=how,
        options=options,
        needs=needs,
        packages=packages,
        **more,
    )


def _backlog(database: str, executor: str, workers: int, *, once: bool = False) -> Row:
    several = f", {workers} workers" if workers > 1 else ""
    who = f"{'a worker waits' if workers == 1 else f'{workers} workers wait'} ({executor} executor, 8 places)"
    return _row(
        Measure.THROUGHPUT,
        f"ours-{database}-{executor}" + (f"-{workers}" if workers > 1 else "") + ("-once" if once else ""),
        f"Enschedule, {TITLES[database]}, {executor} executor{several}{', a schedule each' if once else ''}",
        "own_worker:backlog",
        (_ONCE if once else _BACKLOG).format(who=who, where=_CONFIGURATION[database]),
        database,
        options={"executor": executor, "workers": workers, "queued": not once},
        factor=2.0,
        most_rounds=1 if database == MARIADB else None,  # nothing is compared with it
    )


def _delay(database: str, stored: int) -> Row:
    of = "" if not stored else f", {stored:,} schedules stored"
    name = f"ours-{database}" + {0: "", 50_000: "-50k", 1_000_000: "-1m"}[stored]
    return _row(
        Measure.DELAY,
        name,
        f"Enschedule, {TITLES[database]}{of}",
        "own_instants:delay",
        _DELAY.format(where=_CONFIGURATION[database], stored=of),
        database,
        stock=Stock("schedules", stored) if stored else None,
    )


def _each(measure: Measure, program: str, how: str, **more: Any) -> tuple[Row, ...]:
    """Return one row for each database."""
    return tuple(
        _row(
            measure,
            f"ours-{database}",
            f"Enschedule, {TITLES[database]}",
            program,
            how.format(where=_CONFIGURATION[database]),
            database,
            **more,
        )
        for database in (SQLITE, POSTGRES)
    )


ROWS = (
    *(_backlog(*one) for one in product((SQLITE, POSTGRES), ("thread", "process"), (1,))),
    *(_backlog(*one) for one in product((POSTGRES,), ("thread", "process"), (2,))),
    *(_backlog(*one) for one in product((MARIADB,), ("thread", "process"), (1,))),
    *(_backlog(*one, once=True) for one in product((SQLITE, POSTGRES), ("thread", "process"), (1,))),
    _row(
        Measure.COST,
        "ours-postgres-thread",
        "Enschedule, PostgreSQL, thread executor",
        "own_worker:statements",
        "The same backlog and one worker whose connections pass a program that counts its messages. A statement is one "
        "execution by the server, so that `executemany` over 100 rows counts 100 times; BEGIN and COMMIT are not among "
        "them.",
        POSTGRES,
        options={"executor": "thread", "queued": True},
        factor=2.0,
    ),
    *(_delay(*one) for one in product((SQLITE, POSTGRES), (0, 50_000, 1_000_000))),
    *_each(
        Measure.BURST,
        "own_instants:burst",
        "`once` schedules for one and the same instant, of a plain function whose first statement reads the clock; a "
        "worker with its defaults on {where}.",
    ),
    _row(
        Measure.MINUTE,
        "ours-postgres",
        "Enschedule, PostgreSQL, 2 workers",
        "own_instants:minute",
        "`once` schedules of `log-job` spread evenly over the first 59 s of a minute, two workers with their defaults. "
        "Started is what the database has as the instant at which the handler was called.",
        POSTGRES,
        options={"workers": 2},
        most_rounds=1,
    ),
    _row(
        Measure.IDLE,
        "ours-sqlite",
        "`enschedule-worker`, SQLite",
        "own_worker:idle_worker",
        "No REST API, no schedules; a database that an earlier start has made.",
        SQLITE,
    ),
    _row(
        Measure.IDLE,
        "ours-postgres",
        "`enschedule-worker`, PostgreSQL",
        "own_worker:idle_worker",
        "No REST API, no schedules; a database that an earlier start has made.",
        POSTGRES,
    ),
    _row(
        Measure.IDLE,
        "ours-up",
        "`enschedule up`, SQLite",
        "own_worker:idle_up",
        "Dashboard, REST API and worker; the server's parent process included; no browser looks at it.",
        SQLITE,
    ),
    *_each(
        Measure.MEMORY,
        "own_instants:memory",
        "The resident set of the worker's main process on {where}: on an empty database, and on one with all the "
        "schedules; it has run 20 others by then in each.",
        stock=Stock("schedules", 1_000_000),
    ),
    *_each(
        Measure.READS,
        "own_reads:reads",
        "What the REST API asks of {where} for each list and chart, asked of the driver again: execution and fetch, "
        "without building the answer. The median of 20 times for each of them, and of these the slowest. GET schedules "
        "is a whole request with a key, 200 times over one connection to a worker that serves its API.",
        stock=Stock("runs", 1_000_000),
        most_rounds=1,
    ),
)
