"""What the API says about accounts, groups, API keys and the audit."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

from enschedule_core.wire._shared_types import Instant, JsonObject, Ref

RoleName: TypeAlias = Literal["viewer", "operator", "editor", "admin"]


class User(TypedDict):
    """An account; ``groups`` are its roles in groups, by the group's id.

    ``issuer`` is the provider that it logs in at, ``None`` for one with a password alone; ``password_at`` is ``None``
    for one without a password.
    """

    name: str
    role: RoleName
    disabled: bool
    groups: dict[str, str]
    issuer: str | None
    created_at: Instant
    created_by: str
    password_at: Instant | None
    login_at: Instant | None


class OwnUser(User):
    """One's own account, with what it wishes of the pages; ``None`` leaves it to the browser."""

    theme: str | None
    timezone: str | None


class SingleSignOn(TypedDict):
    """The provider that one can log in at; ``title`` is what its button says.

    ``logout_url`` is where a browser ends its session there too, where that is known.
    """

    title: str
    logout_url: str | None


class WaysIn(TypedDict):
    """How one gets in here: with a password, at a provider (or ``None``); whether anybody has an account yet."""

    password: bool
    single_sign_on: SingleSignOn | None
    accounts: bool


class SignOnBegun(TypedDict):
    """A log-in that was begun at a provider: send the browser to ``url``, and keep ``ticket`` in it."""

    url: str
    ticket: str


class Session(TypedDict):
    """A browser that is logged in; ``current`` is the one that asks."""

    id: str
    current: bool
    created_at: Instant
    seen_at: Instant | None
    expires_at: Instant
    address: str | None
    agent: str | None


class Member(TypedDict):
    """What somebody is in a group."""

    name: str
    role: RoleName


class Group(TypedDict):
    """People who own schedules together."""

    id: str
    title: str
    schedules: int
    members: list[Member]
    created_at: Instant
    created_by: str


class ApiKey(TypedDict):
    """A key of a program. ``id`` is what it begins with; ``owner`` the account that it never exceeds."""

    id: str
    name: str
    role: RoleName
    group: str | None
    owner: str | None
    status: Literal["valid", "expired", "revoked"]
    created_at: Instant
    created_by: str
    expires_at: Instant | None
    revoked_at: Instant | None
    used_at: Instant | None


class NewApiKey(ApiKey):
    """A key that was just made; ``token`` is all of it, shown once."""

    token: str


class Secret(TypedDict):
    """A value that is kept under a name, without the value.

    ``group`` is the one whose schedules may use it, ``None`` means all. ``readable`` says whether the present keys open
    it; ``used_by`` are the schedules whose data or variables refer to it.
    """

    name: str
    group: str | None
    readable: bool
    used_by: list[Ref]
    created_at: Instant
    created_by: str
    updated_at: Instant
    updated_by: str


class Rotation(TypedDict):
    """How many values a request has encrypted anew, and how many no key opens; ``next_cursor`` goes on."""

    done: int
    unreadable: int
    next_cursor: str | None


class AuditActor(TypedDict):
    """Who did it, and by which session or key."""

    kind: str
    name: str
    via: str | None


class AuditObject(TypedDict):
    """What it was done to."""

    kind: str
    id: str


class AuditEntry(TypedDict):
    """Who did what to what, from where; ``refused`` if it was not allowed. No secret is in ``detail``."""

    id: int
    at: Instant
    actor: AuditActor
    address: str | None
    action: str
    object: AuditObject
    group: str | None
    refused: bool
    detail: JsonObject | None
