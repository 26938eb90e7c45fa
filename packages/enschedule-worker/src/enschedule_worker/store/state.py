"""Single values that all workers share."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ScalarSelect, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.sharing import State
from enschedule_worker.store.tables import insert_unless_there


def get(tx: Transaction, name: str) -> str | None:
    """Return a value, ``None`` if there is none."""
    found: str | None = tx.execute(_GET, {"asked": name}).scalar()
    return found


_GET = select(State.value).where(State.name == bindparam("asked"))


def value_of(name: str) -> ScalarSelect[str]:
    """Return the SQL for a value, NULL if there is none."""
    return select(State.value).where(State.name == name).correlate(None).scalar_subquery()


def get_or_create(tx: Transaction, name: str, make: Callable[[], str]) -> str:
    """Return a value; the first to ask makes it. Needs a transaction that writes."""
    found = get(tx, name)
    if found is not None:
        return found
    made = make()
    if insert_unless_there(tx, insert(State), {"name": name, "value": made}):
        return made
    found = get(tx, name)  # by another that started at the same moment
    assert found is not None
    return found


def put(tx: Transaction, name: str, value: str) -> None:
    """Set a value."""
    change = update(State).where(State.name == name).values(value=value)
    if tx.execute(change).rowcount:
        return
    try:
        with tx.connection.begin_nested():
            tx.execute(insert(State).values(name=name, value=value))
    except IntegrityError:  # somebody else has just made it
        tx.execute(change)


def remove(tx: Transaction, name: str, old: str | None = None) -> bool:
    """Remove a value, if ``old`` is said only that one; ``True`` only for the one caller that removed it."""
    statement = delete(State).where(State.name == name)
    return tx.execute(statement if old is None else statement.where(State.value == old)).rowcount == 1


def names(tx: Transaction, prefix: str) -> list[str]:
    """Return the names that begin with ``prefix``, in order."""
    statement = select(State.name).where(State.name.startswith(prefix, autoescape=True)).order_by(State.name)
    return list(tx.execute(statement).scalars())


def swap(tx: Transaction, name: str, old: str | None, new: str) -> bool:
    """Set a value if it is still ``old`` (``None``: not there); ``False`` where somebody else was faster."""
    if old is not None:
        return tx.execute(update(State).where(State.name == name, State.value == old).values(value=new)).rowcount == 1
    try:
        with tx.connection.begin_nested():
            tx.execute(insert(State).values(name=name, value=new))
    except IntegrityError:
        return False
    return True
