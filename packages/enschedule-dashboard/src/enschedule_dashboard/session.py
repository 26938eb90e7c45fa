"""Who is asking: the token in the cookie, the client that carries it, and the viewer's clock and zone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from secrets import token_urlsafe
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import g, redirect, request
from werkzeug.wrappers import Response

from enschedule_client import Client
from enschedule_core.clock import parse_instant
from enschedule_core.errors import Unauthenticated
from enschedule_core.wire.types import Me
from enschedule_dashboard.present import Viewer
from enschedule_dashboard.security import host_name, is_own_name

#: Makes the client of one request: (token of the browser's session or None, address of the browser).
ClientFactory = Callable[[str | None, str | None], Client]

ZONE_COOKIE = "enschedule_tz"
CHOSEN_ZONE_COOKIE = "enschedule_zone"
THEME_COOKIE = "enschedule_theme"
THEMES = ("light", "dark")
_PROXY_FIXED = "werkzeug.proxy_fix.orig"
_UNKNOWN = "0.0.0.0"  # noqa: S104 - an address that nobody has
_ONCE = re.compile(r"[A-Za-z0-9_-]{8,40}")
YEAR_SECONDS = 365 * 24 * 3600


def cookie_name() -> str:
    """Return the name of the session cookie; browsers take ``__Host-`` only together with TLS."""
    return "__Host-enschedule" if request.is_secure else "enschedule"


def token() -> str | None:
    """Return the session's token, if the browser sent one that may travel in a header."""
    found = request.cookies.get(cookie_name(), "")
    return found if found and found.isascii() and found.isprintable() and " " not in found else None


def keep(response: Response, value: str, expires_at: str) -> None:
    """Give the browser its session: out of reach for scripts and for other sites."""
    response.set_cookie(
        cookie_name(),
        value,
        expires=parse_instant(expires_at),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def forget(response: Response) -> None:
    """Take the browser's session away."""
    response.delete_cookie(cookie_name(), path="/", secure=request.is_secure, httponly=True, samesite="Lax")


def browser_address() -> str | None:
    """Return the address of the browser, as far as it is one (a Unix socket has none).

    A request that some proxy passed on, or that came by a name which is not this machine's, is not from this machine
    although its connection is: it gets the address that the proxy tells, else the unspecified one, so that whoever
    decides by the address does not take a stranger for somebody at this machine.
    """
    address = _address(request.remote_addr)
    if address is None or not ip_address(address).is_loopback or _PROXY_FIXED in request.environ:
        return address
    hops = [_address(hop) for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    hops += [_address(hop) for name in ("X-Real-IP", "Forwarded") for hop in request.headers.getlist(name)]
    foreign = [hop for hop in hops if hop is None or not ip_address(hop).is_loopback]
    if foreign:
        return foreign[-1] or _UNKNOWN
    return address if is_own_name(host_name(request.host)) else _UNKNOWN


def _address(text: str | None) -> str | None:
    try:
        return str(ip_address((text or "").strip()))
    except ValueError:
        return None


def identify(*, loopback: bool) -> Me:
    """Ask the worker who is at the browser.

    A dashboard before a worker elsewhere shows its own key. For a browser without a session that counts only where
    this dashboard listens on loopback, and nobody has an account: else raises :class:`Unauthenticated`.
    """
    me = client().me()
    if me["actor"]["kind"] == "service" and token() is None and (not loopback or me["auth"]["accounts"]):
        raise Unauthenticated("This needs a session.", hint="Log in.")
    return me


def client() -> Client:
    """Return this request's client; it acts as the person at the browser."""
    found: Client = g.client
    return found


def zone_of(name: str | None, default: str) -> ZoneInfo:
    """Return the zone called ``name``, else ``default``, else UTC; names come from a cookie and are not trusted."""
    for candidate in (name, default):
        try:
            if candidate:
                return ZoneInfo(candidate)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def look_around(me: Me | None) -> Viewer:
    """Return the viewer: the server's time in the account's zone, else the chosen one, the browser's, the server's.

    Where nobody has an account, the choice of the profile is kept in this browser.
    """
    now = parse_instant(me["server_time"]) if me else datetime.now(UTC)
    default = me["default_timezone"] if me else "UTC"
    user = me["user"] if me else None
    own = user["timezone"] if user else None
    chosen = own or chosen_zone() or request.cookies.get(ZONE_COOKIE)
    return Viewer(now, zone_of(chosen, default))


def chosen_zone() -> str | None:
    """Return the zone that was chosen in this browser, as far as there is such a zone."""
    name = request.cookies.get(CHOSEN_ZONE_COOKIE)
    return name if name and zone_of(name, "").key == name else None


def theme() -> str | None:
    """Return the theme that was chosen here, or else with this account; ``None`` follows the system."""
    me: Me | None = g.get("me")
    user = me["user"] if me else None
    chosen = request.cookies.get(THEME_COOKIE) or (user["theme"] if user else None)
    return chosen if chosen in THEMES else None


def fresh_once() -> str:
    """Return what makes the forms of this page start a run once, however often they are sent."""
    if "once" not in g:
        g.once = token_urlsafe(9)
    found: str = g.once
    return found


def once(what: str) -> str | None:
    """Return the ``Idempotency-Key`` of ``what`` the form does; ``None`` where it has none, as from a script."""
    given = request.form.get("once", "")
    return f"{what}:{given}" if _ONCE.fullmatch(given) else None


def digest(data: object) -> str:
    """Return a short name of JSON data: other data in the same form is another run."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def safe_next(target: str | None, default: str = "/") -> str:
    r"""Return ``target`` if it is a path of this dashboard, else ``default``.

    Browsers read ``//e``, ``/\e`` and ``/<tab>/e`` as another host and drop control characters, so everything that
    is not a plain path is refused.
    """
    if not target or not target.startswith("/") or target.startswith("//") or len(target) > 2000:
        return default
    if "\\" in target or any(ord(char) <= 32 or ord(char) == 127 for char in target):
        return default
    try:
        parts = urlsplit(target)
    except ValueError:
        return default
    return default if parts.scheme or parts.netloc else target


def back(default: str) -> Response:
    """Return the 303 to where a form said it came from (its hidden ``next``), else to ``default`` (a path)."""
    target = safe_next(request.form.get("next") or request.args.get("next"), default)
    return redirect(f"{request.script_root}{target}", 303)
