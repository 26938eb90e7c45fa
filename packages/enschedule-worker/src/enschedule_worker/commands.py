"""What this distribution adds to the ``enschedule`` command."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import click

from enschedule_core.errors import ConfigurationError


@click.command(short_help="Run schedules (a worker of its own).")
def worker() -> None:
    """Run schedules until a signal. Everything is set by environment variables; see enschedule-worker --help."""
    from enschedule_worker.main import main  # noqa: PLC0415 - the command line starts fast by not importing SQLAlchemy

    sys.exit(main([]))


@click.command(short_help="Bring the database's tables up to date.")
def migrate() -> None:
    """Make the tables, or bring them to what this version needs. Safe to run while others start."""
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
