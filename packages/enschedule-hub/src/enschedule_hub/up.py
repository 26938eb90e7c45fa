"""``enschedule up``: everything in one process, with a database file in the working directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from ipaddress import ip_address

import click

LOOPBACK_NETWORKS = "127.0.0.0/8,::1"
ALL_AND_SHELL = "*,enschedule-shell-handler"
DATABASE = "enschedule.db"
ALLOW_PRIVATE = "ENSCHEDULE_FETCH_ALLOW_PRIVATE"
_DATABASE_VARIABLES = ("WORKER_URL", "SQLITE", "POSTGRES", "MYSQL", "MARIADB", "MSSQL", "DATABASE_URL")


@click.command(short_help="Start dashboard, API and worker in one process.")
@click.option("--host", metavar="ADDRESS", help="The address to listen on; 127.0.0.1 unless told otherwise.")
@click.option("--port", metavar="PORT", help="The port to listen on; 3000 unless told otherwise.")
@click.option("--database", metavar="FILE", help=f"The SQLite file, or :memory:; ./{DATABASE} unless told otherwise.")
@click.option("--reload", is_flag=True, help="Start again when the code of a plugin changes; for development.")
def command(host: str | None, port: str | None, database: str | None, *, reload: bool) -> None:
    """Start dashboard, REST API and worker in one process, with all installed handlers.

    The shell handler is among them while it listens on this machine only; elsewhere IMPORT_HANDLERS must name it.

    Environment variables are heard as by enschedule-dashboard; options win over them. Ctrl-C stops.
    Files of HANDLERS_DIR are live without --reload.
    """
    given = {"ENSCHEDULE_HOST": host, "ENSCHEDULE_PORT": port, "SQLITE": database}
    environ = embedded({**os.environ, **{name: value for name, value in given.items() if value is not None}})
    if reload:
        from enschedule_hub.reload import serve  # noqa: PLC0415 - only then

        sys.exit(serve(environ))
    sys.exit(up(environ))


def embedded(environ: Mapping[str, str], *, shell: bool = True) -> dict[str, str]:
    """Return ``environ`` with the defaults of the embedded start.

    A database file in the working directory where none is named. On loopback, the fetch handler may call this
    machine, and with ``shell`` there is the shell handler, because whoever can reach the dashboard then can do both
    anyway.
    """
    found = dict(environ)
    if not names_database(found):
        found["SQLITE"] = DATABASE
    host = found.get("ENSCHEDULE_HOST") or found.get("HOST") or "127.0.0.1"
    if _is_loopback(host):
        found.setdefault(ALLOW_PRIVATE, LOOPBACK_NETWORKS)
        if shell and not found.get("WORKER_URL", "").strip() and not found.get("IMPORT_HANDLERS", "").strip():
            found["IMPORT_HANDLERS"] = ALL_AND_SHELL
    return found


def names_database(environ: Mapping[str, str]) -> bool:
    """Return whether ``environ`` names a database, or a worker that has one."""
    return any(
        environ.get(name, "").strip().lower() not in {"", "false", "0", "no", "off"} for name in _DATABASE_VARIABLES
    )


def up(environ: Mapping[str, str]) -> int:
    """Serve until a signal; return the exit code."""
    from enschedule_dashboard.main import main  # noqa: PLC0415 - the command line starts fast by not importing Flask

    # Handlers read this themselves, in this process.
    if ALLOW_PRIVATE in environ:
        os.environ[ALLOW_PRIVATE] = environ[ALLOW_PRIVATE]
    return main([], environ, keeps_key=True)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":  # as the reloader starts it
    sys.exit(up(embedded(os.environ)))
