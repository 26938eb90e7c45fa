"""A WSGI app, reached over a loopback socket or in the same process."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from enschedule_client import Client, InlineTransport


class _Http11(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_args):
        """Say nothing: what a test has to know, it sees in the answer."""


@contextmanager
def served(app):
    """Serve ``app`` on a free loopback port and yield its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Http11)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serve():
    """Return a function that serves an app until the test ends, and returns its URL."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(served(app))


@pytest.fixture(params=["socket", "inline"])
def reach(request, serve):
    """Return a function that gives the address of an app and the transport to it."""

    def over(app):
        if request.param == "inline":
            return "http://127.0.0.1:8080", InlineTransport(app)
        return serve(app), None

    return over


@pytest.fixture
def browse(reach):
    """Return a function that gives a plain httpx client for an app, over either transport."""
    with ExitStack() as stack:

        def open_client(app):
            url, transport = reach(app)
            return stack.enter_context(httpx.Client(base_url=url, transport=transport, timeout=60.0, trust_env=False))

        yield open_client


@pytest.fixture
def client_of(reach):
    """Return a function that makes a Client of an app, over either transport."""

    def make(app, **options):
        url, transport = reach(app)
        return Client(url, transport=transport, timeout_seconds=60, **options)

    return make
