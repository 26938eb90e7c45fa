"""The key that a start keeps beside its SQLite database where nobody gives one: for one machine, without any care.

It protects what leaves the machine, such as a copy or a backup of the database; who can read both files reads all.
"""

from __future__ import annotations

import base64
import logging
import os
from pathlib import Path

from enschedule_core.errors import ConfigurationError
from enschedule_worker.store.files import is_memory_file
from enschedule_worker.store.location import Location
from enschedule_worker.store.seal import VARIABLE, Keyring, read_keys

logger = logging.getLogger(__name__)
ENDING = ".key"


def new_key() -> str:
    """Return a new random key."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def beside(location: Location) -> Path | None:
    """Return where the key of a database file is kept; ``None`` for one on a server."""
    return Path(f"{location.database}{ENDING}") if location.dialect == "sqlite" else None


def keyring_of(location: Location, keys: tuple[str, ...], *, make: bool = False) -> Keyring:
    """Return the keys that are given, else those in the file beside the database, if there is one.

    With ``make`` that is made where it is missing; a database in memory has one always, which goes with it. Raises
    :class:`ConfigurationError` for a file that cannot be read or written.
    """
    path = beside(location)
    if keys or path is None:
        return Keyring(keys)
    is_memory = is_memory_file(Path(location.database))
    if (make or is_memory) and ensure(location) is not None and not is_memory:
        logger.info("secrets are encrypted with the key in %s; keep a copy of it apart from the database", path)
    return Keyring(_read(path)) if path.is_file() else Keyring()


def ensure(location: Location) -> Path | None:
    """Make the key file beside a database unless it is there; return it if it was made now.

    Only its owner may read it. Raises :class:`ConfigurationError` where it cannot be written.
    """
    path = beside(location)
    if path is None:
        return None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    except OSError as problem:
        raise _cannot(path, "written", problem) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(new_key() + "\n")
    return path


def _read(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as problem:
        raise _cannot(path, "read", problem) from None
    return read_keys([text], source=str(path))


def _cannot(path: Path, done: str, problem: Exception) -> ConfigurationError:
    why = getattr(problem, "strerror", None) or "it is not text"
    return ConfigurationError(
        f"The encryption key {path} cannot be {done}: {why}.",
        hint=f"Or set {VARIABLE} to a key from: enschedule secrets key",
    )
