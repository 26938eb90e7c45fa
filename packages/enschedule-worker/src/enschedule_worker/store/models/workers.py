"""Who runs what: workers, the handlers and plugins that they have, and the limits that they keep together."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from enschedule_worker.store.models.base import TABLE_OPTIONS, Base, Instant, Key, LongText, short


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
    __table_args__ = (sa.Index(None, "id"), TABLE_OPTIONS)


class WorkerHandler(Base):
    """A handler version that a worker can run, its own or through migrations."""

    __tablename__ = "worker_handlers"
    instance_id: Mapped[str] = mapped_column(short(40), primary_key=True)
    handler_id: Mapped[str] = mapped_column(short(100), primary_key=True)
    handler_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    native: Mapped[bool] = mapped_column(default=True)  # False: only by migrating the data
    __table_args__ = (
        sa.Index(None, "handler_id", "handler_version"),
        TABLE_OPTIONS,
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
    __table_args__ = (TABLE_OPTIONS,)


class Plugin(Base):
    """A plugin as one worker found it; with an error where it could not be loaded."""

    __tablename__ = "plugins"
    instance_id: Mapped[str] = mapped_column(short(40), primary_key=True)
    name: Mapped[str] = mapped_column(short(300), primary_key=True)
    source: Mapped[str] = mapped_column(short(2000))
    handlers: Mapped[str] = mapped_column(LongText)  # JSON list of "id@version"
    error: Mapped[str | None] = mapped_column(short(2000))
    traceback: Mapped[str | None] = mapped_column(LongText)
    __table_args__ = (TABLE_OPTIONS,)


class Binding(Base):
    """A wish for certain workers that some schedule has, so that a run names it by a number."""

    __tablename__ = "bindings"
    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    digest: Mapped[str] = mapped_column(short(64))  # SHA-256 of the JSON of id and tags: what makes it unique
    worker_id: Mapped[str | None] = mapped_column(short(100))
    tags: Mapped[str] = mapped_column(short(1000))  # a JSON list
    __table_args__ = (sa.UniqueConstraint("digest"), TABLE_OPTIONS)


class ConcurrencyGroup(Base):
    """How many runs of the schedules that name this group go on at once, on all workers together."""

    __tablename__ = "concurrency_groups"
    name: Mapped[str] = mapped_column(short(100), primary_key=True)
    max_running: Mapped[int]
    updated_at: Mapped[int] = mapped_column(Instant)
    updated_by: Mapped[str] = mapped_column(short(200))
    __table_args__ = (TABLE_OPTIONS,)
