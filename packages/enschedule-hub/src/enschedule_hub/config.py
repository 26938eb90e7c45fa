"""``enschedule config``: whether a program would start with this environment, without starting it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from enschedule_hub.up import embedded

if TYPE_CHECKING:
    from enschedule_dashboard.main import Plan

PROGRAMS = ("up", "dashboard", "worker")
WRONG, ODD = 2, 1


@click.group(short_help="Check the settings of a server.")
def command() -> None:
    """Check the environment variables that a server is started with."""


@command.command(short_help="Say whether a program would start.")
@click.option(
    "--for", "program", type=click.Choice(PROGRAMS), default="up", show_default=True, help="The program it is for."
)
def check(program: str) -> None:
    """Say what a program would use if it started now with this environment; starts nothing.

    Looks at every setting, the database, and the handlers. Exit code 2 if the program would not start, 1 if something
    is odd: a variable that nothing reads, a plugin that does not load.
    """
    from enschedule_core.errors import EnscheduleError  # noqa: PLC0415 - the command line starts fast without the core

    try:
        odd = _check(program, os.environ)
    except EnscheduleError as problem:
        click.echo(f"Error: {problem}", err=True)
        sys.exit(WRONG)
    for line in odd:
        click.echo(f"Odd: {line}", err=True)
    click.echo(f"enschedule {program} would start.")
    sys.exit(ODD if odd else 0)


def _check(program: str, environ: Mapping[str, str]) -> list[str]:
    """Print what would be used and return what is odd; raises what would keep the program from starting."""
    plan = read_plan(program, environ)
    odd = list(plan.worker.warnings)
    if plan.worker_url is not None:
        click.echo(f"Worker: {plan.worker_url}")
        odd += _unanswered(plan)
    else:
        for label, text in _own_worker(plan, odd):
            click.echo(f"{label}: {text}")
    serves = program != "worker" or plan.worker.api_endpoint
    click.echo(f"Address: http://{plan.worker.host}:{plan.port}" if serves else "Address: none, API_ENDPOINT is false")
    return odd


def read_plan(program: str, environ: Mapping[str, str]) -> Plan:
    """Return what ``program`` reads from ``environ``. Raises :class:`ConfigurationError`."""
    from enschedule_dashboard import main as dashboard  # noqa: PLC0415 - the command line starts fast without Flask
    from enschedule_worker.main import PORT, with_database  # noqa: PLC0415
    from enschedule_worker.settings import read_settings  # noqa: PLC0415

    if program == "worker":
        settings = with_database(read_settings(environ, other_settings=dashboard.SETTINGS))
        return dashboard.Plan(replace(settings, port=settings.port or PORT), None, None)
    return dashboard.read_plan(embedded(environ) if program == "up" else environ)


def _own_worker(plan: Plan, odd: list[str]) -> Iterator[tuple[str, str]]:
    from enschedule_worker.build import load_registry  # noqa: PLC0415
    from enschedule_worker.databases import revision  # noqa: PLC0415

    settings = plan.worker
    assert settings.database is not None
    found = revision(settings)
    tables = f"at revision {found}" if found else "empty; its tables will be made"
    yield "Database", f"{settings.database.shown}, {tables}"
    registry = load_registry(settings)
    yield "Handlers", ", ".join(f"{handler.id}@{handler.version}" for handler in registry.handlers()) or "none"
    odd += [f"Plugin {plugin.name} does not load: {plugin.error}" for plugin in registry.broken]
    yield "Time zone", settings.default_timezone
    yield "Key", "API_KEY is set" if settings.api_key else "none; a random one is made at each start"


def _unanswered(plan: Plan) -> list[str]:
    from enschedule_client import Client  # noqa: PLC0415
    from enschedule_core.errors import ConfigurationError, EnscheduleError  # noqa: PLC0415

    assert plan.worker_url is not None
    try:
        with Client(plan.worker_url, api_key=plan.worker.api_key) as client:
            client.me()
    except ConfigurationError as problem:
        raise ConfigurationError(f"WORKER_URL: {problem.detail}", hint=problem.hint) from None
    except EnscheduleError as problem:
        return [f"WORKER_URL: {problem}"]
    return []
