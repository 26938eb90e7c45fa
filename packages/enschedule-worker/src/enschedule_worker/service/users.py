"""Accounts: the first one, the others, one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import SYSTEM, Actor, ActorKind, Permission, Role
from enschedule_core.clock import format_instant
from enschedule_core.errors import Conflict, FieldError, InvalidInput, NotFound, Unauthenticated
from enschedule_worker.service import passwords, sessions
from enschedule_worker.service.access import reading, writing
from enschedule_worker.store import attempts, audit, identities, keys, people
from enschedule_worker.store import users as store
from enschedule_worker.store.database import Database, Transaction


class Accounts:
    """Whether there is an account; asked of the database until there is one, which cannot be undone."""

    def __init__(self) -> None:
        self._known = False

    def exist(self, database: Database) -> bool:
        """Return whether anybody has an account."""
        if not self._known:
            with database.glance() as tx:  # between two changes, mostly
                self._known = tx.seen("accounts", None, lambda: store.any_user(tx))
        return self._known


# ---------------------------------------------------------------- the first one


def ensure_admin(database: Database, name: str, password: str) -> bool:
    """Make the admin that ``ADMIN_ACCOUNT`` names unless there is an account of that name; say whether it was made."""
    name = name.lower()
    with database.read() as tx:
        if store.find(tx, name) is not None:
            return False
    stored = passwords.hashed(password)
    with database.write() as tx:
        if store.find(tx, name) is not None:
            return False
        enter(tx, SYSTEM, name, Role.ADMIN, stored)
    return True


def set_up(
    database: Database, token: str, name: str, password: str, *, address: str | None, agent: str | None
) -> dict[str, Any]:
    """Make the first account, an admin, for who has the link that the start printed, and open its session.

    Raises :class:`Conflict` once there is an account, :class:`Unauthenticated` for a link that is used or too old.
    """
    passwords.check(password, name)
    stored = passwords.hashed(password)
    actor = Actor(ActorKind.LOCAL, "set-up link", address=address)
    with database.write() as tx:
        if store.any_user(tx):
            raise Conflict("There is an account already.", hint="Log in with it; an admin makes the others.")
        if not sessions.use_setup(tx, token):
            raise Unauthenticated(
                "This set-up link was used, or is older than an hour.", hint="Each start prints a new one."
            )
        key = enter(tx, actor, name, Role.ADMIN, stored)
        return sessions.begin(tx, name, key, address=address, agent=agent)


def enter(tx: Transaction, actor: Actor, name: str, role: Role, stored: str) -> int:
    """Make an account in a transaction and return its key; ``stored`` is empty for one without a password."""
    if not store.any_user(tx):
        people.delete_sessions_of(tx, None)  # those that a key or link opened: from now on people have names
    values = {
        "name": name,
        "role": role.value,
        "password_hash": stored,
        "disabled": False,
        "created_at": tx.now,
        "created_by": actor.name,
        "password_at": tx.now,
    }
    key = store.add(tx, values)
    audit.record(tx, actor, "user.create", "user", name, detail={"role": role.value})
    return key


# ---------------------------------------------------------------- by an admin


def listing(
    database: Database, actor: Actor, *, limit: int = 50, after: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of accounts by name, and the name after which the next begins."""
    with _administering(database, actor) as tx:
        rows = store.page(tx, limit=limit + 1, after=after)
        held, issuers = _groups_of(tx), identities.issuers(tx, [row.key for row in rows])
    shown = [_present(row, held, issuers) for row in rows[:limit]]
    return shown, shown[-1]["name"] if len(rows) > limit else None


def _administering(database: Database, actor: Actor) -> Any:
    actor.require(Permission.ADMIN)
    return reading(database, actor, Permission.ADMIN)


def get(database: Database, actor: Actor, name: str) -> dict[str, Any]:
    """Return one account. Raises :class:`NotFound`."""
    with _administering(database, actor) as tx:
        return present(tx, _existing(tx, name))


def _existing(tx: Transaction, name: str, *, lock: bool = False) -> Row[Any]:
    row = store.find(tx, name.lower(), lock=lock)
    if row is None:
        raise NotFound(f"There is no user {name}.", hint="They are listed by GET /api/v1/users.")
    return row


def present(tx: Transaction, row: Row[Any]) -> dict[str, Any]:
    """Return an account as it goes over the wire."""
    return _present(row, _groups_of(tx), identities.issuers(tx, [row.key]))


def _groups_of(tx: Transaction) -> dict[str, dict[str, str]]:
    """Return the role of everybody in each of their groups: ``{name: {group: role}}``."""
    ids = {group.key: group.id for group in store.groups(tx)}
    found: dict[str, dict[str, str]] = {}
    for member in store.members(tx):
        found.setdefault(member.name, {})[ids[member.group_key]] = member.role
    return found


def _present(row: Row[Any], held: Mapping[str, dict[str, str]], issuers: Mapping[int, str]) -> dict[str, Any]:
    return {
        "name": row.name,
        "role": row.role,
        "disabled": bool(row.disabled),
        "groups": held.get(row.name, {}),
        "issuer": issuers.get(row.key),
        "created_at": format_instant(row.created_at),
        "created_by": row.created_by,
        "password_at": format_instant(row.password_at) if row.password_hash else None,
        "login_at": format_instant(row.login_at),
    }


def create(database: Database, actor: Actor, *, name: str, password: str, role: Role) -> dict[str, Any]:
    """Make an account. The first one must be an admin. Raises :class:`Conflict` if the name is taken."""
    passwords.check(password, name)
    actor.require(Permission.ADMIN)  # before the work of hashing
    stored = passwords.hashed(password)
    with writing(database, actor, Permission.ADMIN) as tx:
        if role is not Role.ADMIN and not store.any_user(tx):
            message = "The first account must be an admin: from then on nobody gets in without one."
            raise InvalidInput(f"role: {message}", errors=[FieldError("role", message)])
        if store.find(tx, name) is not None:
            message = f"There is a user {name} already."
            raise Conflict(message, errors=[FieldError("name", message)])
        enter(tx, actor, name, role, stored)
        return present(tx, _existing(tx, name))


def change(database: Database, actor: Actor, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Give an account another role or password, or close or open it again.

    A new password, and closing, end all its sessions; closing stops its keys. Raises :class:`Conflict` where no admin
    who can log in would be left.
    """
    actor.require(Permission.ADMIN)
    password = patch.get("password")
    if password is not None:
        passwords.check(password, name)
    stored = None if password is None else passwords.hashed(password)
    with writing(database, actor, Permission.ADMIN) as tx:
        row = _existing(tx, name, lock=True)
        wanted = {field: patch[field] for field in ("role", "disabled") if field in patch}
        values = {field: value for field, value in wanted.items() if getattr(row, field) != value}
        if values.get("disabled") or (row.role == Role.ADMIN and "role" in values):
            _keep_an_admin(tx, row)
        detail: dict[str, Any] = {
            "before": {field: _plain(getattr(row, field)) for field in values},
            "after": dict(values),
        }
        if stored is not None:
            values |= {"password_hash": stored, "password_at": tx.now}
            detail["changed"] = ["password"]
        if values:
            store.change(tx, row.key, values)
            audit.record(tx, actor, "user.update", "user", row.name, detail=detail)
        if stored is not None or values.get("disabled"):
            people.delete_sessions_of(tx, row.key)
        if stored is not None:
            attempts.forget(tx, sessions.account_digest(row.name))
        return present(tx, _existing(tx, name))


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else bool(value)


def remove(database: Database, actor: Actor, name: str) -> None:
    """Delete an account, its sessions and memberships; its keys are revoked. What it did stays in the audit."""
    with writing(database, actor, Permission.ADMIN) as tx:
        row = _existing(tx, name, lock=True)
        _keep_an_admin(tx, row)
        people.delete_sessions_of(tx, row.key)
        keys.revoke_of(tx, row.key)
        identities.remove_of(tx, row.key)
        store.remove(tx, row.key)
        audit.record(tx, actor, "user.delete", "user", row.name, detail={"before": {"role": row.role}})


def _keep_an_admin(tx: Transaction, row: Row[Any]) -> None:
    if row.role == Role.ADMIN and not row.disabled and store.other_admins(tx, row.key) == 0:
        raise Conflict(f"{row.name} is the last admin.", hint="Make somebody else an admin first.")


# ---------------------------------------------------------------- one's own


def own(database: Database, actor: Actor) -> dict[str, Any] | None:
    """Return the actor's account and its wishes about the pages; ``None`` for who has none."""
    if actor.user is None:
        return None
    with reading(database, actor) as tx:
        row = store.by_key(tx, actor.user)
        return None if row is None else _own(tx, row)


def _own(tx: Transaction, row: Row[Any]) -> dict[str, Any]:
    return {**present(tx, row), "theme": row.theme, "timezone": row.timezone}


def change_own(database: Database, actor: Actor, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Change the actor's own password, theme or time zone. A new password ends the account's other sessions.

    Raises :class:`InvalidInput` where ``current_password`` is not the present one, :class:`NotFound` for who has no
    account.
    """
    if actor.user is None or actor.kind is not ActorKind.SESSION:
        raise NotFound("This request has no account: it shows a key, or none.")
    password = patch.get("password")
    stored = None if password is None else _own_new_password(database, actor, patch, password)
    with writing(database, actor, Permission.READ) as tx:
        values = {field: patch[field] for field in ("theme", "timezone") if field in patch}
        if stored is not None:
            values |= {"password_hash": stored, "password_at": tx.now}
            ended = people.delete_sessions_of(tx, actor.user, but=actor.session)
            detail = {"changed": ["password"], "sessions_ended": ended}
            audit.record(tx, actor, "user.update", "user", actor.name, detail=detail)
        if values:
            store.change(tx, actor.user, values)
        row = store.by_key(tx, actor.user)
        assert row is not None
        return _own(tx, row)


def _own_new_password(database: Database, actor: Actor, patch: Mapping[str, Any], password: str) -> str:
    passwords.check(password, actor.name)
    assert actor.user is not None
    with database.read() as tx:
        row = store.by_key(tx, actor.user)
    # Whoever finds an open browser could guess here as at the log-in: the same limits hold.
    attempt = sessions.count_try(database, actor.address, actor.name)
    if row is None or not passwords.matches(row.password_hash, patch.get("current_password") or ""):
        message = "This is not your present password."
        raise InvalidInput(f"current_password: {message}", errors=[FieldError("current_password", message)])
    sessions.forgive(database, attempt, actor.name)
    return passwords.hashed(password)


# ---------------------------------------------------------------- straight on the database


def reset_password(database: Database, name: str, password: str) -> None:
    """Give an account a new password, for who is locked out; opens a closed one again. Raises :class:`NotFound`."""
    passwords.check(password, name)
    stored = passwords.hashed(password)
    with database.write() as tx:
        row = _existing(tx, name, lock=True)
        store.change(tx, row.key, {"password_hash": stored, "password_at": tx.now, "disabled": False})
        people.delete_sessions_of(tx, row.key)
        attempts.forget(tx, sessions.account_digest(row.name))
        audit.record(tx, COMMAND, "user.update", "user", row.name, detail={"changed": ["password"]})


COMMAND = Actor(ActorKind.SYSTEM, "command line")
"""Who works straight on the database, at its machine."""
