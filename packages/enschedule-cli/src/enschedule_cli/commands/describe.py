"""``enschedule describe``: one schedule, run, handler or worker in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from enschedule_cli import facts, names
from enschedule_cli.connection import connected
from enschedule_cli.forms import ONE_FORMS, form_option, write_one

if TYPE_CHECKING:
    from enschedule_client import Client

# Of several starts under one id, the one that is there.
_NEAREST = {"up": 0, "late": 1}


@click.group()
def command() -> None:
    """Show a schedule, run, handler or worker in full."""


@command.command(short_help="Show a schedule.")
@click.argument("id", type=names.SCHEDULE, metavar="SCHEDULE")
@form_option(ONE_FORMS)
@connected
def schedule(client: Client, id: str, form: str) -> None:
    """Show a schedule: what it runs, when, under which policies, and how it is."""
    found = client.schedules.get(id)
    write_one(found, form, lambda: facts.schedule_lines(found, client.schedules.diagnosis(id)))


@command.command(short_help="Show a run.")
@click.argument("id", type=names.RUN, metavar="RUN")
@form_option(ONE_FORMS)
@connected
def run(client: Client, id: int, form: str) -> None:
    """Show a run: how it went, with which data, and its result. What it printed is in enschedule logs."""
    found = client.runs.get(id)
    write_one(found, form, lambda: facts.run_lines(found))


@command.command(short_help="Show a handler.")
@click.argument("handler", type=names.HANDLER, metavar="HANDLER[@VERSION]")
@form_option(ONE_FORMS)
@connected
def handler(client: Client, handler: str, form: str) -> None:
    """Show a handler: the data it takes, an example, and the workers that have it."""
    id, _, version = handler.partition("@")
    if version and not (version.isascii() and version.isdigit() and len(version) <= 10):
        raise click.BadParameter(f"{version!r} is not a version; write for example fetch@1.", param_hint="HANDLER")
    found = client.handlers.get(id, int(version) if version else None)
    write_one(found, form, lambda: facts.handler_lines(found))


@command.command(short_help="Show a worker.")
@click.argument("id", type=names.WORKER, metavar="WORKER")
@form_option(ONE_FORMS)
@connected
def worker(client: Client, id: str, form: str) -> None:
    """Show a worker by its id or instance: how it is, what it runs, what it can run."""
    items = client.workers.list()["items"]
    same = [one for one in items if id in (one["id"], one["instance_id"])]
    if not same:
        raise click.ClickException(f"There is no worker “{id}”; enschedule get workers lists them.")
    found = min(same, key=lambda one: _NEAREST.get(one["status"], len(_NEAREST)))
    write_one(found, form, lambda: facts.worker_lines(found))
