"""Passwords: hashed with Argon2id, compared in the same time whoever is asked for."""

from __future__ import annotations

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from enschedule_core.errors import FieldError, InvalidInput

SHORTEST, LONGEST = 8, 200
# The parameters that OWASP's cheat sheet on storing passwords gives for Argon2id: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Each takes 19 MiB for some 25 ms: a crowd waits here instead of taking the memory and both cores.
_PLACES = threading.BoundedSemaphore(2)


def hashed(password: str) -> str:
    """Return what is stored of a password."""
    with _PLACES:
        return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Return whether ``password`` is the one that was stored.

    Without one (nobody has that name, or logs in elsewhere) it takes as long.
    """
    try:
        with _PLACES:
            _HASHER.verify(stored or _nobodys(), password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(stored)


def check(password: str, name: str, field: str = "password") -> None:
    """Raise :class:`InvalidInput` for a password that is too short, too long, or the name itself."""
    message = None
    if len(password) < SHORTEST:
        message = f"At least {SHORTEST} characters; several words are good."
    elif len(password) > LONGEST:
        message = f"At most {LONGEST} characters."
    elif password.lower() == name.lower():
        message = "Must not be the name."
    if message is not None:
        raise InvalidInput(f"{field}: {message}", errors=[FieldError(field, message)])


@cache
def _nobodys() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))
