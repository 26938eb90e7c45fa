"""Chromium before a real `enschedule up`; every page that is opened is watched for what a page must never do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

HANDLERS = Path(__file__).parent / "handlers"
# A page that answers 404, 409, 412 or 422 is a page; Chromium notes it on the console all the same.
NOTED = re.compile(r"Failed to load resource: the server responded with a status of (404|409|412|422|503)\b")

# Runs that still go when the tests are over are not waited for.
QUICK = {"ENSCHEDULE_GRACE_SECONDS": "1"}

expect.set_options(timeout=15_000)


class Watched:
    """What the pages of one browser context did: errors on the console, requests to elsewhere, broken assets."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.faults: list[str] = []

    def watch(self, context: BrowserContext) -> None:
        context.on("console", lambda message: self._console(message.type, message.text))
        context.on("weberror", lambda error: self.faults.append(f"exception: {error.error}"))
        context.on("request", self._request)
        context.on("response", lambda answer: self._response(answer.url, answer.status))

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not NOTED.match(text):
            self.faults.append(f"console {kind}: {text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.faults.append(f"request to elsewhere: {request.url}")

    def _response(self, url: str, status: int) -> None:
        if status >= 500 or (status >= 400 and "/static/" in url):
            self.faults.append(f"{status}: {url}")


@pytest.fixture(scope="session")
def server(start_server, tmp_path_factory) -> Iterator:
    """One server for all stories; each makes schedules of its own."""
    with start_server(tmp_path_factory.mktemp("site"), HANDLERS_DIR=str(HANDLERS), **QUICK) as running:
        yield running


HOSTILE = (
    "<script>window.pwned=1</script><img src=x onerror='window.pwned=2'>\"'><svg onload=window.pwned=3>"
    "{{ 7*7 }} \u202egnp"
)
EVIL_TAG = "<img/src=x/onerror=window.pwned=4>"


@dataclass(frozen=True)
class Filled:
    """Runs of every kind, and every page that shows them: name → path."""

    pages: dict[str, str]
    runs: dict[str, int]


@pytest.fixture(scope="session")
def filled(server) -> Filled:
    """Fill the server with something of everything a page can show."""
    server.make("steady", "every 2 seconds", title="Steady", tags=["shop"], description="Runs all the time.")
    refused = {"url": "http://127.0.0.1:9/"}
    more = {"retry": {"max_attempts": 3, "delay_seconds": 300}, "tags": ["shop", "x"]}
    server.make("troubled", "every hour", handler="fetch", data=refused, title="Troubled", **more)
    server.make("on-hold", "every day at 02:30", title="On hold", managed_by="file shop.yml")
    server.call("POST", "schedules/on-hold/pause", {"reason": "vendor maintenance"})
    server.call("PUT", "secrets/SHOP_TOKEN", {"value": "a made-up value"})
    server.make("by-hand", title="By hand", env={"SHOP_TOKEN": {"$secret": "SHOP_TOKEN"}})
    server.make("long", handler="ticker", data={"lines": 3000}, title="Goes on for long")
    server.make("ticks", handler="ticker", data={"lines": 6}, title="Ticks")
    server.make(
        "evil",
        handler="hostile",
        data={"fail": True, "x": HOSTILE},
        title=HOSTILE,
        description=HOSTILE,
        tags=[EVIL_TAG],
    )
    runs = {id: server.run(id)["id"] for id in ("troubled", "long", "by-hand", "ticks", "evil")}
    server.make("stopped", handler="ticker", data={"lines": 3000}, title="Stopped")
    runs["stopped"] = server.run("stopped")["id"]
    server.wait_run(runs["stopped"], "running")
    server.call("POST", f"runs/{runs['stopped']}/cancel")
    for id in ("troubled", "by-hand", "ticks", "evil", "stopped"):
        server.wait_run(runs[id])
    server.wait_run(runs["long"], "running")
    return Filled(pages_of(runs), runs)


def pages_of(runs: dict[str, int]) -> dict[str, str]:
    """Return every page the dashboard has, in each of its states."""
    schedules = {
        f"{id} {page}".strip(): f"/schedules/{id}/{page}".rstrip("/")
        for id, pages in {
            "steady": ("", "edit", "clone", "run", "delete"),
            "troubled": ("", "edit"),
            "on-hold": ("",),
            "by-hand": ("",),
            "evil": ("", "edit", "run"),
        }.items()
        for page in pages
    }
    return {
        "home": "/",
        "schedules": "/schedules",
        "schedules filtered": "/schedules?q=tag:shop",
        "schedules none": "/schedules?q=nothing-has-this-name",
        "schedules grouped": "/schedules?by=tag",
        "schedules refused": "/schedules?q=status:nonsense",
        "resume": "/schedules/on-hold/resume",
        "keys": "/keys",
        "choose": "/schedules/new",
        "new fetch": "/schedules/new?handler=fetch",
        "new report": "/schedules/new?handler=report",
        "new order": "/schedules/new?handler=order",
        "new hostile": "/schedules/new?handler=hostile",
        **schedules,
        "runs": "/runs",
        "runs failed": "/runs?status=failed",
        "runs none": "/runs?q=nothing-has-this-name",
        **{f"run {id}": f"/runs/{run}" for id, run in runs.items()},
        "handlers": "/handlers",
        "handler report": "/handlers/report",
        "handler hostile": "/handlers/hostile",
        "calendar": "/calendar",
        "workers": "/workers",
        "more": "/more",
        **{f"admin {name}": f"/admin/{name}" for name in ("users", "groups", "keys", "secrets", "audit", "settings")},
        "admin secret": "/admin/secrets/SHOP_TOKEN",
        "admin secret delete": "/admin/secrets/SHOP_TOKEN/delete",
        "profile": "/profile",
        "log in": "/login",
        "set up": "/setup?token=x",
        "no such run": "/runs/999999999",
        "no such page": "/nowhere",
    }


@pytest.fixture
def watched(server) -> Iterator[Watched]:
    """Fails the test if any page did what a page must never do."""
    found = Watched(server.url)
    yield found
    assert found.faults == []


def opened(new_context, watched: Watched, *, javascript=True, width=1440, theme="light", **options) -> Page:
    """Open a fresh browser profile before the server that ``watched`` is about, and return its page."""
    context = new_context(
        base_url=watched.origin,
        java_script_enabled=javascript,
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        timezone_id=options.pop("timezone_id", "Europe/Stockholm"),
        locale="en-GB",
        **options,
    )
    watched.watch(context)
    page = context.new_page()
    page.set_default_timeout(15_000)
    return page


@pytest.fixture
def visit(watched, new_context) -> Callable[..., Page]:
    """``visit(javascript=False, width=390)`` opens a fresh browser profile and returns its page."""
    return partial(opened, new_context, watched)


@pytest.fixture(scope="module")
def visit_for_all(server, browser) -> Iterator[Callable[..., Page]]:
    """As ``visit``, for what all tests of a file look at; the last of them fails for what a page must never do."""
    found = Watched(server.url)
    yield partial(opened, browser.new_context, found)
    assert found.faults == []


@pytest.fixture
def visit_other(new_context) -> Iterator[Callable[..., Page]]:
    """As ``visit``, before another server: ``visit_other(url, width=390)``."""
    found: list[Watched] = []

    def go(url: str, **options) -> Page:
        found.append(Watched(url))
        return opened(new_context, found[-1], **options)

    yield go
    assert [fault for watched in found for fault in watched.faults] == []


_WIDER = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.querySelectorAll("body *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width && box.right > width + 1 && getComputedStyle(element).position !== "fixed";
  });
  return ["the page", ...wide.slice(-3).map((element) => element.outerHTML.slice(0, 120))];
}"""


@pytest.fixture(scope="session")
def wider() -> Callable[..., dict[int, list[str]]]:
    """``wider(page, *widths)`` returns at which widths of the window a page is wider than it, and what is."""

    def look(page: Page, *widths: int) -> dict[int, list[str]]:
        found = {}
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            found[width] = page.evaluate(_WIDER)
        return {width: wide for width, wide in found.items() if wide}

    return look


@pytest.fixture
def page(visit) -> Page:
    """A page of an ordinary browser."""
    return visit()
