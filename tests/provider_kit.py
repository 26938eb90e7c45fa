"""A provider of OpenID Connect for the tests: its own server and keys, and every way to be one that lies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "enschedule", "a-secret-of-the-client"


@cache
def _key(name: str) -> RSAKey:
    """Return a key, the same at each call: to make one takes longer than all the rest."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


def _encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


class FakeProvider:
    """What it does: ``people`` may log in there by name, ``as_`` is who does without being asked.

    ``lie`` changes what it signs: a function of the claims. ``sign`` says with what: ``own``, ``other`` (a key that it
    does not publish), ``none``, ``secret`` (HS256 with the client's secret). ``lost`` are paths that answer 500.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.people: dict[str, dict[str, Any]] = {}
        self.as_: str | None = None
        self.lie: Callable[[dict[str, Any]], dict[str, Any]] = dict
        self.sign = "own"
        self.lost: set[str] = set()
        self.userinfo: dict[str, Any] = {}
        self.issuer_said: str | None = None
        self.asked: list[str] = []
        self.key = _key("1")
        self.codes: dict[str, dict[str, str]] = {}
        self.issuer = ""

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is no longer published."""
        self.key = RSAKey.import_key({**_key("other").as_dict(private=True), "kid": secrets.token_hex(4)})

    def settings(self, **more: str) -> dict[str, str]:
        """Return the environment of a server that uses it."""
        return {
            "ENSCHEDULE_OIDC_ISSUER": self.issuer,
            "ENSCHEDULE_OIDC_CLIENT_ID": CLIENT_ID,
            "ENSCHEDULE_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "ENSCHEDULE_OIDC_ROLE_CLAIM": "groups",
            "ENSCHEDULE_OIDC_ROLE_MAP": "bosses=admin,staff=viewer",
            **more,
        }

    # ------------------------------------------------------------ what it answers

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer_said or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def code_for(self, query: Mapping[str, str], name: str) -> str:
        """Log somebody in and return where the browser goes back to."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = {**query, "name": name}
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Exchange a code, once; the client's secret, the address and PKCE have to be right."""
        begun = self.codes.pop(form.get("code", ""), None)
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if given != f"{CLIENT_ID}:{CLIENT_SECRET}":
            return 401, {"error": "invalid_client"}
        if begun is None or form.get("redirect_uri") != begun["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).decode().rstrip("=")
        if (begun.get("code_challenge"), begun.get("code_challenge_method")) != (challenge, "S256"):
            return 400, {"error": "invalid_grant"}
        name = begun["name"]
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": f"id-of-{name}",
            "iat": int(self.now()),
            "exp": int(self.now()) + 300,
            "nonce": begun.get("nonce"),
            "preferred_username": name,
            **self.people.get(name, {}),
        }
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self.signed(self.lie(claims))}

    def signed(self, claims: dict[str, Any]) -> str:
        if self.sign == "none":
            return ".".join([*(_encoded(json.dumps(part).encode()) for part in ({"alg": "none"}, claims)), ""])
        if self.sign == "secret":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET))
        if self.sign == "public":  # the old trick: the public key, as if it were a secret that both share
            first, second = (_encoded(json.dumps(one).encode()) for one in ({"alg": "HS256", "kid": "1"}, claims))
            made = hmac.new(self.key.as_pem(private=False), f"{first}.{second}".encode(), hashlib.sha256)
            return f"{first}.{second}.{_encoded(made.digest())}"
        key = self.key if self.sign == "own" else _key("other")
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, key)


class _Handler(BaseHTTPRequestHandler):
    provider: FakeProvider

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        provider = self.provider
        provider.asked.append(parts.path)
        if parts.path in provider.lost:
            return self.say(500, {"error": "lost"})
        match parts.path:
            case "/.well-known/openid-configuration":
                self.say(200, provider.described())
            case "/jwks":
                self.say(200, {"keys": [provider.key.as_dict(private=False)]})
            case "/userinfo":
                self.say(200, provider.userinfo)
            case "/authorize":
                name = query.get("as") or provider.as_
                if name:
                    self.lead(provider.code_for(query, name))
                else:
                    self.ask(query)
            case _:
                self.say(200, {"path": parts.path})
        return None

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", "0"))
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(size).decode()).items()}
        self.provider.asked.append(urlsplit(self.path).path)
        if "/token" in self.provider.lost:
            return self.say(500, {"error": "lost"})
        return self.say(*self.provider.token(form, self.headers.get("Authorization", "")))

    def ask(self, query: dict[str, str]) -> None:
        """Show the page on which a person chooses who they are."""
        lines = ["<!doctype html><title>Provider</title><h1>The provider</h1>"]
        ways = {name: html.escape(urlencode({**query, "as": name})) for name in self.provider.people}
        lines += [f'<p><a href="/authorize?{way}">I am {name}</a>' for name, way in ways.items()]
        back = f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
        lines.append(f'<p><a href="{html.escape(back)}">Cancel</a>')
        self.send(200, "text/html", "".join(lines).encode())

    def lead(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def say(self, status: int, body: Any) -> None:
        self.send(status, "application/json", json.dumps(body).encode())

    def send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def provider(now: Callable[[], float] = time.time) -> Iterator[FakeProvider]:
    """Run a provider on this machine."""
    made = FakeProvider(now)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": made}))
    made.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    serving.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        serving.join(10)
