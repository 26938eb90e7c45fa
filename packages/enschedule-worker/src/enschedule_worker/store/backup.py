"""A whole copy of a SQLite database while others write to it (SQLite's online backup)."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from enschedule_core.errors import ConfigurationError, EnscheduleError
from enschedule_worker.store.files import BUSY_TIMEOUT_SECONDS
from enschedule_worker.store.location import Location
from enschedule_worker.store.migrate import VERSION_TABLE

_TOOLS = {"postgresql": "pg_dump", "mariadb": "mariadb-dump", "mysql": "mysqldump", "mssql": "BACKUP DATABASE"}


def back_up(location: Location, target: Path, *, replace: bool = False) -> int:
    """Copy the database to the file ``target``, whole or not at all; return its size in bytes.

    The copy is checked before it gets its name, and only its owner may read it. ``replace`` lets it take the place of
    a file that is there. Raises :class:`ConfigurationError` where there is nothing to copy this way, or no place for
    it; :class:`EnscheduleError` where copying fails.
    """
    source = _source(location)
    if target.exists() and (not replace or not target.is_file() or target.samefile(source)):
        raise ConfigurationError(f"{target} is there already.", hint="Choose another name, or replace it with --force")
    if not target.parent.is_dir():
        raise ConfigurationError(f"There is no folder {target.parent}.", hint="For example backup.db, in this folder")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".enschedule-backup-") as folder:
            made = Path(folder) / "backup.db"
            made.touch(mode=0o600)
            _copy(source, made)
            size = made.stat().st_size
            made.replace(target)
            return size
    except sqlite3.Error as problem:
        raise EnscheduleError(f"{source} cannot be copied to {target}: {problem}.") from None
    except OSError as problem:
        raise EnscheduleError(f"{target} cannot be written: {problem.strerror}.") from None


def _source(location: Location) -> Path:
    if location.dialect != "sqlite":
        tool = _TOOLS.get(location.dialect, "the tool of that server")
        raise ConfigurationError(
            f"{location.shown}: this copies SQLite files only; use {tool} for a server.",
            hint="For example SQLITE=enschedule.db",
        )
    source = Path(location.database)
    if not source.is_file() or not source.stat().st_size:  # reading the settings tries the place by making the file
        raise ConfigurationError(
            f"{location.variable}: there is no database {source}.", hint="For example SQLITE=enschedule.db"
        )
    return source


def _copy(source: Path, made: Path) -> None:
    with (
        closing(sqlite3.connect(source, timeout=BUSY_TIMEOUT_SECONDS)) as old,
        closing(sqlite3.connect(made)) as new,
    ):
        if not old.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSION_TABLE,)).fetchone():
            raise ConfigurationError(
                f"{source} is not a database of Enschedule.", hint="For example SQLITE=enschedule.db"
            )
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        (found,) = new.execute("PRAGMA integrity_check").fetchone()
        if found != "ok":
            raise EnscheduleError(f"{source} is damaged: {found}.")
