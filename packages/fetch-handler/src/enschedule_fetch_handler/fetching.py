"""One fetch: request, redirects, and what is printed of the answer."""

from __future__ import annotations

import codecs
from itertools import count
from typing import Any

import httpcore
import httpx

from enschedule_core import AddressGuard, Fail, Retry
from enschedule_fetch_handler.connection import GuardedTransport, Limit

REDIRECTS_MAX = 5
BODY_MAX_BYTES = 10 * 1024 * 1024
_CHUNK_BYTES = 16 * 1024
_NETWORK_ERRORS = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpx.HTTPError,
    httpx.InvalidURL,
)
_HEADERS = {"User-Agent": "enschedule-fetch-handler", "Accept": "*/*", "Accept-Encoding": "identity"}


def fetch_url(data: dict[str, Any], *, guard: AddressGuard, limit: Limit) -> dict[str, Any]:
    """Fetch as ``data`` (loaded by ``FetchData``) says, and print request, status line, headers and body.

    Returns the result of the run: ``status``, the final ``url``, ``bytes`` read of the body. Raises ``Retry`` on a
    network error or an unexpected status, ``Fail`` where another attempt would end the same way.
    """
    headers = httpx.Headers(_HEADERS)
    headers.update(data["headers"])
    request = httpx.Request(data["method"], data["url"], headers=headers, content=data["body"].encode() or None)
    expected = frozenset(data["expect_status"])
    with httpx.Client(transport=GuardedTransport(guard, limit, verify=data["verify"]), trust_env=False) as client:
        try:
            response = _follow(client, request, expected)
            try:
                size = _print_body(response)
            finally:
                response.close()
        except _NETWORK_ERRORS as error:
            reason = str(error) or "the connection was closed"
            raise Retry(message=f"{type(error).__name__}: {_named(request)}: {reason}") from None
    _check_status(response, expected)
    return {"status": response.status_code, "url": _shown(response.url), "bytes": size}


def _follow(client: httpx.Client, request: httpx.Request, expected: frozenset[int]) -> httpx.Response:
    """Send ``request``, follow up to five redirects (one whose status is expected is not followed), print each head."""
    for followed in count():
        print(_named(request))
        response = client.send(request, stream=True, follow_redirects=False)
        _print_head(response)
        if response.next_request is None or response.status_code in expected:
            return response
        response.close()
        print()
        if followed == REDIRECTS_MAX:
            break
        request = response.next_request
        if request.url.scheme not in {"http", "https"}:
            raise Fail(f"the server redirects to {_shown(request.url)}, which is neither http nor https")
    raise Fail(f"{_shown(request.url)} redirects once more after {REDIRECTS_MAX} redirects")


def _check_status(response: httpx.Response, expected: frozenset[int]) -> None:
    if response.status_code in expected or (not expected and response.is_success):
        return
    wanted = ", ".join(str(status) for status in sorted(expected)) or "200 to 299"
    status = f"{response.status_code} {response.reason_phrase}".rstrip()
    raise Retry(message=f"{_named(response.request)} answered {status}, expected {wanted}")


def _print_head(response: httpx.Response) -> None:
    print(f"{response.http_version} {response.status_code} {response.reason_phrase}".rstrip())
    for name, value in response.headers.multi_items():
        print(f"{name}: {value}")


def _print_body(response: httpx.Response) -> int:
    """Print the body as it comes, up to 10 MiB of it; return how many bytes were read."""
    decoder = codecs.getincrementaldecoder(_charset(response))(errors="replace")
    size, last, binary = 0, "", False
    for chunk in response.iter_bytes(_CHUNK_BYTES):
        if size == 0:
            print()
            binary = response.charset_encoding is None and b"\x00" in chunk
        kept = chunk[: BODY_MAX_BYTES - size]
        size += len(kept)
        if not binary:
            last = decoder.decode(kept) or last
            print(last, end="")
        if len(kept) < len(chunk):
            print(f"\n[the body goes on after {BODY_MAX_BYTES // 1024 // 1024} MiB, the rest was not read]")
            return size
    if binary:
        kind = response.headers.get("content-type", "unknown type")
        print(f"[{size} bytes of {kind}, not shown because they are not text]")
    else:
        tail = decoder.decode(b"", final=True)
        print(tail, end="" if not (last + tail) or (last + tail).endswith("\n") else "\n")
    return size


def _charset(response: httpx.Response) -> str:
    """Return the charset that the server names, if Python has it as a text encoding, else UTF-8."""
    name = response.charset_encoding or "utf-8"
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return "utf-8"
    return name


def _named(request: httpx.Request) -> str:
    return f"{request.method} {_shown(request.url)}"


def _shown(url: httpx.URL) -> str:
    """Return ``url`` with its password masked."""
    return str(url.copy_with(password="***")) if url.password else str(url)  # noqa: S106 - the mask
