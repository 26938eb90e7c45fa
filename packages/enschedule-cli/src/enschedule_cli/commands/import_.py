"""``enschedule import``."""

from __future__ import annotations

import click

from enschedule_cli.commands import import_crontab


@click.group()
def command() -> None:
    """Make schedule files from what other schedulers have."""


command.add_command(import_crontab.command, "crontab")
