"""Who may do what: accounts, groups, keys and sessions, who may use a handler, and what everybody did."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from enschedule_worker.store.models.base import TABLE_OPTIONS, Base, Instant, Key, LongText, short


class HandlerAccess(Base):
    """What an admin has said of who may use a handler; no row: what its code says, in every group."""

    __tablename__ = "handler_access"
    handler_id: Mapped[str] = mapped_column(short(100), primary_key=True)
    minimum_role: Mapped[str | None] = mapped_column(short(10))  # NULL: what its code says
    limited: Mapped[bool] = mapped_column(default=False)  # True: only in the groups of handler_groups, if any are left
    __table_args__ = (TABLE_OPTIONS,)


class HandlerGroup(Base):
    """A group in which a limited handler may be used."""

    __tablename__ = "handler_groups"
    handler_id: Mapped[str] = mapped_column(short(100), primary_key=True)
    group_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    __table_args__ = (TABLE_OPTIONS,)


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
    __table_args__ = (sa.Index(None, "expires_at"), sa.Index(None, "user_key"), TABLE_OPTIONS)


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
    __table_args__ = (sa.UniqueConstraint("name"), TABLE_OPTIONS)


class Group(Base):
    """People who own schedules together; its key is the ``group_id`` of what it owns."""

    __tablename__ = "groups"
    key: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(short(100))
    title: Mapped[str] = mapped_column(short(200))
    created_at: Mapped[int] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(short(200))
    __table_args__ = (sa.UniqueConstraint("id"), TABLE_OPTIONS)


class GroupMember(Base):
    """Somebody's role in a group."""

    __tablename__ = "group_members"
    group_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    user_key: Mapped[int] = mapped_column(Instant, primary_key=True, autoincrement=False)
    role: Mapped[str] = mapped_column(short(10))
    __table_args__ = (sa.Index(None, "user_key"), TABLE_OPTIONS)


class Identity(Base):
    """Who an account is at a provider of single sign-on."""

    __tablename__ = "identities"
    digest: Mapped[str] = mapped_column(short(64), primary_key=True)  # SHA-256 of issuer and subject
    user_key: Mapped[int] = mapped_column(Instant)
    issuer: Mapped[str] = mapped_column(short(500))
    subject: Mapped[str] = mapped_column(short(255))
    created_at: Mapped[int] = mapped_column(Instant)
    __table_args__ = (sa.Index(None, "user_key"), TABLE_OPTIONS)


class UsedTicket(Base):
    """A log-in by single sign-on that was brought to its end, so that nobody does it again."""

    __tablename__ = "used_tickets"
    digest: Mapped[str] = mapped_column(short(64), primary_key=True)
    expires_at: Mapped[int] = mapped_column(Instant)
    __table_args__ = (TABLE_OPTIONS,)


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
    __table_args__ = (sa.UniqueConstraint("prefix"), sa.Index(None, "user_key"), TABLE_OPTIONS)


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
        TABLE_OPTIONS,
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
        TABLE_OPTIONS,
    )
