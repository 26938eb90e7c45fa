"""Which database the environment names, and what is said when it cannot be used."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine

from enschedule_core.errors import ConfigurationError
from enschedule_worker.store import files, location
from enschedule_worker.store.location import locate


def refused(environ: dict[str, str], folder: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as problem:
        locate(environ, folder=folder)
    assert problem.value.hint, "every refusal shows a valid value"
    return problem.value


def test_none_is_named(tmp_path: Path) -> None:
    assert locate({}, folder=tmp_path) is None
    assert locate({"SQLITE": "", "POSTGRES": "false", "MYSQL": "no"}, folder=tmp_path) is None


def test_a_relative_path_starts_at_the_given_folder(tmp_path: Path) -> None:
    found = locate({"SQLITE": "data.db"}, folder=tmp_path)
    assert found is not None
    assert (found.database, found.shown) == (str(tmp_path / "data.db"), f"SQLite, {tmp_path / 'data.db'}")
    create_engine(found.url).connect().close()


def test_true_takes_the_path_from_db_database(tmp_path: Path) -> None:
    found = locate({"SQLITE": "true", "DB_DATABASE": "other.db"}, folder=tmp_path)
    assert found is not None
    assert found.database == str(tmp_path / "other.db")
    assert "DB_DATABASE" in refused({"SQLITE": "true"}, tmp_path).detail


def test_a_path_with_any_characters(tmp_path: Path) -> None:
    odd = tmp_path / "å b?c#d%20;e@f"
    odd.mkdir()
    found = locate({"SQLITE": str(odd / "x&y=z.db")}, folder=tmp_path)
    assert found is not None
    create_engine(found.url).connect().close()
    assert [path.name for path in odd.iterdir()] == ["x&y=z.db"]


def test_two_databases_at_once(tmp_path: Path) -> None:
    problem = refused({"SQLITE": "a.db", "POSTGRES": "true"}, tmp_path)
    assert "SQLITE" in problem.detail
    assert "POSTGRES" in problem.detail


SERVERS = ["POSTGRES", "MYSQL", "MARIADB", "MSSQL"]
PARTS = {"DB_USER": "ada", "DB_PASSWORD": "s3cret", "DB_HOST": "db.example.org", "DB_DATABASE": "jobs"}


@pytest.mark.parametrize(
    ("name", "dialect", "port"),
    [
        ("POSTGRES", "postgresql", 5432),
        ("MYSQL", "mysql", 3306),
        ("MARIADB", "mariadb", 3306),
        ("MSSQL", "mssql", 1433),
    ],
)
def test_a_server_is_named_by_parts_or_by_a_uri(name: str, dialect: str, port: int, tmp_path: Path) -> None:
    parts = locate({name: "true", **PARTS}, folder=tmp_path)
    uri = locate({name: f"{dialect}://ada:s3cret@db.example.org/jobs"}, folder=tmp_path)
    url = locate({"DATABASE_URL": f"{dialect}://ada:s3cret@db.example.org/jobs"}, folder=tmp_path)
    for found in (parts, uri, url):
        assert found is not None
        assert (found.dialect, found.user, found.password) == (dialect, "ada", "s3cret")
        assert (found.host, found.port, found.database) == ("db.example.org", port, "jobs")
        assert "s3cret" not in f"{found.shown} {found!r} {found.url}"


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_without_its_parts_names_them_and_shows_an_example(name: str, tmp_path: Path) -> None:
    problem = refused({name: "true"}, tmp_path)
    assert problem.detail == f"{name} is true, but DB_USER and DB_DATABASE are not set."
    assert f"{name}=true DB_USER=" in str(problem.hint)


@pytest.mark.parametrize("name", SERVERS)
def test_what_is_no_uri_of_the_server_is_refused_without_showing_it(name: str, tmp_path: Path) -> None:
    for value in ("yes please", "ftp://u:s3cret@h/d", "//u:s3cret@h/d"):
        problem = refused({name: value}, tmp_path)
        assert problem.detail.startswith(f"{name}: ")
        assert f"{name}=" in str(problem.hint)
        assert "s3cret" not in str(problem.problem())


ANY = "p@:/#?[]å% x"


@pytest.mark.parametrize("password", [ANY, "%40", "a%2Fb", "100%", "://", "@", "-"])
def test_a_password_may_have_any_characters(password: str, tmp_path: Path) -> None:
    found = locate({"POSTGRES": "true", **PARTS, "DB_PASSWORD": password}, folder=tmp_path)
    assert found is not None
    assert found.password == password
    escaped = locate({"POSTGRES": f"postgres://ada:{quote(password, safe='')}@h/d"}, folder=tmp_path)
    assert escaped is not None
    assert (escaped.password, escaped.host, escaped.database) == (password, "h", "d")


def test_a_password_may_stand_in_a_uri_as_it_is(tmp_path: Path) -> None:
    found = locate({"POSTGRES": f"postgres://ada:{ANY}@h:1/d?sslmode=require"}, folder=tmp_path)
    assert found is not None
    assert (found.password, found.host, found.port, found.database) == (ANY, "h", 1, "d")
    assert dict(found.options) == {"sslmode": "require"}


@pytest.mark.parametrize("port", ["0", "65536", "tcp", "1.5", "-1"])
def test_a_port_is_a_number(port: str, tmp_path: Path) -> None:
    problem = refused({"MARIADB": "true", **PARTS, "DB_PORT": port}, tmp_path)
    assert problem.detail == f"DB_PORT: the port {port!r} is not a number between 1 and 65535."
    assert "3306" in str(problem.hint)


def test_a_missing_driver_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(location, "find_spec", lambda _: None)
    for name, extra in (("POSTGRES", "postgres"), ("MYSQL", "mysql"), ("MARIADB", "mysql"), ("MSSQL", "mssql")):
        problem = refused({name: "true", **PARTS}, tmp_path)
        assert name in problem.detail
        assert f"pip install 'enschedule-worker[{extra}]'" in str(problem.hint)


def test_a_uri_is_not_a_path(tmp_path: Path) -> None:
    assert "takes a path" in refused({"SQLITE": "sqlite:///x.db"}, tmp_path).detail


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    assert "is a folder" in refused({"SQLITE": str(tmp_path)}, tmp_path).detail


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in refused({"SQLITE": "nowhere/x.db"}, tmp_path).detail


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam, " * 100)
    assert "not a database" in refused({"SQLITE": "letter.txt"}, tmp_path).detail
    assert (tmp_path / "letter.txt").read_text().startswith("Dear Sir")


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    # Root may write everywhere but in a file system that takes no files.
    path = "/proc/enschedule.db" if os.geteuid() == 0 else str(tmp_path / "closed" / "x.db")
    detail = refused({"SQLITE": path}, tmp_path).detail
    assert "cannot be written" in detail or "cannot be opened" in detail
    assert path in detail


# ---------------------------------------------------------------- in memory


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where databases in memory are put."""
    made = tmp_path / "shm"
    made.mkdir()
    monkeypatch.setattr(files, "_memory_parent", lambda: made)
    return made


def test_a_database_in_memory_has_a_private_folder(shelf: Path, tmp_path: Path) -> None:
    found = locate({"SQLITE": ":memory:"}, folder=tmp_path)
    assert found is not None
    folder = Path(found.database).parent
    assert folder.parent == shelf
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "memory" in found.shown
    sqlite3.connect(found.database).close()


def test_leftovers_of_killed_processes_are_swept_and_those_of_living_ones_are_not(shelf: Path, tmp_path: Path) -> None:
    dead, alive, foreign = (shelf / f"enschedule-memory-{name}" for name in ("dead", "alive", "foreign"))
    for folder in (dead, alive, foreign):
        folder.mkdir()
        (folder / "memory.db").write_text("x")
    (dead / "lock").touch()
    (alive / "lock").touch()
    with (alive / "lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        locate({"SQLITE": ":memory:"}, folder=tmp_path)
        assert (dead.exists(), alive.exists(), foreign.exists()) == (False, True, True)


ASK = """
import os, sys
from enschedule_worker.store import files, location
print(os.path.dirname(files.memory_file()), flush=True)
sys.stdin.read()
"""


def ask() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_an_end_removes_it_and_after_a_kill_the_next_start_does() -> None:
    with ask() as tidy:
        assert tidy.stdout is not None
        folder = Path(tidy.stdout.readline().strip())
        assert folder.is_dir()
    assert not folder.exists()
    with ask() as killed:
        assert killed.stdout is not None
        left = Path(killed.stdout.readline().strip())
        killed.kill()
    assert left.is_dir()
    with ask():
        pass
    assert not left.exists()


def test_reading_settings_does_not_import_the_database(tmp_path: Path) -> None:
    """A dashboard in front of a remote worker reads them too."""
    program = "import sys, enschedule_worker.settings, enschedule_worker.server; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "False\n"
