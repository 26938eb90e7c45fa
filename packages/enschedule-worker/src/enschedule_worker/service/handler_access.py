"""Who may use a handler: in a schedule that they save, and in a run that they start by hand.

A handler's code may demand a role (``@handler(minimum_role="admin")``), and an admin may say another one, and limit the
handler to groups: it is then used in schedules that belong to one of those, by who has the role there. What was saved
before goes on running. This is the one place that decides; saving, applying and every start by hand ask here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from enschedule_core.actor import Actor, Permission, Role
from enschedule_core.errors import FieldError, Forbidden, InvalidInput, NotFound
from enschedule_worker.service.access import home_of, writing
from enschedule_worker.store import audit, census, users
from enschedule_worker.store import handler_access as store
from enschedule_worker.store.database import Database, Transaction

_OPEN = store.Said()


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a handler: with which role at least (``None``: whoever may save or run), within which groups."""

    handler_id: str
    minimum_role: Role | None
    declared: Role | None
    groups: frozenset[int] | None

    @classmethod
    def of(cls, handler_id: str, said: store.Said) -> Access:
        """Return what is in force: what an admin has said, else the strictest that any version of the code demands."""
        declared = Role.highest(Role(role) for role in said.declared)
        role = declared if said.minimum_role is None else Role(said.minimum_role)
        return cls(handler_id, role, declared, said.groups)

    def permits(self, actor: Actor, group: int | None) -> bool:
        """Return whether an actor has the role in a group; without one, on the server itself."""
        return actor.may(Permission.OPERATE, group) and (
            self.minimum_role is None or actor.may(self.minimum_role.permission, group)
        )

    def usable_by(self, actor: Actor) -> bool:
        """Return whether there is any place in which an actor may use the handler."""
        places: Iterable[int | None] = self.groups if self.groups is not None else (None, *(actor.in_groups or ()))
        return any(self.permits(actor, place) for place in places)


def of(tx: Transaction, handler_id: str) -> Access:
    """Return who may use a handler."""
    return Access.of(handler_id, store.of(tx, handler_id).get(handler_id, _OPEN))


def check(tx: Transaction, actor: Actor, handler_id: str, group: int | None, *, saving: bool = False) -> None:
    """Raise unless an actor may use a handler for what belongs to ``group``.

    :class:`Forbidden` for who has too low a role there. For a group that the handler is not for, :class:`InvalidInput`
    where a schedule is saved, because another group would do; else :class:`Forbidden`.
    """
    access = tx.once("access", handler_id, lambda: of(tx, handler_id))
    if access.groups is not None and group not in access.groups:
        where = "that belongs to no group" if group is None else "of this group"
        named = _named(tx, actor, access.groups)
        message = f"The handler {handler_id} is limited to {named}, and not for a schedule {where}."
        if saving:
            raise InvalidInput(f"group: {message}", errors=[FieldError("group", message)])
        raise Forbidden(message, hint="An admin says so on the handler's page.")
    if not access.permits(actor, group):
        raise _too_low(access, actor)


def place(tx: Transaction, actor: Actor, handler_id: str) -> int | None:
    """Return the group that a run of a handler without a schedule belongs to. Raises :class:`Forbidden`."""
    access = of(tx, handler_id)
    if access.groups is None:
        group = home_of(actor, Permission.OPERATE)
        if not access.permits(actor, group):
            raise _too_low(access, actor)
        return group
    mine = [group for group in sorted(access.groups) if access.permits(actor, group)]
    if len(mine) != 1:
        named = _named(tx, actor, access.groups)
        raise Forbidden(
            f"The handler {handler_id} is limited to {named}.",
            hint="Run it by a schedule of one of them." if mine else "An admin says so on the handler's page.",
        )
    return mine[0]


def _too_low(access: Access, actor: Actor) -> Forbidden:
    return Forbidden(
        f"The handler {access.handler_id} needs the role {access.minimum_role}; {actor.name} does not have it there.",
        hint="An admin can say another role on the handler's page.",
    )


def _named(tx: Transaction, actor: Actor, groups: frozenset[int]) -> str:
    seen = [row.id for row in users.groups(tx, groups) if actor.scope.covers(row.key)] if groups else []
    if not seen:
        return "groups that you are not in" if groups else "no group any more"
    return f"the group{'s' if len(seen) > 1 else ''} {', '.join(seen)}"


def present(tx: Transaction, actor: Actor, handler_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return for each of these handlers who may use it, as the API says it to an actor."""
    ids = list(handler_ids)
    said = store.of(tx, ids[0] if len(ids) == 1 else None)
    accesses = {id: Access.of(id, said.get(id, _OPEN)) for id in ids}
    keys = frozenset(key for one in accesses.values() for key in one.groups or ())
    names = {row.key: row.id for row in users.groups(tx, keys) if actor.scope.covers(row.key)} if keys else {}
    return {
        id: {
            "minimum_role": access.minimum_role,
            "declared_role": access.declared,
            "groups": None if access.groups is None else sorted(names[key] for key in access.groups if key in names),
            "usable": access.usable_by(actor),
        }
        for id, access in accesses.items()
    }


def change(
    database: Database, actor: Actor, handler_id: str, *, minimum_role: Role | None, groups: list[str] | None
) -> None:
    """Say who may use a handler, in place of what was said before: ``None`` is what its code says, and no limit.

    Raises :class:`NotFound` for a handler that nobody ever registered, :class:`InvalidInput` for a group that is not
    there.
    """
    with writing(database, actor, Permission.ADMIN) as tx:
        if not census.handlers(tx, handler_id=handler_id):
            raise NotFound(f"There is no handler {handler_id}.", hint="They are listed by GET /api/v1/handlers.")
        keys = None if groups is None else [_group(tx, id, at) for at, id in enumerate(groups)]
        before = present(tx, actor, [handler_id])[handler_id]
        store.put(tx, handler_id, None if minimum_role is None else minimum_role.value, keys)
        after = present(tx, actor, [handler_id])[handler_id]
        changed = [name for name in ("minimum_role", "groups") if before[name] != after[name]]
        if changed:
            detail = {
                "before": {name: before[name] for name in changed},
                "after": {name: after[name] for name in changed},
            }
            audit.record(tx, actor, "handler.access", "handler", handler_id, detail=detail)


def _group(tx: Transaction, id: str, at: int) -> int:
    row = users.group(tx, id)
    if row is None:
        message = f"There is no group {id}."
        raise InvalidInput(f"groups: {message}", errors=[FieldError(f"groups.{at}", message)])
    return int(row.key)
