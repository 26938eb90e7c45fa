"""``enschedule logout``."""

from __future__ import annotations

import click

from enschedule_cli.connection import surroundings
from enschedule_cli.contexts import Contexts
from enschedule_cli.terminal import say


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Forget a server and its key: the one in use, or the one that is named. The key itself stays valid."""
    contexts = Contexts.of(surroundings().environ)
    current = contexts.current()
    if name is None and current is None:
        raise click.UsageError("No server is in use; name one, see enschedule context.")
    entry = current if name is None and current is not None else contexts.named(str(name))
    contexts.without(entry.name).save()
    say(f"{entry.name}: forgotten")
