"""``enschedule completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    r"""Print what makes a shell (bash, zsh or fish) complete commands, options and ids.

    \b
    bash: eval "$(enschedule completion bash)" in ~/.bashrc
    zsh:  eval "$(enschedule completion zsh)" in ~/.zshrc, after compinit
    fish: enschedule completion fish > ~/.config/fish/completions/enschedule.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    root = ctx.find_root()
    click.echo(kind(root.command, {}, "enschedule", "_ENSCHEDULE_COMPLETE").source())
