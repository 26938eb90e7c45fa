"""The pause of everything: one value that firing and claiming look at within their own statements."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, ScalarSelect, exists

from enschedule_worker.store import state
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.sharing import State
from enschedule_worker.store.tables import table_of

_STATE = table_of(State)
_NOW = "pause"
_LAST = "pause:last"


@dataclass(frozen=True, slots=True)
class Halt:
    """A pause of everything; instants are microseconds. ``lifted_at`` is ``None`` while it lasts.

    ``missed`` says what becomes of the slots in it once it is over: ``skip``, ``latest`` or ``all``.
    """

    at: int
    by: str
    reason: str | None = None
    until: int | None = None
    lifted_at: int | None = None
    missed: str = "skip"


def is_on() -> ColumnElement[bool]:
    """Return the SQL condition that everything is paused; it is evaluated once a statement, not once a row."""
    return exists().where(_STATE.c.name == _NOW).correlate(None)


def last_value() -> ScalarSelect[str]:
    """Return the SQL for the last pause that is over, as :func:`read` takes it."""
    return state.value_of(_LAST)


def read(text: str | None) -> Halt | None:
    """Return the pause of a stored text."""
    return None if text is None else Halt(**json.loads(text))


def current(tx: Transaction) -> Halt | None:
    """Return the pause that is on."""
    return read(state.get(tx, _NOW))


def begin(tx: Transaction, halt: Halt) -> None:
    """Pause everything, or replace reason and end of the pause that is on."""
    state.put(tx, _NOW, json.dumps(asdict(halt)))


def end(tx: Transaction, *, at: int, missed: str = "skip") -> Halt | None:
    """Lift the pause as of ``at`` and return it; ``None`` if there is none, or somebody else has just lifted it.

    It is kept as the last one: when their schedules are looked at next, the slots in it are recorded as skipped, or
    run as ``missed`` says.
    """
    found = current(tx)
    if found is None or not state.remove(tx, _NOW):
        return None
    over = Halt(found.at, found.by, found.reason, found.until, at, missed)
    state.put(tx, _LAST, json.dumps(asdict(over)))
    return over
