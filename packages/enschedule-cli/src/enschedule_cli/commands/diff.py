"""``enschedule diff``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from enschedule_cli.commands.apply import files_option, planned
from enschedule_cli.connection import FAILED, USAGE, connected
from enschedule_cli.terminal import say

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@files_option
@connected
def command(client: Client, *, files: tuple[str, ...], use_env: bool) -> None:
    """Show what `apply` would change, as a diff from the server to the files.

    Exit code 0: there is no difference. 1: there is one. 2: a file has a mistake.
    """
    from enschedule_cli.files.writing import difference  # noqa: PLC0415

    plan = planned(client, files, use_env=use_env)
    differs = False
    for change in plan.changes:
        answer, after = change.answer, change.answer["after"]
        if answer["change"] == "unchanged" or after is None:
            continue
        differs = True
        lines = difference(answer["before"], after, change.wanted.source.label)
        for line in lines or [f"{change.wanted.id}: {', '.join(answer['changes'])}"]:
            say(line)
    if plan.problems:
        sys.exit(USAGE)
    if differs:
        sys.exit(FAILED)
