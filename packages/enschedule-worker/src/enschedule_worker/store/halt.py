"""The pause of everything: one value that firing and claiming look at within their own statements."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

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

    ``missed`` says what becomes of the slots in it once it is over: ``skip``, ``latest`` or ``all``. ``revision`` goes
    up whenever a pause begins, changes or ends.
    """

    at: int
    by: str
    reason: str | None = None
    until: int | None = None
    lifted_at: int | None = None
    missed: str = "skip"
    revision: int = 0


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
    return tx.seen("state", _NOW, lambda: read(state.get(tx, _NOW)))


def revision(tx: Transaction) -> int:
    """Return the revision of the pause that is on, or of the last one; 0 before the first."""
    found = current(tx) or read(state.get(tx, _LAST))
    return 0 if found is None else found.revision


def begin(tx: Transaction, halt: Halt, *, instead_of: Halt | None) -> bool:
    """Pause everything, or replace the pause that is on; ``False`` where that is another one by now."""
    text = state.get(tx, _NOW)
    return read(text) == instead_of and state.swap(tx, _NOW, text, _text(halt))


def end(tx: Transaction, *, at: int, missed: str = "skip") -> Halt | None:
    """Lift the pause as of ``at`` and return it; ``None`` if there is none, or it was just lifted or changed.

    It is kept as the last one: when their schedules are looked at next, the slots in it are recorded as skipped, or
    run as ``missed`` says.
    """
    text = state.get(tx, _NOW)
    found = read(text)
    if found is None or not state.remove(tx, _NOW, text):
        return None
    over = replace(found, lifted_at=at, missed=missed, revision=found.revision + 1)
    state.put(tx, _LAST, _text(over))
    return over


def _text(halt: Halt) -> str:
    return json.dumps(asdict(halt))
