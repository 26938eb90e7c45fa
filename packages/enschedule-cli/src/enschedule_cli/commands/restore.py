"""``enschedule restore``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from enschedule_cli.connection import connected, each
from enschedule_cli.terminal import say

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="SCHEDULE...")
@connected
def command(client: Client, *, ids: tuple[str, ...]) -> None:
    """Bring back schedules that were deleted in the last 7 days."""

    def restore(id: str) -> None:
        schedule = client.schedules.restore(id)
        say(f"{schedule['id']}: restored, {schedule['status']}")

    each(ids, restore, "{}")
