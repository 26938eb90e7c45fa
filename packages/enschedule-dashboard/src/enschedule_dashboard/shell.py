"""What stands around every page: who asks, what fails, the banners that concern all pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, g, request

from enschedule_core.errors import EnscheduleError
from enschedule_core.wire.types import ActorInfo, ServerState
from enschedule_dashboard import present, session
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.security import host_name, is_own_name

PAGES = (
    ("Home", "/"),
    ("Schedules", "/schedules"),
    ("Runs", "/runs"),
    ("Calendar", "/calendar"),
    ("Handlers", "/handlers"),
    ("Workers", "/workers"),
)
ANYWHERE = "*"
NOBODY: ActorInfo = {"kind": "local", "name": "", "permissions": [], "groups": {}}


@dataclass(frozen=True, slots=True)
class Shell:
    """The trouble that the tab's title, the favicon and the banners tell."""

    failing: int = 0
    banners: tuple[str, ...] = ()
    paused: str | None = None


def server() -> ServerState:
    """Return how the server stands, as it said with who is asking; one that is older says it with its queue only."""
    if "server" not in g.me:
        queue = session.client().stats.queue()
        g.me["server"] = {"failing": 0, "broken": 0, "pause": queue["pause"], "places": queue["places"]}
    found: ServerState = g.me["server"]
    return found


def actor() -> ActorInfo:
    """Return who the worker takes this browser for; nobody on pages that are shown before that is known."""
    found: Mapping[str, Any] | None = g.get("me")
    return found["actor"] if found else NOBODY


def read_only() -> bool:
    """Return whether the worker refuses every change; one that is older does not say so."""
    found: Mapping[str, Any] | None = g.get("me")
    return bool(found and found.get("read_only"))


def can(permission: str, group: str | None = ANYWHERE) -> bool:
    """Return whether the person asking has ``permission`` (``read operate edit admin``); pages hide the rest.

    In the ``group`` that owns a thing, or, for ``None``, on the server and what is in no group; where nothing is
    said, in any of them. On a server that is read-only, nobody can do more than read.
    """
    if read_only() and permission != "read":
        return False
    mine = actor()
    groups = mine["groups"]
    if group is not None and group != ANYWHERE and groups is not None:
        return permission in groups.get(group, ())
    elsewhere = group == ANYWHERE and any(permission in held for held in (groups or {}).values())
    return permission in mine["permissions"] or elsewhere


def pages() -> tuple[tuple[str, str], ...]:
    """Return the pages of the bar: name and path."""
    return (*PAGES, ("Admin", "/admin")) if can("admin") else PAGES


def shell() -> Shell:
    """Return the trouble around this page; a worker that does not answer leaves it empty, the page itself says so."""
    if not g.get("me") or g.get("alone"):
        return Shell()
    try:
        now = server()
        failing = now["failing"] + now["broken"]
        return Shell(failing=failing, banners=tuple(_banners(now)), paused=paused_words(now["pause"], viewer()))
    except EnscheduleError:
        return Shell()


def paused_words(pause: Mapping[str, Any] | None, who: present.Viewer) -> str | None:
    """Return ``Everything is paused by ada since 09:12 until 14:00: “database move”.``; None while it is not."""
    if pause is None:
        return None
    until = f" until {present.day_time(pause['until'], who)}" if pause["until"] else ""
    reason = f": “{pause['reason']}”" if pause["reason"] else ""
    return f"Everything is paused by {pause['by']} since {present.day_time(pause['at'], who)}{until}{reason}."


def _banners(now: ServerState) -> list[str]:
    found = []
    if read_only():
        found.append("This server is read-only: everything can be seen, and nothing changed.")
    if not now["places"] and request.path != "/":  # Home says it louder
        found.append("No worker is up. Nothing runs until one is back.")
    if not request.is_secure and not is_own_name(host_name(request.host)):
        found.append("This address has no TLS: everybody on the way can read what you see, and your session.")
    return found


def tab_of(path: str) -> str:
    """Return the page of the bar that ``path`` belongs to: ``/runs`` for ``/runs/12``."""
    return "/" + path.lstrip("/").split("/", 1)[0]


def initials(name: str) -> str:
    """Return at most two letters for the avatar: ``ada lovelace`` → ``AL``."""
    words = [word for word in name.replace("-", " ").replace("_", " ").split() if word[0].isalnum()]
    if not words:
        return "·"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else words[0][1:2])).upper()


def install(app: Flask) -> None:
    """Let every template of ``app`` know what stands around a page; components know ``can`` too."""
    app.jinja_env.globals["can"] = can
    app.jinja_env.globals["read_only"] = read_only
    app.context_processor(context)


def context() -> dict[str, Any]:
    """Return what every template knows."""
    return {
        "shell": shell(),
        "viewer": viewer(),
        "today": present.today(viewer()),
        "actor": actor(),
        "known": bool(g.get("me")) and not g.get("alone"),
        "initials": initials(actor()["name"]),
        "theme": session.theme(),
        "pages": pages(),
        "tab": tab_of(request.path),
    }
