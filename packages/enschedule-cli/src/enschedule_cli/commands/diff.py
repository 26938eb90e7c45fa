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
        label = change.wanted.source.label
        lines = difference(answer["before"], after, label)
        for line in lines:
            say(line)
        if answer["before"] and "managed_by" in answer["changes"]:
            say(f"{change.wanted.id}: it would belong to {label}")
        if not lines:
            for path in answer["changes"]:
                if path != "managed_by":
                    what = "the address of its notices" if path == "notify" else path
                    say(f"{change.wanted.id}: {what} differs in what is not shown")
    if plan.problems:
        sys.exit(USAGE)
    if differs:
        sys.exit(FAILED)
