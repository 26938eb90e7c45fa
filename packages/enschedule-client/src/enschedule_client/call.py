"""One call of the REST API: what is sent, whether it may be sent again, and how a failure to arrive reads.

What the worker *answers* is read in :mod:`enschedule_client.answers`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any
from urllib.parse import quote

import httpx

from enschedule_client.answers import read_json, read_text, refuse_errors
from enschedule_core.clock import format_instant
from enschedule_core.errors import FieldError, InvalidInput, WorkerUnreachable

RETRY_DELAYS_SECONDS = (0.1, 0.4)
LONGEST_RETRY_AFTER_SECONDS = 5.0
ACCEPT_JSON = "application/json, application/problem+json"
ACCEPT_TEXT = "text/plain, application/problem+json"

# The transport of a worker in the same process reads the caller's address from here.
FORWARDED_FOR_EXTENSION = "enschedule.forwarded_for"


class Repeat(Enum):
    """Whether a call may be sent again.

    The question is what a second arrival would do. A GET changes nothing. A PUT leaves the same state
    and says so. But a DELETE, or a PUT with If-Match, whose first answer was lost would be answered
    "not found" or "changed meanwhile" the second time, which is not what happened.
    """

    NEVER = "never"
    NOT_ARRIVED = "only if the first one was certainly not carried out"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask. ``path`` is below ``base`` and quoted; ``query`` leaves out what is ``None``.

    ``extra_wait_seconds`` is how long the worker was asked to hold its answer back.
    ``also_fine`` are error statuses whose body is an ordinary answer here.
    """

    method: str
    path: str
    query: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeat: Repeat = Repeat.NEVER
    extra_wait_seconds: float = 0.0
    also_fine: frozenset[int] = frozenset()
    base: str = "/api/v1/"


@dataclass(frozen=True, slots=True)
class Caller:
    """Sends calls to one worker on behalf of one caller, whose credentials travel in ``headers`` every time."""

    http: httpx.Client
    url: str
    headers: Mapping[str, str]
    forwarded_for: str | None = None
    timeout_seconds: float = 10.0
    sleep: Callable[[float], None] = time.sleep

    def json(self, call: Call) -> Any:
        """Send ``call`` and return the JSON of its answer; raise what the worker refused it with."""
        response = self._send(call, ACCEPT_JSON)
        if response.status_code not in call.also_fine:
            refuse_errors(response, self.url)
        return read_json(response, self.url)

    def text(self, call: Call) -> str:
        """Send ``call`` and return its answer as plain text."""
        response = self._send(call, ACCEPT_TEXT)
        refuse_errors(response, self.url)
        return read_text(response, self.url)

    def nothing(self, call: Call) -> None:
        """Send ``call``, whose answer has no body."""
        refuse_errors(self._send(call, ACCEPT_JSON), self.url)

    def _send(self, call: Call, accept: str) -> httpx.Response:
        request = self._request(call, accept)
        for delay in RETRY_DELAYS_SECONDS:
            pause = delay
            try:
                response = self.http.send(request)
            except httpx.RequestError as error:
                if not _may_repeat_after(error, call.repeat):
                    raise self._unreachable(error, call) from error
            else:
                asked = _asked_to_wait_seconds(response)
                if asked is None or call.repeat is Repeat.NEVER or response.status_code in call.also_fine:
                    return response
                pause = max(delay, asked)
            self.sleep(pause)
        try:
            return self.http.send(request)
        except httpx.RequestError as error:
            raise self._unreachable(error, call) from error

    def _request(self, call: Call, accept: str) -> httpx.Request:
        headers = {"Accept": accept, **self.headers, **call.headers}
        extensions: dict[str, Any] = {}
        if self.forwarded_for is not None:
            headers["X-Forwarded-For"] = self.forwarded_for
            extensions[FORWARDED_FOR_EXTENSION] = self.forwarded_for
        content = None
        if call.body is not None:
            headers["Content-Type"] = "application/json"
            content = _encode(call.body)
        for name, value in headers.items():
            check_header(name, value)
        return self.http.build_request(
            call.method,
            f"{self.url}{call.base}{call.path}",
            params=list(_query(call.query)),
            headers=headers,
            content=content,
            timeout=httpx.Timeout(self.timeout_seconds, read=self.timeout_seconds + call.extra_wait_seconds),
            extensions=extensions,
        )

    def _unreachable(self, error: httpx.RequestError, call: Call) -> WorkerUnreachable:
        if isinstance(error, httpx.TimeoutException):
            seconds = self.timeout_seconds + call.extra_wait_seconds
            detail = f"{self.url} did not answer within {seconds:g} s."
        else:
            detail = f"{self.url} does not answer: {str(error) or type(error).__name__}."
        hint = "Is a worker running there? An address looks like http://127.0.0.1:3000."
        return WorkerUnreachable(detail, hint=hint, extra={"url": self.url})


def segment(value: str | int, name: str = "id") -> str:
    """Return ``value`` as one segment of a path.

    Raises :class:`InvalidInput` naming ``name`` for what cannot be one: an empty id would address the
    list, and ``.`` and ``..`` are resolved away before the request is sent (RFC 3986, 5.2.4).
    """
    text = str(value)
    if text in {"", ".", ".."}:
        message = f"“{text}” cannot be an id; write for example “ping”."
        raise InvalidInput(message, errors=[FieldError(name, message)])
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        message = "This id is not valid Unicode text; write for example “ping”."
        raise InvalidInput(message, errors=[FieldError(name, message)]) from None


def instant(value: datetime | str | None, name: str) -> str | None:
    """Return the wire form of an instant; a ``datetime`` without an offset is refused, naming ``name``."""
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        message = f"{value.isoformat()} has no offset; write for example 2026-03-28T09:30:00Z."
        raise InvalidInput(f"{name}: {message}", errors=[FieldError(name, message)])
    return format_instant(value)


def check_header(name: str, value: str) -> None:
    """Refuse a ``value`` that would not arrive as one header field: control characters, or not ASCII."""
    if not value.isascii() or not value.isprintable():
        message = f"The header {name} takes printable ASCII characters only."
        raise InvalidInput(message, errors=[FieldError(name, message)])


def _may_repeat_after(error: httpx.RequestError, repeat: Repeat) -> bool:
    if isinstance(error, httpx.ConnectError):
        return repeat is not Repeat.NEVER
    # The connection broke halfway: the worker may have done it. (A timeout is not repeated: waiting
    # three times as long helps nobody.)
    broken = isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError))
    return broken and repeat is Repeat.ALWAYS


def _asked_to_wait_seconds(response: httpx.Response) -> float | None:
    """Return how long a 503 asks us to wait, unless that is longer than a caller would."""
    asked = response.headers.get("Retry-After")
    if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or asked is None:
        return None
    try:
        seconds = float(asked)
    except ValueError:
        try:
            until = parsedate_to_datetime(asked)
        except ValueError:
            return None
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if seconds <= LONGEST_RETRY_AFTER_SECONDS else None


def _query(values: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, (list, tuple, set, frozenset)):
            yield from ((name, _query_text(name, each)) for each in value)
        else:
            yield name, _query_text(name, value)


def _query_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return instant(value, name) or ""
    # A lone surrogate cannot be sent; it becomes "?", which matches nothing either.
    return str(value).encode(errors="replace").decode()


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, default=_encode_other)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"This cannot be sent as JSON: {error}.") from error
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only carry as an escape
        return json.dumps(body, default=_encode_other).encode()


def _encode_other(value: object) -> str | None:
    if isinstance(value, datetime):
        return instant(value, "an instant")
    raise TypeError(f"{type(value).__name__} is not a JSON type")
