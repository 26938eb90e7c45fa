"""The settings of how people log in: with a password or not, and at which provider of single sign-on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from enschedule_core.actor import Role
from enschedule_core.errors import ConfigurationError
from enschedule_core.schedule import GROUP_PATTERN
from enschedule_core.settings import Kind, Setting, Values
from enschedule_worker.service import oidc
from enschedule_worker.service.claims import ClaimRules

if TYPE_CHECKING:
    from enschedule_worker.service.sign_on import SignOn

T = TypeVar("T")
_PREFIX = "ENSCHEDULE_OIDC_"
_ROLES = tuple(role.value for role in Role)
_ROLE_MAP, _GROUP_MAP = f"{_PREFIX}ROLE_MAP", f"{_PREFIX}GROUP_MAP"
_ROLE_EXAMPLE, _GROUP_EXAMPLE = "scheduler-admins=admin,staff=viewer", "sre=ops:editor,dev=shop:operator"

SETTINGS = (
    Setting(
        "ENSCHEDULE_PASSWORD_LOGIN",
        Kind.FLAG,
        True,
        "false: nobody logs in with a password; needs single sign-on.",
    ),
    Setting(
        f"{_PREFIX}ISSUER",
        Kind.TEXT,
        None,
        "The provider of single sign-on (OpenID Connect), as it calls itself.",
        example="https://id.example.org/realms/main",
    ),
    Setting(f"{_PREFIX}CLIENT_ID", Kind.TEXT, None, "What the provider knows this server as.", example="enschedule"),
    Setting(f"{_PREFIX}CLIENT_SECRET", Kind.TEXT, None, "The secret of that client, if it has one.", secret=True),
    Setting(
        f"{_PREFIX}SCOPES",
        Kind.LIST,
        ("openid", "profile", "email"),
        "What is asked for at the provider.",
        example="openid,profile,email,groups",
    ),
    Setting(
        f"{_PREFIX}TITLE", Kind.TEXT, None, "What the button says; “Log in with” and the provider's name without it."
    ),
    Setting(f"{_PREFIX}ROLE_CLAIM", Kind.TEXT, None, "The claim that says what somebody may do.", example="groups"),
    Setting(_ROLE_MAP, Kind.TEXT, None, "Values of that claim, and the role of each.", example=_ROLE_EXAMPLE),
    Setting(
        f"{_PREFIX}DEFAULT_ROLE",
        Kind.CHOICE,
        "none",
        "The role of who has none by the claim; none: they are not let in.",
        choices=("none", *_ROLES),
        example="viewer",
    ),
    Setting(
        f"{_PREFIX}GROUP_CLAIM", Kind.TEXT, None, "The claim that says in which groups somebody is.", example="groups"
    ),
    Setting(
        _GROUP_MAP, Kind.TEXT, None, "Values of that claim, and the group and role of each.", example=_GROUP_EXAMPLE
    ),
)


@dataclass(frozen=True, slots=True)
class SignOnSettings:
    """A provider of single sign-on, and what its claims mean here."""

    client: oidc.Client
    rules: ClaimRules = field(default_factory=ClaimRules)
    title: str | None = None

    def open(self, base_url: str | None) -> SignOn:
        """Return what logs people in there. Raises :class:`ConfigurationError` where the library is not installed."""
        oidc.check_installed()
        # A dashboard in front of a worker elsewhere reads these settings too, and has no database.
        from enschedule_worker.service.sign_on import SignOn  # noqa: PLC0415

        return SignOn(self.client, self.rules, title=self.title or self._name(), base_url=base_url)

    def _name(self) -> str:
        host = re.sub(r"^https?://|[:/].*$", "", self.client.issuer)
        return f"Log in with {host}"


def read(values: Values) -> SignOnSettings | None:
    """Return the provider that the settings name, if any. Raises :class:`ConfigurationError`."""
    issuer = values.text(f"{_PREFIX}ISSUER")
    if issuer is None:
        _check_nothing_else(values)
        return None
    if not oidc.is_safe(issuer) or not re.fullmatch(r"[!-~]{1,500}", issuer):
        raise _wrong("ISSUER", f"{issuer[:200]!r} is not an https address.", "https://id.example.org/realms/main")
    client_id = values.text(f"{_PREFIX}CLIENT_ID")
    if client_id is None:
        raise _wrong("CLIENT_ID", "is missing; the provider gives it.", "enschedule")
    scopes = values.items(f"{_PREFIX}SCOPES")
    if "openid" not in scopes:
        raise _wrong("SCOPES", "openid is missing.", "openid,profile,email")
    client = oidc.Client(issuer, client_id, values.text(f"{_PREFIX}CLIENT_SECRET"), scopes)
    return SignOnSettings(client, _rules(values), values.text(f"{_PREFIX}TITLE"))


def _check_nothing_else(values: Values) -> None:
    if not values.flag("ENSCHEDULE_PASSWORD_LOGIN"):
        raise ConfigurationError(
            "ENSCHEDULE_PASSWORD_LOGIN: false, and there is no single sign-on: nobody could log in.",
            hint=f"For example {_PREFIX}ISSUER=https://id.example.org/realms/main",
        )
    given = sorted(name for name in values.given if name.startswith(_PREFIX))
    if given:
        raise _wrong("ISSUER", f"is missing, and {given[0]} is set.", "https://id.example.org/realms/main")


def _rules(values: Values) -> ClaimRules:
    role_claim, group_claim = values.text(f"{_PREFIX}ROLE_CLAIM"), values.text(f"{_PREFIX}GROUP_CLAIM")
    default = values.text(f"{_PREFIX}DEFAULT_ROLE") or "none"
    role_map = dict(_pairs(values, _ROLE_MAP, _ROLE_EXAMPLE, _role))
    group_map: dict[str, tuple[tuple[str, Role], ...]] = {}
    for value, pair in _pairs(values, _GROUP_MAP, _GROUP_EXAMPLE, _group):
        group_map[value] = (*group_map.get(value, ()), pair)
    for claim, mapped, name, example in (
        (role_claim, role_map, "ROLE", _ROLE_EXAMPLE),
        (group_claim, group_map, "GROUP", _GROUP_EXAMPLE),
    ):
        if claim and not mapped:
            raise _wrong(f"{name}_MAP", f"is missing, and {_PREFIX}{name}_CLAIM is set.", example)
        if mapped and not claim:
            raise _wrong(f"{name}_CLAIM", f"is missing, and {_PREFIX}{name}_MAP is set.", "groups")
    if default == "none" and not role_map:
        raise _wrong("DEFAULT_ROLE", f"none, and there is no {_ROLE_MAP}: nobody could log in.", "viewer")
    return ClaimRules(role_claim, role_map, None if default == "none" else Role(default), group_claim, group_map)


def _pairs(values: Values, name: str, example: str, read_one: Callable[[str], T | None]) -> Iterable[tuple[str, T]]:
    """Yield the pairs of a map: apart by commas, or by semicolons where the values have commas in them."""
    text = values.text(name) or ""
    for part in (one.strip() for one in text.split(";" if ";" in text else ",")):
        if not part:
            continue
        value, _, meant = part.rpartition("=")
        found = read_one(meant.strip())
        if not value.strip() or found is None:
            raise ConfigurationError(f"{name}: {part[:100]!r} cannot be read.", hint=f"For example {name}={example}")
        yield value.strip(), found


def _role(text: str) -> Role | None:
    return Role(text) if text in _ROLES else None


def _group(text: str) -> tuple[str, Role] | None:
    group, _, role = text.partition(":")
    if re.fullmatch(GROUP_PATTERN, group) is None or (role or "viewer") not in _ROLES:
        return None
    return group, Role(role or "viewer")


def _wrong(name: str, what: str, example: str) -> ConfigurationError:
    return ConfigurationError(f"{_PREFIX}{name}: {what}", hint=f"For example {_PREFIX}{name}={example}")
