"""``enschedule next``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from enschedule_cli import names, table, terminal
from enschedule_cli.connection import connected
from enschedule_cli.forms import ONE_FORMS, form_option, write_one
from enschedule_cli.terminal import tell
from enschedule_cli.times import in_zone, now, relative

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.wire.types import Forecast, NextSlots


@click.command()
@click.argument("schedule", type=names.SCHEDULE, required=False)
@click.option("--count", type=click.IntRange(1, 100), default=10, show_default=True, help="How many.")
@form_option(ONE_FORMS)
@connected
def command(client: Client, *, schedule: str | None, count: int, form: str) -> None:
    """Show the coming slots of a schedule, or of all of them in the next 12 hours."""
    if schedule is None:
        forecast = client.forecast(limit=count)
        if form == "text" and not forecast["items"]:
            tell("Nothing is planned in the next 12 hours.")
        write_one(forecast, form, lambda: _all(forecast))
    else:
        slots = client.schedules.next(schedule, count)
        if form == "text" and not slots["items"]:
            tell(f"{schedule} has no further slots.")
        write_one(slots, form, lambda: _one(slots))


def _all(forecast: Forecast) -> list[str]:
    rows = [(slot["at"], relative(slot["at"], now()), slot["schedule"]["id"]) for slot in forecast["items"]]
    columns = [table.Column("AT"), table.Column("IN"), table.Column("SCHEDULE", gives_way=True)]
    return table.draw(columns, rows, width=terminal.columns()) if rows else []


def _one(slots: NextSlots) -> list[str]:
    lines = [f"{in_zone(slot, slots['timezone'])}  {slot}  {relative(slot, now())}" for slot in slots["items"]]
    return [terminal.clean(line) for line in [*lines, *slots["notes"]]]
