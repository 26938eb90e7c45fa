"""``enschedule import``."""

from __future__ import annotations

from typing import BinaryIO

import click

from enschedule_cli.connection import surroundings
from enschedule_cli.terminal import tell


@click.group()
def command() -> None:
    """Make schedule files from what other schedulers have."""


@command.command("crontab", short_help="Make a schedule file from a crontab.")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--system", is_flag=True, help="As in /etc/crontab: the sixth column names a user.")
@click.option("--timezone", metavar="ZONE", help="The zone of the cron that runs it now; this machine's unless given.")
@click.option("--tag", "tags", multiple=True, metavar="NAME", help="A tag for each of the schedules; may be repeated.")
def import_crontab(*, file: BinaryIO, system: bool, timezone: str | None, tags: tuple[str, ...]) -> None:
    """Turn a crontab (`crontab -l` as FILE -) into schedules of the handler shell.

    The schedule file goes to stdout, what needs a look to stderr. Nothing is sent to a server: read it, then apply it.
    """
    from enschedule_cli.files import crontab  # noqa: PLC0415
    from enschedule_cli.files.writing import documents  # noqa: PLC0415

    name = str(getattr(file, "name", "-"))
    name = "standard input" if name in {"-", "<stdin>"} else name
    try:
        text = file.read().decode()
    except UnicodeDecodeError as problem:
        raise click.ClickException(f"{name}: this is not UTF-8, from byte {problem.start} on.") from None
    zone, said = (timezone, "") if timezone else crontab.machine_zone(surroundings().environ)
    try:
        crontab.check_zone(zone)
    except ValueError as problem:
        raise click.UsageError(f"--timezone {zone}: {problem}") from None
    found = crontab.read(text, zone=zone, system=system, tags=tags)
    click.echo(documents(found.specs), nl=False)
    for note in found.notes:
        tell(f"{name}:{note.line}: {note.text}")
    tell(f"{len(found.specs)} schedules, in the zone {zone}{said}; {len(found.notes)} things to look at.")
