"""Who asks: keys, sessions, and the link that a start prints."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from enschedule_core.actor import Actor, ActorKind
from enschedule_core.clock import format_instant
from enschedule_core.errors import NotFound, Unauthenticated
from enschedule_worker.store import audit, people, state
from enschedule_worker.store.database import Database, Transaction

SESSION_SECONDS = 30 * 86_400
LINK_SECONDS = 86_400
_LINK = "login_link"
_MICROS = 1_000_000


def same(given: str, expected: str) -> bool:
    """Compare two secrets in a time that does not depend on where they differ; nothing equals an empty one."""
    return bool(expected) and hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def service_actor(address: str | None) -> Actor:
    """Return who shows the shared ``API_KEY``."""
    return Actor(ActorKind.SERVICE, "API key", address=address)


def local_actor(address: str | None) -> Actor:
    """Return who asks without a key over loopback."""
    return Actor(ActorKind.LOCAL, "local", address=address)


def authenticate(database: Database, token: str, *, address: str | None = None) -> Actor:
    """Return whose session a token is. Raises :class:`Unauthenticated` if it is nobody's, or over."""
    token_hash = _hash(token)
    with database.read() as tx:
        row = people.find_session(tx, token_hash)
    if row is None:
        raise Unauthenticated("This key or session is not known, or is over.", hint="Log in again, or check the key.")
    return Actor(ActorKind.SESSION, row.name, address=address, session=token_hash)


def open_session(database: Database, key: str, api_key: str, *, address: str | None = None) -> dict[str, Any]:
    """Open a session for who shows ``api_key``, or the token of a link that has not been used: ``{token, expires_at}``.

    The token is shown this once; only its hash is stored. Raises :class:`Unauthenticated`.
    """
    with database.write() as tx:
        if not same(key, api_key) and not _use_link(tx, key):
            raise Unauthenticated(
                "This key is not right.", hint="It is the API_KEY of the worker, or in the printed link."
            )
        people.sweep_sessions(tx)
        token = secrets.token_urlsafe(32)
        expires_at = tx.now + SESSION_SECONDS * _MICROS
        people.create_session(tx, _hash(token), name="browser", expires_at=expires_at)
        actor = Actor(ActorKind.SESSION, "browser", address=address)
        audit.record(tx, actor, "session.create", "session", _hash(token)[:12])
    return {"token": token, "expires_at": format_instant(expires_at)}


def close_session(database: Database, actor: Actor) -> None:
    """End the session of ``actor``. Raises :class:`NotFound` for one who has none."""
    if actor.session is None:
        raise NotFound("This request has no session: it shows a key, or none.")
    with database.write() as tx:
        if people.delete_session(tx, actor.session):
            audit.record(tx, actor, "session.delete", "session", actor.session[:12])


def new_link_token(database: Database) -> str:
    """Return a token that opens one session within a day; an earlier one that was not used ends."""
    token = secrets.token_urlsafe(32)
    with database.write() as tx:
        state.put(tx, _LINK, f"{_hash(token)} {tx.now + LINK_SECONDS * _MICROS}")
    return token


def _use_link(tx: Transaction, token: str) -> bool:
    """Use up the link whose token this is; ``False`` if it is another, used or too old."""
    stored = state.get(tx, _LINK)
    if stored is None:
        return False
    token_hash, _, until = stored.partition(" ")
    return same(_hash(token), token_hash) and int(until) > tx.now and state.remove(tx, _LINK)
