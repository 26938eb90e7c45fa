"""Saved views of lists."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.sharing import View
from enschedule_worker.store.tables import insert_unless_there


def all_of(tx: Transaction) -> list[Row[Any]]:
    """Return all views, by list and name: list_name, name, filters (JSON text), updated_at, updated_by."""
    return list(tx.execute(select(*View.__table__.columns).order_by(View.list_name.desc(), View.name)))


def number(tx: Transaction) -> int:
    """Return how many views there are."""
    return int(tx.execute(select(func.count()).select_from(View)).scalar_one())


def put(tx: Transaction, list_name: str, name: str, filters: str, by: str) -> None:
    """Save a view, new or instead of the one with its name."""
    columns = {"filters": filters, "updated_at": tx.now, "updated_by": by[:200]}
    change = update(View).where(View.list_name == list_name, View.name == name).values(**columns)
    if tx.execute(change).rowcount:
        return
    if not insert_unless_there(tx, insert(View), {"list_name": list_name, "name": name, **columns}):
        tx.execute(change)  # somebody else has just made it


def remove(tx: Transaction, list_name: str, name: str) -> bool:
    """Remove a view; ``False`` where there is none."""
    return tx.execute(delete(View).where(View.list_name == list_name, View.name == name)).rowcount == 1
