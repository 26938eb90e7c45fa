"""Whom a schedule tells when it fails: an address that is often a secret, sealed where there is a key."""

from __future__ import annotations

from dataclasses import replace

from enschedule_core.errors import FieldError, InvalidInput
from enschedule_core.wire.definition import Definition
from enschedule_worker.service import present
from enschedule_worker.store import receivers
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.seal import Unreadable


def with_receiver(tx: Transaction, definition: Definition, stored: str | None) -> Definition:
    """Return the definition with the address of its notices as it is stored: sealed where there is a key.

    ``stored`` is the one there, which stays where it is named as it was shown, without what is secret of it. Raises
    :class:`InvalidInput` for one that was shown of something else.
    """
    address = definition.policies.notify
    if address is None:
        return definition
    if address.endswith(f"/{present.MASK}"):
        if present.masked(stored) != address:
            message = f"{present.MASK} stands for what is not shown; write the whole address."
            raise InvalidInput(f"notify: {message}", errors=[FieldError("notify", message)])
        return replace(definition, policies=replace(definition.policies, notify=stored))
    shown = present.masked(address)
    if not tx.keyring or shown is None or shown == address:
        return definition
    is_same = receivers.is_hidden(stored) and _opens_to(tx, str(stored), address)
    hidden = stored if is_same else receivers.hidden(tx.keyring, address, shown=shown)
    return replace(definition, policies=replace(definition.policies, notify=hidden))


def _opens_to(tx: Transaction, stored: str, address: str) -> bool:
    try:
        return receivers.opened(tx.keyring, stored) == address
    except Unreadable:
        return False
