"""Who asks, what they may do, and what they may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from enschedule_core.errors import Forbidden


class Permission(StrEnum):
    """What a route or an operation needs; every route names one."""

    READ = "read"
    OPERATE = "operate"
    EDIT = "edit"
    ADMIN = "admin"


class Role(StrEnum):
    """What somebody is to this server, or within a group; each role may do what the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def permissions(self) -> frozenset[Permission]:
        """What this role may do."""
        return frozenset(list(Permission)[: list(Role).index(self) + 1])

    @property
    def permission(self) -> Permission:
        """The permission that this role has and the one before it has not."""
        return list(Permission)[list(Role).index(self)]

    @classmethod
    def highest(cls, roles: Iterable[Role]) -> Role | None:
        """Return the role that may do the most, ``None`` of none."""
        return max(roles, key=list(cls).index, default=None)


class ActorKind(StrEnum):
    """How somebody proved who they are."""

    LOCAL = "local"  # a keyless request over loopback, while there are no accounts
    SERVICE = "service"  # the shared API_KEY
    SESSION = "session"  # a browser session
    KEY = "key"  # an API key of the database
    SYSTEM = "system"  # the engine itself, or a command straight on the database


@dataclass(frozen=True, slots=True)
class Scope:
    """What an actor sees: ``groups is None`` means everything, else only rows of these groups.

    ``ungrouped`` says whether rows that belong to no group are seen besides.
    """

    groups: frozenset[int] | None = None
    ungrouped: bool = False

    def covers(self, group: int | None) -> bool:
        """Return whether a row that belongs to ``group`` is seen."""
        if self.groups is None:
            return True
        return self.ungrouped if group is None else group in self.groups


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. ``name`` is what history and pages show.

    ``permissions`` hold for the server itself and for what belongs to no group; ``in_groups`` are those within each
    group, by its key. ``in_groups is None`` means the same permissions in every group.
    """

    kind: ActorKind
    name: str
    permissions: frozenset[Permission] = field(default_factory=lambda: frozenset(Permission))
    scope: Scope = Scope()
    address: str | None = None
    session: str | None = None  # of a session: the hash of its token, so that a change can check that it still holds
    in_groups: Mapping[int, frozenset[Permission]] | None = None
    user: int | None = None  # the key of the account behind a session or an API key
    key: int | None = None  # of an API key: its row, so that a change can check that it still holds
    via: str | None = None  # which session or key, as the audit names it; never enough to use it

    def may(self, permission: Permission, group: int | None = None) -> bool:
        """Return whether this actor has ``permission`` in a group; without one, on the server itself."""
        if group is None or self.in_groups is None:
            return permission in self.permissions
        return permission in self.in_groups.get(group, frozenset())

    def may_somewhere(self, permission: Permission) -> bool:
        """Return whether this actor has ``permission`` on the server or in any group."""
        return permission in self.permissions or any(permission in held for held in (self.in_groups or {}).values())

    def require(self, permission: Permission, group: int | None = None) -> None:
        """Raise :class:`Forbidden` unless this actor has ``permission`` there."""
        if not self.may(permission, group):
            raise self._refusal(permission)

    def require_somewhere(self, permission: Permission) -> None:
        """Raise :class:`Forbidden` unless this actor has ``permission`` on the server or in any group."""
        if not self.may_somewhere(permission):
            raise self._refusal(permission)

    def _refusal(self, permission: Permission) -> Forbidden:
        return Forbidden(f"{self.name} may not do this: it needs the permission {permission}.")


SYSTEM = Actor(ActorKind.SYSTEM, "enschedule")
