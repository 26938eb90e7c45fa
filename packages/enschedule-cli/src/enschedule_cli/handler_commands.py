"""``enschedule handlers``: the commands that need no server."""

from __future__ import annotations

import click

from enschedule_cli import handler_check, handler_new


@click.group(short_help="Write and check handlers.")
def command() -> None:
    """Write and check handlers, without a server."""


command.add_command(handler_check.command, "check")
command.add_command(handler_new.command, "new")
