"""``enschedule wait``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from enschedule_cli import names
from enschedule_cli.connection import connected
from enschedule_cli.following import end_with
from enschedule_cli.times import Duration

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("run", type=names.RUN)
@click.option("--timeout", type=Duration(), help="Wait no longer than this (30s, 15m), and end with 5.")
@connected
def command(client: Client, *, run: int, timeout: timedelta | None) -> None:
    """Wait until a run has ended: 0 if it succeeded, 1 if it ended otherwise, 5 if --timeout is over before."""
    end_with(client.runs.wait(run, timeout_seconds=None if timeout is None else timeout.total_seconds()))
