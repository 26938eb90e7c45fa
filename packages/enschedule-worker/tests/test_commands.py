"""The commands that the worker adds to ``enschedule``."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from enschedule_core.errors import ConfigurationError
from enschedule_worker import commands
from enschedule_worker.build import Worker, build_worker
from enschedule_worker.databases import prepare
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
    assert ask("users", "add", "bo", "--role", "viewer", "--password-stdin", given="several words\n")[0] == 0
    code, said = ask("users", "list")
    first, second, third = (line.split() for line in said.splitlines())
    assert (code, first) == (0, ["NAME", "ROLE", "GROUPS", "WITH", "LAST", "LOG-IN"])
    assert second[:4] == ["ada", "admin", "-", "password"]
    assert third == ["bo", "viewer", "-", "password", "never"]


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


# --- Backup ---


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database in the current folder, with one row that is only in its write-ahead log, and somebody who writes."""
    monkeypatch.chdir(tmp_path)
    prepare(read_settings({"SQLITE": "enschedule.db"}))
    return tmp_path / "enschedule.db"


def back_up(*arguments: str, **environ: str) -> tuple[int, str]:
    done = CliRunner(env=environ).invoke(commands.backup, list(arguments))
    assert "Traceback" not in done.output
    return done.exit_code, done.output


def test_a_backup_is_whole_while_somebody_writes(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE notes (text)")
        writer.execute("INSERT INTO notes VALUES ('committed')")
        assert database.with_name("enschedule.db-wal").stat().st_size > 0
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO notes VALUES ('not yet')")
        code, said = back_up("copy.db")
        writer.execute("ROLLBACK")
    copy = database.with_name("copy.db")
    assert code == 0, said
    assert f"copied to copy.db ({copy.stat().st_size:,} bytes)" in said
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as reader:
        assert reader.execute("SELECT text FROM notes").fetchall() == [("committed",)]
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    prepare(read_settings({"SQLITE": "copy.db", "ENSCHEDULE_MIGRATE": "check"}))
    left = {path.name for path in database.parent.iterdir() if not path.name.startswith(("enschedule.db", "copy.db"))}
    assert left == set()


def test_a_backup_says_that_the_key_is_not_in_it(database: Path) -> None:
    assert "The key" not in back_up("copy.db")[1]
    key = database.with_name("enschedule.db.key")
    key.write_text("a key")
    code, said = back_up("copy.db", "--force")
    assert (code, f"keep a copy of {key} elsewhere" in said.replace("\n", " ")) == (0, True)


def test_a_file_that_is_there_is_replaced_only_when_told_so(database: Path) -> None:
    copy = database.with_name("copy.db")
    copy.write_text("precious")
    assert back_up("copy.db")[0] == 2
    assert copy.read_text() == "precious"
    assert back_up("--force", "copy.db")[0] == 0
    assert copy.read_bytes().startswith(b"SQLite format 3")
    assert back_up("--force", "enschedule.db")[0] == 2, "not over the database itself"


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (["nowhere/copy.db"], {}, "There is no folder nowhere"),
        (["copy.db", "--database", "none.db"], {}, "none.db"),
        (["copy.db"], {"SQLITE": "none.db"}, "there is no database"),
        (["copy.db"], {"SQLITE": ":memory:"}, "SQLITE"),
        (["copy.db"], {"POSTGRES": "postgres://user:secret@db/jobs"}, "pg_dump"),
        (["copy.db"], {"MARIADB": "mariadb://user:secret@db/jobs"}, "mariadb-dump"),
        ([], {}, "FILE"),
    ],
)
@pytest.mark.usefixtures("database")
def test_what_cannot_be_copied_is_said(arguments: list[str], environ: dict[str, str], said: str) -> None:
    code, shown = back_up(*arguments, **environ)
    assert code == 2
    assert said in shown
    assert "secret" not in shown
    assert not Path("copy.db").exists()


def test_another_programs_database_and_a_damaged_one_are_refused(database: Path) -> None:
    with closing(sqlite3.connect("other.db")) as other:
        other.execute("CREATE TABLE theirs (x)")
    assert "not a database of Enschedule" in back_up("copy.db", "--database", "other.db")[1]
    raw = bytearray(database.read_bytes())
    raw[4096 : 4096 * 12] = b"\xff" * (4096 * 11)
    Path("broken.db").write_bytes(raw)
    assert back_up("copy.db", "--database", "broken.db")[0] in (1, 2)
    assert not Path("copy.db").exists()
