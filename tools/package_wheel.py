"""One checked download from the package index that this machine is set up for.

A part of bootstrap.py that runs only when there is something to install; standard library only.
Sources: PEP 503 and PEP 691 (the simple API), and PEP 427 (names of wheels).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html.parser
import json
import netrc
import re
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from package_index import IndexFault, IndexSettings

TIMEOUT_SECONDS = 60
TRIES = 3
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


@dataclass(frozen=True)
class Wheel:
    """One wheel an index offers; `sha256` is None only for a file on this machine."""

    version: tuple[int, ...]
    filename: str
    url: str
    sha256: str | None


def fetch_wheel(name: str, settings: IndexSettings, folder: Path) -> Path:
    """Download the newest pure-Python wheel of `name` that runs here, check it, and return its path.

    Raises:
        IndexFault: nothing fits, the index cannot be reached, or the digest is wrong or missing.
    """
    pages = [] if settings.no_index else [settings.index, *settings.extra]
    urls = [f"{page.rstrip('/')}/{name}/" for page in pages]
    urls += [place if "://" in place else Path(place).expanduser().resolve().as_uri() for place in settings.find_links]
    wheels = [wheel for url in urls for wheel in _offers(name, url, settings)]
    if not wheels:
        message = (
            f"no wheel of {name} for this Python at {', '.join(map(_without_secret, urls))}. "
            "Set PIP_INDEX_URL, for example PIP_INDEX_URL=https://packages.example.com/simple"
        )
        raise IndexFault(message)
    wheel = max(wheels, key=lambda offer: offer.version)
    content = _read(wheel.url, settings)
    digest = hashlib.sha256(content).hexdigest()
    if wheel.sha256 != digest and not (wheel.sha256 is None and wheel.url.startswith("file:")):
        message = (
            f"{wheel.filename} from {_without_secret(wheel.url)}: the index promises "
            f"SHA-256 {wheel.sha256 or '(none)'}, the file has {digest}; it was not used"
        )
        raise IndexFault(message)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / wheel.filename
    path.write_bytes(content)
    return path


def _offers(name: str, url: str, settings: IndexSettings) -> Iterator[Wheel]:
    """Yield the usable wheels of one page, one JSON answer, or one folder."""
    if url.startswith("file:"):
        local = Path(urllib.request.url2pathname(urllib.parse.urlparse(url).path))
        page = local if local.is_file() else local / "index.html"
        if not page.exists():
            files = local.iterdir() if local.is_dir() else ()
            yield from filter(None, (_wheel(name, path.name, path.as_uri(), None, None) for path in files))
            return
        url = page.as_uri()
    try:
        body, kind, base = _get(url, settings)
    except urllib.error.HTTPError as error:
        if error.code == 404:  # an index without this project, as PEP 503 has it
            return
        raise IndexFault(_unreachable(url, error)) from error
    if "json" in kind:
        for file in json.loads(body)["files"]:
            if not file.get("yanked"):
                digest = file.get("hashes", {}).get("sha256")
                target = _with_login(urllib.parse.urljoin(base, file["url"]), url)
                offer = _wheel(name, file["filename"], target, digest, file.get("requires-python"))
                if offer:
                    yield offer
        return
    for offer in _Links(name, base).of(body.decode("utf-8", "replace")):
        yield replace(offer, url=_with_login(offer.url, url))


class _Links(html.parser.HTMLParser):
    """The anchors of a PEP 503 page."""

    def __init__(self, name: str, base: str) -> None:
        super().__init__()
        self.name, self.base = name, base
        self.found: list[Wheel] = []

    def of(self, page: str) -> list[Wheel]:
        self.feed(page)
        return self.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        href = values.get("href")
        if tag != "a" or not href or "data-yanked" in values:
            return
        url, _, fragment = urllib.parse.urljoin(self.base, href).partition("#")
        digest = dict(urllib.parse.parse_qsl(fragment)).get("sha256")
        filename = urllib.parse.unquote(url.rpartition("/")[2])
        offer = _wheel(self.name, filename, url, digest, values.get("data-requires-python"))
        if offer:
            self.found.append(offer)


def _wheel(name: str, filename: str, url: str, digest: str | None, requires: str | None) -> Wheel | None:
    """Return the offer if it is a final, pure-Python wheel of `name` that this Python may run."""
    match = re.fullmatch(rf"{re.escape(name)}-(\d+(?:\.\d+)*)-py3-none-any\.whl", filename)
    lowest = re.search(r">=\s*(\d+)\.(\d+)", requires or "")
    if not match or (lowest and sys.version_info[:2] < (int(lowest[1]), int(lowest[2]))):
        return None
    return Wheel(tuple(map(int, match[1].split("."))), filename, url, digest)


def _read(url: str, settings: IndexSettings) -> bytes:
    try:
        return _get(url, settings)[0]
    except urllib.error.HTTPError as error:
        raise IndexFault(_unreachable(url, error)) from error


def _get(url: str, settings: IndexSettings) -> tuple[bytes, str, str]:
    """Return body, media type and final URL; tries again after what may pass.

    Raises:
        urllib.error.HTTPError: the server's answer was an error.
        IndexFault: there was no answer.
    """
    for attempt in range(1, TRIES + 1):
        try:
            with _opener(url, settings).open(_request(url), timeout=TIMEOUT_SECONDS) as answer:
                return answer.read(), answer.headers.get("Content-Type", ""), answer.geturl()
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == TRIES:  # RFC 9110: 5xx is the server's fault
                raise
        except OSError as error:
            if attempt == TRIES or isinstance(getattr(error, "reason", error), ssl.SSLCertVerificationError):
                raise IndexFault(_unreachable(url, error)) from error
        time.sleep(attempt)
    raise AssertionError


def _request(url: str) -> urllib.request.Request:
    """Return the request, with the user and password of the URL or of ~/.netrc, which no redirect carries along."""
    parts = urllib.parse.urlsplit(url)
    user, password = urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")
    if not user and parts.hostname:
        with contextlib.suppress(OSError, netrc.NetrcParseError):
            login = netrc.netrc().authenticators(parts.hostname)
            user, password = (login[0], login[2]) if login else ("", "")
    bare = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    request = urllib.request.Request(bare, headers={"Accept": ACCEPT})
    if user:
        token = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _opener(url: str, settings: IndexSettings) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context(cafile=settings.cert)
    host = urllib.parse.urlsplit(url).hostname or ""
    if any(trusted.partition(":")[0] == host for trusted in settings.trusted_hosts):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else None
    return urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler(proxies)
    )


def _unreachable(url: str, error: Exception) -> str:
    reason = getattr(error, "reason", error)
    hint = "Set PIP_INDEX_URL to an index this machine reaches, for example https://packages.example.com/simple"
    if isinstance(reason, ssl.SSLCertVerificationError):
        hint = "Install the ca-certificates package, or name a file of certificates: PIP_CERT=/etc/ssl/company.pem"
    return f"{_without_secret(url)} cannot be read: {reason}. {hint}"


def _with_login(url: str, page: str) -> str:
    """Return `url` with the user and password of `page`, if both are on one server."""
    target, origin = urllib.parse.urlsplit(url), urllib.parse.urlsplit(page)
    same = (target.scheme, target.netloc) == (origin.scheme, origin.netloc.rpartition("@")[2])
    return urllib.parse.urlunsplit(target._replace(netloc=origin.netloc)) if same else url


def _without_secret(url: str) -> str:
    return re.sub(r"(?<=//)[^/@]*@", "", url)
