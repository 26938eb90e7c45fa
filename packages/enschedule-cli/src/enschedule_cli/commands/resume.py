"""``enschedule resume``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from enschedule_cli import names
from enschedule_cli.commands.pause import check_all_or_some
from enschedule_cli.connection import connected, each
from enschedule_cli.terminal import say

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("ids", type=names.SCHEDULE, nargs=-1, metavar="[SCHEDULE]...")
@click.option("--all", "everything", is_flag=True, help="End the pause of everything.")
@click.option(
    "--missed",
    type=click.Choice(["skip", "latest", "all"]),
    default="skip",
    show_default=True,
    help="What becomes of the slots meanwhile.",
)
@connected
def command(client: Client, *, ids: tuple[str, ...], everything: bool, missed: Any) -> None:
    """Let schedules, or everything, go on. A schedule that is paused itself stays so with --all."""
    check_all_or_some(ids, everything=everything)

    def resume(id: str) -> None:
        schedule = client.schedules.resume(id, missed)
        due = f", next at {schedule['due_at']}" if schedule["due_at"] else ""
        say(f"{id}: {schedule['status']}{due}")

    if everything:
        client.pause.end(missed)
        say("everything: goes on")
    else:
        each(ids, resume, "{}")
