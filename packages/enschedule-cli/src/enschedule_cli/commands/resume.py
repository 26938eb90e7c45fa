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
@click.option("--all", "everything", is_flag=True, help="End the pause of everything; slots meanwhile are skipped.")
@click.option(
    "--missed",
    type=click.Choice(["skip", "latest", "all"]),
    help="What becomes of the slots meanwhile; skip unless told otherwise. Not with --all.",
)
@connected
def command(client: Client, *, ids: tuple[str, ...], everything: bool, missed: Any) -> None:
    """Let schedules, or everything, go on. A schedule that is paused itself stays so with --all."""
    check_all_or_some(ids, everything=everything)
    if everything and missed not in (None, "skip"):
        raise click.UsageError("--all skips what was missed; --missed is for schedules.")

    def resume(id: str) -> None:
        schedule = client.schedules.resume(id, missed or "skip")
        due = f", next at {schedule['due_at']}" if schedule["due_at"] else ""
        say(f"{id}: {schedule['status']}{due}")

    if everything:
        client.pause.end()
        say("everything: goes on")
    else:
        each(ids, resume, "{}")
