"""``enschedule login``."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from enschedule_cli.connection import (
    Target,
    connection_options,
    find_target,
    given_options,
    surroundings,
)
from enschedule_cli.contexts import NAME, Context, Contexts
from enschedule_cli.terminal import say, tell

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("address", metavar="[URL]", required=False)
@click.option("--name", metavar="NAME", help="What to call it; the host unless told otherwise.")
@click.option("--user", metavar="NAME", help="Log in as a person, whose password is asked for.")
@click.option("--password-stdin", is_flag=True, help="Read that password from the standard input.")
def command(*, address: str | None, name: str | None, user: str | None, password_stdin: bool) -> None:
    """Log in to a server, remember it in the context file, and use it from now on.

    As a person with --user, or with a key from --api-key or ENSCHEDULE_API_KEY. Without either, what the server wants
    is asked for; in a pipe, a key is read from standard input. A session holds for 12 hours, or 2 without a command.
    """
    around = surroundings()
    given = given_options()
    if password_stdin and user is None:
        raise click.UsageError("--password-stdin needs --user NAME.")
    if user is not None and given["api_key"]:
        raise click.UsageError("Say --user or --api-key, not both.")
    target = find_target({**given, "url": address or given["url"], "context": None}, around.environ, Contexts.none())
    name = name or _default_name(target.url)
    if not NAME.fullmatch(name):
        raise click.BadParameter("takes letters, digits, dot, hyphen and underscore: prod.", param_hint="--name")
    contexts = Contexts.of(around.environ)
    if user is None:
        target, who = _checked(target)
    else:
        target, who = _as_person(target, user, password_stdin=password_stdin)
    contexts.with_context(Context(name, target.url, target.api_key, target.token)).save()
    say(f"{name}: {target.url}, as {who}")
    if target.api_key or target.token:
        what = "key" if target.api_key else "session"
        tell(f"The {what} is in {contexts.path}, for you alone to read.")


command.params.extend(connection_options(hidden=True))


def _default_name(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"//{url}")
    return parts.hostname or "default"


def _checked(target: Target) -> tuple[Target, str]:
    """Return the target with what opens it, and whom the server takes us for."""
    from enschedule_core.errors import Unauthenticated  # noqa: PLC0415 - the command line starts fast without the core

    open_client = surroundings().open_client
    try:
        with open_client(target) as client:
            return target, client.me()["actor"]["name"]
    except Unauthenticated:
        if target.api_key:
            raise
    with open_client(target) as client:
        user = _ask_who(client)
    if user:
        return _as_person(target, user, password_stdin=False)
    with_key = Target(target.url, target.url_from, _ask_for_key(), "standard input")
    with open_client(with_key) as client:
        return with_key, client.me()["actor"]["name"]


def _as_person(target: Target, user: str, *, password_stdin: bool) -> tuple[Target, str]:
    """Open a session as a person. The password is never an argument, which others on this machine could read."""
    nobody = replace(target, api_key=None)
    password = _read_line() if password_stdin else _prompt("Password")
    with surroundings().open_client(nobody) as client:
        token = client.sessions.log_in(user, password)["token"]
    person = replace(nobody, token=token, key_from="session")
    with surroundings().open_client(person) as client:
        return person, client.me()["actor"]["name"]


def _ask_who(client: Client) -> str:
    """Ask on a terminal for the name of an account, where the server has some that log in with a password."""
    if not sys.stdin.isatty():
        return ""
    ways = client.sessions.ways_in()
    if not (ways["accounts"] and ways["password"]):
        return ""
    return str(click.prompt("Name (empty to log in with a key)", default="", show_default=False, err=True)).strip()


def _ask_for_key() -> str:
    if sys.stdin.isatty():
        return _prompt("API key").strip()
    key = _read_line().strip()
    if not key:
        raise click.UsageError("This server wants a key: --api-key KEY, ENSCHEDULE_API_KEY, or on standard input.")
    return key


def _prompt(what: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"There is no terminal to ask for the {what.lower()}: --password-stdin reads it from a pipe."
        )
    return str(click.prompt(what, hide_input=True, err=True))


def _read_line() -> str:
    return sys.stdin.readline().rstrip("\r\n")
