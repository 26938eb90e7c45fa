"""Which workers a run may be claimed by: the wish of a schedule as a number, and the numbers that a worker refuses.

A run carries only the number, 0 for any worker, so that claiming compares integers; what the number stands for never
changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any, Self

from sqlalchemy import Boolean, func, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from enschedule_core.schedule import Binding
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models import workers
from enschedule_worker.store.tables import table_of

ANY = 0
_TABLE = table_of(workers.Binding)


def key_of(tx: Transaction, binding: Binding) -> int:
    """Return the number of a wish, made now if nobody had it before; 0 for any worker."""
    if binding.is_any:
        return ANY
    tags = json.dumps(sorted(set(binding.tags)), separators=(",", ":"))
    digest = hashlib.sha256(json.dumps([binding.id, tags]).encode()).hexdigest()
    found = _find(tx, digest)
    if found is not None:
        return found
    try:
        with tx.connection.begin_nested():
            tx.execute(insert(_TABLE).values(digest=digest, worker_id=binding.id, tags=tags))
    except IntegrityError:  # somebody else made it in this moment
        pass
    made = _find(tx, digest)
    if made is None:
        raise RuntimeError("a binding was neither made nor found")
    return made


def _find(tx: Transaction, digest: str) -> int | None:
    found: int | None = tx.execute(select(_TABLE.c.key).where(_TABLE.c.digest == digest)).scalar()
    return found


class Reach:
    """The numbers that a worker has looked up, and which of them it must leave to others.

    A number that it does not know shows up in a claim, and is looked up then: nothing has to be asked beforehand,
    and a number that was made earlier and committed later is found as well.
    """

    def __init__(self, worker_id: str, tags: Collection[str] = ()) -> None:
        self._worker_id = worker_id
        self._tags = frozenset(tags)
        self._known = {ANY}
        self.refused: frozenset[int] = frozenset()

    def is_open(self, binding: int) -> bool:
        """Return whether the worker may, as far as is known without asking."""
        return binding in self._known and binding not in self.refused

    def learn(self, tx: Transaction, keys: Collection[int]) -> bool:
        """Look up those of ``keys`` that are unknown; True if there were any."""
        unknown = set(keys) - self._known
        if not unknown:
            return False
        rows = tx.execute(select(_TABLE.c.key, _TABLE.c.worker_id, _TABLE.c.tags).where(_TABLE.c.key.in_(unknown)))
        allowed = {
            row.key
            for row in rows
            if Binding(row.worker_id, tuple(json.loads(row.tags))).allows(self._worker_id, self._tags)
        }
        self._known |= unknown
        self.refused |= unknown - allowed
        return True


class _Chosen(FunctionElement[bool]):
    """A condition that SQLite is told in words of its own."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> Self:  # noqa: ARG002 - the interface
        """Stay a condition: SQL Server has none that equals 1."""
        return self


@compiles(_Chosen)
def _chosen(element: _Chosen, compiler: Any, **options: Any) -> str:
    of_sqlite, of_others = element.clauses
    return f"({compiler.process(of_sqlite if compiler.dialect.name == 'sqlite' else of_others, **options)})"


def covers(tags: Any, wanted: Any) -> ColumnElement[bool]:
    """Return the SQL for: the sorted JSON list ``tags`` has all members of the sorted list ``wanted``; NULL has none.

    ``["a","b"]`` becomes the pattern ``%"a"%"b"%``: members are letters, digits, dots, hyphens and ``_``.
    """

    def pattern(plain: Any, wildcard: str) -> Any:
        for mark in "[],":
            plain = func.replace(plain, mark, wildcard)
        return plain

    alike = tags.like(pattern(func.replace(wanted, "_", "!_"), "%"), escape="!")
    exactly = tags.op("GLOB", is_comparison=True)(pattern(wanted, "*"))  # LIKE knows no case on SQLite
    return or_(wanted.is_(None), _Chosen(exactly, alike))
