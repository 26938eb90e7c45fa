"""``enschedule-dashboard``: the pages, with a worker in the same process or in front of one elsewhere.

The only module of the dashboard that knows how to build a worker, and only by its public factory. With ``WORKER_URL``
nothing of the database is imported.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from enschedule_client import Client, InlineTransport
from enschedule_core.errors import ConfigurationError
from enschedule_core.settings import describe
from enschedule_dashboard.app import create_app
from enschedule_dashboard.plan import PORT, SETTINGS, Plan, read_plan
from enschedule_dashboard.session import ClientFactory
from enschedule_dashboard.settings import DashboardSettings
from enschedule_worker import server
from enschedule_worker.setting_table import SETTINGS as WORKER_SETTINGS

if TYPE_CHECKING:
    from flask import Flask

    from enschedule_core.registry import Registry
    from enschedule_worker.build import Worker as Worker  # noqa: PLC0414 - the modules beside this one may not name it

__all__ = [
    "PORT",
    "SETTINGS",
    "Plan",
    "fail",
    "inline_client",
    "main",
    "open_worker",
    "pages_before",
    "pages_over",
    "print_log_in",
    "read_plan",
    "remote_client",
    "run",
    "with_api",
]

API_PREFIXES = ("/api/", "/metrics/")
USAGE = """usage: enschedule-dashboard [--help]

Serves the pages on HOST:PORT (by default http://127.0.0.1:3000). With WORKER_URL they show that worker; otherwise a
worker runs in this process, with the database that is named, and its REST API is under /api/v1 of the same address.
Everything is set by environment variables:
"""


def main(
    arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None, *, keeps_key: bool = False
) -> int:
    """Serve until a signal; return the exit code: 0 stopped, 2 a wrong setting or argument.

    With ``keeps_key``, an encryption key is made beside a SQLite database where none is given.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given in (["--help"], ["-h"]):
        print(f"{USAGE}\n{describe((*SETTINGS, *WORKER_SETTINGS))}")
        return 0
    if given:
        print(
            f"enschedule-dashboard: {given[0]!r} is not an argument; see enschedule-dashboard --help", file=sys.stderr
        )
        return 2
    try:
        plan = read_plan(os.environ if environ is None else environ)
        run(replace(plan, worker=replace(plan.worker, keeps_key=keeps_key)))
    except ConfigurationError as problem:
        return fail(problem)
    return 0


def fail(problem: ConfigurationError) -> int:
    """Print what keeps a program from starting, and return the exit code of it."""
    return server.fail(problem)


def run(plan: Plan, own: Registry | None = None) -> None:
    """Check everything, then serve until a signal. ``own`` are the handlers of the program that calls this."""
    make = _before_remote_worker(plan) if plan.worker_url is not None else _with_inline_worker(plan, own)
    for warning in plan.worker.warnings:
        server.warn(warning)
    server.serve(
        make,
        host=plan.worker.host,
        port=plan.port,
        grace_seconds=plan.worker.grace_seconds,
        processes=plan.processes,
    )


def _before_remote_worker(plan: Plan) -> Callable[[], server.Served]:
    server.start_logging(plan.worker)
    remote_client(plan)  # whatever is wrong with the address is known before a server forks
    # One key for all processes, so that a form that one has made is taken by the others.
    secret_key = plan.secret_key or secrets.token_urlsafe(32)

    def make() -> server.Served:
        pages = pages_before(remote_client(plan), plan, secret_key)
        return server.Served(pages, None, lambda: _say(f"showing the worker at {plan.worker_url}", plan))

    return make


def remote_client(plan: Plan) -> Client:
    """Return a client of the worker elsewhere. Raises :class:`ConfigurationError` for an address that is none."""
    assert plan.worker_url is not None
    try:
        return Client(plan.worker_url, api_key=plan.worker.api_key)
    except ConfigurationError as problem:
        raise ConfigurationError(
            f"WORKER_URL: {problem.detail}", hint="For example WORKER_URL=http://worker:8080"
        ) from None


def pages_before(client: Client, plan: Plan, secret_key: str | None = None) -> Flask:
    """Return the pages of the worker elsewhere that ``client`` talks to."""
    return create_app(_remote_clients(client, plan), _pages(plan, secret_key or plan.secret_key))


def _remote_clients(client: Client, plan: Plan) -> ClientFactory:
    """Return the factory of clients for a worker elsewhere.

    The shared key travels along, so that the worker believes where the browser is; a person's token goes before it.
    Alone it speaks for a browser on this machine only, and only while there are no accounts:
    :func:`enschedule_dashboard.session.identify` sees to that.
    """
    key = plan.worker.api_key

    def make(token: str | None, address: str | None) -> Client:
        return client.acting_as(api_key=key, token=token, forwarded_for=address)

    return make


def _with_inline_worker(plan: Plan, own: Registry | None) -> Callable[[], server.Served]:
    from enschedule_worker.build import build_worker, is_server_record, load_registry  # noqa: PLC0415
    from enschedule_worker.databases import prepare  # noqa: PLC0415

    server.start_logging(plan.worker, is_server_record)
    prepare(plan.worker)
    registry = load_registry(plan.worker, own)

    def make() -> server.Served:
        worker = build_worker(plan.worker, registry)
        pages = pages_over(lambda: worker, plan)
        return server.Served(with_api(pages, worker.app), worker, lambda: _announce(worker, plan))

    return make


def open_worker(plan: Plan, own: Registry) -> Worker:
    """Return a worker in this process that does not run yet; ``own`` gets the handlers of the settings besides."""
    from enschedule_worker.build import build_worker, load_registry  # noqa: PLC0415 - not with WORKER_URL

    return build_worker(plan.worker, load_registry(plan.worker, own))


def inline_client(worker: Worker, plan: Plan, *, api_key: str | None = None) -> Client:
    """Return a client of a worker in this process, through the very same REST API."""
    return Client(f"http://127.0.0.1:{plan.port}", transport=InlineTransport(worker.app), api_key=api_key)


def pages_over(worker: Callable[[], Worker], plan: Plan) -> Flask:
    """Return the pages over a worker in this process: ``worker()``, asked at each request."""
    known: tuple[Worker, Client] | None = None

    def make_client(token: str | None, address: str | None) -> Client:
        nonlocal known
        present = worker()
        found = known
        if found is None or found[0] is not present:
            known = found = (present, inline_client(present, plan))
        return found[1].acting_as(token=token, forwarded_for=address)

    pages = create_app(make_client, _pages(plan, plan.secret_key or worker().secret("dashboard")))
    pages.wsgi_app = _as_of_one_moment(pages.wsgi_app, worker)  # type: ignore[method-assign]
    return pages


def _as_of_one_moment(pages: Any, worker: Callable[[], Worker]) -> Any:
    """Return the WSGI app ``pages``, for which the worker answers all that one page asks as of one moment.

    What is streamed after the page has begun is not among it.
    """

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        with worker().together() if environ["REQUEST_METHOD"] in ("GET", "HEAD") else nullcontext():
            return pages(environ, start_response)

    return app


def with_api(pages: Any, api: Any) -> Any:
    """Return one WSGI app: what is under ``/api/``, and ``/metrics``, is the worker's, everything else the pages'."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        chosen = api if f"{environ.get('PATH_INFO', '')}/".startswith(API_PREFIXES) else pages
        return chosen(environ, start_response)

    return app


def _pages(plan: Plan, secret_key: str | None) -> DashboardSettings:
    known = {} if secret_key is None else {"secret_key": secret_key}
    return DashboardSettings(
        loopback=plan.worker.is_loopback,
        trusted_hosts=plan.worker.trusted_hosts,
        trusted_proxies=plan.trusted_proxies,
        worker_url=plan.worker_url,
        **known,
    )


def _announce(worker: Worker, plan: Plan) -> None:
    assert plan.worker.database is not None
    offered = ", ".join(f"{handler.id}@{handler.version}" for handler in worker.registry.handlers()) or "none"
    _say(f"{plan.worker.database.shown}; handlers {offered}; time zone {plan.worker.default_timezone}", plan)
    for plugin in worker.registry.broken:
        server.say(f"  Plugin {plugin.name} could not be loaded: {plugin.error}")
    if plan.worker.is_loopback:
        _print_set_up(worker, plan)
    else:
        print_log_in(worker, plan)


def print_log_in(worker: Worker, plan: Plan) -> None:
    """Where the pages are for more than this machine, print what is missing there, and the ways in without an account.

    These are a link that opens a first session, and one that makes the first account; none once there is one.
    """
    if plan.worker.is_loopback:
        return
    for warning in worker.exposure(behind_proxy=plan.trusted_proxies > 0):
        server.warn(warning)
    if not worker.has_accounts():
        server.say(f"  Log in once with {_address(plan)}/login?key={worker.login_token()}")
    _print_set_up(worker, plan)


def _print_set_up(worker: Worker, plan: Plan) -> None:
    token = None if plan.worker.read_only else worker.setup_token()
    if token is not None:
        server.say(f"  Make the first account within an hour: {_address(plan)}/setup?token={token}")


def _address(plan: Plan) -> str:
    host = "127.0.0.1" if plan.worker.host in ("0.0.0.0", "::") else plan.worker.host  # noqa: S104
    return f"http://[{host}]:{plan.port}" if ":" in host else f"http://{host}:{plan.port}"


def _say(what: str, plan: Plan) -> None:
    host = f"[{plan.worker.host}]" if ":" in plan.worker.host else plan.worker.host
    server.say(f"Enschedule is at http://{host}:{plan.port} ({what})")


if __name__ == "__main__":
    sys.exit(main())
