"""The command line: commands that installed distributions bring along, loaded only when named."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

from enschedule_cli import commands
from enschedule_cli import main as module
from enschedule_cli.main import cli


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, module.GROUP)


def test_the_commands_of_all_distributions_are_there() -> None:
    context = click.Context(cli)
    assert {"up", "worker", "migrate", "dashboard", "version"} <= set(cli.list_commands(context))
    for name in ("up", "worker", "migrate", "dashboard", "version"):
        assert isinstance(cli.get_command(context, name), click.Command)


def test_help_lists_them_with_one_line_each() -> None:
    done = CliRunner().invoke(cli, ["--help"])
    assert done.exit_code == 0
    for name in ("up", "worker", "migrate", "dashboard", "version"):
        line = next(line for line in done.output.splitlines() if line.split()[:1] == [name])
        assert len(line.split()) > 2
    assert CliRunner().invoke(cli, ["-h"]).output == done.output


def test_a_command_that_does_not_exist() -> None:
    done = CliRunner().invoke(cli, ["fly"])
    assert done.exit_code == 2
    assert "fly" in done.output


def test_a_distribution_that_is_broken_does_not_take_the_others_along(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = entry("broken", "nonsense_that_is_not_there:command")
    found = module._found()
    monkeypatch.setattr(module, "_found", lambda: {**found, "broken": broken})
    done = CliRunner().invoke(cli, ["broken"])
    assert done.exit_code == 1
    assert "broken cannot be loaded: ModuleNotFoundError" in done.output
    assert "Traceback" not in done.output
    assert CliRunner().invoke(cli, ["version"]).exit_code == 0
    listed = CliRunner().invoke(cli, ["--help"])
    assert listed.exit_code == 0
    assert "(cannot be loaded)" in listed.output
    assert CliRunner().invoke(cli, ["broken", "--any", "thing"]).exit_code == 1


def test_a_command_of_our_own_cannot_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_found", lambda: {"version": entry("version", "os:getcwd")})
    done = CliRunner().invoke(cli, ["version"])
    assert done.exit_code == 0
    assert done.output[0].isdigit()


SLOW = (
    "flask",
    "sqlalchemy",
    "gunicorn",
    "rich",
    "pygments",
    "httpx",
    "ruamel",
    "enschedule_core",
    "enschedule_client",
)


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--help"], set()),
        (["version"], set()),
        (["get", "--help"], set()),
        (["get", "schedules"], {"httpx", "enschedule_core", "enschedule_client"}),
        (["get", "schedules", "-o", "json"], {"httpx", "enschedule_core", "enschedule_client"}),
    ],
    ids=lambda one: " ".join(sorted(one) if isinstance(one, set) else one),
)
def test_a_command_imports_what_it_needs_and_nothing_else(arguments: list[str], needed: set[str]) -> None:
    """What is not imported takes no time; httpx without the command line that it brings along."""
    program = f"""
import sys
from enschedule_cli.main import cli
try:
    cli({arguments}, prog_name="enschedule")
except SystemExit:
    pass
print([name for name in {SLOW} if name in sys.modules], file=sys.stderr)
"""
    environ = {"PATH": "/usr/bin", "HOME": "/nowhere", "ENSCHEDULE_URL": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environ)
    assert set(ast.literal_eval(done.stderr.splitlines()[-1])) == needed


def test_each_module_of_a_command_is_listed_and_each_has_its_help() -> None:
    modules = {module.name for module in pkgutil.iter_modules(commands.__path__)}
    assert modules == {commands.module_of(name).rpartition(".")[2] for name in commands.COMMANDS}
    context = click.Context(cli)
    for name, line in commands.COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help
        assert (command.name, command.short_help) == (name, line)


def test_the_migrate_command_makes_the_tables(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner(env={"SQLITE": "made.db"}).invoke(cli, ["migrate"])
    assert done.exit_code == 0, done.output
    assert "at revision" in done.output
    assert (tmp_path / "made.db").exists()
    refused = CliRunner(env={"SQLITE": "nowhere/made.db"}).invoke(cli, ["migrate"])
    assert refused.exit_code == 2


def test_what_a_terminal_cannot_show_is_no_reason_to_end() -> None:
    """A title in Japanese, where the locale is one of Western Europe."""
    environ = {"PATH": "/usr/bin", "HOME": "/nowhere", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "enschedule_cli.main", "import", "crontab", "-", "--timezone", "UTC"]
    crontab = '0 2 * * * echo "å 日本"\n'.encode()
    done = subprocess.run(command, input=crontab, capture_output=True, check=True, env=environ)
    assert r'echo "å \u65e5\u672c"'.encode("latin-1") in done.stdout
