"""``enschedule diff``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from enschedule_cli.commands.apply import files_option, planned, prune_options, pruned_tag
from enschedule_cli.connection import FAILED, USAGE, connected
from enschedule_cli.terminal import say, tell

if TYPE_CHECKING:
    from enschedule_cli.files.plan import Change
    from enschedule_client import Client


@click.command()
@files_option
@prune_options("Show also what apply --prune would delete.")
@connected
def command(client: Client, *, files: tuple[str, ...], use_env: bool, prune: bool, selectors: tuple[str, ...]) -> None:
    """Show what `apply` would change, as a diff from the server to the files.

    Exit code 0: there is no difference. 1: there is one. 2: a file has a mistake.
    """
    from enschedule_cli.files.applying import prunable  # noqa: PLC0415
    from enschedule_cli.files.writing import difference  # noqa: PLC0415

    tag = pruned_tag(selectors, prune=prune)
    plan = planned(client, files, use_env=use_env)
    shown = [_show(change) for change in plan.changes]
    if plan.problems:
        if tag:
            tell("Nothing is deleted while a file has a mistake.")
        sys.exit(USAGE)
    gone = prunable(client, tag, {change.wanted.id for change in plan.changes}) if tag else []
    for one in gone:
        for line in difference(one, None, "deleted"):
            say(line)
    if any(shown) or gone:
        sys.exit(FAILED)


def _show(change: Change) -> bool:
    """Print the difference that a change would make; returns whether there is one."""
    from enschedule_cli.files.writing import difference  # noqa: PLC0415

    answer, after = change.answer, change.answer["after"]
    if answer["change"] == "unchanged" or after is None:
        return False
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
    return True
