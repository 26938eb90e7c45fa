"""``enschedule run``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from enschedule_cli import names
from enschedule_cli.connection import connected
from enschedule_cli.data import Data
from enschedule_cli.following import follow_to_end, new_key
from enschedule_cli.forms import form_option, structured
from enschedule_cli.terminal import say, tell
from enschedule_cli.times import Duration

if TYPE_CHECKING:
    from enschedule_client import Client


@click.command()
@click.argument("schedule", type=names.SCHEDULE, required=False)
@click.option("--handler", type=names.HANDLER, help="Run this handler (fetch, or fetch@1) once, without a schedule.")
@click.option("--data", type=Data(), help="For this run alone: a JSON object, or @FILE, or @- for standard input.")
@click.option("-f", "--follow", is_flag=True, help="Print what it prints; end with 0 if it succeeded, else with 1.")
@click.option("--timeout", type=Duration(), help="With --follow: stop following after this (30s, 15m), with 5.")
@form_option(("text", "name", "json", "yaml"))
@connected
def command(
    client: Client,
    *,
    schedule: str | None,
    handler: str | None,
    data: dict[str, Any] | None,
    follow: bool,
    timeout: timedelta | None,
    form: str,
) -> None:
    """Run a schedule now; its next slot stays as it is. The run goes on when you stop following it."""
    if (schedule is None) == (handler is None):
        raise click.UsageError("Name a schedule, or a handler: enschedule run ping, or enschedule run --handler fetch.")
    if timeout is not None and not follow:
        raise click.UsageError("--timeout goes with --follow.")
    if schedule is not None:
        run = client.schedules.run(schedule, data, idempotency_key=new_key())
    else:
        run = client.runs.create(str(handler), data, idempotency_key=new_key())
    if follow:
        tell(f"run {run['id']}: {run['status']}")
        follow_to_end(client, run["id"], None if timeout is None else timeout.total_seconds())
    elif form == "name":
        say(str(run["id"]))
    elif form == "text":
        say(f"run {run['id']}: {run['status']}")
    else:
        click.echo(structured(run, form), nl=form == "json")
