"""``enschedule status``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from enschedule_cli import health
from enschedule_cli.connection import FAILED, connected
from enschedule_cli.forms import ONE_FORMS, form_option, write_one
from enschedule_cli.terminal import clean, paint
from enschedule_cli.times import read, relative

if TYPE_CHECKING:
    from enschedule_client import Client

_NAMED = 5


@click.command()
@form_option(ONE_FORMS)
@connected
def command(client: Client, *, form: str) -> None:
    """Say in one sentence whether everything is all right.

    Exit code 1 while a schedule fails, is broken, overdue or waits for a worker, or no worker is there.
    """
    queue = client.stats.queue()
    planned = client.forecast(limit=1)["items"]
    state = health.State(
        counts=client.schedules.counts(),
        queue=queue,
        workers=client.workers.list()["items"],
        next=planned[0] if planned else None,
        now=read(queue["now"]),
    )
    said = health.sentence(state)
    found = {"ok": state.is_fine, "sentence": said, "schedules": state.counts, "queue": queue}
    write_one(found, form, lambda: [paint(clean(said), None if state.is_fine else "bad"), *_named(client, state)])
    if not state.is_fine:
        sys.exit(FAILED)


def _named(client: Client, state: health.State) -> Iterator[str]:
    """Yield a line for each of the first that are not fine."""
    for schedule in state.counts["failing_items"]:
        last = schedule["last_run"]
        message = f": {last['message']}" if last and last["message"] else ""
        since = relative(schedule["failing_since"], state.now)
        yield clean(f"  {schedule['id']}  failing, began {since}{message}")
    for status in ("broken", "waiting"):
        if state.counts[status]:
            for schedule in client.schedules.list(status=status, limit=_NAMED)["items"]:
                yield clean(f"  {schedule['id']}  {status}{_reason(schedule)}")


def _reason(schedule: Any) -> str:
    if schedule["broken_reason"]:
        return f": {schedule['broken_reason']}"
    return f" for {schedule['handler']['id']}@{schedule['handler']['version']}"
