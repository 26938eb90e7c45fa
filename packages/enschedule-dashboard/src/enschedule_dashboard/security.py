"""What every answer carries, and which requests are refused before any page sees them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, Response, request

from enschedule_core.errors import BadRequest, Forbidden
from enschedule_dashboard.settings import DashboardSettings

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
#: Endpoints that answer to any name: who asks after the health of a container knows its address only.
FOR_ANY_NAME = frozenset({"probes.health", "probes.readiness"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: The API takes 1 MiB; as a form, the same data are up to three times as long.
MAX_FORM_BYTES = 4_000_000


def add_headers(response: Response) -> Response:
    """Forbid what no page needs: foreign scripts and styles, frames, sniffing, leaking addresses, caching of pages."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response


def is_own_name(host: str) -> bool:
    """Return whether a host name (without port) means this machine whoever resolves it."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Return a Host header without its port: ``[::1]:3000`` → ``[::1]``."""
    return host.rsplit(":", 1)[0] if ":" in host.rsplit("]", 1)[-1] else host


def check_host(settings: DashboardSettings) -> None:
    """Refuse a Host header that is not ours: a foreign name that resolves to us would otherwise read the pages."""
    name = host_name(request.host).lower()
    if settings.trusted_hosts:
        if any(fnmatchcase(name, pattern.lower()) for pattern in settings.trusted_hosts):
            return
    elif not settings.loopback:
        return
    if settings.loopback and is_own_name(name):
        return
    raise BadRequest(
        f"This dashboard does not answer to the name {name!r}.",
        hint="Use 127.0.0.1 or localhost, or name it in ENSCHEDULE_TRUSTED_HOSTS, for example enschedule.example.org.",
    )


def check_origin() -> None:
    """Refuse a change that another site asks for; the form token stands behind this as the second lock."""
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    if origin is not None:
        if urlsplit(origin).netloc.lower() == request.host.lower():
            return
    elif request.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}:
        return
    raise Forbidden("This came from another site, so nothing was changed.", hint="Open the page here and try again.")


def install(app: Flask, settings: DashboardSettings) -> None:
    """Check every request of ``app`` and dress every answer."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_FORM_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FORM_BYTES

    @app.before_request
    def check() -> None:
        if request.endpoint not in FOR_ANY_NAME:
            check_host(settings)
        check_origin()

    app.after_request(add_headers)
