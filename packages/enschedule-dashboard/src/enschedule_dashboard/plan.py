"""What the dashboard is to serve: its settings, read from the environment and checked before anything starts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from enschedule_core.errors import ConfigurationError
from enschedule_core.settings import Kind, Setting, read
from enschedule_worker.settings import WorkerSettings, read_settings

PORT = 3000

SETTINGS = (
    Setting(
        "WORKER_URL",
        Kind.TEXT,
        None,
        "The worker whose pages these are; no database of its own then.",
        example="http://worker:8080",
    ),
    Setting(
        "ENSCHEDULE_SECRET_KEY",
        Kind.TEXT,
        None,
        "Signs the forms, 16 characters or more; else kept in the database.",
        secret=True,
        example="a-long-random-text",
    ),
    Setting(
        "ENSCHEDULE_PROCESSES",
        Kind.INTEGER,
        1,
        "How many processes serve the pages; more than one only with WORKER_URL.",
        example="1",
        minimum=1,
    ),
)
_HANDLER_VARIABLES = ("IMPORT_HANDLERS", "HANDLERS_DIR")
_LEAST_SECRET = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """What to serve: the pages' own settings, and either the worker's or the address of one."""

    worker: WorkerSettings
    worker_url: str | None
    secret_key: str | None
    processes: int = 1

    @property
    def trusted_proxies(self) -> int:
        """How many proxies in front are believed."""
        return self.worker.trusted_proxies

    @property
    def port(self) -> int:
        """The port to listen on."""
        return PORT if self.worker.port is None else self.worker.port


def read_plan(environ: Mapping[str, str], *, other_settings: Iterable[Setting] = ()) -> Plan:
    """Read the settings. ``other_settings`` are known to whoever starts the dashboard, and need no warning.

    Raises :class:`ConfigurationError`, also for a dashboard with neither ``WORKER_URL`` nor a database.
    """
    own = read(SETTINGS, environ)
    worker_url, secret_key = own.text("WORKER_URL"), own.text("ENSCHEDULE_SECRET_KEY")
    if secret_key is not None and len(secret_key) < _LEAST_SECRET:
        raise ConfigurationError(
            f"ENSCHEDULE_SECRET_KEY: the value is shorter than {_LEAST_SECRET} characters.",
            hint="For example the output of: openssl rand -hex 32",
        )
    processes = own.number("ENSCHEDULE_PROCESSES")
    if processes > 1 and worker_url is None:
        raise ConfigurationError(
            f"ENSCHEDULE_PROCESSES: {processes} processes need a worker of their own to talk to, but there is no "
            "WORKER_URL: a worker in this process serves its pages in one process, with threads.",
            hint="Leave it out, or name a worker. For example WORKER_URL=http://worker:8080",
        )
    ignored = _ignored(environ) if worker_url else []
    kept = {name: value for name, value in environ.items() if name not in ignored}
    worker = read_settings(kept, other_settings=(*SETTINGS, *other_settings))
    if worker_url is None and worker.database is None:
        raise ConfigurationError(
            "A dashboard needs a worker: set WORKER_URL to one, or name a database for one in this process.",
            hint="For example WORKER_URL=http://worker:8080, or SQLITE=enschedule.db",
        )
    if ignored:
        print(f"enschedule: with WORKER_URL, the worker decides: {', '.join(ignored)} ignored", file=sys.stderr)
    return Plan(worker, worker_url, secret_key, processes)


def _ignored(environ: Mapping[str, str]) -> list[str]:
    names = (*_HANDLER_VARIABLES, "ENSCHEDULE_READ_ONLY", "SQLITE", "POSTGRES", "MYSQL", "MARIADB", "MSSQL")
    return [name for name in names if environ.get(name, "").strip()]
