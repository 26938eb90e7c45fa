"""Where the database is: read from the environment, checked before anything is opened.

SQLAlchemy is imported only when the URL is asked for: a dashboard in front of a remote worker reads these settings too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from enschedule_core.errors import ConfigurationError
from enschedule_worker.store import files

if TYPE_CHECKING:
    from sqlalchemy import URL

_TRUE, _FALSE = (
    frozenset({"true", "1", "yes", "on"}),
    frozenset({"false", "0", "no", "off"}),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A kind of database server: how SQLAlchemy and people call it, and what it takes to talk to it."""

    dialect: str
    title: str
    schemes: tuple[str, ...]
    port: int
    driver: str
    extra: str

    @property
    def example(self) -> str:
        """A URI as this server's variable takes it."""
        return f"{self.schemes[0]}://user:password@db.example.org:{self.port}/enschedule"


SERVERS: Mapping[str, Server] = {
    "POSTGRES": Server("postgresql", "PostgreSQL", ("postgres", "postgresql"), 5432, "psycopg", "postgres"),
    "MYSQL": Server("mysql", "MySQL", ("mysql", "mariadb"), 3306, "pymysql", "mysql"),
    "MARIADB": Server("mariadb", "MariaDB", ("mariadb", "mysql"), 3306, "pymysql", "mysql"),
    "MSSQL": Server("mssql", "SQL Server", ("mssql",), 1433, "pymssql", "mssql"),
}
DIALECT_VARIABLES = ("SQLITE", *SERVERS)
_SERVER_OF_DIALECT = {server.dialect: server for server in SERVERS.values()}
_VARIABLE_OF_SCHEME = {
    "postgres": "POSTGRES",
    "postgresql": "POSTGRES",
    "mysql": "MYSQL",
    "mariadb": "MARIADB",
    "mssql": "MSSQL",
}
_HOST = r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:/?#\[\]\s]*)"
_REST = rf"{_HOST}(?::(?P<port>[^@:/?#]*))?(?:/(?P<database>[^?#]*))?(?:\?(?P<query>.*))?"
_URIS = (
    re.compile(rf"(?P<user>[^:@/?#]*):(?P<password>.*)@{_REST}", re.DOTALL),  # a password reaches up to the last @
    re.compile(rf"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@]*))?@)?{_REST}", re.DOTALL),
)


@dataclass(frozen=True, slots=True)
class Location:
    """A database to open: a file, or one on a server, and how to say it to people (``shown``, without the password).

    ``variable`` is the one that named it, for messages. ``options`` are the query parameters of a URI; the driver
    gets them.
    """

    dialect: str
    database: str
    shown: str
    variable: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    host: str | None = None
    port: int | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def server(self) -> Server | None:
        """The kind of server that it is on; ``None`` for a file."""
        return _SERVER_OF_DIALECT.get(self.dialect)

    @property
    def url(self) -> URL:
        """The URL for SQLAlchemy, without the password: that is among the driver's own arguments."""
        from sqlalchemy import URL  # noqa: PLC0415 - see above

        if self.server is None:
            return URL.create("sqlite", database=self.database)
        return URL.create(
            f"{self.dialect}+{self.server.driver}",
            username=self.user,
            host=self.host,
            port=self.port,
            database=self.database,
            query=self.options,
        )


def locate(given: Mapping[str, str], *, folder: Path) -> Location | None:
    """Return the database that the variables in ``given`` name, ``None`` where they name none.

    ``folder`` is what relative paths are relative to. Raises :class:`ConfigurationError` that names the variable, and
    never shows what may hold a password.
    """
    named = [name for name in DIALECT_VARIABLES if _is_on(given.get(name, ""))]
    if len(named) > 1:
        raise ConfigurationError(
            f"{' and '.join(named)} are both set; a worker uses one database.",
            hint="For example only SQLITE=enschedule.db",
        )
    if named:
        return _named(named[0], given[named[0]].strip(), given, folder)
    url = given.get("DATABASE_URL", "").strip()
    return _from_url(url, folder) if url else None


def _is_on(text: str) -> bool:
    return bool(text.strip()) and text.strip().lower() not in _FALSE


def _named(name: str, text: str, given: Mapping[str, str], folder: Path) -> Location:
    is_true = text.lower() in _TRUE
    if name == "SQLITE":
        return _sqlite(_file_of_parts(given) if is_true else text, folder)
    if is_true:
        return _from_parts(name, given)
    scheme, separator, rest = text.partition("://")
    server = SERVERS[name]
    if not separator:
        raise ConfigurationError(
            f"{name}: the value is neither true nor false nor a URI.", hint=f"For example {name}={server.example}"
        )
    if scheme.lower().partition("+")[0] not in server.schemes:
        raise ConfigurationError(
            f"{name}: {scheme!r} is not the scheme of a URI of {server.title}.",
            hint=f"For example {name}={server.example}",
        )
    return _from_uri(name, name, rest)


def _from_url(text: str, folder: Path) -> Location:
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite":
        return _sqlite(unquote(rest.removeprefix("/")), folder, variable="DATABASE_URL")
    name = _VARIABLE_OF_SCHEME.get(scheme.lower().partition("+")[0])
    if name is None:
        raise ConfigurationError(
            "DATABASE_URL: the value is not the URI of a database that Enschedule runs on.",
            hint=f"For example DATABASE_URL={SERVERS['POSTGRES'].example}, or sqlite:///enschedule.db",
        )
    return _from_uri(name, "DATABASE_URL", rest)


# ---------------------------------------------------------------- SQLite


def _file_of_parts(given: Mapping[str, str]) -> str:
    text = given.get("DB_DATABASE", "").strip()
    if not text:
        raise ConfigurationError(
            "SQLITE is true, but DB_DATABASE, which then names the file, is not set.",
            hint="For example SQLITE=enschedule.db, or SQLITE=true with DB_DATABASE=enschedule.db",
        )
    return text


def _sqlite(text: str, folder: Path, *, variable: str = "SQLITE") -> Location:
    return memory() if text == ":memory:" else sqlite_file(text, folder=folder, variable=variable)


def sqlite_file(text: str, *, folder: Path, variable: str = "SQLITE") -> Location:
    """Return the location of a database file, after seeing that it can be opened and written."""
    if "://" in text:
        raise ConfigurationError(
            f"{variable}: a URI ({text.partition('://')[0]}://…) stands there, and SQLite takes a path.",
            hint="For example SQLITE=/var/lib/enschedule/enschedule.db",
        )
    path = (folder / Path(text).expanduser()).absolute()
    problem = files.unusable(path)
    if problem:
        raise ConfigurationError(f"{variable}: {str(path)!r} {problem}.", hint="For example SQLITE=./enschedule.db")
    return Location("sqlite", str(path), f"SQLite, {path}", variable)


def memory() -> Location:
    """Return a new private database in memory; it is gone when the process ends."""
    return Location("sqlite", str(files.memory_file()), "SQLite, in memory (nothing is kept)", "SQLITE")


# ---------------------------------------------------------------- servers


def _from_parts(name: str, given: Mapping[str, str]) -> Location:
    parts = {part: given.get(part, "").strip() for part in ("DB_USER", "DB_HOST", "DB_PORT", "DB_DATABASE")}
    missing = [part for part in ("DB_USER", "DB_DATABASE") if not parts[part]]
    if missing:
        raise ConfigurationError(
            f"{name} is true, but {' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not set.",
            hint=f"For example {name}=true DB_USER=enschedule DB_PASSWORD=… DB_HOST=db.example.org "
            f"DB_PORT={SERVERS[name].port} DB_DATABASE=enschedule",
        )
    host = parts["DB_HOST"]
    if "://" in host or (":" in host and not re.fullmatch(r"[0-9A-Fa-f:.]+", host)):
        raise ConfigurationError(
            f"DB_HOST: {host!r} is not the name or address of a machine; the port is DB_PORT.",
            hint="For example DB_HOST=db.example.org",
        )
    return _server(
        name,
        name,
        user=parts["DB_USER"],
        password=given.get("DB_PASSWORD"),
        host=host or "localhost",
        port=_port(parts["DB_PORT"], "DB_PORT", SERVERS[name]),
        database=parts["DB_DATABASE"],
        options={},
    )


def _from_uri(name: str, variable: str, rest: str) -> Location:
    """Read what follows ``scheme://``. A password may stand there as it is, but for what looks like ``%40``."""
    server = SERVERS[name]
    readings = [found for pattern in _URIS if (found := pattern.fullmatch(rest)) is not None]
    found = next((reading for reading in readings if reading["database"]), None)
    if found is None:
        reason = "names no database" if readings else "cannot be read as a URI"
        raise ConfigurationError(
            f"{variable}: the value {reason}.",
            hint=f"For example {variable}={server.example}, where @ in a password is written %40 and / is %2F",
        )
    return _server(
        name,
        variable,
        user=unquote(found["user"]) if found["user"] else None,
        password=None if found["password"] is None else unquote(found["password"]),
        host=unquote(found["host"].strip("[]")) or None,
        port=_port(found["port"] or "", variable, server),
        database=unquote(found["database"]),
        options=dict(parse_qsl(found["query"] or "", keep_blank_values=True)),
    )


def _port(text: str, variable: str, server: Server) -> int:
    if not text:
        return server.port
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= 65_535:
        valid = server.port if variable == "DB_PORT" else server.example
        raise ConfigurationError(
            f"{variable}: the port {text!r} is not a number between 1 and 65535.",
            hint=f"For example {variable}={valid}",
        )
    return int(text)


def _server(
    name: str,
    variable: str,
    *,
    user: str | None,
    password: str | None,
    host: str | None,
    port: int,
    database: str,
    options: Mapping[str, str],
) -> Location:
    server = SERVERS[name]
    if find_spec(server.driver) is None:
        raise ConfigurationError(
            f"{variable}: the driver for {server.title}, {server.driver}, is not installed.",
            hint=f"Install it with: pip install 'enschedule-worker[{server.extra}]'",
        )
    place = options.get("host") or options.get("unix_socket") or f"{host or 'localhost'}:{port}"
    shown = f"{server.title}, {database} on {place}"
    return Location(server.dialect, database, shown, variable, user, password, host, port, options)
