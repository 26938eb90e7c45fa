"""What a thread has of its own at a database: the transaction in which it reads several times, and its changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from enschedule_worker.store.database import Transaction

logger = logging.getLogger(__name__)


class Shared:
    """The transaction in which a thread reads several times; it is there from the first look on."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._transaction: Transaction | None = None
        self._users = 0
        self._error: BaseException | None = None

    @contextmanager
    def used(self, begin: Callable[[], AbstractContextManager[Transaction]]) -> Iterator[Transaction]:
        """Give the transaction, begun where there is none; after an error nothing more is read in it."""
        if self._transaction is None:
            self._transaction = self._opened.enter_context(begin())
        self._users += 1
        try:
            yield self._transaction
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._users -= 1
            if self._error is not None:
                self.end_unless_used()

    def end_unless_used(self) -> None:
        """End it; the next look begins another one. One that is in use goes on: who uses it has begun before."""
        if not self._users:
            self.end()

    def end(self) -> None:
        """End it, if it has begun. Nothing was written in it, so nothing is lost where that fails."""
        error, self._error, self._transaction = self._error, None, None
        try:
            self._opened.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
        except SQLAlchemyError as problem:
            logger.debug("a transaction that read did not end: %s", problem)


class OfThread(threading.local):
    """What a thread has of its own: how many changes it has committed, and what it reads in one transaction."""

    commits = 0
    shared: Shared | None = None
