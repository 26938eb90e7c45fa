"""Who asks, what they may do, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from enschedule_core.errors import Forbidden


class Permission(StrEnum):
    """What a route or an operation needs; every route names one."""

    READ = "read"
    OPERATE = "operate"
    EDIT = "edit"
    ADMIN = "admin"


class ActorKind(StrEnum):
    """How somebody proved who they are."""

    LOCAL = "local"  # a keyless request over loopback
    SERVICE = "service"  # the shared API_KEY
    SESSION = "session"  # a browser session
    SYSTEM = "system"  # the engine itself


@dataclass(frozen=True, slots=True)
class Scope:
    """What an actor sees: ``groups is None`` means everything, else only rows of these groups."""

    groups: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. ``name`` is what history and pages show."""

    kind: ActorKind
    name: str
    permissions: frozenset[Permission] = field(default_factory=lambda: frozenset(Permission))
    scope: Scope = Scope()
    address: str | None = None
    session: str | None = None  # of a session: the hash of its token, so that a change can check that it still holds

    def require(self, permission: Permission) -> None:
        """Raise :class:`Forbidden` unless this actor has ``permission``."""
        if permission not in self.permissions:
            raise Forbidden(f"{self.name} may not do this: it needs the permission {permission}.")


SYSTEM = Actor(ActorKind.SYSTEM, "enschedule")
