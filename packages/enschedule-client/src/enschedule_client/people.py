"""The routes of sessions, accounts, groups, API keys and the audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from enschedule_client.call import Call, Repeat, instant, segment
from enschedule_client.resources import Resource
from enschedule_core.wire.types import (
    ApiKey,
    AuditEntry,
    Group,
    NewApiKey,
    NewSession,
    OwnUser,
    Page,
    Session,
    SignOnBegun,
    User,
    WaysIn,
)


class _Changing(Resource):
    """Routes that change what is there."""

    def _patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._caller.json(Call("PATCH", path, body=body, repeat=Repeat.ALWAYS))

    def _put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._caller.json(Call("PUT", path, body=body, repeat=Repeat.ALWAYS))


class Sessions(_Changing):
    """``/sessions`` and ``/me``: logging in and out, one's own account."""

    def create(self, key: str) -> NewSession:
        """Return a session's token for the API key, or for the one-time key of a link.

        Raises :class:`~enschedule_core.errors.Unauthenticated` for any other key.
        """
        return cast("NewSession", self._post("sessions", {"key": key}))

    def log_in(self, name: str, password: str) -> NewSession:
        """Return a session's token for an account.

        Raises :class:`~enschedule_core.errors.Unauthenticated`, and :class:`~enschedule_core.errors.RateLimited`
        after too many tries.
        """
        return cast("NewSession", self._post("sessions", {"name": name, "password": password}))

    def ways_in(self) -> WaysIn:
        """Return how one gets in here: with a password, at a provider; and whether anybody has an account."""
        return cast("WaysIn", self._get("sign-on"))

    def begin_sign_on(self, redirect_uri: str) -> SignOnBegun:
        """Begin a log-in at the provider: send the browser to ``url``, and keep ``ticket`` in it.

        The provider sends it back to ``redirect_uri``. Raises :class:`~enschedule_core.errors.NotFound` where there
        is no single sign-on, :class:`~enschedule_core.errors.Unavailable` if the provider does not answer.
        """
        return cast("SignOnBegun", self._post("sign-on", {"redirect_uri": redirect_uri}))

    def finish_sign_on(self, ticket: str, state: str, *, code: str | None = None, error: str = "") -> NewSession:
        """Return a session's token for who came back from the provider with ``code``, or with an ``error``.

        Raises :class:`~enschedule_core.errors.Unauthenticated` where that does not hold,
        :class:`~enschedule_core.errors.Forbidden` for who has no role here.
        """
        said = {"code": code} if code else {"error": error or "unknown"}
        return cast("NewSession", self._post("sessions", {"ticket": ticket, "state": state, **said}))

    def set_up(self, token: str, name: str, password: str) -> NewSession:
        """Make the first account, an admin, with the token of the set-up link, and return its session's token."""
        return cast("NewSession", self._post("setup", {"token": token, "name": name, "password": password}))

    def list(self) -> Page[Session]:
        """Return one's own sessions, newest first."""
        return cast("Page[Session]", self._get("sessions"))

    def delete(self, id: str) -> None:
        """End one of one's own sessions."""
        self._delete(f"sessions/{segment(id)}")

    def delete_current(self) -> None:
        """End the session whose token this client carries."""
        self._delete("sessions/current")

    def delete_all(self) -> None:
        """Sign out everywhere: end all of one's own sessions."""
        self._delete("sessions")

    def change_own(self, **fields: str | None) -> OwnUser:
        """Change one's own ``theme``, ``timezone``, or ``password`` (with ``current_password``)."""
        return cast("OwnUser", self._patch("me", fields))


class Users(_Changing):
    """``/users``: accounts, for admins."""

    def list(self, *, limit: int | None = None, cursor: str | None = None) -> Page[User]:
        """Return a page of accounts, by name."""
        return cast("Page[User]", self._get("users", {"limit": limit, "cursor": cursor}))

    def iter(self) -> Iterator[User]:
        """Yield all accounts, by name."""
        return cast("Iterator[User]", self._each("users", {"limit": 200}))

    def get(self, name: str) -> User:
        """Return one account."""
        return cast("User", self._get(f"users/{segment(name, 'name')}"))

    def create(self, name: str, password: str, role: str = "viewer") -> User:
        """Make an account; the first one must be an admin."""
        return cast("User", self._post("users", {"name": name, "password": password, "role": role}))

    def change(self, name: str, **fields: str | bool) -> User:
        """Change somebody's ``role`` or ``password``, or close their account (``disabled``)."""
        return cast("User", self._patch(f"users/{segment(name, 'name')}", fields))

    def delete(self, name: str) -> None:
        """Delete an account, with its sessions and keys."""
        self._delete(f"users/{segment(name, 'name')}")


class Groups(_Changing):
    """``/groups``: who owns schedules together."""

    def list(self) -> Page[Group]:
        """Return the groups that one sees, with their members."""
        return cast("Page[Group]", self._get("groups"))

    def get(self, id: str) -> Group:
        """Return one group."""
        return cast("Group", self._get(f"groups/{segment(id)}"))

    def create(self, id: str, title: str | None = None) -> Group:
        """Make a group."""
        body = {"id": id} if title is None else {"id": id, "title": title}
        return cast("Group", self._post("groups", body))

    def rename(self, id: str, title: str) -> Group:
        """Give a group another title."""
        return cast("Group", self._patch(f"groups/{segment(id)}", {"title": title}))

    def delete(self, id: str) -> None:
        """Delete a group that owns no schedules."""
        self._delete(f"groups/{segment(id)}")

    def put_member(self, id: str, name: str, role: str) -> Group:
        """Give somebody a role in a group."""
        return cast("Group", self._put(f"groups/{segment(id)}/members/{segment(name, 'name')}", {"role": role}))

    def delete_member(self, id: str, name: str) -> None:
        """End somebody's membership."""
        self._delete(f"groups/{segment(id)}/members/{segment(name, 'name')}")


class ApiKeys(Resource):
    """``/api-keys``: keys for programs."""

    def list(self, *, own: bool = False, limit: int | None = None, cursor: str | None = None) -> Page[ApiKey]:
        """Return a page of keys, newest first: for an admin all, unless ``own``."""
        return cast("Page[ApiKey]", self._get("api-keys", {"own": own, "limit": limit, "cursor": cursor}))

    def create(
        self,
        name: str,
        role: str,
        *,
        group: str | None = None,
        expires_at: datetime | str | None = None,
        own: bool = False,
    ) -> NewApiKey:
        """Make a key; ``token`` of the answer is all of it, shown this once."""
        body = {"name": name, "role": role, "group": group, "expires_at": instant(expires_at, "expires_at"), "own": own}
        return cast("NewApiKey", self._post("api-keys", body))

    def revoke(self, id: str) -> None:
        """End a key, by what it begins with."""
        self._delete(f"api-keys/{segment(id)}")


class AuditLog(Resource):
    """``/audit``: who did what, for admins."""

    def list(self, **filters: object) -> Page[AuditEntry]:
        """Return a page, newest first. Filters: actor, action, kind, id, group, refused, from_, to, limit, cursor."""
        return cast("Page[AuditEntry]", self._get("audit", filters))

    def iter(self, **filters: object) -> Iterator[AuditEntry]:
        """Yield all entries that match, newest first."""
        return cast("Iterator[AuditEntry]", self._each("audit", filters))
