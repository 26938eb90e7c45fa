"""Who accounts are at a provider of single sign-on, and the log-ins there that were used."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, delete, insert, select

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.people import Identity, UsedTicket, User
from enschedule_worker.store.tables import insert_unless_there


def digest(issuer: str, subject: str) -> str:
    """Return the key of an identity: a subject is somebody only together with its issuer."""
    return hashlib.sha256(f"{issuer}\n{subject}".encode("utf-8", "replace")).hexdigest()


def find(tx: Transaction, issuer: str, subject: str, *, lock: bool = False) -> Row[Any] | None:
    """Return the account of somebody at a provider; ``lock`` holds it until the transaction ends."""
    key = select(Identity.user_key).where(Identity.digest == digest(issuer, subject)).scalar_subquery()
    statement = select(*User.__table__.columns).where(User.key == key)
    return tx.execute(statement.with_for_update() if lock else statement).first()


def add(tx: Transaction, user_key: int, issuer: str, subject: str) -> bool:
    """Say who an account is at a provider; ``False`` where another request has just made one for the same person."""
    values = {
        "digest": digest(issuer, subject),
        "user_key": user_key,
        "issuer": issuer[:500],
        "subject": subject[:255],
        "created_at": tx.now,
    }
    return insert_unless_there(tx, insert(Identity), values)


def issuers(tx: Transaction, user_keys: Collection[int]) -> dict[int, str]:
    """Return the provider of each of these accounts that has one, by the account's key."""
    rows = tx.execute(select(Identity.user_key, Identity.issuer).where(Identity.user_key.in_(sorted(user_keys))))
    return {row.user_key: row.issuer for row in rows}


def remove_of(tx: Transaction, user_key: int) -> None:
    """Forget who an account is elsewhere."""
    tx.execute(delete(Identity).where(Identity.user_key == user_key))


def use_ticket(tx: Transaction, ticket: str, expires_at: int) -> bool:
    """Use up a log-in; ``False`` if it was used before. Those that are over are forgotten."""
    tx.execute(delete(UsedTicket).where(UsedTicket.expires_at <= tx.now))
    values = {"digest": hashlib.sha256(ticket.encode()).hexdigest(), "expires_at": expires_at}
    return insert_unless_there(tx, insert(UsedTicket), values)
