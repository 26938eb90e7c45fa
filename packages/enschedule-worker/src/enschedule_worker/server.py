"""Serving a WSGI app with gunicorn in one process with threads, and starting and stopping what belongs to it.

Nothing here opens a database or imports SQLAlchemy, so that a dashboard in front of a remote worker can use it too.
"""

from __future__ import annotations

import errno
import gc
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger as GunicornLogger

from enschedule_core.errors import ConfigurationError, EnscheduleError
from enschedule_worker.logs import OWN, is_json
from enschedule_worker.logs import start as start_logging

__all__ = [
    "HASTY_GRACE_SECONDS",
    "Served",
    "Service",
    "Told",
    "check_address",
    "fail",
    "say",
    "serve",
    "start_logging",
    "warn",
]

THREADS = 16
_EXTRA_STOP_SECONDS = 15
HASTY_GRACE_SECONDS = 3.0
_SAME_WISH_SECONDS = 1.0
_COLLECT_AFTER = 10_000
"""The collector of cyclic garbage looks after so many new containers. Python's own 700 mean that it looks a hundred
times while one page is made, and every few pages at all that is kept, which stops every thread for some 50 ms."""
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Service(Protocol):
    """What runs beside the app in the same process."""

    def start(self) -> None:
        """Begin; called after the fork, once."""

    def stop(self, *, grace_seconds: float | None = None) -> None:
        """End within ``grace_seconds``, by default the service's own grace."""


@dataclass(slots=True)
class Served:
    """What the serving process makes: the WSGI app, the service beside it, and what to print when it is there."""

    app: Any
    service: Service | None = None
    announce: Callable[[], None] = field(default=lambda: None)


def check_address(host: str, port: int) -> None:
    """Raise :class:`ConfigurationError` unless the address can be listened on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise ConfigurationError(
            f"HOST: {host!r} is not an address of this machine.",
            hint="For example HOST=127.0.0.1, or HOST=0.0.0.0 for all.",
        ) from None
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except PermissionError:
            raise ConfigurationError(
                f"PORT: this user may not listen on {port}.", hint="For example PORT=3000"
            ) from None
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                raise ConfigurationError(
                    f"PORT: {port} on {host} is taken by another program.", hint=f"For example PORT={port + 1}"
                ) from None
            raise ConfigurationError(
                f"HOST: {host!r} is not an address of this machine.",
                hint="For example HOST=127.0.0.1, or HOST=0.0.0.0 for all.",
            ) from None


def serve(make: Callable[[], Served], *, host: str, port: int, grace_seconds: float, processes: int = 1) -> None:
    """Serve until a signal says stop. ``make`` is called in each serving process, after the fork.

    SIGTERM: requests end, the service stops within its grace. SIGINT (Ctrl-C): the same with a grace of 3 s.
    A second signal, more than a second later, ends the process at once. Does not return; it exits the process.
    """
    check_address(host, port)
    try:
        _Server(make, host=host, port=port, grace_seconds=grace_seconds, processes=processes).run()
    except SystemExit as ended:
        sys.exit(2 if ended.code == Arbiter.APP_LOAD_ERROR else ended.code)


class _Server(BaseApplication):
    def __init__(
        self, make: Callable[[], Served], *, host: str, port: int, grace_seconds: float, processes: int
    ) -> None:
        self._make = make
        self._processes = processes
        self._served: Served | None = None
        shown = f"[{host}]" if ":" in host else host
        self._options: dict[str, Any] = {
            "bind": [f"{shown}:{port}"],
            "workers": processes,
            "worker_class": "gthread",
            "threads": THREADS,
            # A handler that holds the interpreter for long must not get the whole process killed.
            "timeout": 0,
            "graceful_timeout": round(grace_seconds) + _EXTRA_STOP_SECONDS,
            "keepalive": 5,
            "loglevel": "warning",
            **({"logger_class": PassingOn} if is_json() else {}),
            "control_socket_disable": True,
            "when_ready": self._lead,
            "post_worker_init": self._begin,
            "worker_exit": self._end,
        }
        self._hasty = False
        self._stopped: threading.Thread | None = None
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        try:
            self._served = self._make()
        except EnscheduleError as problem:  # the database may have gone since it was looked at before the fork
            fail(problem)
            sys.exit(Arbiter.APP_LOAD_ERROR)
        return self._served.app

    def _lead(self, arbiter: Any) -> None:
        """Let gunicorn's master end its child at once when it is told a second time; by itself it would wait."""
        told = Told()

        def hearing(before: Any) -> Callable[[int, Any], None]:
            def heard(number: int, frame: Any) -> None:
                if told.first():
                    before(number, frame)
                elif told.is_second_wish():
                    arbiter.kill_workers(signal.SIGKILL)

            return heard

        for number in _STOP_SIGNALS:
            signal.signal(number, hearing(signal.getsignal(number)))

    def _begin(self, worker: Any) -> None:
        """Start the service in the serving process, and hear signals before gunicorn does."""
        assert self._served is not None
        for number in _STOP_SIGNALS:
            signal.signal(number, self._hearing(signal.getsignal(number)))
        if self._served.service is not None:
            self._served.service.start()
        settle()
        if self._processes == 1 or worker.age == 1:  # of several, the first one speaks
            self._served.announce()

    def _hearing(self, before: Any) -> Callable[[int, Any], None]:
        """Return a handler that stops the service while gunicorn lets open requests end; both take the same grace.

        A terminal or a service manager tells every process of a group, and then gunicorn's master tells its child
        again, on a busy machine seconds later. So only the first signal counts here; that somebody wants it at once is
        for the master to say, with a signal that nobody can ignore.
        """

        def heard(number: int, frame: Any) -> None:
            if self._stopped is not None:
                return
            self._hasty = number != signal.SIGTERM
            self._stopped = threading.Thread(target=self._stop_service, name="enschedule-stop")
            self._stopped.start()
            if callable(before):
                before(number, frame)

        return heard

    def _stop_service(self) -> None:
        service = None if self._served is None else self._served.service
        if service is not None:
            service.stop(grace_seconds=HASTY_GRACE_SECONDS if self._hasty else None)

    def _end(self, arbiter: Any, worker: Any) -> None:  # noqa: ARG002 - gunicorn counts the parameters
        if self._stopped is None:
            self._stop_service()
        else:
            self._stopped.join()


class Told:
    """What a process was told of stopping: a service manager, or who passes a signal on, may tell one wish twice."""

    def __init__(self) -> None:
        self._at: float | None = None

    def first(self) -> bool:
        """Return whether a signal that came now is the first."""
        if self._at is not None:
            return False
        self._at = time.monotonic()
        return True

    def is_second_wish(self) -> bool:
        """Return whether a signal that came now, after the first, means at once."""
        return self._at is not None and time.monotonic() - self._at > _SAME_WISH_SECONDS


def settle() -> None:
    """Let the collector of cyclic garbage leave alone what was loaded until now, and look less often at the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def say(text: str) -> None:
    """Tell who has started the server what it does and where: on stdout, or in a log that is JSON."""
    if is_json():
        logging.getLogger(OWN).info("%s", text.strip())
    else:
        print(text, flush=True)


def warn(text: str) -> None:
    """Tell who has started the server what is odd: on stderr, or in a log that is JSON."""
    if is_json():
        logging.getLogger(OWN).warning("%s", text)
    else:
        print(f"enschedule: {text}", file=sys.stderr, flush=True)


class PassingOn(GunicornLogger):
    """gunicorn's own log, passed on to that of the server, so that it has the same form."""

    def setup(self, cfg: Any) -> None:
        """Take away the handlers of its own."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def fail(problem: EnscheduleError) -> int:
    """Print what keeps a program from starting as one message, and return the exit code of it, 2."""
    print(f"enschedule: {problem.detail}", file=sys.stderr)
    if problem.hint:
        print(f"            {problem.hint}", file=sys.stderr)
    return 2
