"""OpenID Connect as a client: the code flow with PKCE, and what has to hold of an id token before it is believed.

The protocol is Authlib's (extra ``oidc``), imported only where a provider is named. What it is given here: the times
of the database's clock, the algorithms that a token may be signed by, and that no request is redirected or endless.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

from enschedule_core.errors import ConfigurationError, Unauthenticated, Unavailable
from enschedule_worker.service import claims as claims_of

TIMEOUT_SECONDS = 5
SILENT_SECONDS = 5
"""For how long a provider that did not answer is not asked again: anybody may begin a log-in, and each would wait."""
LEEWAY_SECONDS = 60
KEPT_SECONDS = 3600
_ANSWER_MAX_BYTES = 1024 * 1024
# Of a public key only: a token "signed" by the client's secret, or by nothing, is not one of the provider's.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_AGAIN = "Log in again; if it stays so, an admin should look at the settings ENSCHEDULE_OIDC_…"


@dataclass(frozen=True, slots=True)
class Client:
    """What a provider knows us by. ``issuer`` is compared as it stands, a slash at its end included."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False, default=None)
    scopes: tuple[str, ...] = ("openid", "profile", "email")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What one log-in is told apart by: ``state`` comes back in the address, ``nonce`` in the id token.

    Of ``verifier`` only the hash goes there with the browser; itself goes to the provider, with the code.
    """

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


def is_safe(url: str) -> bool:
    """Return whether an address of a provider may be used: by TLS, or on this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def check_installed() -> None:
    """Raise :class:`ConfigurationError` where Authlib is not there."""
    try:
        import authlib.integrations.requests_client  # noqa: F401, PLC0415 - only where it is asked for
    except ImportError as problem:
        raise ConfigurationError(
            f"ENSCHEDULE_OIDC_ISSUER: single sign-on needs a library that is not installed ({problem.name}).",
            hint="pip install 'enschedule-worker[oidc]'",
        ) from None


class Provider:
    """One provider. What it says of itself, and its keys, are kept for an hour."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] | None = None
        self._keys: dict[str, Any] | None = None
        self._read_at = 0.0
        self._silence: tuple[float, Unavailable] | None = None

    # ------------------------------------------------------------ the way there and back

    def authorization_url(self, secrets: Secrets, redirect_uri: str) -> str:
        """Return where to send the browser. Raises :class:`Unavailable` if the provider does not answer."""
        endpoint = self._described()["authorization_endpoint"]
        with self._session(redirect_uri) as session:
            url, _ = session.create_authorization_url(
                endpoint, state=secrets.state, code_verifier=secrets.verifier, nonce=secrets.nonce
            )
        return str(url)

    def exchange(
        self, code: str, secrets: Secrets, redirect_uri: str, *, now_seconds: int, wanted: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Return the claims of who came back with ``code``, all of them checked.

        ``wanted`` are claims that are asked of the userinfo endpoint where the id token has none of that name.
        Raises :class:`Unavailable` if the provider does not answer, :class:`Unauthenticated` where it refuses the
        code, and for an id token that cannot be believed.
        """
        described = self._described()
        token = self._token(described, code, secrets, redirect_uri)
        found = self._verified(described, token, secrets.nonce, now_seconds)
        endpoint = described.get("userinfo_endpoint")
        if endpoint and "access_token" in token and not all(claims_of.has(found, name) for name in wanted):
            more = self._get(endpoint, bearer=str(token["access_token"]))
            if more.get("sub") != found["sub"]:  # OpenID Connect Core, 5.3.2: else it may be somebody else's
                _refuse("it tells of somebody else than its token does")
            found = {**more, **found}
        return found

    def logout_url(self, after: str | None) -> str | None:
        """Return where the browser ends its session at the provider, and goes on to ``after``; ``None`` if not known.

        Asks nobody: only what the provider has said of itself within this process counts.
        """
        endpoint = (self._metadata or {}).get("end_session_endpoint")
        if not isinstance(endpoint, str) or not is_safe(endpoint):
            return None
        query = urlencode({"client_id": self.client.client_id} | ({"post_logout_redirect_uri": after} if after else {}))
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    # ------------------------------------------------------------ what the provider says

    def _session(self, redirect_uri: str | None = None, method: str | None = None) -> Any:
        from authlib.integrations.requests_client import OAuth2Session  # noqa: PLC0415 - only where it is used

        return OAuth2Session(
            self.client.client_id,
            self.client.client_secret,
            scope=" ".join(self.client.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method=method,
            default_timeout=TIMEOUT_SECONDS,
        )

    def _described(self) -> dict[str, Any]:
        """Return the provider's description of itself (OpenID Connect Discovery)."""
        with self._lock:
            if self._metadata is None or time.monotonic() - self._read_at > KEPT_SECONDS:
                if self._silence is not None and time.monotonic() < self._silence[0]:
                    raise Unavailable(self._silence[1].detail, hint=self._silence[1].hint)
                try:
                    self._metadata, self._keys, self._read_at = self._discovered(), None, time.monotonic()
                except Unavailable as problem:
                    self._silence = (time.monotonic() + SILENT_SECONDS, problem)
                    raise
            return self._metadata

    def _discovered(self) -> dict[str, Any]:
        issuer = self.client.issuer
        return _checked(self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"), issuer)

    def _key_set(self, described: Mapping[str, Any], *, again: bool = False) -> Any:
        from joserfc.errors import JoseError  # noqa: PLC0415 - only where it is used
        from joserfc.jwk import KeySet  # noqa: PLC0415

        with self._lock:
            if self._keys is None or again:
                self._keys = self._get(described["jwks_uri"])
            try:
                return KeySet.import_key_set(self._keys)  # type: ignore[arg-type]
            except (JoseError, ValueError, KeyError, TypeError):
                self._keys = None
                raise self._silent("its keys cannot be read") from None

    def _get(self, url: str, *, bearer: str | None = None) -> dict[str, Any]:
        """Return a JSON object from the provider, without following it anywhere else."""
        import requests  # noqa: PLC0415 - only where it is used

        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        try:
            asked = requests.get(url, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True)
            with closing(asked) as answer:
                if answer.status_code != 200:
                    raise self._silent(f"{urlsplit(url).path} answers {answer.status_code}")
                text = answer.raw.read(_ANSWER_MAX_BYTES + 1, decode_content=True)
            found = json.loads(text) if len(text) <= _ANSWER_MAX_BYTES else None
        except (requests.RequestException, OSError, ValueError) as problem:
            raise self._silent(_said(problem)) from None
        if not isinstance(found, dict):
            raise self._silent(f"{urlsplit(url).path} is not a JSON object")
        return found

    def _token(self, described: Mapping[str, Any], code: str, secrets: Secrets, redirect_uri: str) -> Mapping[str, Any]:
        import requests  # noqa: PLC0415 - only where it is used
        from authlib.common.errors import AuthlibBaseError  # noqa: PLC0415

        method = None
        offered = described.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if self.client.client_secret and "client_secret_basic" not in offered and "client_secret_post" in offered:
            method = "client_secret_post"
        try:
            with self._session(redirect_uri, method) as session:
                token = session.fetch_token(
                    described["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=secrets.verifier,
                    redirect_uri=redirect_uri,
                    allow_redirects=False,
                )
        except AuthlibBaseError as problem:
            _refuse(f"it refuses the code ({str(problem.error)[:60]})")
        except (requests.RequestException, OSError, ValueError, UnicodeError) as problem:
            raise self._silent(_said(problem)) from None
        return dict(token)

    def _verified(
        self, described: Mapping[str, Any], token: Mapping[str, Any], nonce: str, now_seconds: int
    ) -> dict[str, Any]:
        """Return the claims of the id token, if signature, issuer, audience, times and nonce are right."""
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 - only where it is used
        from joserfc import jwt  # noqa: PLC0415
        from joserfc.errors import InvalidKeyIdError, JoseError  # noqa: PLC0415
        from joserfc.jws import JWSRegistry  # noqa: PLC0415

        raw = token.get("id_token")
        if not isinstance(raw, str):
            _refuse("it sent no id token; the scope openid is missing, perhaps")
        said = described.get("id_token_signing_alg_values_supported") or ["RS256"]
        registry = JWSRegistry(algorithms=[one for one in _ALGORITHMS if one in said], strict_check_header=False)
        try:
            try:
                read = jwt.decode(raw, key=self._key_set(described), registry=registry)
            except InvalidKeyIdError:  # it has new keys since ours were read
                read = jwt.decode(raw, key=self._key_set(described, again=True), registry=registry)
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": self.client.issuer},
                    "aud": {"essential": True, "value": self.client.client_id},
                    "sub": {"essential": True},
                    "exp": {"essential": True},
                    "iat": {"essential": True},
                },
                {"nonce": nonce, "client_id": self.client.client_id, "access_token": token.get("access_token")},
            )
            claims.validate(now=now_seconds, leeway=LEEWAY_SECONDS)
        except JoseError as problem:
            _refuse(f"its id token does not hold ({_fault(problem)})")
        except (ValueError, TypeError, KeyError):
            _refuse("its id token cannot be read")
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            _refuse("its id token names nobody")
        return dict(claims)

    def _silent(self, why: str) -> Unavailable:
        name = urlsplit(self.client.issuer).netloc
        return Unavailable(
            f"The provider of the log-in, {name}, does not answer as it should: {why}.",
            hint="Try again in a moment; a log-in with a password or a key does not need it.",
        )


def _checked(described: dict[str, Any], issuer: str) -> dict[str, Any]:
    """Return a provider's description of itself, once it is of the issuer that was asked and has what is needed."""
    if described.get("issuer") != issuer:
        raise Unavailable(
            f"The provider of the log-in calls itself {str(described.get('issuer'))[:200]!r}, not {issuer!r}.",
            hint="An admin sets ENSCHEDULE_OIDC_ISSUER to what it calls itself, to the last character.",
        )
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not isinstance(described.get(name), str) or not is_safe(described[name]):
            raise Unavailable(
                f"The provider of the log-in names no {name} that can be used.",
                hint="It has to be an https address.",
            )
    return described


def _refuse(why: str) -> NoReturn:
    raise Unauthenticated(f"The provider's answer is not believed: {why}.", hint=_AGAIN)


def _fault(problem: Exception) -> str:
    """Return what is wrong with a token in a few words of the library, never the token itself."""
    kind = type(problem).__name__.removesuffix("Error")
    claim = getattr(problem, "claim", None)
    return f"{kind}: {claim}" if isinstance(claim, str) else kind


def _said(problem: Exception) -> str:
    """Return why a request came to nothing, without its address, which may have secrets in it."""
    reason: Any = problem
    while getattr(reason, "args", None) and isinstance(reason.args[0], Exception):
        reason = reason.args[0]
    inner = getattr(reason, "reason", None)
    kind = type(inner if isinstance(inner, Exception) else reason).__name__
    words = {"NewConnectionError": "no connection", "NameResolutionError": "its name is not known"}
    words |= {"ConnectTimeoutError": "no connection in time", "ReadTimeout": "no answer in time"}
    return words.get(kind, kind)
