"""Sessions: browsers that showed a valid key. Tokens are not stored, only their SHA-256."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, insert, select

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models import Session


def create_session(tx: Transaction, token_hash: str, *, name: str, expires_at: int) -> None:
    """Store a session."""
    tx.execute(insert(Session).values(token_hash=token_hash, name=name, created_at=tx.now, expires_at=expires_at))


def find_session(tx: Transaction, token_hash: str) -> Row[Any] | None:
    """Return the session (columns name, created_at, expires_at) if it is there and not over."""
    return tx.execute(
        select(Session.name, Session.created_at, Session.expires_at).where(
            Session.token_hash == token_hash, Session.expires_at > tx.now
        )
    ).first()


def delete_session(tx: Transaction, token_hash: str) -> bool:
    """End a session; ``False`` if there was none."""
    return tx.execute(delete(Session).where(Session.token_hash == token_hash)).rowcount == 1


def sweep_sessions(tx: Transaction) -> int:
    """Delete the sessions that are over and return how many."""
    return tx.execute(delete(Session).where(Session.expires_at <= tx.now)).rowcount
