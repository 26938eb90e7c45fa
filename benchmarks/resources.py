"""What samples need besides a folder: databases on servers, a Redis server, large databases that are filled once.

Everything that is made here is removed again. A server that does not answer fails the rows that need it, no others.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from benchmarks.measures import MeasureFailed

PREFIX = "ens_bench_"
REDIS_START_SECONDS = 10.0
SERVERS = ("postgres", "mariadb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things are.

    Attributes:
        folder: where SQLite files are made.
        postgres: the URL of a server, without a database, for somebody who may create some.
        mariadb: the same of MariaDB.
        pythons: other interpreters that rows may name, by environment.
    """

    folder: Path
    postgres: str
    mariadb: str
    pythons: Mapping[str, Path] = field(default_factory=dict)

    def server(self, kind: str) -> str:
        """Return the URL of the server of that kind, without a slash at its end."""
        return (self.postgres if kind == "postgres" else self.mariadb).rstrip("/")


class Resources:
    """Gives samples their databases; leaving it removes what is left of them."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._numbers = count(1)
        self._stocks: dict[tuple[str, str, int], str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        made = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-", dir=self.places.folder))
        self._folder = Path(made)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give an empty folder."""
        with tempfile.TemporaryDirectory(prefix="sample-", dir=self._folder) as made:
            yield Path(made)

    @contextmanager
    def database(self, kind: str) -> Iterator[str]:
        """Give the URL of an empty database on a server; it is dropped afterwards. Raises :class:`MeasureFailed`."""
        server, administer = self.places.server(kind), _ADMINISTER[kind]
        name = f"{PREFIX}{os.getpid()}_{next(self._numbers)}"
        administer(server, f"CREATE DATABASE {name}")
        try:
            yield f"{server}/{name}"
        finally:
            administer(server, f"DROP DATABASE IF EXISTS {name}" + (" WITH (FORCE)" if kind == "postgres" else ""))

    @contextmanager
    def redis(self) -> Iterator[str]:
        """Give the URL of a Redis server of its own with its defaults. Raises :class:`MeasureFailed`."""
        program = shutil.which("redis-server")
        if program is None:
            raise MeasureFailed("redis-server is not installed; it comes with the package redis of most systems")
        with self.folder() as folder, socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            probe.close()
            command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            try:
                _wait_for(port, process)
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                process.terminate()
                process.wait()

    def stock(self, kind: str, what: str, size: int, fill: Callable[[str | None, Path], None]) -> str:
        """Return a large database that all rounds share: a file, or a URL. ``fill`` fills it at first use."""
        key = (kind, what, size)
        if key not in self._stocks:
            with ExitStack() as stack:  # what could not be filled is removed at once
                folder = stack.enter_context(self.folder())
                url = stack.enter_context(self.database(kind)) if kind in SERVERS else None
                fill(url, folder)
                self._stack.push(stack.pop_all())
            self._stocks[key] = url or str(folder / "enschedule.db")
        return self._stocks[key]


def _administer_postgres(server: str, statement: str) -> None:
    try:
        import psycopg  # noqa: PLC0415 - needed by some rows only
    except ImportError as problem:
        raise MeasureFailed(f"PostgreSQL needs psycopg: {problem}") from problem
    try:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(statement.encode())
    except psycopg.Error as problem:
        raise MeasureFailed(f"PostgreSQL at {_shown(server)}: {str(problem).strip()}") from problem


def _administer_mariadb(server: str, statement: str) -> None:
    engine = create_engine(f"{server.replace('mariadb://', 'mysql+pymysql://', 1)}/", isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    except (DBAPIError, OSError) as problem:
        raise MeasureFailed(f"MariaDB at {_shown(server)}: {str(problem).splitlines()[0]}") from problem
    finally:
        engine.dispose()


_ADMINISTER: dict[str, Callable[[str, str], None]] = {
    "postgres": _administer_postgres,
    "mariadb": _administer_mariadb,
}


def _shown(server: str) -> str:
    """Return a URL without the user and the password."""
    return urlsplit(server).netloc.rpartition("@")[2]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + REDIS_START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise MeasureFailed(f"redis-server did not answer on port {port}") from None
            time.sleep(0.02)
