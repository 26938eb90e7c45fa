"""``enschedule version``."""

from __future__ import annotations

from importlib.metadata import version

import click


@click.command()
def command() -> None:
    """Print the version of the command line."""
    click.echo(version("enschedule-cli"))
