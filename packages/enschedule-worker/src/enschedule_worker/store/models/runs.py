"""The runs: the narrow rows of the queue, what is large about them, and what they printed."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from enschedule_worker.store.models.base import TABLE_OPTIONS, Base, Instant, Key, LongText, short
from enschedule_worker.store.models.status import Status


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
        TABLE_OPTIONS,
    )


class RunDetail(Base):
    """What is large about a run and rarely read; no row where there is nothing of it."""

    __tablename__ = "run_details"
    run_id: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    data: Mapped[str | None] = mapped_column(LongText)
    result: Mapped[str | None] = mapped_column(LongText)
    traceback: Mapped[str | None] = mapped_column(LongText)
    note: Mapped[str | None] = mapped_column(short(500))
    __table_args__ = (TABLE_OPTIONS,)


class Output(Base):
    """A chunk of what a run printed. Readers show the chunks of the run's present fence."""

    __tablename__ = "output"
    run_id: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    fence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stream: Mapped[str] = mapped_column(short(6))
    printed_at: Mapped[int] = mapped_column(Instant)
    text: Mapped[str] = mapped_column(LongText)
    __table_args__ = (TABLE_OPTIONS,)


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
    __table_args__ = (TABLE_OPTIONS,)
