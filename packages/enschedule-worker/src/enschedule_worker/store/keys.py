"""API keys as they are stored: first characters and keyed hash."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, insert, select, update

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.people import ApiKey, Group, User

TOUCH_SECONDS = 60


def _select() -> Select[Any]:
    return (
        select(
            *ApiKey.__table__.columns,
            Group.id.label("group_name"),
            User.name.label("owner"),
            User.role.label("owner_role"),
            User.disabled.label("owner_disabled"),
        )
        .outerjoin(Group, Group.key == ApiKey.group_key)
        .outerjoin(User, User.key == ApiKey.user_key)
    )


def find(tx: Transaction, prefix: str) -> Row[Any] | None:
    """Return a key by its first characters, with ``group_name``, ``owner``, ``owner_role`` and ``owner_disabled``."""
    return tx.execute(_find(), {"prefix": prefix}).first()


@cache
def _find() -> Select[Any]:
    """Return the statement of :func:`find`, built once: every request of a program runs it."""
    return _select().where(ApiKey.prefix == bindparam("prefix"))


def by_key(tx: Transaction, key: int) -> Row[Any] | None:
    """Return a key by the key of its row, as :func:`find` does."""
    return tx.execute(_select().where(ApiKey.key == key)).first()


def page(tx: Transaction, *, limit: int, before: int | None = None, user_key: int | None = None) -> list[Row[Any]]:
    """Return up to ``limit`` keys, newest first: of all, or of one owner."""
    statement = _select().order_by(ApiKey.key.desc()).limit(limit)
    if before is not None:
        statement = statement.where(ApiKey.key < before)
    if user_key is not None:
        statement = statement.where(ApiKey.user_key == user_key)
    return list(tx.execute(statement))


def add(tx: Transaction, values: Mapping[str, Any]) -> int:
    """Insert a key and return the key of its row."""
    key = tx.execute(insert(ApiKey).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def touch(tx: Transaction, key: int) -> None:
    """Keep that a key was used now."""
    tx.execute(update(ApiKey).where(ApiKey.key == key).values(used_at=tx.now))


def revoke(tx: Transaction, key: int) -> bool:
    """End a key; ``False`` if it was ended before."""
    statement = update(ApiKey).where(ApiKey.key == key, ApiKey.revoked_at.is_(None)).values(revoked_at=tx.now)
    return tx.execute(statement).rowcount == 1


def revoke_of(tx: Transaction, user_key: int) -> int:
    """End the keys of an account and return how many."""
    statement = update(ApiKey).where(ApiKey.user_key == user_key, ApiKey.revoked_at.is_(None))
    return tx.execute(statement.values(revoked_at=tx.now)).rowcount
