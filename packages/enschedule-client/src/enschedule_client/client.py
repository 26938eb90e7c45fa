"""The client: one worker, one caller, every route."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from ipaddress import ip_address
from types import TracebackType
from typing import Self, cast

import httpx

from enschedule_client.call import Call, Caller, Repeat
from enschedule_client.people import ApiKeys, AuditLog, Groups, Sessions, Users
from enschedule_client.runs import Runs
from enschedule_client.schedules import Schedules
from enschedule_client.secrets import Secrets
from enschedule_client.system import (
    ConcurrencyGroups,
    EverythingPaused,
    Handlers,
    Plugins,
    Retention,
    Stats,
    Triggers,
    Views,
    Workers,
)
from enschedule_core.errors import ConfigurationError
from enschedule_core.wire.types import Forecast, Health, Me, Page, Readiness, SettingInForce

DEFAULT_URL = "http://127.0.0.1:3000"
DEFAULT_TIMEOUT_SECONDS = 10.0
USER_AGENT = f"enschedule-client/{version('enschedule-client')}"
_MOST_CONNECTIONS = 100
_HOST = re.compile(rb"[A-Za-z0-9._:-]+")  # as sent: IDNA encoded, IPv6 without brackets
_LAST_PORT = 65_535


class Client:
    """Everything the REST API can do, as methods that return plain dictionaries.

    The same class talks to a worker over a socket and, with
    :class:`~enschedule_client.transport.InlineTransport`, to one in the same process. It may be shared
    by threads. Credentials travel as headers on every call and cookies are never kept, so one client
    can serve many people through :meth:`acting_as`.

    Errors are those of :mod:`enschedule_core.errors`: what the worker refused comes back as the class
    it was raised as; a worker that cannot be reached, answers too late, or is not one, is a
    :class:`~enschedule_core.errors.WorkerUnreachable` that names the address. A call is repeated (twice,
    after 0.1 and 0.4 s) when the connection fails or the worker says 503 with Retry-After, and only
    where a second arrival does no harm; see :class:`~enschedule_client.call.Repeat`.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        token: str | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        forwarded_for: str | None = None,
        user_agent: str = USER_AGENT,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        ``url`` is where a worker or dashboard answers (``http://127.0.0.1:3000``, a path in front is
        kept). ``api_key`` is the shared key of a service, ``token`` a person's; both may be given.
        ``timeout_seconds`` bounds each step of a call (connect, send, wait for an answer); a transport
        in the same process does not observe it. ``forwarded_for`` is the address of the browser on
        whose behalf this calls. A ``transport`` that is given here is not closed here.

        Raises :class:`~enschedule_core.errors.ConfigurationError` for an unusable ``url`` or key.
        """
        address = _address(url)
        self._owns_http = transport is None
        near = _is_loopback(address)
        http = httpx.Client(
            transport=transport,
            # Loading the certificate authorities takes 25 ms, which a command would spend on nothing here;
            # an empty context trusts nobody.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if near and address.scheme == "http" else True,
            cookies=_no_cookies(),
            follow_redirects=False,  # a redirect to another host would take X-API-Key along
            trust_env=not near,  # HTTP_PROXY is not meant for this machine
            limits=httpx.Limits(max_connections=_MOST_CONNECTIONS),
        )
        self._use(
            Caller(
                http=http,
                url=_text(address),
                headers=_credentials(api_key, token) | {"User-Agent": user_agent},
                forwarded_for=forwarded_for,
                timeout_seconds=timeout_seconds,
            )
        )

    def _use(self, caller: Caller) -> None:
        self._caller = caller
        self.schedules = Schedules(caller)
        self.pause = EverythingPaused(caller)
        self.concurrency_groups = ConcurrencyGroups(caller)
        self.runs = Runs(caller)
        self.views = Views(caller)
        self.handlers = Handlers(caller)
        self.plugins = Plugins(caller)
        self.workers = Workers(caller)
        self.triggers = Triggers(caller)
        self.stats = Stats(caller)
        self.retention = Retention(caller)
        self.sessions = Sessions(caller)
        self.users = Users(caller)
        self.groups = Groups(caller)
        self.api_keys = ApiKeys(caller)
        self.audit = AuditLog(caller)
        self.secrets = Secrets(caller)

    @property
    def url(self) -> str:
        """The worker's address, without ``/api/v1``."""
        return self._caller.url

    def acting_as(
        self, *, api_key: str | None = None, token: str | None = None, forwarded_for: str | None = None
    ) -> Client:
        """Return a client for somebody else over the same connections, with only the credentials given here.

        Closing it closes nothing; close the client it was made from.
        """
        other = object.__new__(type(self))
        other._owns_http = False
        headers = _credentials(api_key, token) | {"User-Agent": self._caller.headers["User-Agent"]}
        other._use(replace(self._caller, headers=headers, forwarded_for=forwarded_for))
        return other

    def forecast(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        limit: int | None = None,
        fullest: int | None = None,
        offset_minutes: int | None = None,
    ) -> Forecast:
        """Return the planned slots of a stretch of time: the earliest ``limit``, and how many in each hour.

        ``fullest`` asks for so many of the minutes in which the most schedules start. Hours begin ``offset_minutes``
        (0 to 59) after the whole hour of UTC, for zones that are not whole hours away from it.
        """
        query = {"from": from_, "to": to, "limit": limit, "fullest": fullest, "offset_minutes": offset_minutes}
        return cast("Forecast", self._get("forecast", query))

    def me(self) -> Me:
        """Return whom the worker takes this caller for, its version, time and default zone."""
        return cast("Me", self._get("me"))

    def settings(self) -> Page[SettingInForce]:
        """Return the settings that the worker runs with, secrets masked; for those who may administrate."""
        return cast("Page[SettingInForce]", self._get("settings"))

    def metrics(self) -> str:
        """Return the worker's figures in the text format of Prometheus, as they stand at ``/metrics``."""
        return self._caller.text(Call("GET", "metrics", base="/", repeat=Repeat.ALWAYS))

    def health(self) -> Health:
        """Return that the process is there; needs no key and no database."""
        return cast("Health", self._get("healthz"))

    def ready(self) -> Readiness:
        """Return whether the worker can do its work; "not ready" is an answer here, not an error."""
        call = Call("GET", "readyz", repeat=Repeat.ALWAYS, also_fine=frozenset({httpx.codes.SERVICE_UNAVAILABLE}))
        return cast("Readiness", self._caller.json(call))

    def close(self) -> None:
        """Close the connections; a transport that was given is left to whoever made it."""
        if self._owns_http:
            self._caller.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _get(self, path: str, query: Mapping[str, object] | None = None) -> object:
        return self._caller.json(Call("GET", path, query=query or {}, repeat=Repeat.ALWAYS))


def _address(url: str) -> httpx.URL:
    """Read and check ``url``; what is refused is not repeated in the message if it may hold a password."""
    example = f"write for example {DEFAULT_URL}"
    try:
        address = httpx.URL(url.strip())
    except (httpx.InvalidURL, UnicodeError):
        raise ConfigurationError(f"url: this is not an address; {example}.") from None
    if address.userinfo:
        raise ConfigurationError(f"url: an address takes no user and password; give api_key or token, and {example}.")
    usable = _HOST.fullmatch(address.raw_host) and (address.port or 0) <= _LAST_PORT
    if address.scheme not in {"http", "https"} or not usable:
        raise ConfigurationError(f"url: {url!r} is not an http or https address; {example}.")
    if address.query or address.fragment:
        raise ConfigurationError(f"url: {url!r} has more than an address and a path; {example}.")
    return address


def _text(address: httpx.URL) -> str:
    return str(address).rstrip("/").removesuffix("/api/v1").rstrip("/")


def _is_loopback(address: httpx.URL) -> bool:
    if address.host == "localhost" or address.host.endswith(".localhost"):
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return False


def _credentials(api_key: str | None, token: str | None) -> dict[str, str]:
    headers = {}
    for argument, value, name, prefix in (
        ("api_key", api_key, "X-API-Key", ""),
        ("token", token, "Authorization", "Bearer "),
    ):
        if value is None:
            continue
        if not value.isascii() or not value.isprintable() or value != value.strip() or not value:
            raise ConfigurationError(
                f"{argument} must be printable ASCII without spaces around it, as the server printed it."
            )
        headers[name] = prefix + value
    return headers


def _no_cookies() -> CookieJar:
    """Return a jar that keeps nothing and sends nothing: one caller's cookie must not reach another's call."""
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
