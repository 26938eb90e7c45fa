"""Encryption of what is secret in the database: the values of secrets, and values in data that are marked as secret.

Fernet of ``cryptography`` (AES-128-CBC with HMAC-SHA256): the first key encrypts, every key decrypts. What is sealed is
JSON, so that a number comes back as a number.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from enschedule_core.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

VARIABLE = "ENSCHEDULE_ENCRYPTION_KEYS"
_SEPARATORS = re.compile(r"[\s,]+")
_KEY_BYTES = 32
_HIDDEN = "sealed:"
HOW = f"Make a key with enschedule secrets key, and set {VARIABLE} to it for every worker."


class NoKey(InvalidInput):
    """There is no key to encrypt with."""

    def __init__(self) -> None:
        super().__init__(f"A secret is stored encrypted only, and {VARIABLE} is not set.", hint=HOW)


class Unreadable(Exception):
    """None of the keys opens what is sealed."""


def read_keys(parts: Iterable[str], *, source: str = VARIABLE) -> tuple[str, ...]:
    """Return the keys in texts, apart by commas or white space.

    Raises :class:`ConfigurationError` for one that is no key; it is not repeated.
    """
    keys = tuple(key for part in parts for key in _SEPARATORS.split(part) if key)
    for number, key in enumerate(keys, 1):
        if not _is_key(key):
            which = "the value" if len(keys) == 1 else f"key {number} of {len(keys)}"
            raise ConfigurationError(
                f"{source}: {which} is not a key; one is 32 random bytes as 44 characters of URL-safe base64.",
                hint="Make one with: enschedule secrets key",
            )
    return keys


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text.encode(), altchars=b"-_", validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False


class Keyring:
    """The keys of this process. Without any it seals nothing, and opens nothing."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def seal(self, value: Any) -> str:
        """Return a JSON value encrypted with the first key. Raises :class:`NoKey`."""
        if not self._ciphers:
            raise NoKey
        return self._ciphers[0].encrypt(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")).decode()

    def open(self, sealed: str) -> Any:
        """Return the JSON value. Raises :class:`Unreadable`."""
        return json.loads(self._decrypted(sealed))

    def hide(self, text: str) -> str:
        """Return a text encrypted where there is a key, else as it is; :meth:`reveal` takes both."""
        return f"{_HIDDEN}{self.seal(text)}" if self else text

    def reveal(self, stored: str) -> str:
        """Return what :meth:`hide` was given. Raises :class:`Unreadable`."""
        return str(self.open(stored.removeprefix(_HIDDEN))) if stored.startswith(_HIDDEN) else stored

    def opens(self, sealed: str) -> bool:
        """Return whether some key opens it."""
        try:
            self._decrypted(sealed)
        except Unreadable:
            return False
        return True

    def anew(self, sealed: str) -> str:
        """Return the same value encrypted with the first key; the same text if it is that already.

        Raises :class:`Unreadable`.
        """
        if self._ciphers and _decrypt(self._ciphers[0], sealed) is not None:
            return sealed
        return self._ciphers[0].encrypt(self._decrypted(sealed)).decode() if self._ciphers else sealed

    def _decrypted(self, sealed: str) -> bytes:
        for cipher in self._ciphers:
            found = _decrypt(cipher, sealed)
            if found is not None:
                return found
        raise Unreadable

    @cached_property
    def _ciphers(self) -> tuple[Fernet, ...]:
        if not self._keys:
            return ()
        from cryptography.fernet import Fernet  # noqa: PLC0415 - only where something is sealed: it takes memory

        return tuple(Fernet(key) for key in self._keys)


def _decrypt(cipher: Fernet, sealed: str) -> bytes | None:
    from cryptography.fernet import InvalidToken  # noqa: PLC0415

    try:
        return cipher.decrypt(sealed.encode())
    except (InvalidToken, UnicodeEncodeError):
        return None
