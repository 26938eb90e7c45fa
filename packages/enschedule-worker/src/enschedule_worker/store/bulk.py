"""The hot statements: compiled once for each dialect, and many rows in one of them.

The rows travel as one parameter, a JSON list of lists, which every database reads as a table. So a batch is one
statement and one answer whatever its size; SQLite works it off without Python's lock; and the statements stay ordinary
ones of SQLAlchemy, written once. Values given row by row cost three times as much (see docs/adr/0010).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, CursorResult, Executable, Subquery, UnicodeText, column, text
from sqlalchemy.engine.interfaces import Compiled, Dialect

from enschedule_worker.store.database import Transaction

ROWS = "rows"
MOST_BYTES = 1_000_000
"""Of text in one statement: MariaDB takes 16 MB in one, where every character may need six bytes as JSON."""


class Kind(Enum):
    """What a column of the rows holds; ``None`` is allowed in each."""

    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"


NUMBER, TEXT, FLAG = Kind.NUMBER, Kind.TEXT, Kind.FLAG
_TYPES: dict[Kind, Any] = {NUMBER: BigInteger(), TEXT: UnicodeText(), FLAG: Boolean()}
_POSTGRES = {NUMBER: "BIGINT", TEXT: "TEXT", FLAG: "BOOLEAN"}
_MYSQL = {NUMBER: "BIGINT", TEXT: "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", FLAG: "BIGINT"}
_MSSQL = {NUMBER: "BIGINT", TEXT: "NVARCHAR(MAX)", FLAG: "BIT"}

# How a dialect reads a JSON list of lists as a table: one column of it, the types, and the whole.
_SOURCES: dict[str, tuple[str, dict[Kind, str], str]] = {
    "sqlite": ("json_extract(value, '$[{at}]') AS v_{name}", {}, "SELECT {columns} FROM json_each(:rows)"),
    "postgresql": (
        "CAST(value ->> {at} AS {type}) AS v_{name}",
        _POSTGRES,
        "SELECT {columns} FROM jsonb_array_elements(CAST(:rows AS JSONB))",
    ),
    "mysql": (
        "v_{name} {type} PATH '$[{at}]'",
        _MYSQL,
        "SELECT * FROM JSON_TABLE(:rows, '$[*]' COLUMNS ({columns})) AS given",
    ),
    "mssql": ("v_{name} {type} '$[{at}]'", _MSSQL, "SELECT * FROM OPENJSON(:rows) WITH ({columns})"),
}


_SQLITE_RETURNS = sqlite3.sqlite_version_info >= (3, 35)


def returns(dialect: str) -> bool:
    """Return whether the database says which rows a statement has changed or inserted; else they are asked for."""
    return dialect == "postgresql" or (dialect == "sqlite" and _SQLITE_RETURNS)


def rows(dialect: str, **columns: Kind) -> Subquery:
    """Return the parameter ``rows`` as a table with ``columns``, in the order in which each row lists its values."""
    column_of, types, source = _SOURCES.get(dialect, _SOURCES["mysql"])
    listed = ", ".join(
        column_of.format(at=at, name=name, type=types.get(kind)) for at, (name, kind) in enumerate(columns.items())
    )
    typed = [column(f"v_{name}", _TYPES[kind]) for name, kind in columns.items()]
    return text(source.format(columns=listed)).columns(*typed).subquery("v")


class Statement:
    """A statement of SQLAlchemy that is compiled once for each dialect and then costs only its execution.

    ``build`` makes it for the name of a dialect. Its results are the driver's rows, without SQLAlchemy's types. Where a
    dialect writes values into the text (SQL Server the number of rows), it is an ordinary statement each time.
    """

    def __init__(self, build: Callable[[str], Executable]) -> None:
        self._build = build
        self._compiled = lru_cache(maxsize=None)(self._compile)

    def run(self, tx: Transaction, values: Sequence[Sequence[Any]] | None = None, **named: Any) -> CursorResult[Any]:
        """Execute it: ``values`` are the rows, ``named`` its other parameters."""
        if values is not None:
            named[ROWS] = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        sql, order, constants = self._compiled(tx.connection.dialect)
        if sql is None:
            return tx.execute(self._build(tx.dialect), named)
        given = constants | named
        parameters = given if order is None else tuple(given[name] for name in order)
        return tx.connection.exec_driver_sql(sql, parameters)

    def changed(self, tx: Transaction, values: Sequence[Sequence[Any]], **named: Any) -> int:
        """Execute it for ``values`` and return how many rows it changed; nothing is done for none."""
        return self.run(tx, values, **named).rowcount if values else 0

    def _compile(self, dialect: Dialect) -> tuple[str | None, list[str] | None, dict[str, Any]]:
        built: Any = self._build(dialect.name)
        made: Compiled = built.compile(dialect=dialect)
        if getattr(made, "literal_execute_params", None) or getattr(made, "post_compile_params", None):
            return None, None, {}
        constants = {name: _plain(value) for name, value in (made.params or {}).items() if value is not None}
        return str(made), getattr(made, "positiontup", None), constants


def _plain(value: Any) -> Any:
    """Return the text of a member of an enumeration, which not every driver takes."""
    return str(value) if isinstance(value, str) else value
