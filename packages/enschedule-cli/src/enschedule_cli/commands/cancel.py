"""``enschedule cancel``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from enschedule_cli import names
from enschedule_cli.connection import connected, each
from enschedule_cli.terminal import say

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("runs", type=names.RUN, nargs=-1, required=True, metavar="RUN...")
@connected
def command(client: Client, *, runs: tuple[int, ...]) -> None:
    """Cancel runs: a queued one ends at once, a running one when its worker has stopped it."""

    def cancel(id: int) -> None:
        run = client.runs.cancel(id)
        say(f"run {id}: {'will be stopped' if run['status'] == 'running' else run['status']}")

    each(runs, cancel, "run {}")
