"""The plain tables behind the models: statements over them are faster to build than over mapped classes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.exc import IntegrityError

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.base import Base


def table_of(model: type[Base]) -> Table:
    """Return the table of a model."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def insert_unless_there(tx: Transaction, statement: Insert, values: dict[str, Any]) -> bool:
    """Insert a row; ``False`` where another worker has just inserted one with its key, which is then there to update.

    To look first is not enough on a database with several writers: two see nothing, and the second one's whole
    transaction would fail.
    """
    try:
        with tx.connection.begin_nested():
            tx.execute(statement, values)
    except IntegrityError:
        return False
    return True
