"""What the figures depend on besides the programs: said beside them, because they mean nothing elsewhere."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FSYNCS = 50
POSTGRES_SETTINGS = ("server_version", "synchronous_commit", "fsync", "shared_buffers")
_MOUNTS = Path("/proc/self/mounts")


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the environment; ``fsync_ms`` is the median of 4 kB written and synced where the databases were.

    ``load`` is the one-minute load average before the first sample: what else went on.
    """

    cores: int
    system: str
    python: str
    sqlite: str
    file_system: str
    fsync_ms: float
    load: float
    postgres: str


def look(folder: Path, postgres: str) -> Machine:
    """Describe this machine, the file system under ``folder``, and the server at the URL ``postgres``."""
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} on {platform.machine()}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        file_system=_file_system(folder),
        fsync_ms=_fsync_ms(folder),
        load=os.getloadavg()[0],
        postgres=_postgres(postgres),
    )


def _postgres(url: str) -> str:
    """Return the version of the server and what its figures depend on."""
    try:
        import psycopg  # noqa: PLC0415 - needed by some rows only
    except ImportError:
        return "no PostgreSQL driver"
    try:
        with psycopg.connect(f"{url.rstrip('/')}/postgres") as connection:
            shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in POSTGRES_SETTINGS]
    except psycopg.Error:
        return "no PostgreSQL server"
    version, *others = [str(row[0]) if row else "unknown" for row in shown]
    named = ", ".join(f"{name} {value}" for name, value in zip(POSTGRES_SETTINGS[1:], others, strict=True))
    return f"PostgreSQL {version.split()[0]} on the same machine with {named}"


def _fsync_ms(folder: Path) -> float:
    with tempfile.TemporaryFile(dir=folder) as file:
        took = []
        for _ in range(FSYNCS):
            file.write(bytes(4096))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(1000 * (time.perf_counter() - began))
    return median(took)


def _file_system(folder: Path) -> str:
    """Return the type of the file system, from the longest mount point above ``folder``."""
    if not _MOUNTS.exists():
        return "an unknown file system"
    kinds = {}
    for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, kind = line.split()[:3]
        kinds[point.encode().decode("unicode_escape")] = kind  # fstab(5) writes spaces as \040
    above = [str(parent) for parent in (folder.resolve(), *folder.resolve().parents)]
    return next((kinds[point] for point in above if point in kinds), "an unknown file system")
