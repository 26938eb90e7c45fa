"""The status of a run as a column, and as a condition that finds its partial index."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from enschedule_core.run import OPEN, RunStatus
from enschedule_worker.store.models.base import short


class Status(sa.types.TypeDecorator[str]):
    """The status of a run. In a condition it stands in the statement itself, and is no parameter of it.

    A partial index is used only by a statement that says which rows it wants: with a parameter there, SQLite reads the
    whole table.
    """

    impl = sa.Unicode
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return the type of the column."""
        return dialect.type_descriptor(short(10).dialect_impl(dialect))

    class Comparator(sa.types.TypeDecorator.Comparator[str]):
        """Puts what is compared with into the statement."""

        def operate(self, op: Any, *other: Any, **named: Any) -> Any:
            """Compare with statuses as constants."""
            return super().operate(op, *(_constants(one) for one in other), **named)

    comparator_factory = Comparator


def _constants(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return [_constants(one) for one in value]
    return sa.literal_column(f"'{value}'") if value in _STATUSES else value


_STATUSES = frozenset(status.value for status in RunStatus)
_OPEN = tuple(sorted(OPEN))
_QUIET = (*_OPEN, RunStatus.SUCCEEDED)


def has_status(column: Any, *statuses: str) -> sa.ColumnElement[bool]:
    """Return the condition that a run has one of ``statuses``, in words by which each database finds its partial index.

    SQLite takes one only if its own condition stands in the statement to the letter.
    """
    found: sa.ColumnElement[bool] = column == statuses[0] if len(statuses) == 1 else column.in_(sorted(statuses))
    if set(statuses) < set(_OPEN):
        return sa.and_(found, column.in_(_OPEN))
    return found if set(statuses) & set(_QUIET) else sa.and_(found, column.not_in(_QUIET))
