"""``enschedule handlers``."""

from __future__ import annotations

import click

from enschedule_cli.commands.get import handlers


@click.group()
def command() -> None:
    """List what can be run."""


command.add_command(handlers, "list")
