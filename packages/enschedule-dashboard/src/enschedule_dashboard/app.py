"""The dashboard as a Flask app: pages over the REST API, nothing else."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

from flask import Flask, g, redirect, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from enschedule_dashboard import compress, filters, problems, reordering, security, session, shell
from enschedule_dashboard.session import ClientFactory
from enschedule_dashboard.settings import DashboardSettings
from enschedule_dashboard.templating import Pages
from enschedule_dashboard.views import blueprints

STATIC = Path(__file__).parent / "static"
#: Endpoints that answer whoever asks: nothing in them is known only after log-in.
OPEN_ENDPOINTS = frozenset(
    {
        *("static", "favicon"),
        *security.FOR_ANY_NAME,
        *("login.enter", "login.enter_post", "login.set_up", "login.set_up_post", "login.theme"),
        *("login.to_provider", "login.from_provider"),
    }
)


class FormCookie(SecureCookieSessionInterface):
    """The signed cookie of forms and notices; over TLS it is sent over TLS only, wherever that ends."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - what Flask calls it with
        """Return whether this request came over TLS, as the proxies that are trusted say."""
        return request.is_secure


def build_of(folder: Path) -> str:
    """Return a short name for the present state of the static files; it is part of their address.

    So they may be kept by browsers for good, also the modules that scripts import from each other.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:10]


def create_app(client_factory: ClientFactory, settings: DashboardSettings | None = None) -> Flask:
    """Build the pages.

    ``client_factory(token, browser_address)`` returns the client of one request; ``token`` is that of the browser's
    session, ``None`` if it has none. The app opens no database and starts no thread.
    """
    settings = settings or DashboardSettings()
    app = Pages(__name__, static_url_path=f"/static/{build_of(STATIC)}")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="enschedule_form",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=365),
        WTF_CSRF_TIME_LIMIT=None,  # a page may stay open for days; the token ends with its cookie
        WTF_CSRF_SSL_STRICT=False,  # the Origin check does this, and works behind a proxy
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.session_interface = FormCookie()
    compress.install(app)
    reordering.install(app)
    security.install(app, settings)
    CSRFProtect(app)
    problems.install(app)
    filters.register(app)
    shell.install(app)
    _identify(app, client_factory, settings)
    app.add_url_rule("/favicon.ico", "favicon", _favicon)
    for blueprint in blueprints():
        app.register_blueprint(blueprint)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops
        )
    return app


def _identify(app: Flask, client_factory: ClientFactory, settings: DashboardSettings) -> None:
    """Give every request its client and viewer, and ask the worker who this is."""

    @app.before_request
    def identify() -> None:
        if request.endpoint == "static":
            return
        g.loopback = settings.loopback
        g.elsewhere = settings.worker_url is not None
        g.client = client_factory(session.token(), session.browser_address())
        g.me = None if request.endpoint in OPEN_ENDPOINTS else session.identify(loopback=settings.loopback)
        g.viewer = session.look_around(g.me)

    @app.teardown_request
    def close(_error: BaseException | None = None) -> None:
        client = g.pop("client", None)
        if client is not None:
            client.close()


def _favicon() -> Response:
    return redirect(filters.static("favicon.svg"), 302)
