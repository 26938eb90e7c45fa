"""The one place that lets an operation begin: permission, a session or key that still holds, one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from enschedule_core.actor import Actor, ActorKind, Permission
from enschedule_core.errors import Forbidden, Unauthenticated
from enschedule_worker.store import audit, keys, people
from enschedule_worker.store.database import Database, Transaction


@contextmanager
def reading(database: Database, actor: Actor, permission: Permission = Permission.READ) -> Iterator[Transaction]:
    """Open a transaction that reads, for an actor who may, on the server or in any group.

    What is read is bounded by the actor's scope, which every list and every look-up is given.
    """
    actor.require_somewhere(permission)
    with database.read() as tx:
        yield tx


@contextmanager
def writing(database: Database, actor: Actor, permission: Permission) -> Iterator[Transaction]:
    """Open a transaction that changes the server itself: what belongs to no group.

    A session or key that ended meanwhile is refused inside it.
    """
    actor.require(permission)
    with database.write() as tx:
        _check_holds(tx, actor)
        yield tx


@contextmanager
def changing(database: Database, actor: Actor, permission: Permission) -> Iterator[Transaction]:
    """Open a transaction that changes what may belong to a group; :func:`allow` is asked for each row of it."""
    actor.require_somewhere(permission)
    with database.write() as tx:
        _check_holds(tx, actor)
        yield tx


def allow(actor: Actor, permission: Permission, group: int | None) -> None:
    """Raise :class:`Forbidden` unless the actor has the permission in the group that a row belongs to."""
    actor.require(permission, group)


def see_all(actor: Actor) -> None:
    """Raise :class:`Forbidden` for an actor who sees some groups only: for figures of the whole."""
    if actor.scope.groups is not None:
        raise Forbidden(
            f"These figures are of the whole server, and {actor.name} does not see all of it.",
            hint="Ask with a key without a group that an admin has made, or as an admin.",
        )


def home_of(actor: Actor, permission: Permission) -> int | None:
    """Return the group that something new belongs to where nothing else is said.

    None, where the actor may make it outside of groups; else the one group in which they may. Raises
    :class:`Forbidden` where that is not one.
    """
    if actor.may(permission):
        return None
    groups = [group for group, held in (actor.in_groups or {}).items() if permission in held]
    if len(groups) == 1:
        return groups[0]
    if not groups:
        actor.require(permission)
    raise Forbidden(f"{actor.name} may do this in several groups.", hint="Say in which, for example group: ops.")


def _check_holds(tx: Transaction, actor: Actor) -> None:
    if actor.kind is ActorKind.SESSION and actor.session is not None:
        row = people.find_session(tx, actor.session)
        if row is None or row.disabled:
            raise Unauthenticated("This session is over.", hint="Log in again.")
    if actor.key is not None:
        found = keys.by_key(tx, actor.key)
        if found is None or found.revoked_at is not None or found.owner_disabled:
            raise Unauthenticated("This key was revoked.", hint="Ask for a new one.")


def record_refusal(database: Database, actor: Actor, method: str, path: str, detail: str) -> None:
    """Keep in the audit that an actor asked for what they may not do."""
    with database.write() as tx:
        audit.record(tx, actor, f"refused.{method.lower()}", "route", path, detail={"reason": detail}, refused=True)
