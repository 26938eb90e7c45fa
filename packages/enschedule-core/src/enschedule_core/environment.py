"""What handlers outside the worker's process see of its environment: an allow-list, without the server's secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

#: what programs expect, what network libraries need, and what makes a child process import the same modules
ALLOWED = (
    *("PATH", "HOME", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    "ENSCHEDULE_FETCH_ALLOW_PRIVATE",
)


def handler_environment(environ: Mapping[str, str], more: Iterable[str] = ()) -> dict[str, str]:
    """Return the part of ``environ`` that handlers see.

    ``more`` are further names (ENSCHEDULE_HANDLER_ENV), in which ``*`` stands for any text.
    """
    patterns = (*ALLOWED, *more)
    return {name: value for name, value in environ.items() if any(fnmatchcase(name, one) for one in patterns)}
