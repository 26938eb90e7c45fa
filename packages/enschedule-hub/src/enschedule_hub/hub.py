"""``enschedule(...)``: dashboard, REST API, worker and handlers as one WSGI app."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask

from enschedule_core.errors import ConfigurationError
from enschedule_core.handler import Handler
from enschedule_core.registrar import collecting
from enschedule_core.registry import Registry
from enschedule_core.source import Source
from enschedule_dashboard import main
from enschedule_hub import wsgi
from enschedule_hub.kinds import AnyWorker, ExternalWorker, FileWorker, InlineWorker
from enschedule_hub.up import ALLOW_PRIVATE, embedded
from enschedule_worker import server

if TYPE_CHECKING:
    from marshmallow import Schema

    from enschedule_worker.build import Worker

__all__ = ["ExternalWorker", "FileWorker", "InlineWorker", "create_handler", "enschedule"]

logger = logging.getLogger(__name__)
#: Where a Flask app keeps its :class:`enschedule_hub.wsgi.Running`, for a program that wants to stop it by hand.
EXTENSION = "enschedule"
RetryStrategy = Callable[[int], float] | Callable[[], float]


def create_handler(
    *,
    id: str,
    job: Callable[..., Any],
    version: int = 1,
    title: str | None = None,
    description: str = "",
    data_schema: Schema | type[Schema] | None = None,
    example: Mapping[str, Any] | None = None,
    idempotent: bool = False,
    max_running: int | None = None,
    minimum_role: str | None = None,
) -> Handler:
    """Return a handler that calls ``job``; the other arguments are those of :func:`enschedule_core.handler`."""
    return Handler(
        job,
        id=id,
        version=version,
        title=title,
        description=description,
        data_schema=data_schema,
        example=example,
        idempotent=idempotent,
        max_running=max_running,
        minimum_role=minimum_role,
    )


def enschedule(
    *,
    api: bool = True,
    dashboard: bool = True,
    log_jobs: bool | None = None,
    retry_strategy: RetryStrategy | None = None,
    worker: AnyWorker | None = None,
    handlers: Iterable[Handler] = (),
) -> Flask | None:
    """Start a worker and return the WSGI app of its pages and its REST API; ``None`` in a worker's child process.

    ``api`` and ``dashboard`` say what the app serves; ``/api/v1/healthz`` and ``readyz`` are there in any case.
    ``log_jobs`` repeats what runs print on standard output, ``None`` asks ENSCHEDULE_LOG_JOBS.
    ``retry_strategy(attempt)``, or without an argument, returns the seconds from a failed attempt to the next one, for
    schedules that leave the delay as it is; how many attempts there are stays the schedule's. ``worker`` is an
    :class:`InlineWorker` unless WORKER_URL or another kind is given. ``handlers`` are this program's own; with some,
    others are loaded only where IMPORT_HANDLERS or HANDLERS_DIR names them.

    Everything else comes from the environment, as for ``enschedule up``. Whatever is wrong raises
    :class:`enschedule_core.errors.ConfigurationError`, before anything has started.
    """
    own = list(handlers)
    registration = collecting()
    if registration is not None:
        for handler in own:
            registration.register(handler)
        return None
    frame = inspect.currentframe()
    program = _Program.of({} if frame is None or frame.f_back is None else frame.f_back.f_globals)
    plan = _read_plan(worker, log_jobs=log_jobs)
    if not logging.root.handlers:
        _start_logging(plan)
    for warning in plan.worker.warnings:
        logger.warning("%s", warning)
    if plan.worker_url is not None:
        return _before_remote_worker(plan, own, dashboard=dashboard)
    strategy = None if retry_strategy is None else _taking_attempt(retry_strategy)
    return _with_own_worker(plan, _registry(worker, own, program), strategy, api=api, dashboard=dashboard)


def _read_plan(worker: AnyWorker | None, *, log_jobs: bool | None) -> main.Plan:
    environ = dict(os.environ)
    if isinstance(worker, ExternalWorker):
        environ["WORKER_URL"] = worker.url
        if worker.api_key is not None:
            environ["API_KEY"] = worker.api_key
    elif worker is not None:
        environ.pop("WORKER_URL", None)
    if isinstance(worker, FileWorker):
        environ["ENSCHEDULE_EXECUTOR"] = "process"
    elif not environ.get("ENSCHEDULE_EXECUTOR", "").strip():
        environ["ENSCHEDULE_EXECUTOR"] = "thread"
    if isinstance(worker, InlineWorker) and worker.executor is not None:
        environ["ENSCHEDULE_EXECUTOR"] = worker.executor
    environ.pop("ENSCHEDULE_PROCESSES", None)  # the server's own affair here
    environ = embedded(environ, shell=False)
    if ALLOW_PRIVATE in environ:
        os.environ[ALLOW_PRIVATE] = environ[ALLOW_PRIVATE]  # the fetch handler reads this itself
    plan = main.read_plan(environ)
    return plan if log_jobs is None else replace(plan, worker=replace(plan.worker, log_jobs=log_jobs))


def _start_logging(plan: main.Plan) -> None:
    if plan.worker_url is not None:
        server.start_logging(plan.worker)
        return
    from enschedule_worker.build import is_server_record  # noqa: PLC0415 - it brings SQLAlchemy along

    server.start_logging(plan.worker, is_server_record)


def _taking_attempt(strategy: RetryStrategy) -> Callable[[int], float]:
    """Return a strategy that takes the attempt, whether ``strategy`` does or not."""
    try:
        signature = inspect.signature(strategy)
    except ValueError:  # some builtins have none
        return strategy  # type: ignore[return-value]
    for arguments in ((1,), ()):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return strategy if arguments else lambda _attempt: strategy()  # type: ignore[return-value,call-arg]
    raise ConfigurationError(
        f"retry_strategy: it is called with the attempt or with nothing, but takes {signature}.",
        hint="For example retry_strategy=lambda attempt: 5.0 * attempt",
    )


# ------------------------------------------------------------ a worker elsewhere


def _before_remote_worker(plan: main.Plan, own: list[Handler], *, dashboard: bool) -> Flask:
    client = main.remote_client(plan)
    if own:
        names = ", ".join(one.id for one in own)
        logger.warning("with a worker elsewhere, handlers live there: %s ignored", names)
    app = main.pages_before(client, plan) if dashboard else Flask(__name__, static_folder=None)
    wsgi.fit_run(app, host=plan.worker.host, port=plan.port, is_loopback=plan.worker.is_loopback, running=None)
    return app


# ------------------------------------------------------------ a worker here


def _with_own_worker(
    plan: main.Plan,
    own: Registry,
    strategy: Callable[[int], float] | None,
    *,
    api: bool,
    dashboard: bool,
) -> Flask:
    from enschedule_worker.build import build_worker, load_registry  # noqa: PLC0415 - not for a remote worker
    from enschedule_worker.databases import prepare  # noqa: PLC0415

    prepare(plan.worker)
    registry = load_registry(plan.worker, own)

    def make() -> Worker:
        return build_worker(plan.worker, registry, retry_delay=strategy)

    running = wsgi.Running(make)
    app = main.pages_over(running.worker, plan) if dashboard else Flask(__name__, static_folder=None)
    app.extensions[EXTENSION] = running
    app.wsgi_app = wsgi.entry(running, app.wsgi_app, api=api)  # type: ignore[method-assign,assignment]
    wsgi.fit_run(app, host=plan.worker.host, port=plan.port, is_loopback=plan.worker.is_loopback, running=running)
    if dashboard:
        main.print_log_in(running.worker(), plan)
    return app


def _registry(worker: AnyWorker | None, own: list[Handler], program: _Program) -> Registry:
    """Return the program's own handlers. A child process gets them again by running the program."""
    registry = Registry()
    file = None if not isinstance(worker, FileWorker) else Path(worker.path).expanduser().absolute()
    if file is not None and not file.is_file():
        raise ConfigurationError(f"FileWorker: there is no file {file}.", hint='For example FileWorker("worker.py")')
    if file is not None and program.file is not None and file.samefile(program.file):
        own = [*own, *(one for one in program.members.values() if isinstance(one, Handler) and one not in own)]
        file = None
    for handler in own:
        registry.register(handler, source=program.source)
    if file is not None:
        registry.load_source(Source("file", file.stem, path=str(file)), name=file.name)
    return registry


@dataclass(frozen=True, slots=True)
class _Program:
    """The module that calls ``enschedule()``, and how a child process runs it again."""

    source: Source
    file: Path | None
    members: Mapping[str, Any]

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> _Program:
        name, spec = members.get("__name__", "__main__"), members.get("__spec__")
        file = Path(members["__file__"]).absolute() if members.get("__file__") else None
        if file is not None and name == "__main__":
            source = Source("main", "__main__" if spec is None else spec.name, path=str(file))
        elif spec is not None:
            source = Source("module", name)
        elif file is not None:
            source = Source("file", file.stem, path=str(file))
        else:
            source = Source("code", name)
        return cls(source, file, members)
