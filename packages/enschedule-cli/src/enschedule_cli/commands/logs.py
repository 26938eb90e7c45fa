"""``enschedule logs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from enschedule_cli import names
from enschedule_cli.connection import connected
from enschedule_cli.following import printed_so_far, sentence, write_chunks
from enschedule_cli.terminal import tell

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("run", type=names.RUN)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends, also over a restart of the server.")
@click.option("--stream", type=click.Choice(["stdout", "stderr"]), help="Only one of both.")
@connected
def command(client: Client, *, run: int, follow: bool, stream: Any) -> None:
    """Print what a run printed: its stdout to stdout, its stderr to stderr.

    On a terminal, control characters in it are replaced; in a pipe it is as the run wrote it.
    """
    write_chunks(client.runs.follow(run, stream=stream) if follow else printed_so_far(client, run, stream))
    if follow:
        tell(sentence(client.runs.get(run)))
