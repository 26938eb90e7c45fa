"""The commands that the worker adds to ``enschedule``."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from enschedule_core.errors import ConfigurationError
from enschedule_worker import commands
from enschedule_worker.build import prepare
from enschedule_worker.settings import read_settings
from enschedule_worker.store.migrate import head


def test_migrate_makes_the_tables_also_where_starts_only_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"SQLITE": "jobs.db", "ENSCHEDULE_MIGRATE": "check"}
    with pytest.raises(ConfigurationError, match="ENSCHEDULE_MIGRATE is check"):
        prepare(read_settings(environ))
    for _ in range(2):
        done = CliRunner().invoke(commands.migrate, env=environ)
        assert (done.exit_code, done.output) == (0, f"SQLite, {tmp_path / 'jobs.db'}: at revision {head()}\n")
    prepare(read_settings(environ))


def test_migrate_says_what_is_wrong_in_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(commands.migrate, env={"SQLITE": "nowhere/jobs.db"})
    assert done.exit_code == 2
    assert "SQLITE" in done.output
    assert "Traceback" not in done.output
