"""What has to be true of a definition before it is saved: all that the database and the handlers know."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import from_micros
from enschedule_core.errors import Conflict, FieldError, InvalidInput
from enschedule_core.registry import Registry
from enschedule_core.wire.definition import Definition, canonical
from enschedule_worker.service import addressing, chains, handler_access, ownership, present, secret_data
from enschedule_worker.service.access import allow, home_of
from enschedule_worker.service.handlers import settle_version
from enschedule_worker.store import schedules as store
from enschedule_worker.store import users
from enschedule_worker.store.database import Transaction


def refuse_taken(tx: Transaction, actor: Actor, schedule_id: str) -> None:
    """Raise :class:`Conflict` where a schedule that the actor does not see has this id."""
    if actor.scope.groups is not None and store.id_taken(tx, schedule_id):
        raise Conflict(f"The id {schedule_id} is taken, in another group.", hint="Choose another id.")


def settle(
    tx: Transaction,
    registry: Registry,
    actor: Actor,
    definition: Definition,
    row: Row[Any] | None,
    *,
    known: Collection[str] = (),
    said: dict[str, Any] | None = None,
) -> Definition:
    """Return the definition with its handler's version, once all is checked that the database and handlers know.

    ``row`` is the schedule that it is for; ``known`` are ids that will be there by then. What is secret in its data is
    sealed; what it keeps sealed is that of ``row``, or of the stored definition ``said``. Raises what :func:`create`
    raises.
    """
    before = None if row is None else present.definition(row)
    if before is None or canonical(before["trigger"]) != canonical(definition.trigger.to_wire()):
        definition.check_fires(from_micros(tx.now))
    stored = row.handler_version if row is not None and row.handler_id == definition.handler_id else None
    handler = settle_version(tx, definition.handler_id, definition.handler_version, stored=stored)
    settled = definition if row is None else ownership.owned(definition, row)
    stored_whole = said if said is not None else before
    address = None if stored_whole is None else stored_whole["notify"]
    settled = addressing.with_receiver(tx, settled.with_version(handler.version), address)
    group = group_key(tx, actor, settled, row)
    settled = secret_data.settled(tx, registry, settled, handler, row, group=group, said=said)
    if row is None or canonical(before) != canonical(settled.as_dict()) or group != row.group_id:
        handler_access.check(tx, actor, settled.handler_id, group, saving=True)
    chains.check(tx, str(settled.id), settled.policies, row, group=group, known=known)
    _check_may_start(tx, actor, settled, row)
    return settled


def _check_may_start(tx: Transaction, actor: Actor, definition: Definition, row: Row[Any] | None) -> None:
    """Refuse to let a schedule start another one, from now on, whose handler the actor may not run by hand."""
    for name in ("on_success", "on_failure"):
        target = getattr(definition.policies, name)
        if target is None or (row is not None and getattr(row, name) == target):
            continue
        found = store.get(tx, target, actor.scope)
        if found is not None:
            handler_access.check(tx, actor, found.handler_id, found.group_id)


def group_key(tx: Transaction, actor: Actor, definition: Definition, row: Row[Any] | None) -> int | None:
    """Return the group that a schedule belongs to from now on, in which the actor must be allowed to edit.

    Where nothing is said, it stays where it is; a new one comes to where its maker may edit.
    """
    if definition.group is None:
        return home_of(actor, Permission.EDIT) if row is None else row.group_id
    found = users.group(tx, definition.group) if definition.group else None
    if definition.group and (found is None or not actor.scope.covers(found.key)):
        message = f"There is no group {definition.group}."
        raise InvalidInput(f"group: {message}", errors=[FieldError("group", message)])
    key = None if found is None else int(found.key)
    allow(actor, Permission.EDIT, key)
    return key
