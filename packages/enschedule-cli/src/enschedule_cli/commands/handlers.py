"""``enschedule handlers``."""

from __future__ import annotations

import click

from enschedule_cli import handler_check, handler_new
from enschedule_cli.commands.get import handlers


@click.group()
def command() -> None:
    """List what can be run; check and write handlers."""


command.add_command(handlers, "list")
command.add_command(handler_check.command, "check")
command.add_command(handler_new.command, "new")
