"""What all on this database share: single values, saved views, secrets, and the notices that are to be sent."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from enschedule_worker.store.models.base import TABLE_OPTIONS, Base, Instant, Key, LongText, short


class State(Base):
    """Single values that all workers share, such as the secret that signs the dashboard's forms."""

    __tablename__ = "state"
    name: Mapped[str] = mapped_column(short(100), primary_key=True)
    value: Mapped[str] = mapped_column(LongText)
    __table_args__ = (TABLE_OPTIONS,)


class View(Base):
    """A saved view: the filters of a list under a name."""

    __tablename__ = "views"
    list_name: Mapped[str] = mapped_column(short(20), primary_key=True)
    name: Mapped[str] = mapped_column(short(100), primary_key=True)
    filters: Mapped[str] = mapped_column(LongText)  # a JSON object of texts
    updated_at: Mapped[int] = mapped_column(Instant)
    updated_by: Mapped[str] = mapped_column(short(200))
    __table_args__ = (TABLE_OPTIONS,)


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
    __table_args__ = (TABLE_OPTIONS,)


class SecretUse(Base):
    """Which schedules refer to which secrets, as they are defined now."""

    __tablename__ = "secret_uses"
    name: Mapped[str] = mapped_column(short(64), primary_key=True)
    schedule_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    __table_args__ = (sa.Index(None, "schedule_key"), TABLE_OPTIONS)


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
    __table_args__ = (sa.Index(None, "send_at", "id"), sa.Index(None, "schedule_key", "id"), TABLE_OPTIONS)
