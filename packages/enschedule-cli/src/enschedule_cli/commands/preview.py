"""``enschedule preview``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from enschedule_cli import facts
from enschedule_cli.connection import FAILED, Refused, connected
from enschedule_cli.forms import ONE_FORMS, form_option, write_one
from enschedule_cli.table import Cell, width_of
from enschedule_cli.terminal import clean
from enschedule_cli.times import Moment, in_zone

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.errors import InvalidTrigger
    from enschedule_core.wire.types import Preview


@click.command()
@click.argument("schedule", metavar="TEXT")
@click.option("--timezone", metavar="ZONE", help="Such as Europe/Stockholm; else the server's default.")
@click.option("--after", type=Moment(ahead=True), help="Slots after this instant, or so long from now; else from now.")
@click.option("--count", type=click.IntRange(1, 100), default=5, show_default=True, help="How many slots.")
@form_option(ONE_FORMS)
@connected
def command(
    client: Client, *, schedule: str, timezone: str | None, after: datetime | None, count: int, form: str
) -> None:
    """Say what a phrase ('every day at 2 am'), a cron expression or an instant would do. Stores nothing."""
    from enschedule_core.errors import InvalidTrigger  # noqa: PLC0415 - the command line starts fast without the core

    try:
        found = client.triggers.preview(schedule, timezone=timezone, after=after, count=count)
    except InvalidTrigger as problem:
        raise Refused([str(problem), *pointer(schedule, problem)], FAILED) from None
    write_one(found, form, lambda: _lines(found))


def _lines(found: Preview) -> list[str]:
    slots = [f"{in_zone(slot, found['timezone'])}  {slot}" for slot in found["next"]]
    return facts.lines(
        [
            ("Means", Cell(found["description"], "strong")),
            ("Kind", found["kind"]),
            ("Written as", found["expression"]),
            ("Time zone", found["timezone"]),
            ("Next", "\n".join(slots) or "never"),
            ("Note", "\n".join(found["notes"])),
        ]
    )


def pointer(text: str, problem: InvalidTrigger) -> list[str]:
    """Return the text with a mark below the place where the mistake is, and what could stand there instead."""
    lines: list[str] = []
    for one in problem.errors:
        if one.field != "timezone" and one.start is not None and one.end is not None:
            before, marked = clean(text[: one.start]), clean(text[one.start : one.end])
            lines += [clean(text), " " * width_of(before) + "^" * max(1, width_of(marked))]
        if one.suggestion:
            lines.append(f"Try: {one.suggestion}")
    return lines
