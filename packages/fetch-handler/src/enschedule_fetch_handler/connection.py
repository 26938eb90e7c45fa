"""Connections for ``fetch``: to a checked address, and to the end in time.

The name is resolved here, once, and the address that was checked is the one that is connected to, so that a name
which resolves differently the second time (DNS rebinding) gains nothing. TLS and the Host header keep the name.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from enschedule_core import AddressGuard, Cancel, Fail

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SLICE_SECONDS = 0.5  # how long a blocked read goes without a look at the clock and at `cancelled`


@dataclass(frozen=True)
class Limit:
    """When a fetch has to be over: its own deadline (monotonic seconds), or its run's cancellation."""

    ends_at_monotonic: float
    cancelled: Callable[[], bool]

    @classmethod
    def after(cls, seconds: float, cancelled: Callable[[], bool]) -> Limit:
        """Return a limit that ends ``seconds`` from now."""
        return cls(time.monotonic() + seconds, cancelled)

    def slice(self, late: type[Exception]) -> float:
        """Return how long to block at most; raises ``late`` when the time is up, ``Cancel`` when cancelled."""
        if self.cancelled():
            raise Cancel("The run was cancelled while it waited for the server.")
        left = self.ends_at_monotonic - time.monotonic()
        if left <= 0:
            raise late("timed out")
        return min(left, _SLICE_SECONDS)

    def left(self, late: type[Exception]) -> float:
        """Return the seconds left; raises like :meth:`slice`."""
        self.slice(late)
        return self.ends_at_monotonic - time.monotonic()


class GuardedBackend(httpcore.SyncBackend):
    """Resolves, checks, and connects to the checked address; everything ends at the limit."""

    def __init__(self, guard: AddressGuard, limit: Limit) -> None:
        super().__init__()
        self._guard = guard
        self._limit = limit

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the limit is for the whole fetch
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of ``host`` that is allowed and answers."""
        found = resolve(host, port, self._limit)
        allowed = [address for address in found if self._guard.allows(address)]
        if not allowed:
            raise _refusal(host, found[0])
        error: Exception | None = None
        for address in allowed:
            left = self._limit.left(httpcore.ConnectTimeout)
            try:
                stream = super().connect_tcp(str(address), port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = error or failed
            else:
                return _LimitedStream(stream, self._limit)
        raise error or httpcore.ConnectError(f"no address of {host} could be tried")

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        """Refuse: a URL cannot name a socket file, and nothing else should."""
        raise httpcore.ConnectError("sockets in the file system are not fetched from")


def _refusal(host: str, address: Address) -> Fail:
    """Return the failure for a host of which no address may be connected to; it names the setting."""
    named = str(address) if host.strip("[]") == str(address) else f"{host} is {address}, which"
    return Fail(
        f"{named} is not a public address, so it was not fetched; if it should be, "
        f"set {AddressGuard.setting_for(address)} (or a larger network, or true) for the worker"
    )


def resolve(host: str, port: int, limit: Limit) -> list[Address]:
    """Return the addresses of ``host``, in the resolver's order.

    The system's resolver cannot be given a timeout, so it runs in a thread that is left behind when the time is up.
    """
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:  # UnicodeError: a label that is too long for IDNA
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=ask, name="enschedule-fetch-resolve", daemon=True).start()
    while True:
        try:
            answer = answers.get(timeout=limit.slice(httpcore.ConnectTimeout))
        except queue.Empty:
            continue
        if isinstance(answer, OSError):
            raise httpcore.ConnectError(f"{host} cannot be resolved: {answer.strerror or answer}")
        return [ipaddress.ip_address(sockaddr[0].partition("%")[0]) for *_, sockaddr in answer]


class _LimitedStream(httpcore.NetworkStream):
    """Reads and writes in slices, so that a server which sends one byte a second cannot go on for ever."""

    def __init__(self, stream: httpcore.NetworkStream, limit: Limit) -> None:
        self._stream = stream
        self._limit = limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the limit instead
        while True:
            seconds = self._limit.slice(httpcore.ReadTimeout)
            try:
                return self._stream.read(max_bytes, seconds)
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the limit instead
        self._stream.write(buffer, self._limit.left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the limit instead
    ) -> httpcore.NetworkStream:
        left = self._limit.left(httpcore.ConnectTimeout)
        return _LimitedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._limit)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedTransport(httpx.BaseTransport):
    """httpx over a pool of :class:`GuardedBackend` connections; no proxy, because a proxy would resolve the name."""

    def __init__(self, guard: AddressGuard, limit: Limit, *, verify: bool) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(verify=verify),
            network_backend=GuardedBackend(guard, limit),
            http1=True,
            http2=False,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``; the exceptions are those of httpcore."""
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
