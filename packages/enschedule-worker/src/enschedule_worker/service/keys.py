"""API keys for programs: made, shown once, used, revoked."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, ActorKind, Permission, Role, Scope
from enschedule_core.clock import format_instant, to_micros
from enschedule_core.errors import FieldError, Forbidden, InvalidInput, NotFound, Unauthenticated
from enschedule_worker.service.access import changing, reading
from enschedule_worker.store import audit, state, users
from enschedule_worker.store import keys as store
from enschedule_worker.store.database import Database, Transaction

BEGINNING = "ensk_"
_FORM = re.compile(r"(ensk_(?:viewer|operator|editor|admin)_[A-Za-z0-9_-]{8})[A-Za-z0-9_-]{35}[0-9a-f]{8}")
_SECRET = "secret:api-keys"  # noqa: S105 - the name under which the secret is kept
_MICROS = 1_000_000


def new_key(role: Role) -> str:
    """Return a key: what it is and may do, 32 random bytes, and a checksum that finds typing errors."""
    body = f"{BEGINNING}{role}_{secrets.token_urlsafe(32)}"
    return f"{body}{_checksum(body)}"


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _prefix(key: str) -> str | None:
    """Return what a key is stored under; ``None`` for what is no whole key."""
    found = _FORM.fullmatch(key)
    return found[1] if found is not None and key[-8:] == _checksum(key[:-8]) else None


def _digest(secret: str, key: str) -> str:
    return hmac.new(secret.encode(), key.encode(), hashlib.sha256).hexdigest()


def authenticate(database: Database, key: str, *, address: str | None = None) -> Actor:
    """Return who shows ``key``. Raises :class:`Unauthenticated` for one that is unknown, over or revoked."""
    prefix = _prefix(key)
    if prefix is None:
        raise Unauthenticated("This is not a whole API key.", hint="Copy it again, from its beginning to its end.")
    with database.read() as tx:
        row, secret = store.find(tx, prefix), state.get(tx, _SECRET)
        if row is None or secret is None or not hmac.compare_digest(row.digest, _digest(secret, key)):
            raise Unauthenticated(
                "This API key is not known.", hint="Keys are listed on the page Admin, and in Profile."
            )
        roles = {} if row.user_key is None else users.roles_in_groups(tx, row.user_key)
        now = tx.now
    _check_valid(row, now)
    if row.used_at is None or row.used_at < now - store.TOUCH_SECONDS * _MICROS:
        with database.write() as tx:
            store.touch(tx, row.key)
    return _actor(row, roles, address)


def _check_valid(row: Row[Any], now: int) -> None:
    if row.revoked_at is not None:
        raise Unauthenticated(f"The API key {row.name} was revoked.", hint="Ask for a new one.")
    if row.expires_at is not None and row.expires_at <= now:
        raise Unauthenticated(
            f"The API key {row.name} expired at {format_instant(row.expires_at)}.", hint="Ask for a new one."
        )
    if row.user_key is not None and (row.owner is None or row.owner_disabled):
        raise Unauthenticated(
            f"The account that the API key {row.name} belongs to is closed.", hint="Ask for a new one."
        )


def _actor(row: Row[Any], roles: dict[int, str], address: str | None) -> Actor:
    """Return who a key stands for: never more than its role, and never more than its owner may at this moment."""
    role = Role(row.role).permissions
    owner = None if row.user_key is None else Role(row.owner_role)
    outside = role if owner is None else role & owner.permissions
    everywhere = owner in (None, Role.ADMIN)
    in_groups = None if everywhere else {group: role & Role(held).permissions for group, held in roles.items()}
    scope = Scope() if in_groups is None else Scope(frozenset(in_groups), ungrouped=True)
    if row.group_key is not None:
        held = outside if in_groups is None else in_groups.get(row.group_key, frozenset())
        in_groups, scope = {row.group_key: held}, Scope(frozenset({row.group_key} if held else ()))
        outside = frozenset({Permission.READ})  # what everybody sees of the server itself: handlers, workers
    return Actor(
        ActorKind.KEY,
        row.name,
        outside,
        scope,
        address=address,
        in_groups=in_groups,
        user=row.user_key,
        key=row.key,
        via=f"key {row.prefix}",
    )


def create(
    database: Database,
    actor: Actor,
    *,
    name: str,
    role: Role,
    group: str | None = None,
    expires_at: datetime | None = None,
    own: bool = False,
) -> dict[str, Any]:
    """Make a key; ``token`` of the answer is shown this once.

    With ``own`` it belongs to the actor's account, and may never do more than that; without, the actor must be an
    admin. Raises :class:`Forbidden`, and :class:`InvalidInput` naming the field.
    """
    with changing(database, actor, Permission.READ) as tx:
        return add(tx, actor, name=name, role=role, group=group, expires_at=expires_at, own=own)


def add(
    tx: Transaction,
    actor: Actor,
    *,
    name: str,
    role: Role,
    group: str | None = None,
    expires_at: datetime | None = None,
    own: bool = False,
) -> dict[str, Any]:
    """Make a key in a transaction that writes; see :func:`create`."""
    group_key = None if group is None else _group(tx, actor, group)
    if own and actor.user is None:
        raise _wrong("own", "You have no account; leave it out.")
    if not own:
        actor.require(Permission.ADMIN)
    _check_not_above(actor, role, group_key)
    if expires_at is not None and to_micros(expires_at) <= tx.now:
        raise _wrong("expires_at", f"Must be in the future; it is {format_instant(tx.now)}.")
    secret = state.get_or_create(tx, _SECRET, lambda: secrets.token_urlsafe(32))
    token = new_key(role)
    prefix = _prefix(token)
    assert prefix is not None
    values = {
        "prefix": prefix,
        "digest": _digest(secret, token),
        "name": name,
        "role": role.value,
        "group_key": group_key,
        "user_key": actor.user if own else None,
        "created_at": tx.now,
        "created_by": actor.name,
        "expires_at": None if expires_at is None else to_micros(expires_at),
    }
    key = store.add(tx, values)
    detail = {"name": name, "role": role.value, "group": group, "own": own, "expires_at": format_instant(expires_at)}
    audit.record(tx, actor, "api_key.create", "api_key", prefix, group_id=group_key, detail=detail)
    row = store.by_key(tx, key)
    assert row is not None
    return {**_present(row, tx.now), "token": token}


def _group(tx: Transaction, actor: Actor, id: str) -> int:
    row = users.group(tx, id)
    if row is None or (actor.scope.groups is not None and row.key not in actor.scope.groups):
        raise _wrong("group", f"There is no group {id}.")
    return int(row.key)


def _check_not_above(actor: Actor, role: Role, group_key: int | None) -> None:
    """Refuse a key that could do what its maker cannot."""
    highest = list(Permission)[len(role.permissions) - 1]
    if not actor.may(highest, group_key):
        raise Forbidden(f"{actor.name} may not make a key with the role {role}.", hint="Choose a lower role.")


def _wrong(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"{field}: {message}", errors=[FieldError(field, message)])


def listing(
    database: Database, actor: Actor, *, limit: int = 50, before: int | None = None, own: bool = False
) -> tuple[list[dict[str, Any]], int | None]:
    """Return a page of keys, newest first, and where the next begins: for an admin all, else one's own."""
    with reading(database, actor) as tx:
        whose = None
        if own or not actor.may(Permission.ADMIN):
            if actor.user is None:
                return [], None
            whose = actor.user
        rows = store.page(tx, limit=limit + 1, before=before, user_key=whose)
        now = tx.now
    shown = rows[:limit]
    return [_present(row, now) for row in shown], shown[-1].key if len(rows) > limit else None


def revoke(database: Database, actor: Actor, key_id: str) -> None:
    """End a key, by what it begins with; one that was ended stays so.

    Raises :class:`NotFound`, also for somebody else's, unless the actor is an admin.
    """
    with changing(database, actor, Permission.READ) as tx:
        row = store.find(tx, key_id)
        foreign = row is not None and (actor.user is None or row.user_key != actor.user)
        if row is None or (foreign and not actor.may(Permission.ADMIN)):
            raise NotFound(f"There is no API key {key_id}.", hint="They are listed by GET /api/v1/api-keys.")
        if store.revoke(tx, row.key):
            detail = {"name": row.name}
            audit.record(tx, actor, "api_key.revoke", "api_key", row.prefix, group_id=row.group_key, detail=detail)


def _present(row: Row[Any], now: int) -> dict[str, Any]:
    ended = row.revoked_at is not None or (row.user_key is not None and (row.owner is None or row.owner_disabled))
    expired = row.expires_at is not None and row.expires_at <= now
    return {
        "id": row.prefix,
        "name": row.name,
        "role": row.role,
        "group": row.group_name,
        "owner": row.owner,
        "status": "revoked" if ended else "expired" if expired else "valid",
        "created_at": format_instant(row.created_at),
        "created_by": row.created_by,
        "expires_at": format_instant(row.expires_at),
        "revoked_at": format_instant(row.revoked_at),
        "used_at": format_instant(row.used_at),
    }
