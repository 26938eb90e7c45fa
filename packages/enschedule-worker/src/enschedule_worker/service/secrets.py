"""Secrets: values under names, which data of schedules refer to; shown to nobody, opened for runs only."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Row

from enschedule_core import secret
from enschedule_core.actor import Actor, Permission
from enschedule_core.clock import format_instant
from enschedule_core.errors import FieldError, InvalidInput, NotFound
from enschedule_core.masking import recent
from enschedule_core.schema import encode_json
from enschedule_worker.service.access import reading, writing
from enschedule_worker.store import audit, receivers, users
from enschedule_worker.store import secrets as store
from enschedule_worker.store.database import Database, Transaction
from enschedule_worker.store.seal import VARIABLE, Keyring, NoKey, Unreadable

logger = logging.getLogger(__name__)
SECRETS_MAX = 1_000
_NAMED = 5
BATCH = 200
STAYS: Any = object()
"""Stands for a group that was not named: it stays what it is."""


def listing(database: Database, actor: Actor) -> list[dict[str, Any]]:
    """Return all secrets by name, without their values, each with the schedules that refer to it."""
    actor.require(Permission.ADMIN)
    with reading(database, actor, Permission.ADMIN) as tx:
        return _shown(tx, store.page(tx), store.uses(tx))


def get(database: Database, actor: Actor, name: str) -> dict[str, Any]:
    """Return one secret, without its value. Raises :class:`NotFound`."""
    actor.require(Permission.ADMIN)
    with reading(database, actor, Permission.ADMIN) as tx:
        return _one(tx, name)


def put(database: Database, actor: Actor, name: str, value: str, *, group: Any = STAYS) -> tuple[dict[str, Any], bool]:
    """Keep a value under a name; return the secret, and whether it is new. Runs that begin later get the new value.

    ``group`` is the id of the one whose schedules may use it, ``None`` lets all. Raises :class:`InvalidInput` for a
    name that cannot be one, a group that is not there, and where there is no key to encrypt with.
    """
    _check_name(name)
    with writing(database, actor, Permission.ADMIN) as tx:
        before = store.page(tx, name)
        key = before[0].group_id if before and group is STAYS else _group_key(tx, None if group is STAYS else group)
        if not tx.keyring:
            problem = NoKey()
            raise InvalidInput(
                f"value: {problem.detail}", hint=problem.hint, errors=[FieldError("value", problem.detail)]
            )
        recent.add([value])
        is_new = store.put(tx, name, tx.keyring.seal(value), group=key, by=actor.name)
        if is_new and store.number(tx) > SECRETS_MAX:
            message = f"There are {SECRETS_MAX:,} secrets already."
            raise InvalidInput(f"name: {message}", hint="Delete some.", errors=[FieldError("name", message)])
        detail = None if is_new else {"changed": ["value"]}
        audit.record(tx, actor, "secret.put", "secret", name, group_id=key, detail=detail)
        tx.wake_engine()
        return _one(tx, name), is_new


def remove(database: Database, actor: Actor, name: str) -> None:
    """Delete a secret; runs of schedules that refer to it fail from then on. Raises :class:`NotFound`."""
    with writing(database, actor, Permission.ADMIN) as tx:
        found = _existing(tx, name)
        store.remove(tx, name)
        used = [row.id for row in store.uses(tx, name)]
        detail = {"used_by": used[:20]} if used else None
        audit.record(tx, actor, "secret.delete", "secret", name, group_id=found.group_id, detail=detail)


def _check_name(name: str) -> None:
    if secret.NAME_PATTERN.fullmatch(name) is None:
        message = "A name has A-Z, 0-9 and _, begins with a letter, and is at most 64 long, for example SLACK_TOKEN."
        raise InvalidInput(f"name: {message}", errors=[FieldError("name", message)])


def _group_key(tx: Transaction, group: str | None) -> int | None:
    if group is None:
        return None
    row = users.group(tx, group)
    if row is None:
        message = f"There is no group {group}."
        raise InvalidInput(f"group: {message}", errors=[FieldError("group", message)])
    return int(row.key)


def _existing(tx: Transaction, name: str) -> Row[Any]:
    rows = store.page(tx, name)
    if not rows:
        raise NotFound(f"There is no secret {name}.", hint="They are listed by GET /api/v1/secrets.")
    return rows[0]


def _one(tx: Transaction, name: str) -> dict[str, Any]:
    return _shown(tx, [_existing(tx, name)], store.uses(tx, name))[0]


def _shown(tx: Transaction, rows: Iterable[Row[Any]], uses: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    used: dict[str, list[dict[str, str]]] = {}
    for row in uses:
        used.setdefault(row.name, []).append({"id": row.id, "title": row.title})
    return [
        {
            "name": row.name,
            "group": row.group_name,
            "readable": tx.keyring.opens(row.value),
            "used_by": used.get(row.name, []),
            "created_at": format_instant(row.created_at),
            "created_by": row.created_by,
            "updated_at": format_instant(row.updated_at),
            "updated_by": row.updated_by,
        }
        for row in rows
    ]


def warn_of_unreadable(database: Database) -> None:
    """Log which secrets the keys of this process do not open: the runs that need them will fail."""
    with database.read() as tx:
        lost = [row.name for row in store.page(tx) if not tx.keyring.opens(row.value)]
    if lost:
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        named = ", ".join(lost[:_NAMED]) + more
        logger.warning("no key in %s opens the secrets %s; runs that need them will fail", VARIABLE, named)


# ---------------------------------------------------------------- rotation


class Rotated(NamedTuple):
    """How many rows were encrypted anew, how many have something that no key opens, and where to go on."""

    done: int
    unreadable: int
    following: tuple[Any, ...] | None


def rotate(database: Database, actor: Actor, after: tuple[Any, ...] | None = None) -> Rotated:
    """Encrypt the next rows of all that is sealed with the first key, those that are not yet.

    ``after`` is where the last call ended: a kind and the key of its last row. Raises :class:`InvalidInput` without a
    key.
    """
    kind, place = (store.KINDS[0], None) if after is None else (after[0], tuple(after[1:]) or None)
    with reading(database, actor, Permission.ADMIN) as tx:
        actor.require(Permission.ADMIN)
        if not tx.keyring:
            raise NoKey
        rows = store.sealed_rows(tx, kind, place, BATCH)
    if after is None:
        with writing(database, actor, Permission.ADMIN) as tx:
            audit.record(tx, actor, "secret.rotate", "everything", "")
    done = unreadable = 0
    changed = []
    for row in rows:
        texts, lost = _anew(database.keyring, row)
        unreadable += lost
        if texts != row.texts:
            changed.append((row, texts))
    if changed:
        with writing(database, actor, Permission.ADMIN) as tx:
            done = sum(store.seal_anew(tx, row, texts) for row, texts in changed)
    return Rotated(done, unreadable, _following(kind, rows))


def _following(kind: str, rows: list[store.SealedRow]) -> tuple[Any, ...] | None:
    if len(rows) == BATCH:
        return (kind, *rows[-1].place)
    later = store.KINDS[store.KINDS.index(kind) + 1 :]
    return (later[0],) if later else None


def _anew(keyring: Keyring, row: store.SealedRow) -> tuple[dict[str, str], bool]:
    """Return the texts of a row under the first key, and whether something in it cannot be opened."""
    lost = False

    def again(sealed: str) -> str:
        nonlocal lost
        try:
            return keyring.anew(sealed)
        except Unreadable:
            lost = True
            return sealed

    def member(_: secret.Path, one: Any) -> Any:
        return {secret.SEALED: again(one[secret.SEALED])} if secret.is_sealed(one) else one

    def whole(column: str, text: str) -> str:
        if column == "value":
            return again(text)
        if column == "notify_address":
            return address(text)
        found = json.loads(text)
        if column == "definition":
            hidden = receivers.is_hidden(found.get("notify"))
            return encode_json({**found, "notify": address(found["notify"])}) if hidden else text
        return encode_json(secret.replaced(found, member))

    def address(stored: str) -> str:
        nonlocal lost
        try:
            return receivers.anew(keyring, stored)
        except Unreadable:
            lost = True
            return stored

    texts = {column: whole(column, text) for column, text in row.texts.items()}
    return texts, lost
