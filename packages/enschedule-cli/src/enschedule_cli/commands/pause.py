"""``enschedule pause``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from enschedule_cli import names
from enschedule_cli.connection import connected, each
from enschedule_cli.terminal import say
from enschedule_cli.times import Moment

if TYPE_CHECKING:
    from enschedule_client import Client


def check_all_or_some(ids: tuple[str, ...], *, everything: bool) -> None:
    """Refuse both of schedules and ``--all``, and neither."""
    if everything and ids:
        raise click.UsageError("Name schedules, or --all, not both.")
    if not everything and not ids:
        raise click.UsageError("Name schedules, or --all for everything.")


@click.command()
@click.argument("ids", type=names.SCHEDULE, nargs=-1, metavar="[SCHEDULE]...")
@click.option("--all", "everything", is_flag=True, help="Everything: nothing more is started on this server.")
@click.option("--reason", metavar="TEXT", help="Why; others see it.")
@click.option("--until", type=Moment(ahead=True), help="Until an instant, or for so long (2h); else until resume.")
@connected
def command(
    client: Client, *, ids: tuple[str, ...], everything: bool, reason: str | None, until: datetime | None
) -> None:
    """Pause schedules, or everything. Runs that go on are left alone."""
    check_all_or_some(ids, everything=everything)

    def pause(id: str) -> None:
        paused = client.schedules.pause(id, reason, until)["pause"]
        say(f"{id}: paused{_until(paused['until'] if paused else None)}")

    if everything:
        say(f"everything: paused{_until(client.pause.begin(reason, until)['until'])}")
    else:
        each(ids, pause, "{}")


def _until(instant: str | None) -> str:
    return f" until {instant}" if instant else ""
