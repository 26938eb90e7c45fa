"""Who asks: keys, sessions, and the link that a start prints."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from enschedule_core.actor import Actor, ActorKind, Permission, Role, Scope
from enschedule_core.clock import format_instant
from enschedule_core.errors import NotFound, RateLimited, Unauthenticated
from enschedule_worker.service import keys, passwords
from enschedule_worker.service.access import reading, writing
from enschedule_worker.store import attempts, audit, people, state, users
from enschedule_worker.store.database import Database, Transaction

SESSION_SECONDS = 12 * 3600
LINK_SECONDS = 86_400
SETUP_SECONDS = 3600
PER_ADDRESS, PER_ACCOUNT = 20, 10
SHOWN = 12
"""How many characters of a session's hash name it: in the audit, in the list of one's own."""
_LINK, _SETUP = "login_link", "setup_link"
_MICROS = 1_000_000


def same(given: str, expected: str) -> bool:
    """Compare two secrets in a time that does not depend on where they differ; nothing equals an empty one."""
    return bool(expected) and hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


# ---------------------------------------------------------------- who asks


def service_actor(address: str | None) -> Actor:
    """Return who shows the shared ``API_KEY``."""
    return Actor(ActorKind.SERVICE, "API key", address=address)


def local_actor(address: str | None) -> Actor:
    """Return who asks without a key over loopback."""
    return Actor(ActorKind.LOCAL, "local", address=address)


def authenticate(database: Database, token: str, *, address: str | None = None) -> Actor:
    """Return whose session or key a token is. Raises :class:`Unauthenticated` if it is nobody's, or over."""
    if token.startswith(keys.BEGINNING):
        return keys.authenticate(database, token, address=address)
    token_hash = _hash(token)
    with database.read() as tx:
        row = tx.seen("session", token_hash, lambda: people.find_session(tx, token_hash))
        if row is None or row.disabled:
            raise Unauthenticated(
                "This key or session is not known, or is over.", hint="Log in again, or check the key."
            )
        roles = {} if row.user_key is None else users.roles_in_groups(tx, row.user_key)
        stale = row.seen_at is None or row.seen_at < tx.now - people.TOUCH_SECONDS * _MICROS
    if stale:
        with database.write() as tx:
            people.touch(tx, token_hash)
    return _session_actor(row, roles, token_hash, address)


def _session_actor(row: Row[Any], roles: Mapping[int, str], token_hash: str, address: str | None) -> Actor:
    via = f"session {token_hash[:SHOWN]}"
    if row.user_key is None:
        return Actor(ActorKind.SESSION, row.name, address=address, session=token_hash, via=via)
    permissions, in_groups, scope = reach(Role(row.role), roles)
    return Actor(
        ActorKind.SESSION,
        row.user_name,
        permissions,
        scope,
        address=address,
        session=token_hash,
        in_groups=in_groups,
        user=row.user_key,
        via=via,
    )


def reach(
    role: Role, roles: Mapping[int, str]
) -> tuple[frozenset[Permission], dict[int, frozenset[Permission]] | None, Scope]:
    """Return what an account may do, within which groups, and what it sees; an admin everything everywhere."""
    if role is Role.ADMIN:
        return role.permissions, None, Scope()
    in_groups = {group: Role(held).permissions for group, held in roles.items()}
    return role.permissions, in_groups, Scope(frozenset(in_groups), ungrouped=True)


# ---------------------------------------------------------------- logging in and out


def open_session(
    database: Database, key: str, api_key: str, *, address: str | None = None, agent: str | None = None
) -> dict[str, Any]:
    """Open a session for who shows ``api_key``, or the token of a link that has not been used: ``{token, expires_at}``.

    The token is shown this once; only its hash is stored. Raises :class:`Unauthenticated`, and :class:`RateLimited`
    for an address that has tried too often.
    """
    attempt = count_try(database, address, None)
    with database.write() as tx:
        if same(key, api_key) or (not users.any_user(tx) and _use(tx, _LINK, key)):
            attempts.take_back(tx, attempt)
            return _new_session(tx, "browser", None, address=address, agent=agent)
        _record_refused(tx, address, "key")
    raise Unauthenticated("This key is not right.", hint="It is the API_KEY of the worker, or in the printed link.")


def log_in(
    database: Database, name: str, password: str, *, address: str | None = None, agent: str | None = None
) -> dict[str, Any]:
    """Open a session for an account: ``{token, expires_at}``.

    Whether there is no such account, it is disabled, or the password is wrong: the answer and the time it takes are
    the same. Raises :class:`Unauthenticated`, and :class:`RateLimited` after too many tries.
    """
    name = name.strip().lower()
    attempt = count_try(database, address, name)
    with database.read() as tx:
        row = users.find(tx, name)
    usable = row is not None and not row.disabled
    right = passwords.matches(row.password_hash if row is not None and usable else None, password)
    with database.write() as tx:
        again = users.find(tx, name, lock=True) if right else None
        if again is not None and row is not None and not again.disabled and again.password_hash == row.password_hash:
            attempts.take_back(tx, attempt, _hash(name))
            users.change(tx, again.key, {"login_at": tx.now})
            return _new_session(tx, again.name, again.key, address=address, agent=agent)
        _record_refused(tx, address, "unknown" if row is None else row.name)
    raise Unauthenticated("Name or password is not right.", hint="An admin can set a new password.")


def count_try(database: Database, address: str | None, account: str | None) -> int:
    """Count a try at a password or key before it is looked at, so that many at once are no way round the limits.

    Raises :class:`RateLimited`.
    """
    whence, whose = (address or "unknown")[:64], "" if account is None else _hash(account)
    with database.write() as tx:
        found = attempts.counted(tx, whence, whose)
        limits = [(found.by_address, PER_ADDRESS, found.address_since)]
        if account is not None:
            limits.append((found.by_account, PER_ACCOUNT, found.account_since))
        waits = [since for number, most, since in limits if number >= most]
        if not waits:
            return attempts.add(tx, whence, whose)
        seconds = max(1, (max(waits) - tx.now) // _MICROS + attempts.WINDOW_SECONDS)
    minutes = -(-seconds // 60)
    raise RateLimited(
        f"Too many tries to log in; the next one is heard in {minutes} min.",
        hint="An admin can set a new password, which lets you in at once: enschedule users reset-password NAME.",
        extra={"retry_after_seconds": seconds},
    )


def forgive(database: Database, attempt: int, account: str) -> None:
    """Take a try back that was right, and the earlier ones for its account."""
    with database.write() as tx:
        attempts.take_back(tx, attempt, _hash(account))


def account_digest(name: str) -> str:
    """Return by what the tries for an account are counted."""
    return _hash(name)


def _record_refused(tx: Transaction, address: str | None, whose: str) -> None:
    nobody = Actor(ActorKind.LOCAL, "nobody", frozenset(), address=address)
    audit.record(tx, nobody, "session.create", "user", whose, refused=True)


def _new_session(
    tx: Transaction, name: str, user_key: int | None, *, address: str | None, agent: str | None
) -> dict[str, Any]:
    people.sweep_sessions(tx)
    token = secrets.token_urlsafe(32)
    token_hash = _hash(token)
    expires_at = tx.now + SESSION_SECONDS * _MICROS
    people.create_session(
        tx, token_hash, name=name, expires_at=expires_at, user_key=user_key, address=address, agent=agent
    )
    actor = Actor(ActorKind.SESSION, name, address=address, via=f"session {token_hash[:SHOWN]}")
    audit.record(tx, actor, "session.create", "session", token_hash[:SHOWN])
    return {"token": token, "expires_at": format_instant(expires_at)}


def close_session(database: Database, actor: Actor) -> None:
    """End the session of ``actor``. Raises :class:`NotFound` for one who has none."""
    if actor.session is None:
        raise NotFound("This request has no session: it shows a key, or none.")
    with database.write() as tx:
        if people.delete_session(tx, actor.session):
            audit.record(tx, actor, "session.delete", "session", actor.session[:SHOWN])


def own(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """Return the sessions of the actor's account, newest first; none for who has no account."""
    with reading(database, actor) as tx:
        rows = [] if actor.user is None else people.sessions_of(tx, actor.user)
    return [
        {
            "id": row.token_hash[:SHOWN],
            "current": row.token_hash == actor.session,
            "created_at": format_instant(row.created_at),
            "seen_at": format_instant(row.seen_at),
            "expires_at": format_instant(row.expires_at),
            "address": row.address,
            "agent": row.agent,
        }
        for row in rows
    ]


def close_one(database: Database, actor: Actor, session_id: str) -> None:
    """End one of the actor's own sessions. Raises :class:`NotFound`."""
    with writing(database, actor, Permission.READ) as tx:
        rows = [] if actor.user is None else people.sessions_of(tx, actor.user)
        found = next((row for row in rows if row.token_hash[:SHOWN] == session_id), None)
        if found is None:
            raise NotFound(f"You have no session {session_id}.", hint="Yours are listed by GET /api/v1/sessions.")
        people.delete_session(tx, found.token_hash)
        audit.record(tx, actor, "session.delete", "session", session_id)


def close_all(database: Database, actor: Actor) -> int:
    """End all sessions of the actor's account, this one too, and return how many. Raises :class:`NotFound`."""
    if actor.user is None:
        raise NotFound("This request has no account: it shows a key, or none.")
    with writing(database, actor, Permission.READ) as tx:
        ended = people.delete_sessions_of(tx, actor.user)
        audit.record(tx, actor, "session.delete_all", "user", actor.name, detail={"sessions": ended})
    return ended


# ---------------------------------------------------------------- links


def new_link_token(database: Database) -> str:
    """Return a token that opens one session within a day; an earlier one that was not used ends."""
    return _new_token(database, _LINK, LINK_SECONDS)


def new_setup_token(database: Database) -> str | None:
    """Return a token that makes the first account within an hour, ``None`` once there is one."""
    with database.read() as tx:
        if users.any_user(tx):
            return None
    return _new_token(database, _SETUP, SETUP_SECONDS)


def use_setup(tx: Transaction, token: str) -> bool:
    """Use up the set-up link whose token this is; ``False`` if it is another, used or too old."""
    return _use(tx, _SETUP, token)


def begin(tx: Transaction, name: str, user_key: int, *, address: str | None, agent: str | None) -> dict[str, Any]:
    """Open a session for an account that was made in this transaction."""
    return _new_session(tx, name, user_key, address=address, agent=agent)


def _new_token(database: Database, name: str, seconds: int) -> str:
    token = secrets.token_urlsafe(32)
    with database.write() as tx:
        state.put(tx, name, f"{_hash(token)} {tx.now + seconds * _MICROS}")
    return token


def _use(tx: Transaction, name: str, token: str) -> bool:
    """Use up the link whose token this is; ``False`` if it is another, used or too old."""
    stored = state.get(tx, name)
    if stored is None:
        return False
    token_hash, _, until = stored.partition(" ")
    return same(_hash(token), token_hash) and int(until) > tx.now and state.remove(tx, name)
