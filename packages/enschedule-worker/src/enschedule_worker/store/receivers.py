"""The addresses of notices of schedules: sealed where there is a key, with what may be seen of them beside it."""

from __future__ import annotations

from enschedule_worker.store.seal import Keyring

_BEGINNING, _BETWEEN = "sealed:", "|"


def hidden(keyring: Keyring, address: str, *, shown: str) -> str:
    """Return the stored form of an address of which only ``shown`` may be seen."""
    return f"{_BEGINNING}{shown}{_BETWEEN}{keyring.seal(address)}"


def is_hidden(stored: str | None) -> bool:
    """Return whether this is the stored form of a sealed address."""
    return stored is not None and stored.startswith(_BEGINNING)


def shown_of(stored: str) -> str:
    """Return what may be seen of a sealed address."""
    return stored.removeprefix(_BEGINNING).rpartition(_BETWEEN)[0]


def opened(keyring: Keyring, stored: str) -> str:
    """Return the address. Raises :class:`enschedule_worker.store.seal.Unreadable`."""
    return str(keyring.open(stored.rpartition(_BETWEEN)[2]))


def anew(keyring: Keyring, stored: str) -> str:
    """Return the stored form under the first key. Raises :class:`enschedule_worker.store.seal.Unreadable`."""
    before, between, sealed = stored.rpartition(_BETWEEN)
    return f"{before}{between}{keyring.anew(sealed)}"
