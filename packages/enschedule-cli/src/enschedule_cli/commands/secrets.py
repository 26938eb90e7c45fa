"""``enschedule secrets``: values that data refer to by name, and the keys that encrypt them."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from enschedule_cli import names
from enschedule_cli.connection import connected
from enschedule_cli.forms import LIST_FORMS, form_option, list_lines
from enschedule_cli.lists import View
from enschedule_cli.table import Cell, Column
from enschedule_cli.terminal import say, tell
from enschedule_cli.times import now, relative

if TYPE_CHECKING:
    from enschedule_client import Client

_KEY_BYTES = 32
_SHOWN = 5


def _row(secret: Any) -> Sequence[Cell | str]:
    return [
        secret["name"],
        secret["group"] or "",
        Cell("yes" if secret["readable"] else "no key opens it", None if secret["readable"] else "bad"),
        relative(secret["updated_at"], now()),
        secret["updated_by"],
        _used(secret["used_by"]),
    ]


def _used(schedules: Sequence[Any]) -> str:
    """Return by which schedules, the first few by name."""
    more = f" and {len(schedules) - _SHOWN} more" if len(schedules) > _SHOWN else ""
    return ", ".join(one["id"] for one in schedules[:_SHOWN]) + more


SECRETS = View(
    "secrets",
    lambda secret: str(secret["name"]),
    [
        Column("NAME"),
        Column("GROUP"),
        Column("READABLE"),
        Column("SET"),
        Column("BY"),
        Column("USED BY", gives_way=True),
    ],
    _row,
)


@click.group()
def command() -> None:
    """Keep values that data of schedules refer to as {"$secret": "NAME"}. They are encrypted, and shown to nobody."""


@command.command("list", short_help="List the secrets, without their values.")
@form_option(LIST_FORMS)
@connected
def list_secrets(client: Client, *, form: str) -> None:
    """List the secrets by name, and which schedules refer to them."""
    items = client.secrets.list()["items"]
    if form == "table" and not items:
        tell("There are no secrets yet; enschedule secrets set NAME keeps one.")
    for line in list_lines(items, form, SECRETS.name, SECRETS.columns, SECRETS.row):
        click.echo(line)


@command.command("set", short_help="Keep a value under a name.")
@click.argument("name", type=names.SECRET)
@click.option("--group", metavar="ID", help="Only schedules of this group may use it.")
@click.option("--all-groups", is_flag=True, help="All schedules may use it, which is so unless told otherwise.")
@connected
def set_secret(client: Client, *, name: str, group: str | None, all_groups: bool) -> None:
    """Keep a value under NAME, new or instead of the one there. Runs that begin later get it.

    The value is asked for, and not shown while it is typed. In a pipe it is read from standard input, with all its
    lines; the line break at its end is left out. It is never an argument, which others would see.
    """
    if group and all_groups:
        raise click.UsageError("Say --group or --all-groups, not both.")
    value = _value(name)
    chosen = {"group": group} if group or all_groups else {}
    found = client.secrets.put(name, value, **chosen)
    used = _used(found["used_by"])
    say(f"{name}: kept" + (f", used by {used}" if used else ""))


def _value(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Value of {name}", hide_input=True, confirmation_prompt=True, err=True))
    text = sys.stdin.read()
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise click.UsageError("The value on standard input is empty.")
    return text


@command.command("delete", short_help="Delete a secret.")
@click.argument("name", type=names.SECRET)
@click.option("--yes", is_flag=True, help="Do not ask, also where schedules use it.")
@connected
def delete_secret(client: Client, *, name: str, yes: bool) -> None:
    """Delete the secret NAME. Runs of schedules that refer to it fail from then on, so it is asked first."""
    used = client.secrets.get(name)["used_by"]
    if used and not yes:
        question = f"{name} is used by {_used(used)}, whose runs would fail. Delete it?"
        if not sys.stdin.isatty():
            raise click.ClickException(f"{question} Nobody is here to ask; --yes deletes it.")
        click.confirm(question, abort=True, err=True)
    client.secrets.delete(name)
    say(f"{name}: deleted")


@command.command("rotate", short_help="Encrypt everything with the first key.")
@connected
def rotate(client: Client) -> None:
    """Encrypt all secrets, and what is sealed in data, with the first of ENSCHEDULE_ENCRYPTION_KEYS of the worker.

    After a new key was put in front and every worker was started again. Then the old ones can be taken away. It goes on
    where an interrupted one left off, and a second one finds nothing to do.
    """
    found = client.secrets.rotate_all()
    say(f"{found['done']:,} encrypted with the first key")
    if found["unreadable"]:
        raise click.ClickException(
            f"{found['unreadable']:,} could not be opened by any of the keys, and stay as they are: keep the old keys."
        )


@command.command("key", short_help="Print a new encryption key.")
def key() -> None:
    """Print a new key for ENSCHEDULE_ENCRYPTION_KEYS. Nothing is changed, and no server is asked."""
    click.echo(base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode())
