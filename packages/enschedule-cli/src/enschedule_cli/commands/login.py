"""``enschedule login``."""

from __future__ import annotations

import sys
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


@click.command()
@click.argument("address", metavar="[URL]", required=False)
@click.option("--name", metavar="NAME", help="What to call it; the host unless told otherwise.")
def command(address: str | None, name: str | None) -> None:
    """Remember a server and its key in the context file, and use it from now on.

    The key comes from --api-key or ENSCHEDULE_API_KEY; else it is asked for, if the server wants one. In a pipe it is
    read from standard input.
    """
    around = surroundings()
    given = given_options()
    target = find_target({**given, "url": address or given["url"], "context": None}, around.environ, Contexts.none())
    name = name or _default_name(target.url)
    if not NAME.fullmatch(name):
        raise click.BadParameter("takes letters, digits, dot, hyphen and underscore: prod.", param_hint="--name")
    contexts = Contexts.of(around.environ)
    target, who = _checked(target)
    contexts.with_context(Context(name, target.url, target.api_key)).save()
    say(f"{name}: {target.url}, as {who}")
    if target.api_key:
        tell(f"The key is in {contexts.path}, for you alone to read.")


command.params.extend(connection_options(hidden=True))


def _default_name(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"//{url}")
    return parts.hostname or "default"


def _checked(target: Target) -> tuple[Target, str]:
    """Return the target with the key that opens it, and whom the server takes us for."""
    from enschedule_core.errors import Unauthenticated  # noqa: PLC0415 - the command line starts fast without the core

    open_client = surroundings().open_client
    try:
        with open_client(target) as client:
            return target, client.me()["actor"]["name"]
    except Unauthenticated:
        if target.api_key:
            raise
    asked = _ask_for_key()
    with_key = Target(target.url, target.url_from, asked, "standard input")
    with open_client(with_key) as client:
        return with_key, client.me()["actor"]["name"]


def _ask_for_key() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("API key", hide_input=True, err=True)).strip()
    key = sys.stdin.readline().strip()
    if not key:
        raise click.UsageError("This server wants a key: --api-key KEY, ENSCHEDULE_API_KEY, or on standard input.")
    return key
