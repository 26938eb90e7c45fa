"""What an error of a database driver means: for the transaction it came in, and for who started this program."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from sqlalchemy import exc

from enschedule_core.errors import ConfigurationError, Unavailable
from enschedule_worker.store.location import Location, Server


class NotThere(ConfigurationError):
    """Nobody answers at the address of the database, or not yet: it may be there a moment later."""


class Trouble(Enum):
    """What became of a transaction, as far as the driver's error says."""

    GONE = auto()
    """The server does not answer, was restarted, or takes no more connections; what was not committed is undone."""
    UNDONE = auto()
    """Two transactions met (deadlock, serialization); this one was undone, and may be tried again."""
    COLLIDED = auto()
    """Two transactions made the same row, each without seeing the other's; the second one was undone."""
    BUSY = auto()
    """A lock was not to be had in time, or a statement took too long."""
    MISTAKE = auto()
    """None of these: a fault of this program."""


_POSTGRES_GONE = ("08", "57P0", "53")  # connection, shutdown, resources
_POSTGRES_UNDONE = {"40001", "40P01", "25P03"}
_POSTGRES_COLLIDED = {"23505"}
_POSTGRES_BUSY = {"55P03", "57014"}
_MYSQL_GONE = {1040, 1053, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1290, 1836, 1927, 4031}
_MYSQL_GONE |= {2002, 2003, 2006, 2013, 2055}  # what the driver itself finds
_MYSQL_UNDONE = {1213, 1020}
_MYSQL_UNDONE |= {1305}  # there is no such savepoint: a deadlock within it has undone the whole transaction
_MYSQL_COLLIDED = {1062}
_MYSQL_BUSY = {1205, 1317, 1969, 3024, 1206}
_MSSQL_GONE = {20002, 20003, 20004, 20006, 20009, 20017, 20047, 17142, 6005, 10928, 10929, 40197, 40501, 40613}
_MSSQL_UNDONE = {1205, 3960}
_MSSQL_COLLIDED = {2601, 2627}
_MSSQL_BUSY = {1222}
_MYSQL = {
    Trouble.UNDONE: _MYSQL_UNDONE,
    Trouble.COLLIDED: _MYSQL_COLLIDED,
    Trouble.BUSY: _MYSQL_BUSY,
    Trouble.GONE: _MYSQL_GONE,
}
_MSSQL = {
    Trouble.UNDONE: _MSSQL_UNDONE,
    Trouble.COLLIDED: _MSSQL_COLLIDED,
    Trouble.BUSY: _MSSQL_BUSY,
    Trouble.GONE: _MSSQL_GONE,
}


def classify(problem: exc.DBAPIError) -> Trouble:
    """Return what an error of any of the drivers means."""
    original: Any = problem.orig
    module = type(original).__module__.partition(".")[0]
    if module == "psycopg":
        found = _of_postgres(original.sqlstate, str(original))
    elif module in ("pymysql", "pymssql"):
        found = _of_number(module, _number(original))
    else:
        found = _of_sqlite(problem, str(original))
    return Trouble.GONE if found is Trouble.MISTAKE and problem.connection_invalidated else found


def _of_postgres(state: str | None, said: str) -> Trouble:
    if state is None:  # the connection was never made, or broke
        return Trouble.GONE if "connection" in said or "host" in said or "server" in said else Trouble.MISTAKE
    if state in _POSTGRES_UNDONE:
        return Trouble.UNDONE
    if state in _POSTGRES_COLLIDED:
        return Trouble.COLLIDED
    if state in _POSTGRES_BUSY:
        return Trouble.BUSY
    return Trouble.GONE if state.startswith(_POSTGRES_GONE) else Trouble.MISTAKE


def _number(original: Any) -> int:
    found = original.args[0] if original.args else 0
    while isinstance(found, tuple) and found:  # pymssql's comes as ((number, text),)
        found = found[0]
    return found if isinstance(found, int) else 0


def _of_number(module: str, number: int) -> Trouble:
    meanings = _MYSQL if module == "pymysql" else _MSSQL
    return next((meaning for meaning, numbers in meanings.items() if number in numbers), Trouble.MISTAKE)


def _of_sqlite(problem: exc.DBAPIError, said: str) -> Trouble:
    if not isinstance(problem, exc.OperationalError) or "no such" in said or "syntax error" in said:
        return Trouble.MISTAKE
    return Trouble.BUSY if "locked" in said or "busy" in said else Trouble.GONE


def first_line(problem: BaseException) -> str:
    """Return what a driver said, in one line and without what stands around it."""
    original: Any = getattr(problem, "orig", None) or problem
    if original.args and _number(original) and len(original.args) > 1:
        said = str(original.args[1])
    elif original.args and isinstance(original.args[0], tuple):
        said = bytes(original.args[0][-1]).decode(errors="replace")
    else:
        said = str(original)
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(original).__name__


# ---------------------------------------------------------------- at the start


def refusal(problem: Exception, location: Location, server: Server) -> ConfigurationError:
    """Return what to tell who named a server that cannot be used."""
    number, said = _number(getattr(problem, "orig", problem)), first_line(problem)
    place, variable = f"{location.host or 'localhost'}:{location.port}", location.variable
    if number == 1049 or ("database" in said and "does not exist" in said) or number == 4060:
        how = f"CREATE DATABASE {location.database}"
        if server.driver == "pymysql":
            how += " CHARACTER SET utf8mb4"
        return ConfigurationError(
            f"{variable}: there is no database {location.database!r} on {place}.",
            hint=f"Make it, as a user who may: {how};",
        )
    denied = ("password", "authentication", "role", "pg_hba.conf")
    if number in (1044, 1045, 1698, 18456) or (location.dialect == "postgresql" and any(d in said for d in denied)):
        return ConfigurationError(
            f"{variable}: the server on {place} does not let user {location.user!r} in: {said}.",
            hint=f"Check user and password, for example {variable}={server.example}",
        )
    if isinstance(problem, (TypeError, ValueError)) or "invalid connection option" in said or "invalid value" in said:
        return ConfigurationError(
            f"{variable}: the driver {server.driver} refuses a parameter of the URI: {said}.",
            hint=f"For example {variable}={server.example}",
        )
    return NotThere(
        f"{variable}: {server.title} on {place} cannot be reached: {said}.",
        hint=f"Is it running, and is this its address? For example {variable}={server.example}",
    )


_NOT_ALLOWED_STATE = "42501"
_NOT_ALLOWED_NUMBERS = (1044, 1142, 1227, 1370, 229, 262, 2760)


def unusable(location: Location, problem: Unavailable | exc.DBAPIError) -> ConfigurationError | None:
    """Return what to tell when the tables could not be looked at or made; ``None`` for a fault of this program."""
    if isinstance(problem, Unavailable) or classify(problem) is Trouble.BUSY:
        said = str(problem) if isinstance(problem, Unavailable) else f"{first_line(problem)}."
        hint = "Try again when no other program holds it." if location.server is None else "Try again in a few seconds."
        return ConfigurationError(f"{location.variable}: {location.shown} cannot be used: {said}", hint=hint)
    original: Any = problem.orig
    if getattr(original, "sqlstate", None) != _NOT_ALLOWED_STATE and _number(original) not in _NOT_ALLOWED_NUMBERS:
        return None
    return ConfigurationError(
        f"{location.variable}: user {location.user!r} may not make tables in {location.database!r}: "
        f"{first_line(problem)}.",
        hint=f"Grant the right, for example: {_grant(location)};",
    )


def _grant(location: Location) -> str:
    if location.dialect == "postgresql":
        return f"GRANT CREATE, USAGE ON SCHEMA public TO {location.user}"
    if location.dialect == "mssql":
        return f"ALTER ROLE db_owner ADD MEMBER {location.user}"
    return f"GRANT ALL ON {location.database}.* TO {location.user}"
