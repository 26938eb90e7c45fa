"""SQLite files: where one may lie, and the private one that stands for ``:memory:``.

``:memory:`` is a WAL file in a private folder in memory (``/dev/shm``, else the temporary folder) that is deleted at
exit: of the in-memory databases that SQLite offers, none can be shared by threads that write.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

BUSY_TIMEOUT_SECONDS = 30
_LEAST_VERSION = (3, 35)
_MEMORY_PREFIX = "enschedule-memory-"
_LOCK_NAME = "lock"
_MOUNTS = Path("/proc/self/mounts")
_NETWORK_FILE_SYSTEMS = frozenset(
    [
        *("9p", "afs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"),
        *("orangefs", "pvfs2", "smb2", "smb3", "smbfs"),
        *("fuse.ceph", "fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    ]
)


def unusable(path: Path) -> str | None:
    """Return why the file cannot be a database, as the end of a sentence about it; ``None`` where it can."""
    if path.is_dir():
        return "is a folder, not a file"
    if not path.parent.is_dir():
        return f"cannot be made: there is no folder {str(path.parent)!r}"
    kind = file_system_of(path.parent)
    if kind in _NETWORK_FILE_SYSTEMS:
        return f"lies on a network file system ({kind}), where SQLite's locks do not hold; use a local disk"
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        return "lies on a read-only file system" if _is_read_only(path.parent) else "cannot be written by this user"
    return _unreadable(path)


def _unreadable(path: Path) -> str | None:
    if sqlite3.sqlite_version_info < _LEAST_VERSION:
        return f"needs SQLite {'.'.join(map(str, _LEAST_VERSION))} or newer; this Python has {sqlite3.sqlite_version}"
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as broken:
        return f"cannot be opened: {broken}"
    return None


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def file_system_of(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the type of the file system that ``folder`` lies on; ``None`` where the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    real, best, found = folder.resolve(), -1, None
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        mounted = Path(point.encode("utf-8", "surrogateescape").decode("unicode_escape"))  # a space is written \040
        depth = len(mounted.parts)
        if real.is_relative_to(mounted) and depth >= best:  # of two on one point, the later one hides the other
            best, found = depth, kind
    return found


def memory_file() -> Path:
    """Return the path of a new private database in memory; it is gone when the process ends."""
    parent = _memory_parent()
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=_MEMORY_PREFIX, dir=parent))
    _lock(folder)
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a forked child runs this too, and must leave the file alone
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder / "memory.db"


def is_memory_file(path: Path) -> bool:
    """Return whether this is the path of a private database in memory."""
    return path.parent.name.startswith(_MEMORY_PREFIX)


def _memory_parent() -> Path:
    shared = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it, with mode 0700
    return shared if shared.is_dir() and os.access(shared, os.W_OK) else Path(tempfile.gettempdir())


def _lock(folder: Path) -> None:
    """Hold a lock in ``folder`` for as long as this process or a child that it forked lives.

    It gets its name when it is held, so that nobody sees it free before.
    """
    unnamed = folder / "unnamed"
    held = os.open(unnamed, os.O_CREAT | os.O_RDWR, 0o600)  # never closed: the end of the processes does that
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unnamed.rename(folder / _LOCK_NAME)


def _sweep(parent: Path) -> None:
    """Remove what processes left behind that were killed before their ``atexit``.

    Not by process id: containers that share ``/dev/shm`` do not see each other's, and use the same ones again.
    """
    for folder in parent.glob(f"{_MEMORY_PREFIX}*"):
        try:
            with (folder / _LOCK_NAME).open("r+b") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # somebody lives in it, or it is not ours
            continue
