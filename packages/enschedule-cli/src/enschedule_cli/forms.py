"""How a command writes what it found: ``-o table|json|yaml|name``, once or again and again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from enschedule_cli import table, terminal
from enschedule_cli.connection import surroundings

F = TypeVar("F", bound=Callable[..., Any])

LIST_FORMS = ("table", "json", "yaml", "name")
ONE_FORMS = ("text", "json", "yaml")
_HOME_AND_CLEAR_BELOW = "\x1b[H\x1b[J"
_CLEAR = "\x1b[2J"


def form_option(forms: Sequence[str]) -> Callable[[F], F]:
    """Add ``-o``; its first form is the one without it."""
    return click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help="How to write it.",
    )


def structured(value: Any, form: str) -> str:
    """Return a value of the API as ``json`` or ``yaml``: plain text in which nothing can steer a terminal."""
    if form == "json":
        return json.dumps(value, indent=2)  # ASCII: what is not is escaped
    from enschedule_cli.yaml_text import dump  # noqa: PLC0415 - only where somebody wants YAML

    return dump(value)


def write_one(value: Any, form: str, text: Callable[[], Sequence[str]]) -> None:
    """Write one thing; ``text`` makes the lines for people, already cleaned."""
    for line in [structured(value, form).rstrip("\n")] if form != "text" else text():
        click.echo(line)


def list_lines(
    items: Sequence[Any],
    form: str,
    name: Callable[[Any], str],
    columns: Sequence[table.Column],
    row: Callable[[Any], Sequence[table.Cell | str]],
) -> list[str]:
    """Return the lines of a list in a form; ``name`` is what other commands take for an item."""
    if form == "name":
        return [terminal.clean(name(item)) for item in items]
    if form == "table":
        return table.draw(columns, [row(item) for item in items], width=terminal.columns()) if items else []
    return [structured(list(items), form).rstrip("\n")]


def watch(look: Callable[[], list[str]], every_seconds: float) -> None:
    """Write what ``look`` returns again and again, until Ctrl-C.

    On a terminal in the same place; elsewhere only when it has changed. A server that is away is said once and waited
    for.
    """
    from enschedule_core.errors import Unavailable  # noqa: PLC0415 - only where somebody watches

    in_place = terminal.is_coloured()
    before: list[str] | None = None
    away = False
    while True:
        try:
            lines = look()
        except Unavailable as problem:
            if not away:
                terminal.tell(f"{problem} Trying again.")
            away, before = True, None
        else:
            away = False
            if in_place:
                start = _CLEAR + _HOME_AND_CLEAR_BELOW if before is None else _HOME_AND_CLEAR_BELOW
                click.echo(start + "\n".join(lines))
            elif lines != before:
                click.echo("\n".join(lines))
            before = lines
        surroundings().sleep(every_seconds)
