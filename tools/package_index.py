"""Which package index this machine is set up for.

A part of bootstrap.py that runs only when there is something to install; standard library only.
Source: pip's page on its configuration.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SYSTEM_FILE = Path("/etc/pip.conf")


class IndexFault(Exception):
    """The index cannot be used; the message says why and which setting to look at."""


@dataclass(frozen=True)
class IndexSettings:
    """Where packages come from.

    Attributes:
        index: base URL of the simple API.
        explicit: whether somebody set it, so that the default need not be handed on.
        extra: further indexes, asked as well.
        find_links: folders, files or pages with archives.
        cert: a file of certificate authorities, or None for the system's.
        trusted_hosts: hosts whose certificate is not checked.
        proxy: URL of a proxy, or None for what the environment says.
        no_index: use only `find_links`.
    """

    index: str
    explicit: bool = False
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    cert: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    proxy: str | None = None
    no_index: bool = False


def read_settings(environ: Mapping[str, str], default_index: str) -> IndexSettings:
    """Read the settings of pip and uv: environment first, then pip's files, then `default_index`."""
    files = _pip_files(environ)

    def setting(name: str) -> str | None:
        return environ.get(f"PIP_{name.upper().replace('-', '_')}") or files.get(name) or None

    uv_index = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or ""
    index = (
        environ.get("PIP_INDEX_URL")
        or re.sub(r"^[\w.-]+=(?=\w+:)", "", uv_index)  # uv also takes NAME=URL
        or files.get("index-url")
    )
    return IndexSettings(
        index=index or default_index,
        explicit=bool(index),
        extra=tuple((setting("extra-index-url") or "").split()),
        find_links=tuple(place for place in (setting("find-links") or "").split() if _usable_place(place)),
        cert=setting("cert"),
        trusted_hosts=tuple((setting("trusted-host") or "").split()),
        proxy=setting("proxy"),
        no_index=(setting("no-index") or "").lower() in ("1", "true", "yes", "on"),
    )


def _usable_place(place: str) -> bool:
    """Whether a find-links entry is there: pip passes over a missing folder, uv stops at it."""
    return "://" in place or Path(place).expanduser().exists()


def _pip_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the options of pip's configuration files, later files winning, `[install]` over `[global]`."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return {}
    home = Path(environ.get("HOME") or Path.home())
    system = [Path(folder) / "pip" / "pip.conf" for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")]
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    paths = [*reversed(system), SYSTEM_FILE, home / ".pip" / "pip.conf", user]
    if sys.platform == "darwin":
        library = Path("Library") / "Application Support" / "pip" / "pip.conf"
        paths = ["/" / library, *paths, home / library]
    parser = configparser.RawConfigParser()
    try:
        parser.read([*paths, *([Path(named)] if named else [])], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        message = f"pip's configuration cannot be read: {error}"
        raise IndexFault(message) from error
    sections = [parser[name] for name in ("global", "install") if parser.has_section(name)]
    return {key.replace("_", "-"): value for section in sections for key, value in section.items()}


def child_environment(settings: IndexSettings) -> dict[str, str]:
    """Return the variables that make uv (and pip) use the same places."""
    variables = {"UV_PYTHON_DOWNLOADS": "never"}
    if settings.explicit:
        variables |= {"UV_DEFAULT_INDEX": settings.index, "PIP_INDEX_URL": settings.index}
    if settings.extra:
        # pip looks at all indexes and takes the best; uv would stop at the first that knows the name.
        variables |= {"UV_INDEX": " ".join(settings.extra), "UV_INDEX_STRATEGY": "unsafe-best-match"}
    if settings.find_links:
        variables["UV_FIND_LINKS"] = ",".join(settings.find_links)
    if settings.cert:
        variables["SSL_CERT_FILE"] = settings.cert
    else:
        variables["UV_SYSTEM_CERTS"] = "true"  # as pip does; uv brings its own list otherwise
    if settings.trusted_hosts:
        variables["UV_INSECURE_HOST"] = " ".join(settings.trusted_hosts)
    if settings.proxy:
        variables |= {"HTTPS_PROXY": settings.proxy, "HTTP_PROXY": settings.proxy}
    if settings.no_index:
        variables["UV_NO_INDEX"] = "true"
    return variables
