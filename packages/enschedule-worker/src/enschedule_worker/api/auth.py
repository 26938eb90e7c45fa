"""Who makes a request: a key, a session, or somebody at this machine.

Once there is an account, every request needs a key or a session. Until then, and bound to loopback, a request needs
none as long as it can only come from this machine's own programs and from
pages that this server itself sent: its ``Host`` is a loopback name (a page of a foreign site that made its own name
point at 127.0.0.1 sends that name), it is not marked as coming from another origin, and no proxy passed it on for
somebody elsewhere.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Request

from enschedule_core.actor import Actor
from enschedule_core.errors import BadRequest, Forbidden, Unauthenticated
from enschedule_worker.api.context import ApiContext
from enschedule_worker.service import keys, sessions

INLINE = "enschedule.inline"
_OWN_FETCHES = frozenset({"same-origin", "none"})
_HINT = "Send Authorization: Bearer with an API key or a session's token, or X-API-Key with a key."


def identify(request: Request, context: ApiContext) -> Actor:
    """Return who asks.

    Raises :class:`Unauthenticated` for a wrong key, and for none where one is needed; :class:`Forbidden` for a
    request without a key that another site may have made; :class:`BadRequest` for a host that is not trusted.
    """
    _check_host(request, context)
    address = address_of(request, context)
    key = request.headers.get("X-API-Key")
    shared = key is not None and sessions.same(key, context.auth.api_key)
    if key is not None and not shared and not key.startswith(keys.BEGINNING):
        raise Unauthenticated("The key in X-API-Key is not right.", hint=_HINT)
    own = None if key is None or shared else keys.authenticate(context.database, key, address=address)
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        return _by_token(_token(authorization), context, address)
    if own is not None:
        return own
    if shared:
        return sessions.service_actor(address)
    if not context.auth.bound_to_loopback or context.accounts.exist(context.database):
        raise Unauthenticated("This needs a key or a session.", hint=_HINT)
    _check_local(request)
    return sessions.local_actor(address)


def address_of(request: Request, context: ApiContext) -> str | None:
    """Return where a request comes from: the address that it says, if it shows the ``API_KEY``, as a dashboard does."""
    said = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    if said and sessions.same(request.headers.get("X-API-Key", ""), context.auth.api_key):
        try:
            return str(ip_address(said))
        except ValueError:
            return request.remote_addr
    return request.remote_addr


def _check_host(request: Request, context: ApiContext) -> None:
    trusted = context.auth.trusted_hosts
    name = host_name(request.host)
    if trusted and not request.environ.get(INLINE) and not any(fnmatchcase(name, one) for one in trusted):
        raise BadRequest(f"This server is not called {name}.", hint="See ENSCHEDULE_TRUSTED_HOSTS.")


def _token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The Authorization header must read: Bearer KEY-OR-TOKEN.", hint=_HINT)
    return token.strip()


def _by_token(token: str, context: ApiContext, address: str | None) -> Actor:
    if sessions.same(token, context.auth.api_key):
        return sessions.service_actor(address)
    return sessions.authenticate(context.database, token, address=address)


def _check_local(request: Request) -> None:
    name = host_name(request.host)
    if not is_loopback(name):
        raise Forbidden(f"Without a key, this server answers as localhost only, not as {name}.", hint=_HINT)
    if request.remote_addr and not is_loopback(request.remote_addr):
        raise Unauthenticated("Without a key, this server answers to this machine only.", hint=_HINT)
    passed_on = [*request.headers.get("X-Forwarded-For", "").split(","), request.headers.get("X-Real-IP", "")]
    elsewhere = any(hop.strip() and not is_loopback(hop.strip()) for hop in passed_on)
    if elsewhere or request.headers.get("Forwarded"):
        raise Unauthenticated(
            "A proxy passed this on; without a key, this server answers to this machine only.", hint=_HINT
        )
    if not _is_own_page(request):
        raise Forbidden("Another site made this request; without a key, only this server's own pages may.", hint=_HINT)


def _is_own_page(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in _OWN_FETCHES:
        return False
    origin = request.headers.get("Origin")
    return origin is None or (urlsplit(origin).scheme in {"http", "https"} and urlsplit(origin).netloc == request.host)


def host_name(host: str) -> str:
    """Return the name of a ``Host`` header without its port and without the brackets of IPv6, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].rstrip(".").lower()


def is_loopback(name: str) -> bool:
    """Return whether a host name or an address can only mean this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
