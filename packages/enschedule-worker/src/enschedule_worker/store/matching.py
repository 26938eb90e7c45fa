"""Conditions that every list has: a text in a column, a key among some."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, String, bindparam, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement


class _AsciiLower(FunctionElement[str]):
    """A text with its ASCII letters in lower case."""

    name = "ascii_lower"
    type = String()
    inherit_cache = True


@compiles(_AsciiLower)
def _plain(element: _AsciiLower, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(_AsciiLower, "postgresql")
def _without_rules_of_a_language(element: _AsciiLower, compiler: Any, **options: Any) -> str:
    # By the rules of the database's language, each row takes three times as long.
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'


def contains(column: Any, text: str) -> ColumnElement[bool]:
    """Return the SQL condition that ``text`` is in a column, whatever the case of ASCII letters."""
    lower: Any = _AsciiLower(column) if text.isascii() else func.lower(column)
    found: ColumnElement[bool] = lower.contains(text.lower(), autoescape=True)
    return found


def is_one_of(column: Any, keys: Iterable[int]) -> ColumnElement[bool]:
    """Return the SQL condition that a column of whole numbers is among ``keys``, which are written into the statement.

    As parameters, a hundred of them five times in one statement take longer to send than the statement takes to run.
    """
    numbers = sorted({int(key) for key in keys})
    found: ColumnElement[bool] = column.in_(
        bindparam("keys", numbers, unique=True, expanding=True, literal_execute=True, type_=BigInteger)
    )
    return found
