"""The one place that lets an operation begin: permission, a session that still holds, one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from enschedule_core.actor import Actor, Permission
from enschedule_core.errors import Unauthenticated
from enschedule_worker.store import people
from enschedule_worker.store.database import Database, Transaction


@contextmanager
def reading(database: Database, actor: Actor, permission: Permission = Permission.READ) -> Iterator[Transaction]:
    """Open a transaction that reads, for an actor who may."""
    actor.require(permission)
    with database.read() as tx:
        yield tx


@contextmanager
def writing(database: Database, actor: Actor, permission: Permission) -> Iterator[Transaction]:
    """Open a transaction that writes, for an actor who may; a session ended meanwhile is refused inside it."""
    actor.require(permission)
    with database.write() as tx:
        if actor.session is not None and people.find_session(tx, actor.session) is None:
            raise Unauthenticated("This session is over.", hint="Log in again.")
        yield tx
