"""A real worker with its engine, and clients of it over both transports."""

from __future__ import annotations

import threading
import uuid
from contextlib import contextmanager

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from enschedule_client import Client, InlineTransport
from enschedule_worker.build import build_worker
from enschedule_worker.settings import read_settings

KEY = "contract-key"


class _Http11(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_args):
        """Say nothing."""


@contextmanager
def serving(app, port=0):
    """Serve an app on a loopback port and yield its URL; at the end, nobody listens there."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Http11)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def worker():
    """A worker with its engine running, on a database of its own."""
    environ = {
        "SQLITE": ":memory:",
        "IMPORT_HANDLERS": "enschedule-log-handler",
        "API_KEY": KEY,
        "ENSCHEDULE_EXECUTOR": "thread",
    }
    built = build_worker(read_settings(environ))
    built.start()
    yield built
    built.stop()


@pytest.fixture
def key():
    """The key of the worker."""
    return KEY


@pytest.fixture
def served():
    """Return :func:`serving`."""
    return serving


@pytest.fixture(scope="module")
def address(worker):
    with serving(worker.app) as url:
        yield url


@pytest.fixture(params=["socket", "inline"])
def connect(request, worker):
    """Return a function that makes a client with the given credentials."""
    if request.param == "inline":
        return lambda **options: Client(transport=InlineTransport(worker.app), **options)
    url = request.getfixturevalue("address")
    return lambda **options: Client(url, **options)


@pytest.fixture
def client(connect):
    with connect(api_key=KEY) as connected:
        yield connected


@pytest.fixture
def name():
    return f"s-{uuid.uuid4().hex}"


@pytest.fixture
def schedule(client, name):
    """A schedule that runs by hand only."""
    return client.schedules.put(name, {"handler": "log-job", "data": {"message": "hello"}, "schedule": "manual"})
