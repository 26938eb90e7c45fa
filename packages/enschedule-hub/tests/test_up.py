"""``enschedule up``: the defaults of the embedded start, and what it passes on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from enschedule_core.plugins import load_handlers
from enschedule_hub import up as module
from enschedule_hub.up import ALL_AND_SHELL, LOOPBACK_NETWORKS, command, embedded

LOOPBACK = {
    "SQLITE": "enschedule.db",
    "ENSCHEDULE_FETCH_ALLOW_PRIVATE": LOOPBACK_NETWORKS,
    "IMPORT_HANDLERS": ALL_AND_SHELL,
}


def test_without_anything_there_is_a_file_here_and_handlers_may_call_this_machine() -> None:
    assert embedded({}) == LOOPBACK
    assert embedded({"POSTGRES": "false", "SQLITE": " "}) == {**LOOPBACK, "POSTGRES": "false"}


@pytest.mark.parametrize("name", ["SQLITE", "POSTGRES", "MYSQL", "MARIADB", "MSSQL", "DATABASE_URL", "WORKER_URL"])
def test_a_database_or_a_worker_that_is_named_stays(name: str) -> None:
    found = embedded({name: "mine"})
    assert found[name] == "mine"
    assert name == "SQLITE" or "SQLITE" not in found


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_the_fetch_handler_may_call_this_machine(host: str) -> None:
    assert embedded({"HOST": host})["ENSCHEDULE_FETCH_ALLOW_PRIVATE"] == LOOPBACK_NETWORKS
    assert (
        embedded({"HOST": host, "ENSCHEDULE_FETCH_ALLOW_PRIVATE": "false"})["ENSCHEDULE_FETCH_ALLOW_PRIVATE"] == "false"
    )


@pytest.mark.parametrize(
    "environ", [{"HOST": "0.0.0.0"}, {"HOST": "::"}, {"HOST": "127.0.0.1", "ENSCHEDULE_HOST": "0.0.0.0"}]
)
def test_bound_to_the_network_it_may_not(environ: dict[str, str]) -> None:
    assert not {"ENSCHEDULE_FETCH_ALLOW_PRIVATE", "IMPORT_HANDLERS"} & set(embedded(environ))


def test_on_loopback_there_is_the_shell_handler_unless_handlers_are_named() -> None:
    loaded = {one.id for one in load_handlers(import_handlers=embedded({})["IMPORT_HANDLERS"]).handlers()}
    assert {"fetch", "log-job", "shell"} <= loaded
    assert embedded({"IMPORT_HANDLERS": "enschedule-log-handler"})["IMPORT_HANDLERS"] == "enschedule-log-handler"
    assert "IMPORT_HANDLERS" not in embedded({"WORKER_URL": "http://127.0.0.1:8080"})


def test_the_given_environment_is_left_alone() -> None:
    given: dict[str, str] = {}
    embedded(given)
    assert given == {}


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []

    def up(environ: dict[str, str]) -> int:
        seen.append(environ)
        return 0

    monkeypatch.setattr(module, "up", up)
    runner = CliRunner(env={"SQLITE": "env.db", "PORT": "1", "HOST": "0.0.0.0"})
    done = runner.invoke(command, ["--host", "127.0.0.1", "--port", "2", "--database", "mine.db"])
    assert done.exit_code == 0
    (environ,) = seen
    assert (environ["ENSCHEDULE_HOST"], environ["ENSCHEDULE_PORT"], environ["SQLITE"]) == ("127.0.0.1", "2", "mine.db")


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (["--port", "eighty"], {}, "ENSCHEDULE_PORT: 'eighty' is not a port"),
        ([], {"PORT": "tcp://10.0.0.1:80"}, "PORT: "),
        (["--database", "nowhere/x.db"], {}, "there is no folder"),
        ([], {"IMPORT_HANDLERS": "enschedule-nowhere-handler"}, "IMPORT_HANDLERS"),
        ([], {"HANDLERS_DIR": "nowhere"}, "HANDLERS_DIR"),
    ],
)
def test_a_wrong_setting_is_one_message_and_exit_2(
    arguments: list[str],
    environ: dict[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("enschedule_worker.server.start_logging", lambda *_: None)
    monkeypatch.delenv("ENSCHEDULE_FETCH_ALLOW_PRIVATE", raising=False)
    done = CliRunner(env=environ).invoke(command, arguments)
    assert done.exit_code == 2
    shown = done.stderr + capsys.readouterr().err
    assert said in shown
    assert re.search(r"[A-Z_]+=\S+", shown), "a valid value is shown"
    assert "Traceback" not in shown
