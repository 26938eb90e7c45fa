"""The ``enschedule`` command: one name, with the commands that the installed distributions bring along."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points, version

import click

GROUP = "enschedule.commands"


class Commands(click.Group):
    """Finds commands by entry point and imports only the one that is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *_found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now; ``None`` where there is none."""
        own = super().get_command(ctx, cmd_name)
        entry_point = _found().get(cmd_name)
        if own is not None or entry_point is None:
            return own
        try:
            loaded = entry_point.load()
        except Exception as problem:  # noqa: BLE001 - one broken distribution must not take the others along
            return _broken(cmd_name, f"{cmd_name} cannot be loaded: {type(problem).__name__}: {problem}")
        assert isinstance(loaded, click.Command)
        return loaded


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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Schedule any task."""


@cli.command("version", short_help="Print the version.")
def print_version() -> None:
    """Print the version of the command line."""
    click.echo(version("enschedule-cli"))


def main() -> None:
    """Run the command that was asked for."""
    cli(prog_name="enschedule")


if __name__ == "__main__":
    main()
