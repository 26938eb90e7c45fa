"""``enschedule logout``."""

from __future__ import annotations

import click

from enschedule_cli.connection import Target, surroundings
from enschedule_cli.contexts import Context, Contexts
from enschedule_cli.terminal import say, tell


@click.command()
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Forget a server: the one in use, or the one that is named. A session ends there, too; a key stays valid."""
    contexts = Contexts.of(surroundings().environ)
    current = contexts.current()
    if name is None and current is None:
        raise click.UsageError("No server is in use; name one, see enschedule context.")
    entry = current if name is None and current is not None else contexts.named(str(name))
    ended = _end_session(entry)
    contexts.without(entry.name).save()
    say(f"{entry.name}: {'logged out and ' if ended else ''}forgotten")


def _end_session(entry: Context) -> bool:
    """End the session that a context has, and say whether it has ended."""
    from enschedule_core.errors import NotFound, Unauthenticated, Unavailable  # noqa: PLC0415 - see connection

    if entry.token is None:
        return False
    target = Target(entry.url, f"context {entry.name}", None, f"context {entry.name}", entry.token)
    try:
        with surroundings().open_client(target) as client:
            client.sessions.delete_current()
    except (Unauthenticated, NotFound):
        return True  # it was over already
    except Unavailable as problem:
        tell(f"{problem} The session there ends by itself, after 2 hours without a request.")
        return False
    return True
