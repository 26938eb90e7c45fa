"""What this distribution adds to the ``enschedule`` command."""

from __future__ import annotations

import sys

import click


@click.command(short_help="Serve the pages.")
def dashboard() -> None:
    """Serve the dashboard until a signal. Environment variables set everything; see enschedule-dashboard --help."""
    from enschedule_dashboard.main import main  # noqa: PLC0415 - the command line starts fast by not importing Flask

    sys.exit(main([]))
