"""The WSGI entry: which part answers, in which process.

A server may fork after the program was loaded. Threads and connections do not survive that, so the entry compares the
process with that of the worker, and makes a new one where they differ. Nothing is done at the fork itself: most forks
are not a server's.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from flask import Flask

from enschedule_core.errors import ConfigurationError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from enschedule_worker.build import Worker

API_PREFIX = "/api/"
HEALTH = frozenset({"/api/v1/healthz", "/api/v1/readyz"})


class Running:
    """The worker of the present process, started; another one in each process that is forked from this one."""

    def __init__(self, make: Callable[[], Worker]) -> None:
        self._make = make
        self._locks: dict[int, threading.Lock] = {}  # one a process: a lock may be held when a process is forked
        self._left: list[Worker] = []  # of the processes before: kept, because to forget them would close connections
        self._pid = os.getpid()
        self._worker = self._start()

    def worker(self) -> Worker:
        """Return the worker of this process."""
        if self._pid != os.getpid():
            with self._locks.setdefault(os.getpid(), threading.Lock()):
                if self._pid != os.getpid():
                    self._worker.left_behind()
                    self._left.append(self._worker)
                    self._worker = self._start()
                    self._pid = os.getpid()
        return self._worker

    def _start(self) -> Worker:
        worker = self._make()
        worker.start()
        atexit.register(worker.stop)  # does nothing in another process than its own
        _end_on_sigterm()
        return worker

    def stop(self) -> None:
        """Stop the worker of this process."""
        atexit.unregister(self._worker.stop)
        self._worker.stop()
        self._worker.close()


def _end_on_sigterm() -> None:
    """Have SIGTERM end the program as Ctrl-C does, so that runs get their grace; unless the server hears it itself."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def entry(running: Running, pages: WSGIApplication, *, api: bool) -> WSGIApplication:
    """Return the WSGI app: what is under ``/api/`` is the worker's, everything else the pages'.

    Without ``api``, only the health checks of it are there.
    """

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        worker = running.worker()  # also for a page that needs none, or a forked process would run no schedules
        path = environ.get("PATH_INFO", "")
        if path in HEALTH or (api and f"{path}/".startswith(API_PREFIX)):
            return worker.app(environ, start_response)
        return pages(environ, start_response)

    return app


def fit_run(app: Flask, *, host: str, port: int, is_loopback: bool, running: Running | None) -> None:
    """Make ``app.run()`` take our host and port where it is given none, and refuse what the settings contradict."""
    plain = app.run

    def run(host: str = host, port: int = port, debug: bool | None = None, **options: Any) -> None:  # noqa: FBT001 - Flask's
        """Serve with Flask's own server, as :meth:`flask.Flask.run` does, on HOST and PORT unless told otherwise."""
        if is_loopback and not _is_loopback(host):
            raise ConfigurationError(
                f"app.run(host={host!r}): the settings say that only this machine gets in, and nobody needs a key.",
                hint=f"Start the program with HOST={host}; others then need a key or a session.",
            )
        reloads = options.get("use_reloader", app.debug if debug is None else debug)
        if reloads and running is not None and os.environ.get("WERKZEUG_RUN_MAIN") != "true":
            running.stop()  # the reloader starts the program again, beside this one
        plain(host, port, debug, **options)

    app.run = run  # type: ignore[method-assign,assignment]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
