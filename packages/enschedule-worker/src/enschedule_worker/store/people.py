"""Sessions: browsers that somebody logged in with. Tokens are not stored, only their SHA-256."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Row, Select, bindparam, delete, func, insert, select, true, update
from sqlalchemy.sql.elements import ColumnElement

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.people import Session, User

IDLE_SECONDS = 2 * 3600
TOUCH_SECONDS = 60
_MICROS = 1_000_000


def create_session(
    tx: Transaction,
    token_hash: str,
    *,
    name: str,
    expires_at: int,
    user_key: int | None = None,
    address: str | None = None,
    agent: str | None = None,
) -> None:
    """Store a session."""
    tx.execute(
        insert(Session).values(
            token_hash=token_hash,
            name=name,
            created_at=tx.now,
            expires_at=expires_at,
            user_key=user_key,
            seen_at=tx.now,
            address=None if address is None else address[:64],
            agent=None if agent is None else agent[:200],
        )
    )


def _holds(tx: Transaction) -> ColumnElement[bool]:
    idle = func.coalesce(Session.seen_at, Session.created_at) > tx.now - IDLE_SECONDS * _MICROS
    return (Session.expires_at > tx.now) & idle


def find_session(tx: Transaction, token_hash: str) -> Row[Any] | None:
    """Return the session if it is there and not over: its columns, and ``role`` and ``disabled`` of its account."""
    since = {"now": tx.now, "idle_since": tx.now - IDLE_SECONDS * _MICROS}
    return tx.execute(_find_session(), {"token_hash": token_hash, **since}).first()


@cache
def _find_session() -> Select[Any]:
    """Return the statement of :func:`find_session`, built once: every request runs it."""
    seen = func.coalesce(Session.seen_at, Session.created_at)
    return (
        select(*Session.__table__.columns, User.role, User.disabled, User.name.label("user_name"))
        .outerjoin(User, User.key == Session.user_key)
        .where(Session.token_hash == bindparam("token_hash"))
        .where(Session.expires_at > bindparam("now"), seen > bindparam("idle_since", type_=BigInteger))
    )


def touch(tx: Transaction, token_hash: str) -> None:
    """Keep that a session was used now."""
    tx.execute(update(Session).where(Session.token_hash == token_hash).values(seen_at=tx.now))


def sessions_of(tx: Transaction, user_key: int) -> list[Row[Any]]:
    """Return the sessions of an account that are not over, newest first."""
    return list(
        tx.execute(
            select(*Session.__table__.columns)
            .where(Session.user_key == user_key, _holds(tx))
            .order_by(Session.created_at.desc(), Session.token_hash)
        )
    )


def delete_session(tx: Transaction, token_hash: str) -> bool:
    """End a session; ``False`` if there was none."""
    return tx.execute(delete(Session).where(Session.token_hash == token_hash)).rowcount == 1


def delete_sessions_of(tx: Transaction, user_key: int | None, *, but: str | None = None) -> int:
    """End the sessions of an account, ``None`` those of none, except for one; return how many."""
    whose = Session.user_key.is_(None) if user_key is None else Session.user_key == user_key
    rest = true() if but is None else Session.token_hash != but
    return tx.execute(delete(Session).where(whose, rest)).rowcount


def sweep_sessions(tx: Transaction) -> int:
    """Delete the sessions that are over and return how many."""
    return tx.execute(delete(Session).where(~_holds(tx))).rowcount
