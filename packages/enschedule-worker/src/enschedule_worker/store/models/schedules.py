"""What is to run: schedules, what they were before, and the slots that did not run."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from enschedule_worker.store.models.base import TABLE_OPTIONS, Base, Instant, Key, LongText, short


def is_above_none(column: Any) -> sa.ColumnElement[bool]:
    """Return the condition that one of the columns of :func:`_few` is above 0, in the words of its partial index."""
    found: sa.ColumnElement[bool] = column > sa.literal_column("0")
    return found


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
        sa.Index(None, "title", "key", "id"),
        sa.Index(None, "last_run_at", "key"),
        sa.Index(None, "failing_since", "key"),
        sa.Index(
            "ix_schedules_offer",
            *("handler_id", "handler_version", "binding", "paused", "group_id", "deleted_at", "key"),
        ),
        _few("retry_at"),
        _few("paused_until"),
        _few("faults"),
        TABLE_OPTIONS,
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
    __table_args__ = (TABLE_OPTIONS,)


class ScheduleTag(Base):
    """The tags of a schedule, one a row."""

    __tablename__ = "schedule_tags"
    tag: Mapped[str] = mapped_column(short(100), primary_key=True)
    schedule_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    __table_args__ = (sa.Index(None, "schedule_key"), TABLE_OPTIONS)


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
        TABLE_OPTIONS,
    )
