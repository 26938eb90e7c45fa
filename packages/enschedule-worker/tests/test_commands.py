"""The commands that the worker adds to ``enschedule``."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from enschedule_core.errors import ConfigurationError
from enschedule_worker import commands
from enschedule_worker.build import Worker, build_worker, prepare
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


def ask(*arguments: str, given: str = "") -> tuple[int, str]:
    """Run a command on the database jobs.db of the working directory."""
    command = {"users": commands.users, "keys": commands.keys}[arguments[0]]
    done = CliRunner().invoke(command, arguments[1:], input=given, env={"SQLITE": "jobs.db"})
    assert "Traceback" not in done.output
    return done.exit_code, done.output


def worker_on_the_same_database() -> Worker:
    return build_worker(read_settings({"SQLITE": "jobs.db", "IMPORT_HANDLERS": "enschedule-log-handler"}))


def test_an_account_is_made_and_given_a_new_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask("users", "add", "Ada", "--password-stdin", given="several words\n") == (0, "ada: made, admin\n")
    assert ask("users", "add", "ada", "--password-stdin", given="several words\n")[0] == 1
    code, said = ask("users", "add", "bo", given="several words\nother words\n\n")
    assert code == 1, said
    assert "other words" not in said
    assert ask("users", "reset-password", "ada", "--password-stdin", given="short\n")[0] == 1
    assert ask("users", "reset-password", "nobody", "--password-stdin", given="other words\n")[0] == 1
    assert ask("users", "reset-password", "ada", "--password-stdin", given="other words\n")[0] == 0
    client = worker_on_the_same_database().app.test_client()
    for password, status in (("several words", 401), ("other words", 201)):
        body = {"name": "ada", "password": password}
        assert client.post("/api/v1/sessions", json=body).status_code == status


def test_a_key_is_made_and_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = ask("keys", "create", "ci", "--role", "operator", "--expires-days", "1")
    assert code == 0
    key = said.splitlines()[-1]
    client = worker_on_the_same_database().app.test_client()

    def status() -> int:
        return client.get("/api/v1/me", headers={"X-API-Key": key}).status_code

    assert status() == 200
    (listed,) = client.get("/api/v1/api-keys").get_json()["items"]
    assert (listed["name"], listed["role"], listed["created_by"]) == ("ci", "operator", "command line")
    assert ask("keys", "revoke", listed["id"]) == (0, f"{listed['id']}: revoked\n")
    assert status() == 401
    assert ask("keys", "revoke", "ensk_none")[0] == 1
    assert ask("keys", "create", "ci", "--group", "none")[0] == 1
