"""A program of one's own: ``from enschedule_dashboard import scheduler, server, worker``.

The environment says the rest, as for ``enschedule-dashboard``; it is read when it is first needed. In a worker's child
process the same file runs again for its handlers: there everything but :meth:`Scheduler.register_job` does nothing.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from enschedule_core.errors import ConfigurationError
from enschedule_core.registrar import collecting
from enschedule_core.registry import Registry
from enschedule_dashboard import main

if TYPE_CHECKING:
    from marshmallow import Schema

    from enschedule_client import Client
    from enschedule_core.handler import Handler
    from enschedule_dashboard.main import Worker

logger = logging.getLogger(__name__)
Change = Literal["created", "updated", "unchanged"]


class Program:
    """What the three objects share: the settings, the handlers, and, once it is needed, the worker."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ
        self._plan: main.Plan | None = None
        self._worker: Worker | None = None
        self._client: Client | None = None
        self._is_told = False
        self.own = Registry()

    @property
    def plan(self) -> main.Plan:
        """The settings. Raises :class:`ConfigurationError`."""
        if self._plan is None:
            self._plan = main.read_plan(os.environ if self._environ is None else self._environ)
        return self._plan

    @property
    def worker(self) -> Worker:
        """The worker in this process, opened now if it was not; it does not run by that."""
        if self._worker is None:
            self._worker = main.open_worker(self.plan, self.own)
        return self._worker

    @property
    def client(self) -> Client:
        """The client of the worker here or elsewhere."""
        if self._client is None:
            if self.plan.worker_url is not None:
                self._client = main.remote_client(self.plan)
            else:
                self.worker.enter_handlers()
                self._client = main.inline_client(self.worker, self.plan, api_key=self.worker.api_key)
        return self._client

    def add(self, register: Callable[[Registry], Handler]) -> Handler:
        """Add a handler of the program; one that comes late is entered in the database too."""
        handler = register(self.own)
        if self._worker is not None:
            self._worker.enter_handlers()
        return handler

    def leave_to_server(self) -> None:
        """Close what is open, because the server forks."""
        if self._worker is not None:
            self._worker.stop()
            self._worker.close()
        self._worker = self._client = None

    def tell_where_handlers_live(self) -> None:
        """Say once that a worker elsewhere has handlers of its own."""
        if self.plan.worker_url is not None and self.own.sources and not self._is_told:
            self._is_told = True
            names = ", ".join(one.id for one in self.own.handlers())
            logger.warning("with WORKER_URL, handlers live on that worker: %s ignored", names)


class Scheduler:
    """Registers handlers and writes schedules."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def register_job(
        self,
        *,
        id: str,
        job: Callable[..., Any],
        title: str | None = None,
        data_schema: Schema | type[Schema] | None = None,
        description: str = "",
        example: Mapping[str, Any] | None = None,
        version: int = 1,
    ) -> Handler:
        """Register ``job`` as the handler ``id``; the arguments are those of :func:`enschedule_core.handler`."""
        declared = {
            "id": id,
            "job": job,
            "title": title,
            "data_schema": data_schema,
            "description": description,
            "example": example,
            "version": version,
        }
        registration = collecting()
        if registration is not None:
            return registration.register_job(**declared)  # type: ignore[arg-type]
        return self._program.add(lambda registry: registry.register_job(**declared))  # type: ignore[arg-type]

    def schedule(
        self, *, id: str, handler: str, schedule: Any, data: Mapping[str, Any] | None = None, **fields: Any
    ) -> Change:
        """Write the schedule ``id``, and return whether it was ``created``, ``updated`` or is ``unchanged``.

        ``handler`` is ``"fetch"`` or ``"fetch@2"``; ``schedule`` a phrase, a cron expression or an instant;
        ``fields`` everything else that a schedule of the REST API has: ``title``, ``timezone``, ``retry`` …

        Raises :class:`enschedule_core.errors.EnscheduleError` as the REST API answers: ``InvalidData``,
        ``UnknownHandler``, ``WorkerUnreachable`` …
        """
        if collecting() is not None:
            return "unchanged"
        self._program.tell_where_handlers_live()
        body = {"handler": handler, "schedule": schedule, "data": dict(data or {}), **fields}
        change: Change = self._program.client.schedules.put(id, body)["change"]
        return change


class InProcessWorker(Scheduler):
    """The worker of this process, for a program that serves no pages, or serves them itself."""

    def start(self) -> None:
        """Begin to run schedules in threads beside the program; it goes on until :meth:`stop` or the program's end."""
        if collecting() is not None:
            return
        if self._program.plan.worker_url is not None:
            raise ConfigurationError(
                "With WORKER_URL there is no worker in this process.",
                hint="Unset it, or start a worker where it points to: API_ENDPOINT=true enschedule-worker",
            )
        self._program.worker.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Let runs end within the grace (ENSCHEDULE_GRACE_SECONDS), and stop."""
        if collecting() is None:
            atexit.unregister(self.stop)
            self._program.leave_to_server()


class Server:
    """The pages, the REST API and the worker."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def start(self) -> None:
        """Serve until a signal, then exit the process; what is wrong with the settings is one message and exit 2.

        In a worker's child process it returns at once.
        """
        if collecting() is not None:
            return
        try:
            plan = self._program.plan
            self._program.tell_where_handlers_live()
            self._program.leave_to_server()
            main.run(plan, self._program.own)
        except ConfigurationError as problem:
            sys.exit(main.fail(problem))


_program = Program()
scheduler = Scheduler(_program)
worker = InProcessWorker(_program)
server = Server(_program)
