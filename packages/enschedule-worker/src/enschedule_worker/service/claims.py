"""What a provider of single sign-on says of somebody, and what that makes of them here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enschedule_core.actor import Role

_NAME_MAX = 90  # room for a number behind it, see sign_on
_NOT_IN_NAMES = re.compile(r"[^a-z0-9._@+-]+")


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """Which claims say what somebody may do.

    ``role_map`` is from a value of the claim ``role_claim`` to a role; of several the highest counts, and who has none
    of them gets ``default_role``, or with ``None`` is not let in. ``group_map`` is from a value of ``group_claim`` to
    groups and the role in each.
    """

    role_claim: str | None = None
    role_map: Mapping[str, Role] = field(default_factory=dict)
    default_role: Role | None = None
    group_claim: str | None = None
    group_map: Mapping[str, tuple[tuple[str, Role], ...]] = field(default_factory=dict)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The claims that are looked at."""
        return tuple(name for name in (self.role_claim, self.group_claim) if name)

    @property
    def groups_named(self) -> frozenset[str]:
        """The groups whose memberships the provider decides; those in others are left alone."""
        return frozenset(group for pairs in self.group_map.values() for group, _ in pairs)

    def role(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the role outside of groups, ``None`` for who is not let in."""
        found = Role.highest(self.role_map[one] for one in _values(claims, self.role_claim) if one in self.role_map)
        return found or self.default_role

    def groups(self, claims: Mapping[str, Any]) -> dict[str, Role]:
        """Return the role in each group that the claims name."""
        found: dict[str, Role] = {}
        for value in _values(claims, self.group_claim):
            for group, role in self.group_map.get(value, ()):
                found[group] = Role.highest([role, found.get(group, role)]) or role
        return found


def has(claims: Mapping[str, Any], name: str) -> bool:
    """Return whether a claim is there, whatever it says."""
    return _find(claims, name) is not None


def _values(claims: Mapping[str, Any], name: str | None) -> list[str]:
    """Return the texts of a claim: of a list each, of a text the words between spaces and commas."""
    found = None if name is None else _find(claims, name)
    if isinstance(found, str):
        # Scopes are words between spaces; a value with a space in it is meant as a whole as well.
        return [found, *re.split(r"[\s,]+", found)]
    if isinstance(found, list):
        return [one for one in found if isinstance(one, str)]
    return [str(found).lower()] if isinstance(found, bool) else []


def _find(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its name, or by the way to it: ``realm_access.roles``."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def account_name(claims: Mapping[str, Any]) -> str:
    """Return what a new account is called: by its user name there, else its address, else its subject."""
    for name in ("preferred_username", "email", "name", "sub"):
        value = claims.get(name)
        if isinstance(value, str):
            text = _NOT_IN_NAMES.sub("-", value.strip().lower()).lstrip("._@+-").rstrip("-")[:_NAME_MAX]
            if text:
                return text
    return "somebody"
