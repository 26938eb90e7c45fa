"""Accounts, and the groups they are members of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Executable, Row, bindparam, delete, false, func, insert, select, update

from enschedule_core.actor import Role
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.people import ApiKey, Group, GroupMember, HandlerGroup, User
from enschedule_worker.store.models.runs import Run
from enschedule_worker.store.models.schedules import Schedule
from enschedule_worker.store.tables import table_of

_ANY = select(table_of(User).c.key).limit(1)  # asked for every request without a key: put together once


def any_user(tx: Transaction) -> bool:
    """Return whether there is an account."""
    return tx.execute(_ANY).first() is not None


def find(tx: Transaction, name: str, *, lock: bool = False) -> Row[Any] | None:
    """Return the account with this name; ``lock`` holds it until the transaction ends."""
    statement = select(*User.__table__.columns).where(User.name == name)
    return tx.execute(statement.with_for_update() if lock else statement).first()


def by_key(tx: Transaction, key: int) -> Row[Any] | None:
    """Return the account with this key."""
    return tx.execute(select(*User.__table__.columns).where(User.key == key)).first()


def page(tx: Transaction, *, limit: int, after: str | None = None) -> list[Row[Any]]:
    """Return up to ``limit`` accounts by name, from the one after ``after``."""
    statement = select(*User.__table__.columns).order_by(User.name).limit(limit)
    return list(tx.execute(statement if after is None else statement.where(User.name > after)))


def add(tx: Transaction, values: Mapping[str, Any]) -> int:
    """Insert an account and return its key."""
    key = tx.execute(insert(User).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def change(tx: Transaction, key: int, values: Mapping[str, Any]) -> None:
    """Set columns of an account."""
    tx.execute(update(User).where(User.key == key).values(**values))


def remove(tx: Transaction, key: int) -> None:
    """Delete an account with its memberships; its sessions are ended apart."""
    tx.execute(delete(GroupMember).where(GroupMember.user_key == key))
    tx.execute(delete(User).where(User.key == key))


def other_admins(tx: Transaction, key: int) -> int:
    """Return how many admins there are besides this account that can log in; the rows are held until the end."""
    others = select(User.key).where(User.role == Role.ADMIN.value, User.disabled == false()).with_for_update()
    return sum(found != key for found in tx.execute(others).scalars())


# ---------------------------------------------------------------- groups


def roles_in_groups(tx: Transaction, user_key: int) -> dict[int, str]:
    """Return the role of an account in each of its groups, by the group's key."""
    found = tx.seen("roles", user_key, lambda: tx.execute(_roles_in_groups(), {"user_key": user_key}).all())
    return {row.group_key: row.role for row in found}


@cache
def _roles_in_groups() -> Executable:
    """Return the statement of :func:`roles_in_groups`, built once: every request of a person runs it."""
    return select(GroupMember.group_key, GroupMember.role).where(GroupMember.user_key == bindparam("user_key"))


def groups(tx: Transaction, keys: frozenset[int] | None = None) -> list[Row[Any]]:
    """Return groups by id, all or those with these keys, each with its number of ``schedules``."""
    number = (
        select(func.count())
        .where(Schedule.group_id == Group.key, Schedule.deleted_at.is_(None))
        .scalar_subquery()
        .label("schedules")
    )
    statement = select(*Group.__table__.columns, number).order_by(Group.id)
    return list(tx.execute(statement if keys is None else statement.where(Group.key.in_(sorted(keys)))))


def group(tx: Transaction, id: str) -> Row[Any] | None:
    """Return a group by its id."""
    return tx.execute(select(*Group.__table__.columns).where(Group.id == id)).first()


def add_group(tx: Transaction, values: Mapping[str, Any]) -> int:
    """Insert a group and return its key."""
    key = tx.execute(insert(Group).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def change_group(tx: Transaction, key: int, values: Mapping[str, Any]) -> None:
    """Set columns of a group."""
    tx.execute(update(Group).where(Group.key == key).values(**values))


def owned_by(tx: Transaction, key: int) -> int:
    """Return how many schedules a group owns, deleted ones included while they are remembered."""
    return int(tx.execute(select(func.count()).where(Schedule.group_id == key)).scalar_one())


def remove_group(tx: Transaction, key: int) -> None:
    """Delete a group with its memberships and its keys; its remaining runs are seen by admins only."""
    tx.execute(delete(GroupMember).where(GroupMember.group_key == key))
    tx.execute(delete(ApiKey).where(ApiKey.group_key == key))
    tx.execute(delete(HandlerGroup).where(HandlerGroup.group_key == key))
    tx.execute(delete(Group).where(Group.key == key))


def members(tx: Transaction, keys: frozenset[int] | None = None) -> list[Row[Any]]:
    """Return group_key, user ``name`` and ``role`` of the members of groups, by name."""
    statement = select(GroupMember.group_key, User.name, GroupMember.role).join(User, User.key == GroupMember.user_key)
    if keys is not None:
        statement = statement.where(GroupMember.group_key.in_(sorted(keys)))
    return list(tx.execute(statement.order_by(User.name)))


def set_member(tx: Transaction, group_key: int, user_key: int, role: str) -> str | None:
    """Give an account a role in a group and return the one it had."""
    here = (GroupMember.group_key == group_key, GroupMember.user_key == user_key)
    before: str | None = tx.execute(select(GroupMember.role).where(*here)).scalar()
    if before is None:
        tx.execute(insert(GroupMember).values(group_key=group_key, user_key=user_key, role=role))
    else:
        tx.execute(update(GroupMember).where(*here).values(role=role))
    return before


def remove_member(tx: Transaction, group_key: int, user_key: int) -> bool:
    """End a membership; ``False`` if there was none."""
    here = (GroupMember.group_key == group_key, GroupMember.user_key == user_key)
    return tx.execute(delete(GroupMember).where(*here)).rowcount == 1


def move(tx: Transaction, schedule_key: int, group_key: int | None) -> None:
    """Let the runs of a schedule belong to the group that the schedule belongs to now."""
    tx.execute(update(Run).where(Run.schedule_key == schedule_key).values(group_id=group_key))
