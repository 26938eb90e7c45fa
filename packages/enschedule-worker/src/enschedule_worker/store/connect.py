"""Opening a database: what the driver and each session are told, and the refusal where it cannot be used.

No session waits for ever: for a lock 20 s, for a statement a minute, and a transaction whose owner stands still is
ended by the server after 15 s, because others wait for what it has locked.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection

from enschedule_core.errors import ConfigurationError
from enschedule_worker.store import troubles
from enschedule_worker.store.files import BUSY_TIMEOUT_SECONDS
from enschedule_worker.store.location import Location, Server
from enschedule_worker.store.sqlite_file import GLANCES, WRITES

logger = logging.getLogger(__name__)
CONNECT_SECONDS = 10
LOCK_SECONDS = 20
STATEMENT_SECONDS = 60
IDLE_IN_TRANSACTION_SECONDS = 15
_PING_AFTER_SECONDS = 1.0
_LOOK_AGAIN_SECONDS, _SAY_EVERY_SECONDS = 0.5, 5.0
_LEAST_VERSIONS = {"postgresql": (12,), "mysql": (8, 0, 1), "mariadb": (10, 6), "mssql": (13,)}


def engine_options(location: Location, threads: int) -> dict[str, Any]:
    """Return the arguments of ``create_engine`` for ``threads`` threads that use the database at once."""
    options: dict[str, Any] = {
        "pool_size": threads + 4,
        "max_overflow": 8,
        "pool_timeout": 30,
        "hide_parameters": True,  # errors and ORM_LOGGING show statements, but no values: some of them are secret
        "connect_args": _driver_arguments(location),
    }
    if location.dialect != "sqlite":
        options["isolation_level"] = "READ COMMITTED"
        # The session used last has its statements prepared and its memory at hand; in turns, each is cold.
        options["pool_use_lifo"] = True
    if location.dialect in ("mysql", "mariadb"):
        options["pool_reset_on_return"] = None  # each transaction of ours ends by itself; a ROLLBACK would cost 50 µs
    return options


def _driver_arguments(location: Location) -> dict[str, Any]:
    """Return what goes to the driver's ``connect``, the password included."""
    match location.dialect:
        case "sqlite":
            return {"check_same_thread": False, "timeout": BUSY_TIMEOUT_SECONDS}
        case "postgresql":
            found: dict[str, Any] = {
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "enschedule",
                # A server that vanished without a word is noticed in half a minute.
                "keepalives_idle": 15,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 30_000,
                "password": location.password,
            }
        case "mssql":
            found = {"login_timeout": CONNECT_SECONDS, "timeout": STATEMENT_SECONDS, "password": location.password}
        case _:
            found = {
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": 2 * STATEMENT_SECONDS,
                "write_timeout": STATEMENT_SECONDS,
                "charset": "utf8mb4",
                # As bytes, because of text the driver makes Latin-1, and the server has a digest of UTF-8.
                "password": (location.password or "").encode(),
            }
    return {name: value for name, value in found.items() if name not in location.options}


def prepare(engine: Engine) -> None:
    """Let the pool find a restarted server, and tell each new session of a server its limits."""
    dialect = engine.dialect

    @event.listens_for(engine, "checkin")
    def returned(_: DBAPIConnection | None, record: Any) -> None:
        record.info["returned_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def taken(raw: DBAPIConnection, record: Any, _: Any) -> None:
        """Ask a connection that was not used for a while whether it is still one; in a busy time none is asked."""
        returned_at = record.info.get("returned_at")
        if returned_at is None or time.monotonic() - returned_at < _PING_AFTER_SECONDS:
            return
        try:
            dialect.do_ping(raw)
        except dialect.loaded_dbapi.Error as gone:
            raise exc.InvalidatePoolError from gone

    @event.listens_for(engine, "connect")
    def connected(raw: DBAPIConnection, _: Any) -> None:
        cursor = raw.cursor()
        for statement in _session(dialect.name, bool(getattr(dialect, "is_mariadb", False))):
            cursor.execute(statement)
        cursor.close()
        raw.commit()

    _begin(engine)


def _begin(engine: Engine) -> None:
    """Let the server refuse what a reading transaction would write, and show it all as of one moment."""
    if engine.dialect.name == "postgresql":
        levels = engine.dialect.loaded_dbapi.IsolationLevel

        @event.listens_for(engine, "begin")
        def begun_postgresql(connection: Connection) -> None:
            raw: Any = connection.connection.dbapi_connection
            reads = not connection.get_execution_options().get(WRITES)
            if raw.read_only is not reads:  # both are part of the driver's BEGIN, and so for nothing
                raw.read_only = reads
                raw.isolation_level = levels.REPEATABLE_READ if reads else levels.READ_COMMITTED

    elif engine.dialect.name in ("mysql", "mariadb"):

        @event.listens_for(engine, "begin")
        def begun_mysql(connection: Connection) -> None:
            options = connection.get_execution_options()
            if options.get(WRITES):
                return
            if not options.get(GLANCES):  # the engine's few SELECTs need no moment, and this is a round trip
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.exec_driver_sql("START TRANSACTION READ ONLY")


def _session(dialect: str, is_mariadb: bool) -> list[str]:  # noqa: FBT001 - what the dialect says of itself
    if dialect == "postgresql":
        return [
            f"SET lock_timeout = '{LOCK_SECONDS}s'",
            f"SET statement_timeout = '{STATEMENT_SECONDS}s'",
            f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'",
        ]
    if dialect == "mssql":
        return [f"SET LOCK_TIMEOUT {LOCK_SECONDS * 1000}", "SET XACT_ABORT ON"]
    limits = {
        "sql_mode": "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        "time_zone": "'+00:00'",
        "innodb_lock_wait_timeout": LOCK_SECONDS,
        "lock_wait_timeout": 2 * LOCK_SECONDS,
    }
    if is_mariadb:
        limits |= {"max_statement_time": STATEMENT_SECONDS, "idle_transaction_timeout": IDLE_IN_TRANSACTION_SECONDS}
    else:
        limits |= {"max_execution_time": STATEMENT_SECONDS * 1000}
    return ["SET SESSION " + ", ".join(f"{name} = {value}" for name, value in limits.items())]


def check(engine: Engine, location: Location) -> None:
    """Open one connection and see whether it will do.

    Raises :class:`ConfigurationError` that says what is wrong with the variable, with the server, or with its version.
    """
    server = location.server
    try:
        with engine.connect() as connection:
            if server is not None:
                _check_version(connection, location, server)
    except exc.InvalidRequestError as problem:  # SQLAlchemy's: a MariaDB was named, and this is none
        raise ConfigurationError(f"{location.variable}: {problem}", hint="Set MYSQL instead of MARIADB.") from None
    except (exc.DBAPIError, OSError, TypeError, ValueError) as problem:
        if server is None:
            raise
        raise troubles.refusal(problem, location, server) from None


def wait(
    engine: Engine,
    location: Location,
    seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Do as :func:`check`, for up to ``seconds`` again and again while nobody answers at the server's address.

    What no waiting helps with (a password, an unknown database, an old version) is raised at once.
    """
    until = monotonic() + seconds
    said_at: float | None = None
    while True:
        try:
            check(engine, location)
        except troubles.NotThere as problem:
            now = monotonic()
            if now >= until:
                raise
            if said_at is None or now - said_at >= _SAY_EVERY_SECONDS:
                said_at = now
                logger.warning("%s Waiting for it, for %.0f s at most.", problem.detail, until - now)
            sleep(min(_LOOK_AGAIN_SECONDS, until - now))
        else:
            if said_at is not None:
                logger.warning("%s: the database answers now.", location.variable)
            return


def _check_version(connection: Connection, location: Location, server: Server) -> None:
    dialect = connection.dialect
    is_mariadb = bool(getattr(dialect, "is_mariadb", False))
    version = tuple(part for part in dialect.server_version_info or () if isinstance(part, int))
    kind = "mariadb" if is_mariadb else location.dialect
    least = _LEAST_VERSIONS[kind]
    if version < least:
        title = "MariaDB" if is_mariadb else server.title
        raise ConfigurationError(
            f"{location.variable}: the server is {title} {_dotted(version)}, and Enschedule needs {_dotted(least)}.",
            hint=f"For example {server.example} on a newer server.",
        )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
