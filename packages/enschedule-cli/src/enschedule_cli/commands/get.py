"""``enschedule get``: lists of schedules, runs, handlers and workers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from enschedule_cli import lists, names
from enschedule_cli.connection import connected
from enschedule_cli.forms import LIST_FORMS, form_option, list_lines, watch
from enschedule_cli.terminal import tell
from enschedule_cli.times import Moment, Seconds

if TYPE_CHECKING:
    from enschedule_client import Client

P = ParamSpec("P")
T = TypeVar("T")

_DEFAULT_LIMIT = 50
_LARGEST_PAGE = 200
_MOST = 1_000_000


@click.group()
def command() -> None:
    """List schedules, runs, handlers or workers.

    With -o name only what other commands take: enschedule get runs --status failed -o name | xargs enschedule retry
    """


def listing(view: lists.View) -> Callable[[Callable[P, Callable[[], list[Any]]]], Callable[P, None]]:
    """Make a command of a function that returns how to look, with ``-o``, ``--watch`` and ``--every``."""

    def decorate(function: Callable[P, Callable[[], list[Any]]]) -> Callable[P, None]:
        @form_option(LIST_FORMS)
        @click.option("-w", "--watch", "watched", is_flag=True, help="Go on until Ctrl-C, and show what changes.")
        @click.option(
            "--every",
            type=Seconds(0.2, 3600),
            default=2.0,
            show_default=True,
            metavar="SECONDS",
            help="How often --watch looks.",
        )
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> None:
            form, watched, every = str(kwargs.pop("form")), kwargs.pop("watched"), kwargs.pop("every")
            assert isinstance(every, float)
            look = function(*args, **kwargs)

            def lines() -> list[str]:
                items = look()
                if form == "table" and not items:
                    tell(f"There are no {view.plural} that match.")
                return list_lines(items, form, view.name, view.columns, view.row)

            if watched:
                watch(lines, every)
            else:
                for line in lines():
                    click.echo(line)

        return call

    return decorate


def limit_option(function: Callable[P, T]) -> Callable[P, T]:
    """Add ``--limit``."""
    return click.option(
        "--limit",
        type=click.IntRange(0, _MOST),
        default=_DEFAULT_LIMIT,
        show_default=True,
        metavar="NUMBER",
        help="How many at most; 0 is all.",
    )(function)


def _some(each: Callable[..., Iterable[T]], limit: int, filters: dict[str, Any]) -> list[T]:
    """Return the first ``limit`` items, and say so where there are more."""
    if not limit:
        return list(each(limit=_LARGEST_PAGE, **filters))
    items = list(islice(each(limit=min(limit + 1, _LARGEST_PAGE), **filters), limit + 1))
    if len(items) > limit:
        tell("There are more; --limit 0 shows all.")
    return items[:limit]


def _words(given: Sequence[str]) -> str | None:
    return ",".join(given) or None


@command.command("schedules", short_help="List schedules.")
@click.argument("ids", nargs=-1, type=names.SCHEDULE, metavar="[SCHEDULE]...")
@click.option("--status", multiple=True, metavar="STATUS", help="One of these, such as failing; repeat for several.")
@click.option("--handler", type=names.HANDLER, help="With this handler (fetch, or fetch@1).")
@click.option("--tag", multiple=True, metavar="TAG", help="With this tag; repeat for all of several.")
@click.option("--paused/--not-paused", default=None, help="Paused ones, or the others.")
@click.option("--failing/--not-failing", default=None, help="Those that have been failing, or the others.")
@click.option("-q", "--search", metavar="TEXT", help="A part of the id, the title or the handler's id.")
@click.option(
    "--sort", metavar="FIELD", help="due_at, id, title or last_run, with - in front the other way round.", default=None
)
@limit_option
@connected
@listing(lists.SCHEDULES)
def schedules(
    client: Client,
    /,
    *,
    ids: tuple[str, ...],
    status: tuple[str, ...],
    tag: tuple[str, ...],
    search: str | None,
    limit: int,
    **filters: Any,
) -> Callable[[], list[Any]]:
    """List schedules, or those that are named, the next due first."""
    if ids:
        return lambda: [client.schedules.get(id) for id in ids]
    filters |= {"status": _words(status), "tag": _words(tag), "q": search}
    return lambda: _some(client.schedules.each, limit, filters)


@command.command("runs", short_help="List runs.")
@click.argument("ids", nargs=-1, type=names.RUN, metavar="[RUN]...")
@click.option("--status", multiple=True, metavar="STATUS", help="One of these, such as failed; repeat for several.")
@click.option("--schedule", type=names.SCHEDULE, help="Of this schedule.")
@click.option("--handler", type=names.HANDLER, help="With this handler (fetch, or fetch@1).")
@click.option("--worker", type=names.WORKER, help="On this worker.")
@click.option("--tag", multiple=True, metavar="TAG", help="Whose schedule has this tag; repeat for all of several.")
@click.option("--from", "from_", type=Moment(ahead=False), help="Queued since: an instant, or 2h for two hours ago.")
@click.option("--to", type=Moment(ahead=False), help="Queued before.")
@click.option("-q", "--search", metavar="TEXT", help="A part of schedule, title, handler or message.")
@limit_option
@connected
@listing(lists.RUNS)
def runs(
    client: Client,
    /,
    *,
    ids: tuple[int, ...],
    status: tuple[str, ...],
    tag: tuple[str, ...],
    search: str | None,
    limit: int,
    **filters: Any,
) -> Callable[[], list[Any]]:
    """List runs, or those that are named, the newest first."""
    if ids:
        return lambda: [client.runs.get(id) for id in ids]
    filters |= {"status": _words(status), "tag": _words(tag), "q": search}
    return lambda: _some(client.runs.each, limit, filters)


@command.command("handlers", short_help="List handlers.")
@click.option("-q", "--search", metavar="TEXT", help="A part of the id or the title.")
@connected
@listing(lists.HANDLERS)
def handlers(client: Client, *, search: str | None) -> Callable[[], list[Any]]:
    """List what can be run: every handler in its newest version."""
    return lambda: list(client.handlers.list(q=search)["items"])


@command.command("workers", short_help="List workers.")
@connected
@listing(lists.WORKERS)
def workers(client: Client) -> Callable[[], list[Any]]:
    """List the workers and what they are busy with."""
    return lambda: list(client.workers.list()["items"])
