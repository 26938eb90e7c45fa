"""Databases of one test or one chaos run, on the servers that run already, looked at from beside the programs.

The SQL given to :meth:`Database.rows` is the same for all of them: names that are words of SQL stand in ``"…"``.
"""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pymysql

KINDS = ("sqlite", "postgres", "mariadb")
AWAY_SECONDS = 30.0
FILE = "enschedule.db"
T = TypeVar("T")


class Database(ABC):
    """One database. ``environ`` is what tells a program to use it."""

    kind: str
    environ: dict[str, str]
    away: tuple[type[BaseException], ...]

    @abstractmethod
    def connect(self) -> Any:
        """Return a connection (DB-API 2) in autocommit."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query; waits for a server that is away."""
        return self._patiently(lambda connection: _fetch(connection, sql))

    def value(self, sql: str) -> Any:
        """Return the only value of a query."""
        return self.rows(sql)[0][0]

    def change(self, *statements: str) -> None:
        """Run statements, each on its own."""

        def run(connection: Any) -> None:
            with closing(connection.cursor()) as cursor:
                for statement in statements:
                    cursor.execute(statement)

        self._patiently(run)

    def _patiently(self, work: Callable[[Any], T]) -> T:
        until = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                with closing(self.connect()) as connection:
                    return work(connection)
            except self.away:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def has(self, table: str) -> bool:
        """Return whether a table is there."""
        try:
            with closing(self.connect()) as connection:
                _fetch(connection, f"SELECT 1 FROM {table} WHERE 1 = 0")
        except (sqlite3.Error, psycopg.Error, pymysql.MySQLError):
            return False
        return True

    def columns(self, table: str) -> list[str]:
        """Return the names of a table's columns."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE 1 = 0")
            return [str(described[0]) for described in cursor.description]

    @abstractmethod
    def drop(self) -> None:
        """Remove it."""


def _fetch(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


class SqliteDatabase(Database):
    """A file. Somebody who looks at it must not be in the way: each look is one short transaction."""

    kind = "sqlite"
    away = ()

    def __init__(self, folder: Path, name: str = FILE) -> None:
        self.path = folder / name
        self.environ = {"SQLITE": str(self.path)}

    def connect(self) -> sqlite3.Connection:
        """Open the file."""
        return sqlite3.connect(self.path, timeout=40, isolation_level=None)

    def is_free(self) -> bool:
        """Return whether nobody has it locked for writing."""
        with closing(sqlite3.connect(self.path, timeout=0.2, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
        return True

    def drop(self) -> None:
        """Leave it: its folder goes with it."""


class PostgresDatabase(Database):
    """A database of PostgreSQL."""

    kind = "postgres"
    away = (psycopg.OperationalError,)

    def __init__(self, port: int, name: str) -> None:
        self.port, self.name = port, name
        self.environ = {"POSTGRES": f"postgres://postgres:trusted@127.0.0.1:{port}/{name}"}

    @classmethod
    def create(cls, port: int = 5432) -> PostgresDatabase:
        """Make an empty database; raises the driver's error where no server is."""
        made = cls(port, _fresh_name())
        with psycopg.connect(cls(port, "postgres").dsn, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{made.name}"'.encode())
        return made

    @property
    def dsn(self) -> str:
        """How the driver is told to connect."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={self.name} connect_timeout=10"

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect to the server."""
        return psycopg.connect(self.dsn, autocommit=True)

    def drop(self) -> None:
        """Drop it, whoever is still connected."""
        with psycopg.connect(PostgresDatabase(self.port, "postgres").dsn, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)'.encode())


class MariaDatabase(Database):
    """A database of MariaDB."""

    kind = "mariadb"
    away = (pymysql.err.OperationalError,)

    def __init__(self, port: int, name: str | None) -> None:
        self.port, self.name = port, name
        self.environ = {"MARIADB": f"mariadb://root:@127.0.0.1:{port}/{name}"}

    @classmethod
    def create(cls, port: int = 3306) -> MariaDatabase:
        """Make an empty database; raises the driver's error where no server is."""
        made = cls(port, _fresh_name())
        cls(port, None).change(f'CREATE DATABASE "{made.name}" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin')
        return made

    def connect(self) -> Any:
        """Connect to the server."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            password="",
            database=self.name,
            autocommit=True,
            init_command="SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')",
            connect_timeout=10,
        )

    def drop(self) -> None:
        """Drop it."""
        MariaDatabase(self.port, None).change(f'DROP DATABASE IF EXISTS "{self.name}"')


def _fresh_name() -> str:
    return f"ens_faults_{os.getpid()}_{uuid.uuid4().hex[:8]}"


@contextmanager
def shared(kind: str, folder: Path) -> Iterator[Database]:
    """Make a database of a kind: a file in ``folder``, or one on the server at its usual local port."""
    found: Database
    if kind == "sqlite":
        found = SqliteDatabase(folder)
    elif kind == "postgres":
        found = PostgresDatabase.create()
    else:
        found = MariaDatabase.create()
    try:
        yield found
    finally:
        found.drop()


def column(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return the first value of each row."""
    return [row[0] for row in rows]
