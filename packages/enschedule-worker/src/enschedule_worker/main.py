"""``enschedule-worker``: a worker of its own, with or without its REST API."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from enschedule_core.errors import ConfigurationError, Unavailable
from enschedule_core.settings import describe
from enschedule_worker import server
from enschedule_worker.build import Worker, build_worker, load_registry
from enschedule_worker.databases import prepare
from enschedule_worker.engine.streams import is_server_record
from enschedule_worker.setting_table import SETTINGS
from enschedule_worker.settings import WorkerSettings, read_settings
from enschedule_worker.store.location import sqlite_file

PORT = 8080
USAGE = """usage: enschedule-worker [--help]

Runs schedules. With API_ENDPOINT=true it also serves its REST API on HOST:PORT, for a dashboard elsewhere.
Everything is set by environment variables:
"""


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run until a signal; return the exit code: 0 stopped, 2 a wrong setting or argument."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given in (["--help"], ["-h"]):
        print(f"{USAGE}\n{describe(SETTINGS)}")
        return 0
    if given:
        print(f"enschedule-worker: {given[0]!r} is not an argument; see enschedule-worker --help", file=sys.stderr)
        return 2
    try:
        settings = with_database(read_settings(os.environ if environ is None else environ))
        run(settings)
    except (ConfigurationError, Unavailable) as problem:  # the database may go between the check and the start
        return server.fail(problem)
    return 0


def with_database(settings: WorkerSettings, folder: Path | None = None) -> WorkerSettings:
    """Return the settings with ./enschedule.db where they name no database, and say so."""
    if settings.database is not None:
        return settings
    location = sqlite_file("enschedule.db", folder=folder or Path.cwd())
    warning = f"no database is named, so this uses {location.database}; set SQLITE to choose another"
    return replace(settings, database=location, warnings=(*settings.warnings, warning))


def run(settings: WorkerSettings) -> None:
    """Check everything, then run the worker until a signal."""
    server.start_logging(settings, is_server_record)
    warn(settings)
    prepare(settings)
    registry = load_registry(settings)
    if settings.api_endpoint:
        port = PORT if settings.port is None else settings.port

        def make() -> server.Served:
            worker = build_worker(settings, registry)
            return server.Served(worker.app, worker, lambda: announce(worker, port))

        server.serve(make, host=settings.host, port=port, grace_seconds=settings.grace_seconds)
    else:
        _run_without_api(build_worker(settings, registry))


def warn(settings: WorkerSettings) -> None:
    """Log what is odd about the settings."""
    for warning in settings.warnings:
        server.warn(warning)


def _run_without_api(worker: Worker) -> None:
    told = server.Told()
    heard_of: list[int] = []
    stop = threading.Event()

    def heard(number: int, _: object) -> None:
        if told.first():
            heard_of.append(number)
            stop.set()
        elif told.is_second_wish():
            os._exit(1)

    signal.signal(signal.SIGTERM, heard)
    signal.signal(signal.SIGINT, heard)
    worker.start()
    announce(worker, None)
    while not stop.wait(1.0):
        pass  # a wait without an end would not let signals through on every platform
    worker.stop(grace_seconds=None if heard_of == [signal.SIGTERM] else server.HASTY_GRACE_SECONDS)


def announce(worker: Worker, port: int | None) -> None:
    """Print what runs, and where."""
    settings = worker.settings
    assert settings.database is not None
    offered = ", ".join(f"{handler.id}@{handler.version}" for handler in worker.registry.handlers()) or "none"
    server.say(f"Worker {settings.worker_id} runs: {settings.database.shown}; handlers {offered}")
    for plugin in worker.registry.broken:
        server.say(f"  Plugin {plugin.name} could not be loaded: {plugin.error}")
    if port is not None:
        for warning in worker.exposure():
            server.warn(warning)
        server.say(f"  Its REST API is at http://{settings.host}:{port}/api/v1")
        if settings.api_key is None and not settings.is_loopback and not worker.has_accounts():
            server.say(f"  API_KEY is not set; until the next start it is {worker.api_key}")


if __name__ == "__main__":
    sys.exit(main())
