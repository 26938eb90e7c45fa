"""A database that cannot be used is one message that names the variable, and exit code 2, of each program."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from cluster_kit import Start, free_port, refused

pytestmark = pytest.mark.cluster
PROGRAMS = ("worker", "dashboard", "up")
GOOD = {"POSTGRES": "postgres://postgres@127.0.0.1:5432/", "MARIADB": "mariadb://root:@127.0.0.1:3306/"}
PLACES = {"POSTGRES": "127.0.0.1:5432", "MARIADB": "127.0.0.1:3306"}

# What is set, and what the one message has to say.
WRONG: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "two databases": ({"SQLITE": "a.db", "POSTGRES": "true"}, ("SQLITE and POSTGRES are both set", "For example")),
    "three databases": ({"SQLITE": "a.db", "POSTGRES": "true", "MYSQL": "true"}, ("SQLITE and POSTGRES and MYSQL",)),
    "no uri": (
        {"POSTGRES": "db.example.org"},
        ("POSTGRES: ", "neither true nor false nor a URI", "POSTGRES=postgres://"),
    ),
    "another scheme": ({"MARIADB": "postgres://u:secret@h/d"}, ("MARIADB: 'postgres' is not", "MARIADB=mariadb://")),
    "a scheme of nobody": ({"DATABASE_URL": "oracle://u:secret@h/d"}, ("DATABASE_URL: ", "For example DATABASE_URL=")),
    "no database in it": ({"POSTGRES": "postgres://u:secret@127.0.0.1:5432"}, ("POSTGRES: ", "names no database")),
    "no number": ({"MYSQL": "mysql://u:secret@h:33x6/d"}, ("MYSQL: the port '33x6' is not a number",)),
    "parts missing": (
        {"MARIADB": "true", "DB_HOST": "h"},
        ("MARIADB is true, but DB_USER and DB_DATABASE are not set",),
    ),
    "a port in the host": (
        {"POSTGRES": "true", "DB_USER": "u", "DB_DATABASE": "d", "DB_HOST": "h:1"},
        ("DB_HOST: 'h:1'", "the port is DB_PORT"),
    ),
    "a bad parameter": (
        {"POSTGRES": "postgres://postgres@127.0.0.1:5432/postgres?sslmod=off"},
        ("POSTGRES: the driver psycopg refuses a parameter of the URI", "sslmod"),
    ),
    "a uri for a file": ({"SQLITE": "sqlite:///x.db"}, ("SQLITE: ", "SQLite takes a path")),
    "a folder": ({"SQLITE": "."}, ("SQLITE: ", "is a folder, not a file")),
    "no folder": ({"SQLITE": "nowhere/x.db"}, ("SQLITE: ", "there is no folder")),
    "no name": ({"SQLITE": "true"}, ("SQLITE is true, but DB_DATABASE",)),
    "an unknown database on PostgreSQL": (
        {"POSTGRES": GOOD["POSTGRES"] + "nobodys"},
        ("POSTGRES: there is no database 'nobodys' on 127.0.0.1:5432", "CREATE DATABASE nobodys"),
    ),
    "an unknown database on MariaDB": (
        {"MARIADB": GOOD["MARIADB"] + "nobodys"},
        ("MARIADB: there is no database 'nobodys' on 127.0.0.1:3306", "CREATE DATABASE nobodys CHARACTER SET utf8mb4"),
    ),
    "a wrong user on PostgreSQL": (
        {"POSTGRES": "postgres://nobody:secret@127.0.0.1:5432/postgres"},
        ("POSTGRES: the server on 127.0.0.1:5432 does not let user 'nobody' in",),
    ),
    "a wrong password on MariaDB": (
        {"MARIADB": "mariadb://root:secret@127.0.0.1:3306/mysql"},
        ("MARIADB: the server on 127.0.0.1:3306 does not let user 'root' in",),
    ),
    "a MySQL that is none": ({"MYSQL": "mysql://nobody:secret@127.0.0.1:3306/mysql"}, ("MYSQL: ", "does not let user")),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_message(start: Start, name: str) -> None:
    """Each by one of the programs; the three share what reads and opens a database, as the next test shows."""
    given, said = WRONG[name]
    program = start(PROGRAMS[list(WRONG).index(name) % 3], **given)
    message = refused(program)
    for part in said:
        assert part in message
    assert "secret" not in message


@pytest.mark.parametrize("variable", ["POSTGRES", "MARIADB", "SQLITE"])
def test_every_program_refuses_in_the_same_words(start: Start, tmp_path: Path, variable: str) -> None:
    """A server that nobody is at, and a file that is no database."""
    (tmp_path / "notes.db").write_text("this is no database, whatever its name says " * 30)
    uri = GOOD.get(variable, "").replace("5432", str(free_port())).replace("3306", str(free_port())) + "x"
    value = "notes.db" if variable == "SQLITE" else uri
    wanted = "cannot be opened: file is not a database" if variable == "SQLITE" else "cannot be reached"
    programs = [start(name, **{variable: value}) for name in (*PROGRAMS, "migrate")]
    said = {refused(program).splitlines()[-2] for program in programs}
    assert len(said) == 1
    (line,) = said
    assert line.startswith(f"enschedule: {variable}: ")
    assert wanted in line


def test_a_server_of_another_kind(start: Start) -> None:
    said = refused(start("worker", POSTGRES="postgres://u:secret@127.0.0.1:3306/d"))
    assert "POSTGRES: PostgreSQL on 127.0.0.1:3306 cannot be reached" in said
    assert "secret" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a folder read-only")
def test_a_file_on_a_read_only_file_system(start: Start, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("may not mount")
    try:
        assert "lies on a read-only file system" in refused(start("worker", SQLITE=str(place / "x.db")))
    finally:
        subprocess.run(["umount", str(place)], check=True)
