"""Running the migrations with Alembic, on a connection whose transaction the caller has begun."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.ddl.mysql import MariaDBImpl, MySQLImpl
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

logger = logging.getLogger(__name__)
_THERE_ALREADY = frozenset({1050, 1060, 1061})  # a table, a column, an index


def config() -> Config:
    """Return what Alembic needs to find the migrations."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    return made


def upgrade(connection: Connection) -> None:
    """Run the missing migrations, all that there are."""
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, "head")


class _Resuming:
    """MySQL and MariaDB commit each change of a table by itself, so a start that was killed leaves half a migration.

    What is there already was made by that start: under the lock nobody else makes anything.
    """

    def _exec(self, *given: Any, **named: Any) -> Any:
        try:
            return super()._exec(*given, **named)  # type: ignore[misc]
        except DBAPIError as problem:
            number = problem.orig.args[0] if problem.orig is not None and problem.orig.args else None
            if number not in _THERE_ALREADY:
                raise
            logger.info("an earlier start was interrupted here: %s", problem.orig)
            return None


class _ResumingMySQL(_Resuming, MySQLImpl):
    __dialect__ = "mysql"  # by this name Alembic finds it, instead of its own


class _ResumingMariaDB(_Resuming, MariaDBImpl):
    __dialect__ = "mariadb"
