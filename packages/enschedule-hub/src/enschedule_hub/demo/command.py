"""``enschedule demo``: fill a database with three weeks of an imaginary shop, and look at it."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping

import click

from enschedule_hub.up import embedded, names_database, up

DATABASE = "demo.db"
WORKER_ID = "web-1"


@click.command(short_help="Fill a database with something to look at.")
@click.option("--database", metavar="FILE", help=f"The SQLite file; ./{DATABASE} unless told otherwise.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another number makes another past.")
@click.option("--serve", is_flag=True, help="Then start everything on it, as `enschedule up` does.")
@click.option("--port", metavar="PORT", help="The port to listen on with --serve; 3000 unless told otherwise.")
def command(database: str | None, seed: int, port: str | None, *, serve: bool) -> None:
    """Fill an empty database with three weeks of an imaginary web shop: schedules, runs, failures and their output.

    A database of the environment (POSTGRES, MARIADB …) is filled too. One that holds anything is left as it is. With
    --serve, one that was filled before is served again. Nothing in it touches a network.
    """
    given = {"SQLITE": database, "ENSCHEDULE_PORT": port}
    environ = {**os.environ, **{name: value for name, value in given.items() if value is not None}}
    if not names_database(environ):
        environ["SQLITE"] = DATABASE
    look = _line(database, port)
    _fill(environ, seed=seed, filled_before=None if serve else f"was filled before. Look at it: {look}")
    if serve:
        sys.exit(up(_served(environ)))
    click.echo(f"Look at it: {look}")


def _served(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which every schedule of the shop has its handler."""
    from enschedule_hub.demo.filling import PLUGINS  # noqa: PLC0415 - the command line starts fast

    found = embedded(environ)
    found["IMPORT_HANDLERS"] = PLUGINS
    found.setdefault("ENSCHEDULE_WORKER_ID", WORKER_ID)
    return found


def _line(database: str | None, port: str | None) -> str:
    words = ["enschedule", "demo", "--serve"]
    if database is not None:
        words += ["--database", database]
    if port is not None:
        words += ["--port", port]
    return shlex.join(words)


def _fill(environ: Mapping[str, str], *, seed: int, filled_before: str | None) -> None:
    """Fill the database that the environment names; what is wrong ends the command with one message.

    ``filled_before`` is what is wrong with one that this command has filled before; ``None`` where that is fine.
    """
    from enschedule_core.errors import ConfigurationError, EnscheduleError  # noqa: PLC0415
    from enschedule_hub.demo.filling import fill, was_filled  # noqa: PLC0415
    from enschedule_worker import server  # noqa: PLC0415
    from enschedule_worker.databases import open_database  # noqa: PLC0415
    from enschedule_worker.settings import read_settings  # noqa: PLC0415

    try:
        if environ.get("WORKER_URL", "").strip():
            raise ConfigurationError(
                "WORKER_URL: the demonstration fills a database, and this is the address of a worker.",
                hint="Leave WORKER_URL out, or set it to nothing, and name a database, for example --database demo.db",
            )
        if environ.get("SQLITE", "").strip() == ":memory:":
            raise ConfigurationError(
                "SQLITE: a database in memory would be gone when this command ends.",
                hint="Name a file, for example --database demo.db",
            )
        settings = read_settings(environ)
        assert settings.database is not None
        shown = settings.database.shown
        database = open_database(settings)
    except ConfigurationError as problem:
        sys.exit(server.fail(problem))
    try:
        if was_filled(database):
            if filled_before is not None:
                raise click.ClickException(f"{shown} {filled_before}")
            click.echo(f"{shown}: filled before, used as it is", err=True)
            return
        began = time.monotonic()
        filled = fill(database, seed=seed)
    except EnscheduleError as problem:
        raise click.ClickException(f"{shown}: {problem}") from None
    finally:
        database.dispose()
    took = time.monotonic() - began
    click.echo(f"{shown}: {filled.schedules} schedules and {filled.runs:,} runs of three weeks, in {took:.1f} s")
