"""People for the tests: accounts, groups, keys, and the API as each of them sees it."""

from __future__ import annotations

from typing import Any

from enschedule_core.actor import Role
from enschedule_worker.service import sessions

PASSWORD = "several words are good"
ROOT = {"X-API-Key": "correct-horse-battery"}


class People:
    """Everybody there is, made through the API; ``as_`` gives the headers of one of them."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.headers: dict[str, dict[str, str]] = {"service": ROOT, "nobody": {}}
        self.add("root", Role.ADMIN)
        for role in Role:
            self.add(role.value, role)

    def add(self, name: str, role: Role = Role.VIEWER, **groups: Role) -> dict[str, str]:
        """Make an account, put it into groups, and log it in."""
        self.api.ok("POST", "users", {"name": name, "password": PASSWORD, "role": role.value}, headers=ROOT)
        for group, held in groups.items():
            self.api.ok("PUT", f"groups/{group}/members/{name}", {"role": held.value}, headers=ROOT)
        self.headers[name] = self.log_in(name)
        return self.headers[name]

    def log_in(self, name: str, password: str = PASSWORD) -> dict[str, str]:
        """Return the headers of a new session."""
        opened = self.api.ok("POST", "sessions", {"name": name, "password": password}, status=201)
        return {"Authorization": f"Bearer {opened['token']}"}

    def key(self, role: Role = Role.VIEWER, by: str = "service", **more: Any) -> dict[str, Any]:
        """Make a key and return what the API said of it."""
        body = {"name": "a key", "role": role.value, **more}
        made: dict[str, Any] = self.api.ok("POST", "api-keys", body, headers=self.headers[by], status=201)
        self.headers[made["id"]] = {"X-API-Key": made["token"]}
        return made


def setup_token(database: Any) -> str:
    """Return the token of a set-up link."""
    token = sessions.new_setup_token(database)
    assert token is not None
    return token
