"""``enschedule retry``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from enschedule_cli import names
from enschedule_cli.connection import connected, each
from enschedule_cli.following import new_key
from enschedule_cli.terminal import say

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("runs", type=names.RUN, nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--data",
    type=click.Choice(["then", "today"]),
    default="then",
    show_default=True,
    help="With the data it had then, or with what its schedule has today.",
)
@connected
def command(client: Client, *, runs: tuple[int, ...], data: Any) -> None:
    """Run again what has ended, each as a new run."""

    def retry(id: int) -> None:
        run = client.runs.retry(id, data=data, idempotency_key=new_key())
        say(f"run {run['id']}: {run['status']}, again for run {id}")

    each(runs, retry, "run {}")
