"""The server's side of PEP 3333 for one request: start_response, write, the iterable, close."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context
from typing import TYPE_CHECKING, TypeVar

import httpx

from enschedule_core.errors import EnscheduleError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import TypeAlias
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

logger = logging.getLogger("enschedule_client.inline")

T = TypeVar("T")

_BODILESS_STATUSES = frozenset({204, 304})


class Exchange:
    """One call of a WSGI app. Everything of the app runs in ``context``.

    Headers count as sent once the response is handed out, or the app has written: from then on
    ``start_response`` with ``exc_info`` raises what it was given, as PEP 3333 asks.
    """

    def __init__(self, app: WSGIApplication, environ: WSGIEnvironment, context: Context) -> None:
        self._app = app
        self._environ = environ
        self._context = context
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        self._head_sent = False
        self._ready: list[bytes] = []
        self._result: Iterable[bytes] = ()
        self._chunks: Iterator[bytes] = iter(())

    def start(self) -> httpx.Response:
        """Run the app until it has called ``start_response``; an exception on the way there is a 500 problem."""
        try:
            self._result = self._context.run(self._app, self._environ, self._start_response)
            self._chunks = self._context.run(iter, self._result)
            # A generator app calls start_response in its first step, or later if it yields b"" before.
            while self._head is None:
                chunk = self._next()
                if chunk is None:
                    break
                self._ready.append(chunk)
            response = self._response()
        except Exception:
            logger.exception("%s failed", self._what)
            self.close()
            return problem_response(EnscheduleError(hint="The server's log says why."))
        self._head_sent = True
        return response

    def chunks(self) -> Iterator[bytes]:
        """Yield the body; an exception of the app ends it as a broken connection would."""
        try:
            while True:
                while self._ready:
                    yield self._ready.pop(0)
                chunk = self._next()
                if chunk is None:
                    break
                self._ready.append(chunk)  # behind what the app wrote while making it
            yield from self._ready
        except Exception as error:
            logger.exception("%s failed in the middle of its answer", self._what)
            raise httpx.RemoteProtocolError("the app failed in the middle of its answer") from error
        finally:
            self.close()

    def close(self) -> None:
        """Call ``close()`` of the app's iterable, if it has one and was not closed before."""
        result, self._result, self._chunks = self._result, (), iter(())
        close = getattr(result, "close", None)
        if close is None:
            return
        try:
            self._context.run(close)
        except Exception:
            logger.exception("%s failed in close()", self._what)

    @property
    def _what(self) -> str:
        return f"{self._environ['REQUEST_METHOD']} {self._environ['PATH_INFO']}"

    def _next(self) -> bytes | None:
        chunk = self._context.run(_next_or_none, self._chunks)
        if not isinstance(chunk, bytes | None):
            raise TypeError(f"a WSGI app yields bytes, not {type(chunk).__name__}")
        return chunk

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        if exc_info is not None and exc_info[1] is not None:
            try:
                if self._head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # or the traceback would hold this frame, and this frame the traceback
        elif self._head is not None:
            raise AssertionError("start_response was called a second time without exc_info")
        self._head = (status, list(headers))
        return self._write

    def _write(self, data: bytes) -> None:
        if data:
            self._head_sent = True
            self._ready.append(data)

    def _response(self) -> httpx.Response:
        if self._head is None:
            raise RuntimeError("the app ended without calling start_response")
        status, headers = self._head
        code, _, reason = status.partition(" ")
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        body = _Answer(self, _declared_length(raw))
        if self._environ["REQUEST_METHOD"] == "HEAD" or int(code) in _BODILESS_STATUSES:
            body.close()
        return httpx.Response(
            int(code),
            headers=raw,
            stream=body,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": reason.encode("latin-1")},
        )


class _Answer(httpx.SyncByteStream):
    """The body of an exchange as httpx reads it, held to its Content-Length as on a socket."""

    def __init__(self, exchange: Exchange, length: int | None) -> None:
        self._exchange = exchange
        self._missing = length
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        if self._closed:
            return
        for chunk in self._exchange.chunks():
            if self._missing is None:
                yield chunk
                continue
            kept = chunk[: self._missing]
            self._missing -= len(kept)
            yield kept
        if self._missing:
            raise httpx.RemoteProtocolError(f"the answer ended {self._missing} bytes before its Content-Length")

    def close(self) -> None:
        self._closed = True
        self._exchange.close()


def problem_response(error: EnscheduleError) -> httpx.Response:
    """Return ``error`` as problem+json (RFC 9457)."""
    return httpx.Response(error.status, json=error.problem(), headers={"Content-Type": "application/problem+json"})


def _next_or_none(iterator: Iterator[T]) -> T | None:
    return next(iterator, None)


def _declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    found = next((value for name, value in headers if name.lower() == b"content-length"), None)
    return None if found is None else int(found)
