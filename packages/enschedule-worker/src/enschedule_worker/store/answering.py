"""What a transaction that fails means: the drivers' errors as ours, and the same work again where it was undone."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from enschedule_core.errors import Unavailable
from enschedule_worker.store import troubles
from enschedule_worker.store.sqlite_file import AGAIN, busy

T = TypeVar("T")
_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.02


class Undone(Unavailable):
    """The database undid the transaction, because it met another one; the same again is likely to succeed."""


class Collided(Undone):
    """The transaction made a row that another one made at the same time; the same again will see that one."""


def again_if_undone(work: Callable[[], T], allowed: Callable[[], bool] = lambda: True) -> T:
    """Call ``work`` until its transaction is not undone, up to 6 times within about a second, while ``allowed``."""
    for earlier in range(_TRIES):
        try:
            return work()
        except Undone as problem:
            if earlier == _TRIES - 1 or not allowed():
                # Who collides each time meets no other transaction, but a mistake of this program.
                if isinstance(problem, Collided) and problem.__cause__ is not None:
                    raise problem.__cause__ from None
                raise
            # Apart by chance, or the same two meet again.
            time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**earlier))  # noqa: S311 - no secret
    raise AssertionError  # pragma: no cover - the last try has returned or raised


class Answering:
    """Whether a transaction has come to its COMMIT."""

    committing = False


@contextmanager
def answering() -> Iterator[Answering]:
    """Turn the drivers' errors into ours; mistakes of this program stay as they are."""
    state = Answering()
    try:
        yield state
    except DBAPIError as problem:
        raise (_meaning(problem, committing=state.committing) or problem) from problem
    except PoolTimeoutError as problem:
        raise Unavailable("Too many requests wait for the database.", hint=AGAIN) from problem


def _meaning(problem: DBAPIError, *, committing: bool) -> Unavailable | None:
    match troubles.classify(problem):
        case troubles.Trouble.UNDONE:
            return Undone("The database is busy; nothing was changed.", hint=AGAIN)
        case troubles.Trouble.COLLIDED:
            return Collided("Somebody else made the same at the same time.", hint=AGAIN)
        case troubles.Trouble.BUSY:
            return busy()
        case troubles.Trouble.GONE:
            return _gone(problem, committing=committing)
        case _:
            return None


def _gone(problem: DBAPIError, *, committing: bool) -> Unavailable:
    if not problem.connection_invalidated:
        return Unavailable("The database does not answer.", hint=troubles.first_line(problem))
    if committing:
        lost = "The connection to the database was lost; whether the change was made is not known."
        return Unavailable(lost, hint="Look first, then try again.")
    return Undone("The connection to the database was lost.", hint=AGAIN)
