"""Ids on the command line, and what a shell offers for them while somebody types."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from enschedule_cli.connection import OPTIONS, find_target, surroundings
from enschedule_cli.terminal import clean

if TYPE_CHECKING:
    from enschedule_client import Client

_OFFERED = 50


class Name(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """An id, which the server checks; ``offer(client, beginning)`` yields ids and titles for a shell."""

    def __init__(self, name: str, offer: Callable[[Client, str], Iterable[tuple[str, str]]]) -> None:
        self.name = name
        self._offer = offer

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return what the server has; nothing where it cannot be asked, for a shell must not print errors here."""
        del param
        try:
            return self._completions(ctx, incomplete)
        except Exception:  # noqa: BLE001 - somebody types: whatever is wrong, the command itself will say it
            return []

    def _completions(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        with ctx:
            around = surroundings()
            options = {name: ctx.find_root().params.get(name) for name in OPTIONS}
            with around.open_client(find_target(options, around.environ)) as client:
                found = ((id, title) for id, title in self._offer(client, incomplete) if id.startswith(incomplete))
                return [CompletionItem(clean(id), help=clean(title)) for id, title in islice(found, _OFFERED)]


def _schedules(client: Client, beginning: str) -> Iterable[tuple[str, str]]:
    for schedule in client.schedules.list(q=beginning or None, sort="id", limit=200)["items"]:
        yield schedule["id"], schedule["title"]


def _runs(client: Client, _: str) -> Iterable[tuple[str, str]]:
    for run in client.runs.list(limit=_OFFERED)["items"]:
        about = run["schedule"]["id"] if run["schedule"] else run["handler"]["id"]
        yield str(run["id"]), f"{about}, {run['status']}"


def _handlers(client: Client, _: str) -> Iterable[tuple[str, str]]:
    for handler in client.handlers.list()["items"]:
        yield handler["id"], handler["title"]


def _workers(client: Client, _: str) -> Iterable[tuple[str, str]]:
    for worker in client.workers.list()["items"]:
        yield worker["id"], worker["title"]


def _secrets(client: Client, _: str) -> Iterable[tuple[str, str]]:
    for secret in client.secrets.list()["items"]:
        yield secret["name"], ""


class RunId(Name):
    """The number of a run."""

    def __init__(self) -> None:
        super().__init__("RUN", _runs)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it; anything but a positive whole number is a usage error."""
        text = str(value)
        if not (text.isascii() and text.isdigit() and 0 < len(text) < 19 and int(text) > 0):
            return self.fail(f"{text!r} is not the number of a run; write for example 42.", param, ctx)
        return int(text)


SCHEDULE = Name("SCHEDULE", _schedules)
RUN = RunId()
HANDLER = Name("HANDLER", _handlers)
WORKER = Name("WORKER", _workers)
SECRET = Name("NAME", _secrets)
