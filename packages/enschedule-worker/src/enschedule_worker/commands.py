"""What this distribution adds to the ``enschedule`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from enschedule_worker.store.database import Database

_ROLES = click.Choice(["viewer", "operator", "editor", "admin"])


@click.command(short_help="Run schedules (a worker of its own).")
def worker() -> None:
    """Run schedules until a signal. Everything is set by environment variables; see enschedule-worker --help."""
    from enschedule_worker.main import main  # noqa: PLC0415 - the command line starts fast by not importing SQLAlchemy

    sys.exit(main([]))


@click.command(short_help="Bring the database's tables up to date.")
def migrate() -> None:
    """Make the tables, or bring them to what this version needs. Safe to run while others start."""
    from enschedule_core.errors import ConfigurationError  # noqa: PLC0415
    from enschedule_worker import server  # noqa: PLC0415
    from enschedule_worker.databases import prepare  # noqa: PLC0415
    from enschedule_worker.main import with_database  # noqa: PLC0415
    from enschedule_worker.settings import read_settings  # noqa: PLC0415
    from enschedule_worker.store.migrate import head  # noqa: PLC0415

    try:
        settings = with_database(read_settings(os.environ))
        prepare(replace(settings, migrate="auto"))
    except ConfigurationError as problem:
        sys.exit(server.fail(problem))
    assert settings.database is not None
    click.echo(f"{settings.database.shown}: at revision {head()}")


@contextmanager
def _database() -> Iterator[Database]:
    """Open the database that the environment names; what is wrong ends the command with one message."""
    from enschedule_core.errors import ConfigurationError, EnscheduleError  # noqa: PLC0415
    from enschedule_worker import server  # noqa: PLC0415
    from enschedule_worker.databases import open_database  # noqa: PLC0415
    from enschedule_worker.main import with_database  # noqa: PLC0415
    from enschedule_worker.settings import read_settings  # noqa: PLC0415

    try:
        database = open_database(with_database(read_settings(os.environ)))
    except ConfigurationError as problem:
        sys.exit(server.fail(problem))
    try:
        yield database
    except EnscheduleError as problem:
        raise click.ClickException(str(problem)) from None
    finally:
        database.dispose()


def _password(*, given: bool) -> str:
    """Ask for a password twice, without showing it; or read it from the standard input."""
    if given:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


_STDIN = click.option("--password-stdin", is_flag=True, help="Read the password from the standard input.")


@click.group(short_help="Accounts, straight on the database.")
def users() -> None:
    """Make accounts and set passwords straight on the database: for the first one, and for who is locked out.

    Whoever can open the database may do this. It is named by the same environment variables as for the worker.
    """


@users.command("add", short_help="Make an account.")
@click.argument("name")
@click.option("--role", type=_ROLES, default="admin", show_default=True, help="What they may do.")
@_STDIN
def add_user(*, name: str, role: str, password_stdin: bool) -> None:
    """Make an account called NAME. From the first one on, nobody gets in without."""
    from enschedule_core.actor import Role  # noqa: PLC0415
    from enschedule_core.wire.common import load  # noqa: PLC0415
    from enschedule_core.wire.people import UserInput  # noqa: PLC0415
    from enschedule_worker.service import users as service  # noqa: PLC0415

    with _database() as database:
        body = load(UserInput(), {"name": name, "role": role, "password": _password(given=password_stdin)})
        made = service.create(
            database, service.COMMAND, name=body["name"], password=body["password"], role=Role(body["role"])
        )
    click.echo(f"{made['name']}: made, {made['role']}")


@users.command("list", short_help="List the accounts.")
def list_users() -> None:
    """List the accounts: name, role, groups, how they log in, and when last."""
    from enschedule_worker.service import users as service  # noqa: PLC0415

    with _database() as database:
        rows, after = [("NAME", "ROLE", "GROUPS", "WITH", "LAST LOG-IN")], None
        while True:
            found, after = service.listing(database, service.COMMAND, limit=200, after=after)
            for user in found:
                groups = ", ".join(f"{group} {role}" for group, role in user["groups"].items())
                how = "closed" if user["disabled"] else "single sign-on" if user["issuer"] else "password"
                rows.append((user["name"], user["role"], groups or "-", how, user["login_at"] or "never"))
            if after is None:
                break
    widths = [max(len(row[at]) for row in rows) for at in range(5)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@users.command("reset-password", short_help="Give an account a new password.")
@click.argument("name")
@_STDIN
def reset_password(*, name: str, password_stdin: bool) -> None:
    """Give the account NAME a new password. Its sessions end, and it is opened again if it was closed."""
    from enschedule_worker.service import users as service  # noqa: PLC0415

    with _database() as database:
        service.reset_password(database, name, _password(given=password_stdin))
    click.echo(f"{name.lower()}: has a new password, and no sessions")


@click.group(short_help="API keys, straight on the database.")
def keys() -> None:
    """Make and revoke API keys straight on the database, which the environment names as for the worker."""


@keys.command("create", short_help="Make an API key.")
@click.argument("name")
@click.option("--role", type=_ROLES, default="viewer", show_default=True, help="What it may do.")
@click.option("--group", metavar="ID", help="Only within this group; everywhere unless told otherwise.")
@click.option("--expires-days", type=click.IntRange(1, 3650), metavar="DAYS", help="After how many days it ends.")
def create_key(name: str, role: str, group: str | None, expires_days: int | None) -> None:
    """Make a key called NAME and print it, this once."""
    from enschedule_core.actor import Role  # noqa: PLC0415
    from enschedule_worker.service import keys as service  # noqa: PLC0415
    from enschedule_worker.service.users import COMMAND  # noqa: PLC0415

    with _database() as database:
        expires_at = None if expires_days is None else datetime.now(UTC) + timedelta(days=expires_days)
        made = service.create(database, COMMAND, name=name, role=Role(role), group=group, expires_at=expires_at)
    click.echo(f"{made['id']}: {made['role']}, shown this once:", err=True)
    click.echo(made["token"])


@keys.command("revoke", short_help="Revoke an API key.")
@click.argument("key_id", metavar="ID")
def revoke_key(key_id: str) -> None:
    """Revoke the key that begins with ID, as lists and the audit name it."""
    from enschedule_worker.service import keys as service  # noqa: PLC0415
    from enschedule_worker.service.users import COMMAND  # noqa: PLC0415

    with _database() as database:
        service.revoke(database, COMMAND, key_id)
    click.echo(f"{key_id}: revoked")


@click.command(short_help="Copy the SQLite database while it is in use.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--database",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="The database; what SQLITE says, or ./enschedule.db, without.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def backup(file: Path, database: str | None, force: bool) -> None:  # noqa: FBT001 - as click hands it over
    """Copy the SQLite database of this machine to a file, whole and checked, also while a server uses it.

    For a database on a server this says which tool of that server does it.
    """
    from enschedule_core.errors import ConfigurationError, EnscheduleError  # noqa: PLC0415
    from enschedule_worker import server  # noqa: PLC0415
    from enschedule_worker.main import with_database  # noqa: PLC0415
    from enschedule_worker.settings import read_settings  # noqa: PLC0415
    from enschedule_worker.store.backup import back_up  # noqa: PLC0415
    from enschedule_worker.store.key_file import beside  # noqa: PLC0415

    try:
        location = with_database(read_settings({**os.environ, **({"SQLITE": database} if database else {})})).database
        assert location is not None
        size = back_up(location, file, replace=force)
    except ConfigurationError as problem:
        sys.exit(server.fail(problem))
    except EnscheduleError as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(f"{location.shown}: copied to {file} ({size:,} bytes)")
    key = beside(location)
    if key is not None and key.is_file():
        click.echo(f"The key of its secrets is not in it; keep a copy of {key} elsewhere.", err=True)
