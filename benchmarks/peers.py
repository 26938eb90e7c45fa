"""The rows of the others, each from its released package, set up as its documentation begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measures import Measure
from benchmarks.rows import Row

_PROGRAMS = {Measure.THROUGHPUT: "throughput", Measure.DELAY: "delay", Measure.IDLE: "idle"}
_WAITS = {
    Measure.THROUGHPUT: "{0} It meets a backlog of calls that are due; each prints one line. ",
    Measure.DELAY: "{0} Calls are stored beforehand for their instants. ",
    Measure.IDLE: "{0} Nothing is stored. ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Peer:
    """A peer in one configuration; ``keeps`` says what is left of a call, ``delays`` how it comes to its instants.

    ``once`` are the measures that no aim is about, and that are taken in one round only.
    """

    name: str
    title: str
    module: str
    how: str
    keeps: str
    delays: str
    packages: tuple[str, ...]
    against: str
    factor: float
    schedules: bool = False  # each call is scheduled by itself, and not one of a queue
    needs: tuple[str, ...] = ("postgres",)
    options: dict[str, Any] = field(default_factory=dict)
    environment: str = ""
    measures: tuple[Measure, ...] = (Measure.THROUGHPUT, Measure.DELAY, Measure.IDLE)
    once: tuple[Measure, ...] = (Measure.DELAY, Measure.IDLE)

    def rows(self) -> Iterator[Row]:
        """Give a row for each measure."""
        for measure in self.measures:
            said = _WAITS[measure].format(self.how)
            said += {Measure.THROUGHPUT: self.keeps, Measure.DELAY: self.delays}.get(measure, "")
            kind = "-once" if self.schedules else ""
            ours = tuple(f"ours-{self.against}-{executor}{kind}" for executor in ("process", "thread"))
            yield Row(
                measure=measure,
                name=self.name,
                title=self.title,
                program=f"{self.module}:{_PROGRAMS[measure]}",
                how=said.strip(),
                options=self.options,
                needs=self.needs,
                factor=self.factor,
                packages=self.packages,
                environment=self.environment,
                most_rounds=1 if measure in self.once else None,
                against={Measure.THROUGHPUT: ours, Measure.DELAY: (f"ours-{self.against}",)}.get(measure, ()),
            )


def _apscheduler(store: str, title: str, factor: float) -> _Peer:
    return _Peer(
        name=f"apscheduler-{store}",
        title=f"APScheduler 3, {title}",
        module="peer_apscheduler",
        how={
            "memory": "`BackgroundScheduler`, memory store, thread pool of 8; `date` triggers, a plain function.",
            "sqlite": "`BackgroundScheduler`, SQLAlchemy store on a SQLite file (WAL, synchronous=FULL), thread pool "
            "of 8; `date` triggers, a plain function.",
            "postgres": "`BackgroundScheduler`, SQLAlchemy store on PostgreSQL (psycopg), thread pool of 8; `date` "
            "triggers, a plain function.",
        }[store],
        keeps="Neither the end of a call nor what it printed is stored: the last removal from the store counts.",
        delays="It sleeps until the next instant." + (" Nothing survives its process." if store == "memory" else ""),
        packages=("APScheduler",),
        against="postgres" if store == "postgres" else "sqlite",
        schedules=True,
        factor=factor,
        needs=("postgres",) if store == "postgres" else (),
        options={"store": store},
        measures={
            "memory": (Measure.DELAY,),
            "postgres": (Measure.THROUGHPUT, Measure.DELAY),
            "sqlite": (Measure.THROUGHPUT, Measure.DELAY, Measure.IDLE),
        }[store],
    )


def _pgqueuer(batch: int) -> _Peer:
    return _Peer(
        name=f"pgqueuer-{batch}",
        title=f"pgqueuer, batch {batch}",
        module="peer_pgqueuer",
        how=f"`PgQueuer` with asyncpg, batch_size={batch}{' (its default)' if batch == 10 else ''}; the entrypoint "
        "calls a plain function by `asyncio.to_thread`.",
        keeps="The row leaves the queue, a line of its log says that it was successful; what it printed is not kept.",
        delays="`execute_after`, a duration: compared is the instant that it stores.",
        packages=("pgqueuer", "asyncpg"),
        against="postgres",
        factor=2.0,
        options={"batch": batch},
        measures=(Measure.THROUGHPUT, Measure.DELAY, Measure.IDLE) if batch == 10 else (Measure.THROUGHPUT,),
    )


_PEERS = (
    _pgqueuer(10),
    _pgqueuer(100),
    _Peer(
        name="oban",
        title="Oban for Python",
        module="peer_oban",
        how='`Oban(pool=…, queues={"bench": 8})`; `@job` on a plain function, which it calls on its event loop.',
        keeps="The row of the job stays, as completed; what it printed is not kept.",
        delays="`scheduled_at`; it looks once a second.",
        packages=("oban", "psycopg"),
        against="postgres",
        factor=0.6,
        environment="oban",
        once=(Measure.DELAY, Measure.IDLE),
    ),
    _Peer(
        name="procrastinate",
        title="Procrastinate",
        module="peer_procrastinate",
        once=(Measure.DELAY, Measure.IDLE),
        how="`run_worker_async(concurrency=8)` with `PsycopgConnector` and its defaults otherwise; a plain function, "
        "which it calls in a thread.",
        keeps="The row of the job stays, as succeeded, with its events; what it printed is not kept.",
        delays="`schedule_at`; it looks every 5 s.",
        packages=("procrastinate", "psycopg"),
        against="postgres",
        factor=0.3,
    ),
    _Peer(
        name="saq",
        measures=(Measure.THROUGHPUT, Measure.DELAY),
        once=(Measure.DELAY,),
        title="SAQ on PostgreSQL",
        module="peer_saq",
        how="`Worker(concurrency=8)` with its defaults otherwise; an async function on its event loop.",
        keeps="The row of the job stays for its time to live; what it printed is not kept.",
        delays="`scheduled`, which it stores as whole seconds: compared is what it stores; it looks once a second.",
        packages=("saq", "psycopg"),
        against="postgres",
        factor=0.3,
    ),
    _apscheduler("postgres", "PostgreSQL", 0.4),
    _apscheduler("sqlite", "SQLite", 0.5),
    _apscheduler("memory", "in memory", 1.0),
    _Peer(
        name="huey",
        title="Huey on SQLite",
        module="peer_huey",
        once=(Measure.DELAY, Measure.IDLE),
        how="`SqliteHuey(fsync=True)` (WAL) and its consumer with 8 threads; a plain function.",
        keeps="Neither the end of a call nor what it printed is stored: its last `complete` signal counts.",
        delays="`schedule(eta=…)`; it looks once a second.",
        packages=("huey",),
        against="sqlite",
        factor=1.0,
        needs=(),
    ),
    _Peer(
        name="celery",
        title="Celery + Redis",
        module="peer_celery",
        how="`celery worker --concurrency 8` (child processes), Redis as broker and result backend, in memory with its "
        "default snapshots; a plain function.",
        keeps="A result with the instant of its end is kept in Redis; what it printed is in the worker's log.",
        delays="`apply_async(eta=…)`; the worker takes them early and keeps a timer.",
        packages=("celery", "redis"),
        against="postgres",
        factor=0.3,
        needs=("redis",),
        measures=(Measure.THROUGHPUT, Measure.DELAY),
        once=(Measure.DELAY,),
    ),
    _Peer(
        name="rq",
        title="RQ",
        module="peer_rq",
        how="`rq worker`, which forks for each call; Redis in memory with its default snapshots; a plain function.",
        keeps="The job and its result are kept in Redis; what it printed is in the worker's log.",
        delays="`enqueue_at` and `--with-scheduler`; it looks once a second.",
        packages=("rq", "redis"),
        against="postgres",
        factor=0.03,
        needs=("redis",),
        measures=(Measure.THROUGHPUT, Measure.DELAY),
        once=(Measure.THROUGHPUT, Measure.DELAY),  # half a minute a round
    ),
)
ROWS: tuple[Row, ...] = tuple(row for peer in _PEERS for row in peer.rows())
