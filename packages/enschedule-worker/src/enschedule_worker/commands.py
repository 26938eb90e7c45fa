"""What this distribution adds to the ``enschedule`` command."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import click


@click.command(short_help="Run schedules (a worker of its own).")
def worker() -> None:
    """Run schedules until a signal. Everything is set by environment variables; see enschedule-worker --help."""
    from enschedule_worker.main import main  # noqa: PLC0415 - the command line starts fast by not importing SQLAlchemy

    sys.exit(main([]))


@click.command(short_help="Bring the database's tables up to date.")
def migrate() -> None:
    """Make the tables, or bring them to what this version needs. Safe to run while others start."""
    from enschedule_core.errors import ConfigurationError  # noqa: PLC0415
    from enschedule_worker import server  # noqa: PLC0415
    from enschedule_worker.build import prepare  # noqa: PLC0415
    from enschedule_worker.main import with_database  # noqa: PLC0415
    from enschedule_worker.settings import read_settings  # noqa: PLC0415
    from enschedule_worker.store.migrate import head  # noqa: PLC0415

    try:
        settings = with_database(read_settings(os.environ))
        prepare(replace(settings, migrate="auto"))
    except ConfigurationError as problem:
        sys.exit(server.fail(problem))
    assert settings.database is not None
    click.echo(f"{settings.database.shown}: at revision {head()}")


@click.command(short_help="Copy the SQLite database while it is in use.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--database",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="The database; what SQLITE says, or ./enschedule.db, without.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def backup(file: Path, database: str | None, force: bool) -> None:  # noqa: FBT001 - as click hands it over
    """Copy the SQLite database of this machine to a file, whole and checked, also while a server uses it.

    For a database on a server this says which tool of that server does it.
    """
    from enschedule_core.errors import ConfigurationError, EnscheduleError  # noqa: PLC0415
    from enschedule_worker import server  # noqa: PLC0415
    from enschedule_worker.main import with_database  # noqa: PLC0415
    from enschedule_worker.settings import read_settings  # noqa: PLC0415
    from enschedule_worker.store.backup import back_up  # noqa: PLC0415

    try:
        location = with_database(read_settings({**os.environ, **({"SQLITE": database} if database else {})})).database
        assert location is not None
        size = back_up(location, file, replace=force)
    except ConfigurationError as problem:
        sys.exit(server.fail(problem))
    except EnscheduleError as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(f"{location.shown}: copied to {file} ({size:,} bytes)")
