"""``enschedule delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from enschedule_cli import names
from enschedule_cli.connection import connected, each
from enschedule_cli.terminal import say

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("ids", type=names.SCHEDULE, nargs=-1, required=True, metavar="SCHEDULE...")
@click.option("--runs", is_flag=True, help="The ids are those of runs that have ended; these cannot be brought back.")
@connected
def command(client: Client, *, ids: tuple[str, ...], runs: bool) -> None:
    """Delete schedules: queued runs are cancelled, those that go on end. For 7 days, enschedule restore undoes it."""

    def delete(id: str) -> None:
        client.schedules.delete(id)
        say(f"{id}: deleted")

    def delete_run(id: int) -> None:
        client.runs.delete(id)
        say(f"run {id}: deleted")

    if runs:
        each([names.RUN.convert(id, None, None) for id in ids], delete_run, "run {}")
    else:
        each(ids, delete, "{}")
