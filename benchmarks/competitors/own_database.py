"""Enschedule's database, filled past any worker: with the rows that its own service writes.

A first schedule is made by the service that the REST API calls too; large numbers of them are copies of its row, each
with an instant of its own, made by one statement of SQL.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text

from benchmarks.competitors.words import QUOTE, WORDS
from benchmarks.measures import MeasureFailed, Order
from enschedule_core.actor import SYSTEM
from enschedule_core.plugins import load_handlers
from enschedule_core.registry import Registry
from enschedule_core.wire.definition import Definition
from enschedule_worker.service import runs, schedules
from enschedule_worker.store import migrate
from enschedule_worker.store.clock import ManualClock
from enschedule_worker.store.database import Database
from enschedule_worker.store.models.base import Base
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Revision, Schedule
from enschedule_worker.store.models.workers import Handler

DATABASE = "enschedule.db"
HANDLERS = Path(__file__).resolve().parents[1] / "handlers"
LINE = "some message"
_MINUTE_MICROS = 60_000_000
_TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Place:
    """A database of ours: what a program is told about it, and how it is reached from here."""

    environ: dict[str, str]
    url: str

    @classmethod
    def of(cls, order: Order) -> Place:
        """Return the database that an order names: the filled one if there is one, else the empty one."""
        return cls._of(order, order.stock)

    @classmethod
    def empty(cls, order: Order) -> Place:
        """Return the empty database of an order, also where there is a filled one."""
        return cls._of(order, None)

    @classmethod
    def _of(cls, order: Order, stock: str | None) -> Place:
        kind = order.options.get("database")
        if kind == "postgres":
            url = stock or order.needed_server
            return cls({"POSTGRES": url}, url.replace("postgresql://", "postgresql+psycopg://", 1))
        if kind == "mariadb":
            url = stock or order.needed_server
            return cls({"MARIADB": url}, url.replace("mariadb://", "mysql+pymysql://", 1) + "?charset=utf8mb4")
        path = stock or str(order.folder / DATABASE)
        return cls({"SQLITE": path}, f"sqlite:///{path}")

    @property
    def dialect(self) -> str:
        """The name of its dialect: sqlite, postgresql or mysql."""
        return make_url(self.url).get_backend_name()

    def engine(self) -> Engine:
        """Return a new engine that commits each statement."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        if self.dialect == "sqlite":

            @event.listens_for(engine, "connect")
            def connected(raw: sqlite3.Connection, _: object) -> None:
                # Filling is not measured, so it need not be durable; the worker's own connections are.
                raw.execute("PRAGMA synchronous=OFF")
                raw.execute("PRAGMA busy_timeout=30000")

        return engine

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open one connection that commits each statement."""
        engine = self.engine()
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


def migrated(place: Place) -> None:
    """Make the tables, as the first worker to start would."""
    database = Database(create_engine(place.url))
    migrate.upgrade(database)
    database.dispose()


def make_each(place: Place, slots: Sequence[int], *, handler: str, data: dict[str, Any]) -> None:
    """Make one `once` schedule for each of ``slots`` (nanoseconds since 1970) by the service.

    A slot that is past is refused, so the clock stands a minute before the first one meanwhile.
    """
    with _served(place, min(slots) // 1_000 - _MINUTE_MICROS) as (database, registry):
        for number, slot in enumerate(slots):
            at = datetime.fromtimestamp(slot / 1e9, UTC).isoformat(timespec="microseconds")
            trigger = {"kind": "once", "at": at}
            wire = {"id": f"slot-{slot}-{number}", "handler": handler, "data": data, "trigger": trigger}
            schedules.create(database, registry, SYSTEM, Definition.from_wire(wire))


@contextmanager
def _served(place: Place, now: int) -> Iterator[tuple[Database, Registry]]:
    """Give what the service needs, at an instant in microseconds; the handlers are registered."""
    engine = create_engine(place.url)
    _register(engine)
    database = Database(engine, ManualClock(now))
    try:
        yield database, load_handlers(handlers_dir=HANDLERS)
    finally:
        database.dispose()


def make_many(
    place: Place, count: int, *, first: int, apart: float, handler: str = "log-job", prefix: str = "due"
) -> None:
    """Make ``count`` `once` schedules, the first one for ``first``, each ``apart`` after the one before it.

    Both are microseconds.
    """
    make_each(place, [first * 1_000], handler=handler, data={"message": LINE} if handler == "log-job" else {})
    with place.connect() as connection:
        template = (
            connection.execute(text("SELECT * FROM schedules WHERE due_at = :at"), {"at": first}).mappings().one()
        )
        _copy(connection, dict(template), count, first, apart, prefix)
        for statement in WORDS[place.dialect].settle:
            connection.execute(text(statement))


def queue_many(place: Place, count: int, *, at: int) -> None:
    """Queue ``count`` runs of one schedule of `log-job` that may begin at ``at`` (microseconds).

    The first is what the service makes of a request to run the schedule; the others are copies of its row.
    """
    with _served(place, at) as (database, registry):
        wire = {"id": "queue", "handler": "log-job", "data": {"message": LINE}, "trigger": {"kind": "manual"}}
        schedules.create(database, registry, SYSTEM, Definition.from_wire(wire))
        runs.run_now(database, registry, SYSTEM, "queue")
    words = WORDS[place.dialect]
    with place.connect() as connection:
        own = {"occurrence_key": words.concat("'m'", "n", "':1'")}
        copy_rows(connection, Run, "t.status = 'queued' AND n > 0", own, words.series(count), leave_out=("id",))
        connection.execute(text("UPDATE schedules SET open_runs = :count WHERE id = 'queue'"), {"count": count})
        for statement in words.settle:
            connection.execute(text(statement))


def copy_rows(
    connection: Connection,
    model: type[Base],
    which: str,
    own: Mapping[str, str],
    beside: str,
    leave_out: Collection[str] = (),
) -> None:
    """Copy the row ``t`` of a table for each row ``beside``, with the columns ``own`` (SQL over ``t`` and those)."""
    quoted = WORDS[connection.dialect.name].quoted
    names = [column.name for column in model.__table__.columns if column.name not in leave_out]
    values = [own.get(name, f"t.{quoted(name)}") for name in names]
    table = model.__tablename__
    execute(
        connection,
        f"INSERT INTO {table} ({', '.join(map(quoted, names))}) "
        f"SELECT {', '.join(values)} FROM {table} AS t, {beside} WHERE {which}",
    )


def execute(connection: Connection, statement: str) -> None:
    """Execute a statement in which colons are colons, and nothing is a parameter."""
    connection.execute(text(statement.replace(":", r"\:")))


def _copy(connection: Connection, template: dict[str, Any], count: int, first: int, apart: float, prefix: str) -> None:
    """Put ``count`` copies in the place of ``template``, a row of ``schedules``."""
    words = WORDS[connection.dialect.name]
    written = json.dumps(json.loads(template["trigger"])["at"])
    if template["trigger"].count(written) != 1:
        raise MeasureFailed(f"the trigger of the template is not understood: {template['trigger']}")
    title = words.concat(f"'{prefix}-'", "n")
    trigger = f"replace(t.{words.quoted('trigger')}, '{written}', {words.concat(QUOTE, words.iso, QUOTE)})"
    own = {"id": title, "title": title, "due_at": "at", "fire_at": "at", "trigger": trigger}
    numbers = (
        f"(SELECT n, {first} + {words.floor(f'n * {float(apart)!r}')} AS at FROM {words.series(count)}) AS numbers"
    )
    key, of = words.quoted("key"), template["key"]
    copy_rows(connection, Schedule, f"t.{key} = {of}", own, numbers, leave_out=("key",))
    made = f"t.schedule_key = {of} AND s.{key} > {of}"
    copy_rows(connection, Revision, made, {"schedule_key": f"s.{key}"}, "schedules AS s")
    execute(connection, f"DELETE FROM schedule_revisions WHERE schedule_key = {of}")
    execute(connection, f"DELETE FROM schedules WHERE {key} = {of}")


def _register(engine: Engine) -> None:
    """Say that the handlers exist, as a worker that has them does when it starts; one that did is left alone."""
    table = Handler.__table__
    rows = [
        {"id": handler.id, "version": handler.version, "title": handler.id, "description": "", "idempotent": False}
        for handler in load_handlers(handlers_dir=HANDLERS).handlers()
    ]
    with engine.begin() as connection:
        there = {row.id for row in connection.execute(text("SELECT id FROM handlers"))}
        missing = [{**row, "registered_at": 0, "updated_at": 0} for row in rows if row["id"] not in there]
        if missing:
            connection.execute(table.insert(), missing)  # type: ignore[attr-defined] # a Table, as all of them are
