"""The way to a worker in the same process: WSGI (PEP 3333) called by httpx, without a socket."""

from __future__ import annotations

import sys
from contextvars import Context, copy_context
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import httpx

from enschedule_client.call import FORWARDED_FOR_EXTENSION
from enschedule_client.wsgi import Exchange, problem_response
from enschedule_core.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import WSGIApplication, WSGIEnvironment

_DEFAULT_PORTS = {"http": 80, "https": 443}


class InlineTransport(httpx.BaseTransport):
    """Calls a WSGI app as a server would, in the caller's thread.

    - The app, every step of its answer and its ``close()`` run in one fresh :class:`contextvars.Context`
      per request, as in a server's own thread. So a streaming view of the app leaves no trace in the
      caller's context (``flask.current_app`` stays the caller's), and calls nest to any depth.
    - The response is there as soon as ``start_response`` was called, even if the first chunk is far
      off; chunks are passed on one by one as the app yields them.
    - An exception of the app is logged and becomes a 500 problem, or, once the response has begun,
      :class:`httpx.RemoteProtocolError`, as a connection that breaks does.
    - ``close()`` of the answer is called exactly once, whatever happened before.
    - Timeouts are **not** observed: the app runs in this thread, and nothing can end it from outside.

    ``remote_addr`` is the caller's address as the app sees it, unless the client says on whose behalf
    it calls (``forwarded_for``): then it is the browser's, and X-Forwarded-For is not passed on as
    well. Scheme and Host are those of the client's URL. ``script_name`` is the path the app is mounted
    at (``/enschedule``); a path outside it is a 404. The environ says ``enschedule.inline``: no socket
    can set that key.
    """

    def __init__(self, app: WSGIApplication, *, remote_addr: str = "127.0.0.1", script_name: str = "") -> None:
        self._app = app
        self._remote_addr = remote_addr
        self._script_name = script_name.rstrip("/")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Call the app with ``request`` and return its response, whose body is still to come."""
        path = unquote_to_bytes(request.url.raw_path.partition(b"?")[0]).decode("latin-1")
        mount = self._script_name.encode().decode("latin-1")
        if path != mount and not path.startswith(f"{mount}/"):
            return problem_response(NotFound())
        body = _Body(request)
        environ = self._environ(request, body) | {"SCRIPT_NAME": mount, "PATH_INFO": path[len(mount) :]}
        exchange = Exchange(self._app, environ, Context())
        response = exchange.start()
        if body.error is not None:
            # Reading the caller's body failed inside the app; over a socket the caller would see it too.
            exchange.close()
            raise body.error
        return response

    def _environ(self, request: httpx.Request, body: _Body) -> WSGIEnvironment:
        scheme = request.url.scheme
        forwarded_for = request.extensions.get(FORWARDED_FOR_EXTENSION)
        headers = (
            (name, value)
            for name, value in request.headers.raw
            if forwarded_for is None or name.lower() != b"x-forwarded-for"
        )
        return {
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.url.query.decode("ascii"),
            "SERVER_NAME": request.url.host,
            "SERVER_PORT": str(request.url.port or _DEFAULT_PORTS[scheme]),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": forwarded_for or self._remote_addr,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.input": BufferedReader(body),
            "wsgi.input_terminated": True,  # it ends where the body ends, also without Content-Length
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "enschedule.inline": True,
            **_header_variables(headers),
        }


def _header_variables(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers as CGI variables (RFC 3875, 4.1.18): repeated ones joined, Cookie by ``;`` (RFC 6265, 5.4).

    A name with an underscore is dropped, as servers do: ``X_API_Key`` would pass for ``X-API-Key``.
    """
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        if b"_" in raw_name:
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        key = name if name in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{name}"
        separator = "; " if name == "COOKIE" else ", "
        found[key] = f"{found[key]}{separator}{value}" if key in found else value
    return found


class _Body(RawIOBase):
    """The request's body as a file that pulls from httpx's stream, chunk by chunk.

    A generator body is the caller's code, so it runs in (a copy of) the caller's context, though it is
    the app that reads. What it raises is kept in ``error`` for the caller, and the app sees an OSError,
    as when a client goes away.
    """

    def __init__(self, request: httpx.Request) -> None:
        super().__init__()
        self._chunks: Iterator[bytes] = iter(request.stream)  # type: ignore[arg-type]  # a sync client has a SyncByteStream
        self._context = copy_context()
        self._rest = b""
        self.error: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            try:
                chunk = self._context.run(next, self._chunks, None)
            except Exception as error:
                self.error = error
                raise OSError("the request's body broke off") from error
            if chunk is None:
                return 0
            self._rest = chunk
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
