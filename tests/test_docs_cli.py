"""docs/cli.md says what the command line takes: commands, arguments, options, exit codes. Its examples are taken."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from enschedule_cli import connection
from enschedule_cli.forms import LIST_FORMS, ONE_FORMS
from enschedule_cli.main import INTERRUPTED, cli

PAGE = (Path(__file__).parent.parent / "docs" / "cli.md").read_text(encoding="utf-8")
SNIPPETS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines() if line.strip()
]


def rows(first: str) -> list[list[str]]:
    """The rows of every table whose first column is headed ``first``, each as its cells."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", PAGE, re.MULTILINE):
        head, _, *body = [[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()]
        found += body if head[0] == first else []
    return found


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def commands(
    command: click.Command, path: tuple[str, ...], parent: click.Context | None
) -> Iterator[tuple[str, set[str]]]:
    """Every command that does something: as it is typed with its arguments, and its options."""
    context = click.Context(command, info_name=path[-1], parent=parent)
    options = {
        name
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
        for name in (*option.opts, *option.secondary_opts)
    }
    if isinstance(command, click.Group):
        if command.invoke_without_command:
            yield " ".join(path), options
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*path, name), context)
    else:
        arguments = [piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]"]
        yield " ".join([*path, *arguments]), options


def test_every_command_argument_and_option_is_documented_and_there():
    documented = {code(usage)[0]: set(code(options)) for usage, options, _ in rows("command")}

    assert documented == dict(commands(cli, ("enschedule",), None))


def test_the_options_of_all_commands_are_those_of_the_code():
    documented = {name.split()[0] for option, _ in rows("option") for name in code(option)}
    own = {name for one in cli.params for name in one.opts}

    assert documented == own | {"-h", "--help"}


def test_the_exit_codes_are_those_of_the_code():
    documented = [int(row[0]) for row in rows("exit code")]
    ours = [connection.FAILED, connection.USAGE, connection.UNREACHABLE, connection.DENIED, connection.TIMED_OUT]

    assert documented == [0, *ours, INTERRUPTED]


def test_the_forms_are_those_of_the_code():
    assert {name.removeprefix("-o ") for row in rows("form") for name in code(row[0])} == {*LIST_FORMS, *ONE_FORMS}


def examples() -> list[list[str]]:
    """The words of each ``enschedule …`` in a snippet, also of those within ``$(…)`` and behind a pipe."""
    found = []
    for line in SNIPPETS:
        inner = re.findall(r"\$\((enschedule [^)]*)\)", line)
        outer = re.sub(r"\$\([^)]*\)", "1", line)
        for part in [*inner, *outer.split(" | ")]:
            words = shlex.split(part, comments=True)
            if "enschedule" in words:
                found.append([word for word in words[words.index("enschedule") + 1 :] if word != ">"])
    return found


@pytest.mark.parametrize("words", examples(), ids=" ".join)
def test_each_example_is_taken_by_the_command_line(words, tmp_path, monkeypatch):
    """Parsed to its last option, as far as it can be without a server: the callback of the command is not called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nightly.json").write_text("{}")
    if words[0] == "completion":
        words = words[:2]
    if words[0] == "retry":
        words = [*words, "1"]  # from xargs
    command: click.Command = cli
    context = cli.make_context("enschedule", list(words))
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else context.args
        name, inner, rest = command.resolve_command(context, rest)
        assert inner is not None
        command, context = inner, inner.make_context(name, rest, parent=context)
    assert context.args == []


def test_there_are_examples_of_most():
    assert {words[0] for words in examples()} >= {
        "create",
        "run",
        "get",
        "login",
        "pause",
        "logs",
        "retry",
        "completion",
    }
