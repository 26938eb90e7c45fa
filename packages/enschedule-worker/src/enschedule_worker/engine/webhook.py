"""One POST to an address that somebody gave, by which nobody can hold the sender up or lead it elsewhere.

The whole of it has one deadline. Redirects are not followed and no proxy is asked, so the address that the guard saw
is the one that is connected to; of the answer only the status line and the headers are read. What goes wrong is said
without the address, whose path is often a secret.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from urllib.parse import SplitResult, unquote, urlsplit

from enschedule_core.addresses import AddressGuard


class NotDeliveredError(Exception):
    """The receiver did not take it; the message says why, and not where it lives beyond the host's name."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, guard: AddressGuard, seconds: float) -> None:
    """Send ``body`` within ``seconds``. Raises :class:`NotDeliveredError` for all but an answer of 200 to 299."""
    parts = urlsplit(url)
    until = time.monotonic() + seconds
    try:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme not in ("http", "https") or not host:
            raise NotDeliveredError("The address is not an http or https URL.")
        with closing(_connected(host, port, guard, until)) as plain, _deadline(plain, until):
            status = _exchange(plain, parts, host, port, body, headers)
        if time.monotonic() >= until:  # cut off within the headers looks like their end
            raise TimeoutError
    except NotDeliveredError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as problem:
        if time.monotonic() >= until:
            raise NotDeliveredError(f"{parts.hostname} did not answer within {seconds:g} s.") from None
        raise NotDeliveredError(f"{parts.hostname} cannot be reached: {_said(problem)}.") from None
    if not 200 <= status < 300:
        what = "redirects elsewhere, which is not followed" if 300 <= status < 400 else f"answered {status}"
        raise NotDeliveredError(f"{parts.hostname} {what}.")


def _connected(host: str, port: int, guard: AddressGuard, until: float) -> socket.socket:
    """Connect to the first of the host's addresses that the guard lets pass and that answers."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    allowed = [entry for entry in found if guard.allows(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]))]
    if not allowed:
        raise NotDeliveredError(f"{host} is not at a public address; {AddressGuard.VARIABLE} can allow it.")
    trouble: OSError | None = None
    for family, kind, protocol, _, address in allowed:
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(max(until - time.monotonic(), 0.001))
            made.connect(address)
        except OSError as problem:
            made.close()
            trouble = problem
        else:
            return made
    assert trouble is not None
    raise trouble


@contextmanager
def _deadline(connection: socket.socket, until: float) -> Iterator[None]:
    """Cut the connection when the time is over: a timeout of a socket begins anew with each byte."""

    def cut() -> None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(until - time.monotonic(), 0), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _exchange(
    plain: socket.socket, parts: SplitResult, host: str, port: int, body: bytes, headers: Mapping[str, str]
) -> int:
    connection = http.client.HTTPConnection(host, port)
    secure = parts.scheme == "https"
    with closing(connection):
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        default = port == (443 if secure else 80)
        shown = f"[{host}]" if ":" in host else host
        named = {"Host": shown if default else f"{shown}:{port}", "Connection": "close", **_credentials(parts)}
        connection.request("POST", path, body, {**named, **headers})
        return connection.getresponse().status


def _credentials(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


def _said(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({problem.verify_message})"
    if isinstance(problem, socket.gaierror):
        return "its name is not known"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return type(problem).__name__
