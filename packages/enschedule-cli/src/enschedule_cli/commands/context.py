"""``enschedule context``."""

from __future__ import annotations

import click

from enschedule_cli import table, terminal
from enschedule_cli.connection import connection_options, find_target, given_options, surroundings
from enschedule_cli.contexts import Context, Contexts
from enschedule_cli.terminal import say, tell


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show the servers that are remembered, and which one is in use."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


command.params.extend(connection_options(hidden=True))


@command.command("show", short_help="Show the servers (as without a word).")
def show() -> None:
    """Show the servers that are remembered, and which one commands would use now."""
    around = surroundings()
    contexts = Contexts.of(around.environ)
    rows = [
        ("*" if one == contexts.current() else "", one.name, one.url, _with(one))
        for one in sorted(contexts.entries.values(), key=lambda one: one.name)
    ]
    columns = [table.Column(""), table.Column("NAME"), table.Column("URL", gives_way=True), table.Column("WITH")]
    for line in table.draw(columns, rows, width=terminal.columns()) if rows else []:
        click.echo(line)
    target = find_target(given_options(), around.environ, contexts)
    key = f"a {'session' if target.token else 'key'} from {target.key_from}" if target.key_from else "no key"
    tell(f"In use: {target.url} (from {target.url_from}), {key}.")


def _with(entry: Context) -> str:
    return "a session" if entry.token else "a key" if entry.api_key else "nothing"


@command.command("use", short_help="Use another one.")
@click.argument("name")
def use(name: str) -> None:
    """Use another of the servers that are remembered, from now on."""
    contexts = Contexts.of(surroundings().environ)
    entry = contexts.named(name)
    contexts.with_context(entry).save()
    say(f"{entry.name}: in use, {entry.url}")
