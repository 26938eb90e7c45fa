"""The ``enschedule`` command: our own commands and those of other distributions, imported only when named."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from enschedule_cli.commands import COMMANDS, SECTIONS, module_of
from enschedule_cli.connection import DENIED, FAILED, TIMED_OUT, UNREACHABLE, USAGE, connection_options, refused

GROUP = "enschedule.commands"
INTERRUPTED = 130

EPILOG = (
    f"Exit codes: 0 done, {FAILED} failed, {USAGE} wrong usage, {UNREACHABLE} server unreachable, "
    f"{DENIED} not allowed, {TIMED_OUT} --timeout is over."
)


class Commands(click.Group):
    """Finds a command by its name, in :mod:`enschedule_cli.commands` or by entry point, and imports only that one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *COMMANDS, *_found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now; ``None`` where there is none."""
        if cmd_name in COMMANDS:
            return _own(cmd_name)
        entry_point = _found().get(cmd_name)
        if entry_point is None:
            return super().get_command(ctx, cmd_name)
        try:
            loaded = entry_point.load()
        except Exception as problem:  # noqa: BLE001 - one broken distribution must not take the others along
            return _broken(cmd_name, f"{cmd_name} cannot be loaded: {type(problem).__name__}: {problem}")
        assert isinstance(loaded, click.Command)
        return loaded

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, ours without importing them."""
        width = max(map(len, self.list_commands(ctx)))
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), line) for name, line in commands.items()])
        others = {name: self.get_command(ctx, name) for name in _found() if name not in COMMANDS}
        with formatter.section("Programs"):
            lines = [
                (name.ljust(width), one.get_short_help_str(formatter.width)) for name, one in others.items() if one
            ]
            formatter.write_dl(sorted(lines))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it was refused becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as problem:
            from enschedule_core.errors import EnscheduleError  # noqa: PLC0415 - not before there is one

            if isinstance(problem, EnscheduleError):
                raise refused(problem) from problem
            raise


def _own(name: str) -> click.Command:
    command = import_module(module_of(name)).command
    assert isinstance(command, click.Command)
    command.name, command.short_help = name, COMMANDS[name]
    return command


def _broken(name: str, reason: str) -> click.Command:
    """Return a command that says why it is none, so that the list of all commands still has its line."""

    def refuse(**_: object) -> None:
        raise click.ClickException(reason)

    anything = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    return click.Command(
        name,
        callback=refuse,
        params=[anything],
        short_help="(cannot be loaded)",
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )


def _found() -> dict[str, EntryPoint]:
    return {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
def cli() -> None:
    """Schedule any task."""


cli.params.extend(connection_options(hidden=False))


def main() -> None:
    """Run the command that was asked for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")  # what it cannot show is no reason to end
    cli(prog_name="enschedule")


if __name__ == "__main__":
    main()
