"""Conditions that every list has: a text in a column, a key among some."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, String, any_, bindparam, false
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from enschedule_worker.store.sqlite_file import LOWER_FUNCTION


class _Lower(FunctionElement[str]):
    """A text in lower case, as :class:`str` has it."""

    name = "lower_case"
    type = String()
    inherit_cache = True


class _AsciiLower(FunctionElement[str]):
    """A text with at least its ASCII letters in lower case."""

    name = "ascii_lower"
    type = String()
    inherit_cache = True


@compiles(_Lower)
@compiles(_AsciiLower)
def _plain(element: FunctionElement[str], compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(_Lower, "sqlite")
def _by_python(element: _Lower, compiler: Any, **options: Any) -> str:
    return f"{LOWER_FUNCTION}({compiler.process(element.clauses, **options)})"  # its own knows ASCII only


@compiles(_AsciiLower, "postgresql")
def _without_rules_of_a_language(element: _AsciiLower, compiler: Any, **options: Any) -> str:
    # By the rules of the database's language, each row takes three times as long.
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'


def contains(column: Any, text: str) -> ColumnElement[bool]:
    """Return the SQL condition that ``text`` is in a column, whatever the case of its letters."""
    lower: Any = _AsciiLower(column) if text.isascii() else _Lower(column)
    found: ColumnElement[bool] = lower.contains(text.lower(), autoescape=True)
    return found


class _IsOneOf(FunctionElement[bool]):
    """Whether a column is among numbers: as a list that is written into the statement, or as one array."""

    name = "is_one_of"
    type = Boolean()
    inherit_cache = True


@compiles(_IsOneOf)
def _written_out(element: _IsOneOf, compiler: Any, **options: Any) -> str:
    # As parameters, a hundred of them five times in one statement take longer to send than the statement takes to run.
    found: str = compiler.process(element.clauses.clauses[0], **options)
    return found


@compiles(_IsOneOf, "postgresql")
def _as_array(element: _IsOneOf, compiler: Any, **options: Any) -> str:
    # So the statement stays the same one, whichever keys: the driver has it prepared, and knows its parameters.
    found: str = compiler.process(element.clauses.clauses[1], **options)
    return found


def is_one_of(column: Any, keys: Iterable[int]) -> ColumnElement[bool]:
    """Return the SQL condition that a column of whole numbers is among ``keys``."""
    numbers = sorted({int(key) for key in keys})
    if not numbers:
        return false()
    listed = bindparam("keys", numbers, unique=True, expanding=True, literal_execute=True, type_=BigInteger)
    array = bindparam("keys", numbers, unique=True, type_=ARRAY(BigInteger))
    return _IsOneOf(column.in_(listed), column == any_(array))
