"""docs/files.md says what is: its examples are read, and its short forms are what it says they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from enschedule_cli.commands import apply, diff, export, import_
from enschedule_cli.files import nodes, short_forms
from enschedule_cli.files.documents import FOR_ALL, Reader
from enschedule_cli.files.sources import find

PAGE = (Path(__file__).parents[3] / "docs" / "files.md").read_text(encoding="utf-8")
SHORT = [
    line.strip("| ").split(" | ", 1) for line in PAGE.partition("| short | is |")[2].partition("\n\n")[0].splitlines()
]


def value(text: str) -> Any:
    [found] = nodes.read(text, "docs")
    return found.plain()


def code(text: str) -> list[str]:
    return re.findall("`([^`]+)`", text)


@pytest.mark.parametrize(
    "row", [row for row in SHORT if len(row) == 2 and row[0].startswith("`")], ids=lambda row: row[0]
)
def test_a_short_form_is_what_the_page_says(row: list[str]) -> None:
    [short], long = code(row[0]), code(row[1])[0]
    body = short_forms.expanded(value(short))
    assert not body.mistakes
    assert body.fields == value(long)


def test_the_examples_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ping, defaults = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ping.yml").write_text(ping)
    (tmp_path / "defaults.yml").write_text(defaults)
    [found] = [one for source in find(["."]) for one in Reader().read(source)]
    assert (found.id, found.body["tags"]) == ("ping", ["shop", "web"])
    assert found.body["retry"] == {"max_attempts": 4, "delay_seconds": 300}


@pytest.mark.parametrize("command", [apply.command, diff.command, export.command, import_.import_crontab])
def test_every_option_is_on_the_page(command: click.Command) -> None:
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    assert options
    for option in options:
        assert any(f"{name}" in PAGE for name in option.opts), option.opts


def test_defaults_have_no_field_that_only_one_schedule_can_have() -> None:
    assert not FOR_ALL & {"id", "name", "title", "handler", "data", "on_success", "on_failure", *short_forms.WHEN}
