"""Tries to log in, counted by address and by account."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, case, delete, func, insert, or_, select

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.people import LoginAttempt

WINDOW_SECONDS = 3600
_MICROS = 1_000_000


def counted(tx: Transaction, address: str, account: str) -> Row[Any]:
    """Return how many tries of the last hour came from ``address`` (``by_address``) and were for ``account``.

    ``address_since`` and ``account_since`` are the oldest of each, ``None`` where there is none.
    """
    since = tx.now - WINDOW_SECONDS * _MICROS
    tx.execute(delete(LoginAttempt).where(LoginAttempt.at <= since))

    def of(column: Any, value: str, name: str) -> tuple[Any, Any]:
        found = column == value
        return (
            func.count(case((found, 1))).label(f"by_{name}"),
            func.min(case((found, LoginAttempt.at))).label(f"{name}_since"),
        )

    return tx.execute(
        select(*of(LoginAttempt.address, address, "address"), *of(LoginAttempt.account, account, "account")).where(
            or_(LoginAttempt.address == address, LoginAttempt.account == account)
        )
    ).one()


def add(tx: Transaction, address: str, account: str) -> int:
    """Count a try, before it is known how it ends, and return its id."""
    key = tx.execute(insert(LoginAttempt).values(at=tx.now, address=address, account=account)).inserted_primary_key
    assert key is not None
    return int(key[0])


def take_back(tx: Transaction, attempt: int, account: str | None = None) -> None:
    """Forget a try that succeeded, and those for its account."""
    which = LoginAttempt.id == attempt
    tx.execute(delete(LoginAttempt).where(which if account is None else or_(which, LoginAttempt.account == account)))


def forget(tx: Transaction, account: str) -> None:
    """Forget the tries for an account, whose password an admin has just set."""
    tx.execute(delete(LoginAttempt).where(LoginAttempt.account == account))
