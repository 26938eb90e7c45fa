"""The tables. The migrations make the same ones; a test compares the two.

Instants are integer microseconds since 1970 in UTC (``…_at``, ``…_until``), because MariaDB drops fractions and
MariaDB and SQLite drop offsets. Nothing is correct only by a partial index: those are for speed, where they exist.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from enschedule_core.run import OPEN, RunStatus

_TABLE_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")  # each of them hears only its own name
    for option, value in (("charset", "utf8mb4"), ("collate", "utf8mb4_bin"), ("engine", "InnoDB"))
}
_EXACT = "Latin1_General_100_BIN2"  # SQL Server compares without case unless told otherwise

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows only by INTEGER
Instant = sa.BigInteger()
LongText = (
    sa.UnicodeText()
    .with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
    .with_variant(mssql.NVARCHAR(None, collation=_EXACT), "mssql")
)


def short(length: int) -> sa.types.TypeEngine[str]:
    """Return a text column type of at most ``length`` characters that compares exactly on every database."""
    return sa.Unicode(length).with_variant(mssql.NVARCHAR(length, collation=_EXACT), "mssql")


class Status(sa.types.TypeDecorator[str]):
    """The status of a run. In a condition it stands in the statement itself, and is no parameter of it.

    A partial index is used only by a statement that says which rows it wants: with a parameter there, SQLite reads the
    whole table.
    """

    impl = sa.Unicode
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the type of the column."""
        return dialect.type_descriptor(short(10).dialect_impl(dialect))

    class Comparator(sa.types.TypeDecorator.Comparator[str]):
        """Puts what is compared with into the statement."""

        def operate(self, op: Any, *other: Any, **named: Any) -> Any:
            """Compare with statuses as constants."""
            return super().operate(op, *(_constants(one) for one in other), **named)

    comparator_factory = Comparator


def _constants(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return [_constants(one) for one in value]
    return sa.literal_column(f"'{value}'") if value in _STATUSES else value


_STATUSES = frozenset(status.value for status in RunStatus)
_OPEN = tuple(sorted(OPEN))
_QUIET = (*_OPEN, RunStatus.SUCCEEDED)


def has_status(column: Any, *statuses: str) -> sa.ColumnElement[bool]:
    """Return the condition that a run has one of ``statuses``, in words by which each database finds its partial index.

    SQLite takes one only if its own condition stands in the statement to the letter.
    """
    found: sa.ColumnElement[bool] = column == statuses[0] if len(statuses) == 1 else column.in_(sorted(statuses))
    if set(statuses) < set(_OPEN):
        return sa.and_(found, column.in_(_OPEN))
    return found if set(statuses) & set(_QUIET) else sa.and_(found, column.not_in(_QUIET))


def is_above_none(column: Any) -> sa.ColumnElement[bool]:
    """Return the condition that one of the columns of :func:`_few` is above 0, in the words of its partial index."""
    found: sa.ColumnElement[bool] = column > sa.literal_column("0")
    return found


class Base(DeclarativeBase):
    """All tables of the worker's database."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def _few(name: str) -> sa.Index:
    """Return the index of the few schedules of which a column is above 0: the others cost nothing when they change."""
    above = sa.text(f"{name} > 0")
    return sa.Index(f"ix_schedules_{name}", name, sqlite_where=above, postgresql_where=above)


class Schedule(Base):
    """What to run, when, and how its runs have done."""

    __tablename__ = "schedules"
    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(short(130))  # of a deleted one: its id, "~" and its key, so that the id is free
    title: Mapped[str] = mapped_column(short(200))
    description: Mapped[str] = mapped_column(LongText)
    group_id: Mapped[int | None] = mapped_column(Instant)
    handler_id: Mapped[str] = mapped_column(short(100))
    handler_version: Mapped[int]
    trigger_kind: Mapped[str] = mapped_column(short(20))
    trigger: Mapped[str] = mapped_column(short(2000))  # the wire form as JSON
    policies: Mapped[str] = mapped_column(short(2000))  # the wire form as JSON
    notify_address: Mapped[str | None] = mapped_column(LongText)  # where it is sealed; policies has what may be seen
    tags: Mapped[str] = mapped_column(short(2000))  # a JSON list; schedule_tags is its index
    runbook: Mapped[str | None] = mapped_column(short(500))
    managed_by: Mapped[str | None] = mapped_column(short(500))
    file_revision: Mapped[int | None]  # what managed_by has said last; another one than revision is an override
    revision: Mapped[int]

    due_at: Mapped[int | None] = mapped_column(Instant)  # the next slot
    fire_at: Mapped[int | None] = mapped_column(Instant)  # when the engine looks at it; NULL while nothing will happen
    slots_fired: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    zone_version: Mapped[str | None] = mapped_column(short(20))  # of the zone data that due_at was computed with
    paused: Mapped[bool] = mapped_column(default=False)
    paused_at: Mapped[int | None] = mapped_column(Instant)
    paused_by: Mapped[str | None] = mapped_column(short(200))
    paused_until: Mapped[int | None] = mapped_column(Instant)
    pause_reason: Mapped[str | None] = mapped_column(short(500))
    broken_reason: Mapped[str | None] = mapped_column(short(1000))
    faults: Mapped[int] = mapped_column(default=0)  # errors of the engine over this row, in a row

    overlap: Mapped[str] = mapped_column(short(10))
    priority: Mapped[int] = mapped_column(default=0)
    max_running: Mapped[int | None]
    concurrency_group: Mapped[str | None] = mapped_column(short(100))
    worker_id: Mapped[str | None] = mapped_column(short(100))
    worker_tags: Mapped[str | None] = mapped_column(short(1000))
    binding: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default=sa.text("0"))  # 0 is any worker
    on_success: Mapped[str | None] = mapped_column(short(100))
    on_failure: Mapped[str | None] = mapped_column(short(100))

    last_status: Mapped[str | None] = mapped_column(short(20))
    last_run_id: Mapped[int | None] = mapped_column(Instant)
    last_run_at: Mapped[int | None] = mapped_column(Instant)  # when the last run was queued: the order "last run"
    last_success_at: Mapped[int | None] = mapped_column(Instant)
    failing_since: Mapped[int | None] = mapped_column(Instant)
    failures_in_row: Mapped[int] = mapped_column(default=0)
    open_runs: Mapped[int] = mapped_column(default=0)
    running_runs: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[int | None] = mapped_column(Instant)
    recent: Mapped[str] = mapped_column(LongText, default="[]")  # the last 30 places of the rail, see store/recent.py

    created_at: Mapped[int] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(short(200))
    updated_at: Mapped[int] = mapped_column(Instant)
    deleted_at: Mapped[int | None] = mapped_column(Instant)

    __table_args__ = (
        sa.UniqueConstraint("id"),
        sa.Index(None, "fire_at", "key"),
        sa.Index(None, "due_at", "key"),
        sa.Index(None, "title", "key"),
        sa.Index(None, "last_run_at", "key"),
        sa.Index(None, "failing_since", "key"),
        sa.Index("ix_schedules_offer", "handler_id", "handler_version", "binding", "paused", "group_id", "deleted_at"),
        _few("retry_at"),
        _few("paused_until"),
        _few("faults"),
        _TABLE_OPTIONS,
    )


class Revision(Base):
    """One definition of a schedule as it was saved; runs point at the one they were made from. Never changed."""

    __tablename__ = "schedule_revisions"
    schedule_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[str] = mapped_column(LongText)
    env: Mapped[str | None] = mapped_column(LongText)  # as JSON; NULL where there is none
    definition: Mapped[str] = mapped_column(LongText)  # the rest of it as JSON, for the history
    saved_at: Mapped[int] = mapped_column(Instant)
    saved_by: Mapped[str] = mapped_column(short(200))
    __table_args__ = (_TABLE_OPTIONS,)


class ScheduleTag(Base):
    """The tags of a schedule, one a row."""

    __tablename__ = "schedule_tags"
    tag: Mapped[str] = mapped_column(short(100), primary_key=True)
    schedule_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    __table_args__ = (sa.Index(None, "schedule_key"), _TABLE_OPTIONS)


class Run(Base):
    """One attempt. Narrow: what is large lives in run_details and output."""

    __tablename__ = "runs"
    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    occurrence_key: Mapped[str] = mapped_column(short(200))
    schedule_key: Mapped[int | None] = mapped_column(Instant)
    revision: Mapped[int | None]
    group_id: Mapped[int | None] = mapped_column(Instant)
    handler_id: Mapped[str] = mapped_column(short(100))
    handler_version: Mapped[int]
    has_data: Mapped[bool] = mapped_column(default=False)  # own data in run_details; else that of its revision
    status: Mapped[str] = mapped_column(Status(10))
    rank: Mapped[int] = mapped_column(default=0)  # minus the priority: the queue is one ascending index
    serial: Mapped[bool] = mapped_column(default=False)  # waits until earlier open runs of its schedule have ended
    slot_at: Mapped[int | None] = mapped_column(Instant)
    attempt: Mapped[int] = mapped_column(default=1)
    losses: Mapped[int] = mapped_column(default=0)  # how many attempts of this chain were lost
    retry: Mapped[str] = mapped_column(short(300), default="")  # the retry policy as JSON; "" is the default
    on_lost: Mapped[str] = mapped_column(short(10), default="")
    retry_of: Mapped[int | None] = mapped_column(Instant)
    root_id: Mapped[int | None] = mapped_column(Instant)  # the first attempt of the chain; NULL on that itself
    depth: Mapped[int] = mapped_column(default=0)
    origin_kind: Mapped[str] = mapped_column(short(10))
    origin_actor: Mapped[str | None] = mapped_column(short(200))
    timeout: Mapped[int | None] = mapped_column(Instant)  # microseconds
    expires_at: Mapped[int | None] = mapped_column(Instant)  # still queued then, it is skipped
    binding: Mapped[int] = mapped_column(sa.BigInteger, default=0, server_default=sa.text("0"))  # 0 is any worker
    limited: Mapped[bool] = mapped_column(default=False, server_default=sa.false())  # a max_running or a group applies
    concurrency_group: Mapped[str | None] = mapped_column(short(100))

    queued_at: Mapped[int] = mapped_column(Instant)
    not_before: Mapped[int] = mapped_column(Instant)
    started_at: Mapped[int | None] = mapped_column(Instant)
    finished_at: Mapped[int | None] = mapped_column(Instant)
    worker_id: Mapped[str | None] = mapped_column(short(100))
    worker_instance: Mapped[str | None] = mapped_column(short(40))
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[int | None] = mapped_column(Instant)
    cancel_requested_at: Mapped[int | None] = mapped_column(Instant)
    cancel_requested_by: Mapped[str | None] = mapped_column(short(200))

    outcome_kind: Mapped[str | None] = mapped_column(short(20))
    message: Mapped[str | None] = mapped_column(short(2000))
    exit_code: Mapped[int | None]
    progress: Mapped[float | None] = mapped_column(sa.Double)
    progress_text: Mapped[str | None] = mapped_column(short(200))
    output_bytes: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    output_lines: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    output_truncated: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        sa.UniqueConstraint("occurrence_key"),
        sa.Index(
            "ix_runs_queue",
            "status",
            "rank",
            "not_before",
            "id",
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        ),
        sa.Index("ix_runs_schedule", "schedule_key", "id"),
        sa.Index(
            "ix_runs_trouble",
            "status",
            "id",
            sqlite_where=sa.text("status NOT IN ('queued', 'running', 'succeeded')"),
            postgresql_where=sa.text("status NOT IN ('queued', 'running', 'succeeded')"),
        ),
        sa.Index(
            "ix_runs_root",
            "root_id",
            sqlite_where=sa.text("root_id IS NOT NULL"),
            postgresql_where=sa.text("root_id IS NOT NULL"),
        ),
        _TABLE_OPTIONS,
    )


class RunDetail(Base):
    """What is large about a run and rarely read; no row where there is nothing of it."""

    __tablename__ = "run_details"
    run_id: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    data: Mapped[str | None] = mapped_column(LongText)
    result: Mapped[str | None] = mapped_column(LongText)
    traceback: Mapped[str | None] = mapped_column(LongText)
    note: Mapped[str | None] = mapped_column(short(500))
    __table_args__ = (_TABLE_OPTIONS,)


class Output(Base):
    """A chunk of what a run printed. Readers show the chunks of the run's present fence."""

    __tablename__ = "output"
    run_id: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    fence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stream: Mapped[str] = mapped_column(short(6))
    printed_at: Mapped[int] = mapped_column(Instant)
    text: Mapped[str] = mapped_column(LongText)
    __table_args__ = (_TABLE_OPTIONS,)


class Skip(Base):
    """Slots that did not run, and why. One that adjoins the last with the same reason extends it."""

    __tablename__ = "skips"
    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    schedule_key: Mapped[int] = mapped_column(Instant)
    reason: Mapped[str] = mapped_column(short(20))
    first_slot_at: Mapped[int] = mapped_column(Instant)
    last_slot_at: Mapped[int] = mapped_column(Instant)
    count: Mapped[int] = mapped_column(sa.BigInteger)
    recorded_at: Mapped[int] = mapped_column(Instant)
    __table_args__ = (
        sa.Index(None, "schedule_key", "id"),
        _TABLE_OPTIONS,
    )


class Worker(Base):
    """One start of a worker process. ``id`` is chosen and stays; ``instance_id`` is fresh each start."""

    __tablename__ = "workers"
    instance_id: Mapped[str] = mapped_column(short(40), primary_key=True)
    id: Mapped[str] = mapped_column(short(100))
    title: Mapped[str] = mapped_column(short(200))
    host: Mapped[str] = mapped_column(short(255))
    pid: Mapped[int] = mapped_column(sa.BigInteger)
    version: Mapped[str] = mapped_column(short(50))
    executor: Mapped[str] = mapped_column(short(50))
    places: Mapped[int]
    stuck: Mapped[int] = mapped_column(default=0)
    tags: Mapped[str] = mapped_column(short(1000))
    heartbeat_seconds: Mapped[float] = mapped_column(sa.Double, default=10.0)  # how often it means to be heard
    started_at: Mapped[int] = mapped_column(Instant)
    heartbeat_at: Mapped[int] = mapped_column(Instant)
    stopped_at: Mapped[int | None] = mapped_column(Instant)
    __table_args__ = (sa.Index(None, "id"), _TABLE_OPTIONS)


class WorkerHandler(Base):
    """A handler version that a worker can run, its own or through migrations."""

    __tablename__ = "worker_handlers"
    instance_id: Mapped[str] = mapped_column(short(40), primary_key=True)
    handler_id: Mapped[str] = mapped_column(short(100), primary_key=True)
    handler_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    native: Mapped[bool] = mapped_column(default=True)  # False: only by migrating the data
    __table_args__ = (
        sa.Index(None, "handler_id", "handler_version"),
        _TABLE_OPTIONS,
    )


class Handler(Base):
    """A handler version that some worker has registered, ever."""

    __tablename__ = "handlers"
    id: Mapped[str] = mapped_column(short(100), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(short(200))
    description: Mapped[str] = mapped_column(LongText)
    data_schema: Mapped[str | None] = mapped_column(LongText)
    example: Mapped[str | None] = mapped_column(LongText)
    idempotent: Mapped[bool] = mapped_column(default=False)
    max_running: Mapped[int | None]
    minimum_role: Mapped[str | None] = mapped_column(short(10))  # what its code demands of who uses it
    source: Mapped[str | None] = mapped_column(short(2000))
    registered_at: Mapped[int] = mapped_column(Instant)
    updated_at: Mapped[int] = mapped_column(Instant)
    __table_args__ = (_TABLE_OPTIONS,)


class HandlerAccess(Base):
    """What an admin has said of who may use a handler; no row: what its code says, in every group."""

    __tablename__ = "handler_access"
    handler_id: Mapped[str] = mapped_column(short(100), primary_key=True)
    minimum_role: Mapped[str | None] = mapped_column(short(10))  # NULL: what its code says
    limited: Mapped[bool] = mapped_column(default=False)  # True: only in the groups of handler_groups, if any are left
    __table_args__ = (_TABLE_OPTIONS,)


class HandlerGroup(Base):
    """A group in which a limited handler may be used."""

    __tablename__ = "handler_groups"
    handler_id: Mapped[str] = mapped_column(short(100), primary_key=True)
    group_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    __table_args__ = (_TABLE_OPTIONS,)


class Plugin(Base):
    """A plugin as one worker found it; with an error where it could not be loaded."""

    __tablename__ = "plugins"
    instance_id: Mapped[str] = mapped_column(short(40), primary_key=True)
    name: Mapped[str] = mapped_column(short(300), primary_key=True)
    source: Mapped[str] = mapped_column(short(2000))
    handlers: Mapped[str] = mapped_column(LongText)  # JSON list of "id@version"
    error: Mapped[str | None] = mapped_column(short(2000))
    traceback: Mapped[str | None] = mapped_column(LongText)
    __table_args__ = (_TABLE_OPTIONS,)


class Counter(Base):
    """Runs that ended in one hour, so that no chart counts rows; keyed by worker, so that no two fight over one."""

    __tablename__ = "counters"
    hour_at: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    worker_id: Mapped[str] = mapped_column(short(100), primary_key=True)
    status: Mapped[str] = mapped_column(short(10), primary_key=True)
    count: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    duration: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # microseconds, summed
    delay: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # microseconds from due to started, summed
    delayed: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # how many the delay was summed over
    __table_args__ = (_TABLE_OPTIONS,)


class Session(Base):
    """A browser that somebody logged in with. The token itself is not stored, only its SHA-256."""

    __tablename__ = "sessions"
    token_hash: Mapped[str] = mapped_column(short(64), primary_key=True)
    name: Mapped[str] = mapped_column(short(200))
    created_at: Mapped[int] = mapped_column(Instant)
    expires_at: Mapped[int] = mapped_column(Instant)
    user_key: Mapped[int | None] = mapped_column(Instant)  # NULL: opened with a key, as long as there are no accounts
    seen_at: Mapped[int | None] = mapped_column(Instant)  # of its last request, to the minute
    address: Mapped[str | None] = mapped_column(short(64))
    agent: Mapped[str | None] = mapped_column(short(200))
    __table_args__ = (sa.Index(None, "expires_at"), sa.Index(None, "user_key"), _TABLE_OPTIONS)


class User(Base):
    """An account: somebody who logs in with a name and a password, or at a provider."""

    __tablename__ = "users"
    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(short(100))  # in lower case
    role: Mapped[str] = mapped_column(short(10))
    password_hash: Mapped[str] = mapped_column(short(300))  # Argon2id in its usual text form; empty: has none
    disabled: Mapped[bool] = mapped_column(default=False)
    theme: Mapped[str | None] = mapped_column(short(10))
    timezone: Mapped[str | None] = mapped_column(short(100))
    created_at: Mapped[int] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(short(200))
    password_at: Mapped[int] = mapped_column(Instant)
    login_at: Mapped[int | None] = mapped_column(Instant)
    __table_args__ = (sa.UniqueConstraint("name"), _TABLE_OPTIONS)


class Group(Base):
    """People who own schedules together; its key is the ``group_id`` of what it owns."""

    __tablename__ = "groups"
    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(short(100))
    title: Mapped[str] = mapped_column(short(200))
    created_at: Mapped[int] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(short(200))
    __table_args__ = (sa.UniqueConstraint("id"), _TABLE_OPTIONS)


class GroupMember(Base):
    """Somebody's role in a group."""

    __tablename__ = "group_members"
    group_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    user_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    role: Mapped[str] = mapped_column(short(10))
    __table_args__ = (sa.Index(None, "user_key"), _TABLE_OPTIONS)


class Identity(Base):
    """Who an account is at a provider of single sign-on."""

    __tablename__ = "identities"
    digest: Mapped[str] = mapped_column(short(64), primary_key=True)  # SHA-256 of issuer and subject
    user_key: Mapped[int] = mapped_column(Instant)
    issuer: Mapped[str] = mapped_column(short(500))
    subject: Mapped[str] = mapped_column(short(255))
    created_at: Mapped[int] = mapped_column(Instant)
    __table_args__ = (sa.Index(None, "user_key"), _TABLE_OPTIONS)


class UsedTicket(Base):
    """A log-in by single sign-on that was brought to its end, so that nobody does it again."""

    __tablename__ = "used_tickets"
    digest: Mapped[str] = mapped_column(short(64), primary_key=True)
    expires_at: Mapped[int] = mapped_column(Instant)
    __table_args__ = (_TABLE_OPTIONS,)


class ApiKey(Base):
    """A key for a program. The key itself is not stored, only its first characters and a keyed hash."""

    __tablename__ = "api_keys"
    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    prefix: Mapped[str] = mapped_column(short(40))  # what tells it from others; not enough to use it
    digest: Mapped[str] = mapped_column(short(64))  # HMAC-SHA256 of the whole key
    name: Mapped[str] = mapped_column(short(100))
    role: Mapped[str] = mapped_column(short(10))
    group_key: Mapped[int | None] = mapped_column(Instant)  # NULL: good everywhere
    user_key: Mapped[int | None] = mapped_column(Instant)  # whose it is: it may never do more than its owner
    created_at: Mapped[int] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(short(200))
    expires_at: Mapped[int | None] = mapped_column(Instant)
    revoked_at: Mapped[int | None] = mapped_column(Instant)
    used_at: Mapped[int | None] = mapped_column(Instant)  # of its last request, to the minute
    __table_args__ = (sa.UniqueConstraint("prefix"), sa.Index(None, "user_key"), _TABLE_OPTIONS)


class LoginAttempt(Base):
    """A try to log in, kept for an hour: what the limits count. One that succeeds is taken back."""

    __tablename__ = "login_attempts"
    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    at: Mapped[int] = mapped_column(Instant)
    address: Mapped[str] = mapped_column(short(64))
    account: Mapped[str] = mapped_column(short(64))  # SHA-256 of the name: what was typed there may be a password
    __table_args__ = (
        sa.Index(None, "at"),
        sa.Index(None, "address", "at"),
        sa.Index(None, "account", "at"),
        _TABLE_OPTIONS,
    )


class Audit(Base):
    """Who did what, written in the transaction of the change."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    at: Mapped[int] = mapped_column(Instant)
    actor_kind: Mapped[str] = mapped_column(short(20))
    actor_name: Mapped[str] = mapped_column(short(200))
    address: Mapped[str | None] = mapped_column(short(64))
    action: Mapped[str] = mapped_column(short(50))
    object_kind: Mapped[str] = mapped_column(short(50))
    object_id: Mapped[str] = mapped_column(short(130))
    group_id: Mapped[int | None] = mapped_column(Instant)
    detail: Mapped[str | None] = mapped_column(LongText)
    via: Mapped[str | None] = mapped_column(short(60))  # which session or key
    refused: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    __table_args__ = (
        sa.Index(None, "object_kind", "object_id", "id"),
        sa.Index(None, "actor_name", "id"),
        sa.Index(None, "group_id", "id"),
        _TABLE_OPTIONS,
    )


class State(Base):
    """Single values that all workers share, such as the secret that signs the dashboard's forms."""

    __tablename__ = "state"
    name: Mapped[str] = mapped_column(short(100), primary_key=True)
    value: Mapped[str] = mapped_column(LongText)
    __table_args__ = (_TABLE_OPTIONS,)


class View(Base):
    """A saved view: the filters of a list under a name."""

    __tablename__ = "views"
    list_name: Mapped[str] = mapped_column(short(20), primary_key=True)
    name: Mapped[str] = mapped_column(short(100), primary_key=True)
    filters: Mapped[str] = mapped_column(LongText)  # a JSON object of texts
    updated_at: Mapped[int] = mapped_column(Instant)
    updated_by: Mapped[str] = mapped_column(short(200))
    __table_args__ = (_TABLE_OPTIONS,)


class Binding(Base):
    """A wish for certain workers that some schedule has, so that a run names it by a number."""

    __tablename__ = "bindings"
    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    digest: Mapped[str] = mapped_column(short(64))  # SHA-256 of the JSON of id and tags: what makes it unique
    worker_id: Mapped[str | None] = mapped_column(short(100))
    tags: Mapped[str] = mapped_column(short(1000))  # a JSON list
    __table_args__ = (sa.UniqueConstraint("digest"), _TABLE_OPTIONS)


class ConcurrencyGroup(Base):
    """How many runs of the schedules that name this group go on at once, on all workers together."""

    __tablename__ = "concurrency_groups"
    name: Mapped[str] = mapped_column(short(100), primary_key=True)
    max_running: Mapped[int]
    updated_at: Mapped[int] = mapped_column(Instant)
    updated_by: Mapped[str] = mapped_column(short(200))
    __table_args__ = (_TABLE_OPTIONS,)


class Secret(Base):
    """A value that data of schedules refer to by its name."""

    __tablename__ = "secrets"
    name: Mapped[str] = mapped_column(short(64), primary_key=True)
    value: Mapped[str] = mapped_column(LongText)  # sealed
    group_id: Mapped[int | None] = mapped_column(Instant)  # whose schedules may use it; NULL is all
    created_at: Mapped[int] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(short(200))
    updated_at: Mapped[int] = mapped_column(Instant)
    updated_by: Mapped[str] = mapped_column(short(200))
    __table_args__ = (_TABLE_OPTIONS,)


class SecretUse(Base):
    """Which schedules refer to which secrets, as they are defined now."""

    __tablename__ = "secret_uses"
    name: Mapped[str] = mapped_column(short(64), primary_key=True)
    schedule_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    __table_args__ = (sa.Index(None, "schedule_key"), _TABLE_OPTIONS)


class Notice(Base):
    """A message that somebody is to get; made in the transaction that found the reason, sent later."""

    __tablename__ = "notices"
    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(short(20))
    schedule_key: Mapped[int | None] = mapped_column(Instant)
    run_id: Mapped[int | None] = mapped_column(Instant)
    url: Mapped[str] = mapped_column(LongText)  # sealed: webhook addresses are secrets
    created_at: Mapped[int] = mapped_column(Instant)
    send_at: Mapped[int | None] = mapped_column(Instant)  # NULL once it is sent or given up
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[int | None] = mapped_column(Instant)
    error: Mapped[str | None] = mapped_column(short(500))
    __table_args__ = (sa.Index(None, "send_at", "id"), sa.Index(None, "schedule_key", "id"), _TABLE_OPTIONS)
