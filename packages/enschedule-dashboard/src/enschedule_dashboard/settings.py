"""What a dashboard is told when it is made; read from the environment elsewhere."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """How the pages are served.

    ``secret_key`` signs the cookie that carries form tokens and notices (at least 16 characters; made up at start
    if not given, then forms that were open survive no restart). ``loopback`` says that the dashboard listens on this
    machine only, so that only names of this machine are believed in a Host header; otherwise ``trusted_hosts``
    (host names without a port, ``*.example.org`` for all below) limits them, and an empty tuple means any.
    ``trusted_proxies`` is how many proxies in front set X-Forwarded-For, -Proto, -Host and -Prefix; 0 for none.
    ``worker_url`` is named where the worker does not answer.
    """

    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    loopback: bool = True
    trusted_hosts: tuple[str, ...] = ()
    trusted_proxies: int = 0
    worker_url: str | None = None
