"""``enschedule create``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from enschedule_cli import names
from enschedule_cli.connection import connected
from enschedule_cli.data import Data, json_value
from enschedule_cli.forms import form_option, structured
from enschedule_cli.terminal import say
from enschedule_cli.times import Duration, in_zone

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("id")
@click.option("--handler", type=names.HANDLER, required=True, help="What to run: fetch, or fetch@1 for that version.")
@click.option("--schedule", metavar="TEXT", default="manual", help="'every day at 2 am', '0 2 * * *', an instant.")
@click.option("--timezone", metavar="ZONE", help="Such as Europe/Stockholm; else the server's default.")
@click.option("--data", type=Data(), help="What the handler gets: a JSON object, or @FILE, or @- for standard input.")
@click.option("--title", metavar="TEXT", help="How pages call it; the id unless told otherwise.")
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Repeat for several.")
@click.option("--timeout", type=Duration(), help="How long a run may take: 30s, 15m, 2h.")
@click.option("--attempts", type=click.IntRange(1, 1000), metavar="NUMBER", help="How often it is tried; 1 is once.")
@click.option("--paused", is_flag=True, help="Not yet: until enschedule resume.")
@click.option("--set", "others", multiple=True, metavar="FIELD=JSON", help="Any other field: --set retry.jitter=0.1.")
@form_option(("text", "name", "json", "yaml"))
@connected
def command(
    client: Client,
    /,
    *,
    tags: tuple[str, ...],
    timeout: Any,
    attempts: int | None,
    paused: bool,
    others: tuple[str, ...],
    form: str,
    **fields: Any,
) -> None:
    """Create a schedule; without --schedule it runs by hand only. An id that is taken is refused."""
    body = {name: value for name, value in fields.items() if value is not None}
    if tags:
        body["tags"] = list(tags)
    if timeout is not None:
        body["timeout_seconds"] = timeout.total_seconds()
    if attempts is not None:
        body["retry"] = {"max_attempts": attempts}
    if paused:
        body["paused"] = True
    for one in others:
        _set(body, one)
    made = client.schedules.create(body)
    if form == "name":
        say(made["id"])
    elif form == "text":
        first = f", first run {in_zone(made['due_at'], made['trigger']['timezone'])}" if made["due_at"] else ""
        say(f"{made['id']}: created, {made['status']}{first}")
    else:
        click.echo(structured(made, form).rstrip("\n"))


def _set(body: dict[str, Any], assignment: str) -> None:
    """Put ``a.b=value`` into ``body``."""
    path, equals, text = assignment.partition("=")
    *above, last = path.split(".")
    if not equals or not all([*above, last]):
        raise click.BadParameter(f"{assignment!r}: write for example --set retry.jitter=0.1.", param_hint="--set")
    at = body
    for name in above:
        inner = at.setdefault(name, {})
        if not isinstance(inner, dict):
            raise click.BadParameter(
                f"{assignment!r}: {name} is given already, and not as an object.", param_hint="--set"
            )
        at = inner
    at[last] = json_value(text)
