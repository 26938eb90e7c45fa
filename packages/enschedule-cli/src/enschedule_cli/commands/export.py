"""``enschedule export``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from enschedule_cli.commands.apply import tag_of
from enschedule_cli.connection import connected
from enschedule_cli.terminal import tell

if TYPE_CHECKING:
    from enschedule_client import Client

_MASKED = "/***"


@click.command()
@click.argument("ids", nargs=-1, metavar="[SCHEDULE]...")
@click.option("-l", "selectors", multiple=True, metavar="tag=NAME", help="Only schedules with this tag.")
@connected
def command(client: Client, ids: tuple[str, ...], selectors: tuple[str, ...]) -> None:
    """Print schedules as a file that `apply` takes: those that are named, or all.

    The address of notices is shown by no API and stands there as ***, what is sealed in data as {$sealed: true}: on the
    same server it is kept, for another one write it out, or {$secret: NAME}.
    """
    from enschedule_cli.files.writing import documents, spec_of  # noqa: PLC0415
    from enschedule_core.secret import is_sealed, specials  # noqa: PLC0415

    tag = tag_of(selectors, wanted=False)
    if ids and tag:
        raise click.UsageError("Name schedules or a tag, not both.")
    if ids:
        found = [client.schedules.get(id) for id in ids]
    else:
        found = list(client.schedules.each(sort="id", limit=200, tag=tag))
    click.echo(documents(map(spec_of, found)), nl=False)
    for one in found:
        if (one["notify"] or "").endswith(_MASKED):
            tell(f"{one['id']}: the address of its notices is not shown; write it out before you apply this elsewhere.")
        hidden = ", ".join(".".join(map(str, path)) for path, value in specials(one["data"]) if is_sealed(value))
        if hidden:
            tell(f"{one['id']}: of its data, {hidden} is not shown; write it out before you apply this elsewhere.")
