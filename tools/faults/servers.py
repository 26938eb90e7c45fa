"""Database servers of our own, in a folder of their own, to stop, kill and start as a test likes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import psycopg
import pymysql

from faults.databases import MariaDatabase, PostgresDatabase
from faults.waiting import free_port, wait_for

START_SECONDS = 60.0


class Server(ABC):
    """A server that only this process knows. A context: it runs inside, and its folder is gone afterwards."""

    user: str  # both refuse to run as root
    package: str
    programs: tuple[str, ...]

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="enschedule-server-"))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
        self._make()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------ what differs

    @abstractmethod
    def _make(self) -> None:
        """Make the files of an empty server."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return what starts it."""

    @abstractmethod
    def database(self) -> PostgresDatabase | MariaDatabase:
        """Make an empty database."""

    @abstractmethod
    def let_in(self, user: str, password: str, database: str) -> None:
        """Make a user who may do anything in one database, with that password and not without."""

    @abstractmethod
    def _probe(self) -> Any:
        """Connect; raises while it is not there."""

    # ------------------------------------------------------------ what does not

    def _as_user(self) -> dict[str, Any]:
        return {"user": self.user, "group": self.user} if os.geteuid() == 0 else {}

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, **self._as_user())
        if done.returncode:
            raise AssertionError(f"{command[0]}: {done.stdout[-500:]}\n{done.stderr[-1500:]}")

    def start(self) -> None:
        """Start it and wait until it answers."""

        def begun() -> bool:
            # After a kill -9 its last children may still hold the shared memory for a moment: then it is started again.
            if self.process is None or self.process.poll() is not None:
                with (self.folder / "server.log").open("ab") as sink:
                    self.process = subprocess.Popen(
                        self._command(), cwd=self.folder, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL,
                        start_new_session=True, **self._as_user(),
                    )  # fmt: skip
            return self._answers()

        try:
            wait_for("the database server answers", begun, START_SECONDS)
        except AssertionError:
            raise AssertionError(f"it does not start:\n{self.log[-3000:]}") from None

    def _answers(self) -> bool:
        try:
            self._probe().close()
        except (psycopg.Error, pymysql.MySQLError, OSError):
            return False
        return True

    @classmethod
    def why_missing(cls) -> str | None:
        """Return which of its programs is not installed; ``None`` if all are."""
        missing = [name for name in cls.programs if cls.find(name) is None]
        return f"{missing[0]} is not installed (Debian: apt-get install {cls.package})" if missing else None

    @staticmethod
    def find(name: str) -> str | None:
        """Return the path of a program."""
        return shutil.which(name)

    @classmethod
    def _program(cls, name: str) -> str:
        found = cls.find(name)
        if found is None:
            raise AssertionError(cls.why_missing() or f"{name} is not installed")
        return found

    @property
    def log(self) -> str:
        """What it printed."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Stop it as an administrator does: connections are closed, everything is written."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(START_SECONDS)
        self.process = None


class PostgresServer(Server):
    """PostgreSQL, the newest that this machine has."""

    user = "postgres"
    _OPTIONS: ClassVar = {
        "listen_addresses": "127.0.0.1",
        "fsync": "off",  # killing a server is no power cut: what it wrote stays
        "shared_buffers": "32MB",
        "max_connections": "200",
        "timezone": "UTC",
    }

    package = "postgresql"
    programs = ("initdb", "postgres")

    @staticmethod
    def find(name: str) -> str | None:
        """Return the path of a program of the newest PostgreSQL, which Debian does not put on the PATH."""
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        return shutil.which(name, path=str(folders[-1])) if folders else shutil.which(name)

    def _make(self) -> None:
        self._run(
            self._program("initdb"), "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust",
            "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip

    def _command(self) -> list[str]:
        options = [part for name, value in self._OPTIONS.items() for part in ("-c", f"{name}={value}")]
        place = ["-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder)]
        return [self._program("postgres"), *place, *options]

    def _probe(self) -> Any:
        return PostgresDatabase(self.port, "postgres").connect()

    def _end(self, number: signal.Signals) -> None:
        # SIGTERM would wait for every client to leave; SIGINT is its "fast" shutdown.
        super()._end(signal.SIGINT if number is signal.SIGTERM else number)

    def database(self) -> PostgresDatabase:
        """Make an empty database."""
        return PostgresDatabase.create(self.port)

    def let_in(self, user: str, password: str, database: str) -> None:
        """Make a user who may do anything in one database, with that password and not without."""
        rules = self.folder / "data" / "pg_hba.conf"
        rule = f"host all {user} 127.0.0.1/32 scram-sha-256\n"
        rules.write_text(rule + rules.read_text(encoding="utf-8"), encoding="utf-8")
        with psycopg.connect(PostgresDatabase(self.port, database).dsn, autocommit=True) as admin:
            quoted = password.replace("'", "''")
            admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{quoted}'".encode())
            admin.execute(f"GRANT ALL ON SCHEMA public TO {user}".encode())
            admin.execute(b"SELECT pg_reload_conf()")


class MariaServer(Server):
    """MariaDB."""

    user = "mysql"
    package = "mariadb-server"
    programs = ("mariadb-install-db", "mariadbd")

    @staticmethod
    def find(name: str) -> str | None:
        """Return the path of a program of the server."""
        return shutil.which(name, path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))

    def _make(self) -> None:
        self._run(
            self._program("mariadb-install-db"), "--no-defaults", f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self.folder}", "--skip-test-db",
            "--skip-name-resolve", "--auth-root-authentication-method=normal", "--innodb-flush-log-at-trx-commit=2",
        )  # fmt: skip

    def _command(self) -> list[str]:
        return [
            self._program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self.folder}",  # a server that starts removes what others have in a common one
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=2",  # as fsync=off above
            "--innodb-buffer-pool-size=64M",
            "--max-connections=200",
            "--skip-name-resolve",
        ]

    def _probe(self) -> Any:
        return MariaDatabase(self.port, None).connect()

    def database(self) -> MariaDatabase:
        """Make an empty database."""
        return MariaDatabase.create(self.port)

    def let_in(self, user: str, password: str, database: str) -> None:
        """Make a user who may do anything in one database, with that password and not without."""
        with closing(MariaDatabase(self.port, None).connect()) as admin, closing(admin.cursor()) as cursor:
            cursor.execute("SET NAMES utf8mb4")
            cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (user, password))
            cursor.execute(f"GRANT ALL ON \"{database}\".* TO %s@'%%'", (user,))


_SERVERS: dict[str, type[Server]] = {"postgres": PostgresServer, "mariadb": MariaServer}


def own_server(kind: str) -> Server:
    """Return a server of a kind, not started yet."""
    return _SERVERS[kind]()


def why_missing(kind: str) -> str | None:
    """Return why this machine can run no server of a kind, ``None`` where it can, as for SQLite, which needs none."""
    return _SERVERS[kind].why_missing() if kind in _SERVERS else None
