"""Pictures of every page, in both themes and three widths, of a server with the demonstration's three weeks behind it.

    python tools/screenshots.py FOLDER [--full] [--page NAME] [--docs]

Fills a database as `enschedule demo` does, always with the same seed and up to the same minute, starts the server on it
with a clock that stands still, and writes FOLDER/NAME-THEME-WIDTH.png. With --full a picture is as long as its page;
with --docs those of the documentation are put into docs/screens, with a palette. Needs Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from enschedule_hub.demo.filling import PLUGINS, fill
from enschedule_worker.databases import open_database
from enschedule_worker.settings import read_settings
from main_job import START_SECONDS, Missing, answers, wait_for
from picture_list import IN_THE_DOCS, PASSWORD, STRANGER, Shown, blank_pages, pages

WIDTHS = {1440: 900, 1024: 768, 390: 844}  # width: height
THEMES = ("light", "dark")
ZONE = "Europe/Stockholm"
NOW = datetime(2026, 11, 23, 13, 32, 7, tzinfo=UTC)
STARTED = NOW - timedelta(minutes=12)  # of the run that goes on
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--hide-scrollbars")
TOOLS = Path(__file__).resolve().parent
DOCS = TOOLS.parent / "docs" / "screens"
COLOURS = 256
HEARTBEAT_SECONDS = 1


class Server:
    """A running server with a clock that is set by hand; its API, asked with the key of the installation."""

    def __init__(self, base: str, folder: Path) -> None:
        self.base = base
        self.folder = folder
        self.token: str | None = None

    def stand(self, at: datetime) -> None:
        """Set the clock."""
        set_clock(self.folder, at)

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the answer of the API to who has logged in, or to this machine before there is anybody."""
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.base}/api/v1/{path}", data, headers, method=method)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def get(self, path: str) -> Any:
        """Return the answer to GET."""
        return self.send("GET", path)


def set_clock(folder: Path, at: datetime) -> None:
    """Set the clock of the server in ``folder``, in one step for whoever reads it."""
    fresh = folder / "clock.new"
    fresh.write_text(str(round(at.timestamp() * 1_000_000)), encoding="ascii")
    fresh.replace(folder / "clock")


@contextmanager
def server(folder: Path, at: datetime) -> Iterator[Server]:
    """Run `enschedule up` in ``folder`` on a free port, with a clock that stands at ``at``."""
    folder.mkdir(exist_ok=True)
    set_clock(folder, at)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    own = {
        "PORT": str(port),
        "SQLITE": str(folder / "enschedule.db"),
        "IMPORT_HANDLERS": PLUGINS,
        "ENSCHEDULE_WORKER_ID": "web-1",
        "ENSCHEDULE_WORKER_TITLE": "Web 1",
        "ENSCHEDULE_TIMEZONE": ZONE,
        "ENSCHEDULE_LEASE_SECONDS": "7200",  # the clock is set forward while a run goes on
        "ENSCHEDULE_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
    }
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, str(TOOLS / "still_server.py"), str(folder / "clock"), "up"]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=kept | own,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for("the first answer", START_SECONDS, lambda: answers(process, base))
        yield Server(base, folder)
    except Missing:
        print((folder / "server.log").read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
        raise
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # nothing of it is kept
        process.wait()


def prepare(folder: Path) -> None:
    """Put three weeks into the database of the server that is to run in ``folder``."""
    folder.mkdir(exist_ok=True)
    database = open_database(read_settings({"SQLITE": str(folder / "enschedule.db")}))
    fill(database, now=NOW)
    database.dispose()


def enliven(there: Server) -> None:
    """Add what only a running server has: people, sessions, keys, and a run that goes on."""
    there.send("POST", "users", {"name": "ada", "password": PASSWORD, "role": "admin"})
    there.token = str(there.send("POST", "sessions", {"name": "ada", "password": PASSWORD})["token"])
    for name, role in (("vera", "viewer"), ("olaf", "operator"), ("edith", "editor")):
        there.send("POST", "users", {"name": name, "password": PASSWORD, "role": role})
    members = (("finance", "vera", "editor"), ("finance", "olaf", "viewer"), ("ops", "olaf", "admin"))
    for group, name, role in (*members, ("shop", "edith", "admin")):
        there.send("PUT", f"groups/{group}/members/{name}", {"role": role})
    for name, role, limit in (("deploys", "operator", "shop"), ("monitoring", "viewer", None)):
        there.send("POST", "api-keys", {"name": name, "role": role, "group": limit})
    there.send("POST", "api-keys", {"name": "my laptop", "role": "admin", "own": True})
    for name, owner in (("CRM_TOKEN", None), ("ERP_PASSWORD", "finance"), ("MAIL_PASSWORD", None)):
        there.send("PUT", f"secrets/{name}", {"value": "a made-up value", "group": owner})
    there.send("PUT", "views", {"items": [{"list": "schedules", "name": "Finance", "filters": {"tag": "finance"}}]})
    with suppress(urllib.error.HTTPError):
        Server(there.base, there.folder).send("POST", "sessions", {"name": "vera", "password": "wrong"})
    data = {"database": "shop", "compression": "zstd", "keep_days": 14, "seconds": 240}
    started = there.send("POST", "schedules/nightly-backup/runs", {"data": data})["id"]

    def has_begun() -> bool:
        return there.get(f"runs/{started}")["progress"] is not None

    wait_for("the run that goes on", 60, has_begun)
    there.stand(NOW)
    time.sleep(3 * HEARTBEAT_SECONDS)


class Camera:
    """Takes pictures of pages, each in all themes and widths at once, as who has ``token``."""

    def __init__(self, browser: Browser, there: Server, folder: Path, *, full: bool, token: str | None) -> None:
        self._folder = folder
        self._full = full
        self._pages = {}
        for theme in THEMES:
            for width, height in WIDTHS.items():
                context = browser.new_context(
                    base_url=there.base,
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if theme == "dark" else "light",
                    timezone_id=ZONE,
                    locale="en-GB",
                    has_touch=width == min(WIDTHS),
                    reduced_motion="reduce",
                )
                self._dress(context, there, token)
                page = context.new_page()
                page.clock.set_fixed_time(NOW)
                self._pages[theme, width] = page

    @staticmethod
    def _dress(context: BrowserContext, there: Server, token: str | None) -> None:
        """Give a browser its zone, as its first visit would, and its session."""
        cookies = {"enschedule_tz": ZONE} | ({} if token is None else {"enschedule": token})
        for name, value in cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": there.base}])

    def take(self, shown: Sequence[Shown]) -> int:
        """Write a picture of each page; return how many."""
        count = 0
        for one in shown:
            for (theme, width), page in self._pages.items():
                if one.only_wide and width == min(WIDTHS):
                    continue
                page.goto(one.path, wait_until="load")
                one.act(page)
                page.screenshot(
                    path=self._folder / f"{one.name}-{theme}-{width}.png", full_page=self._full, animations="disabled"
                )
                count += 1
        return count


def put_into_docs(folder: Path) -> int:
    """Copy the pictures of the documentation there, with a palette; return how many bytes they have."""
    DOCS.mkdir(exist_ok=True)
    for old in DOCS.glob("*.png"):
        if old.stem not in IN_THE_DOCS:
            old.unlink()
    size = 0
    for name in IN_THE_DOCS:
        target = DOCS / f"{name}.png"
        with Image.open(folder / f"{name}.png") as picture:
            # By coverage, so that a colour of few pixels, such as that of a warning, stays what it is.
            small = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            small.save(target, optimize=True)
        size += target.stat().st_size
    return size


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="screenshots.py", description="Pictures of every page of the dashboard.")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--full", action="store_true", help="as long as the page, not as high as a window")
    parser.add_argument("--page", action="append", help="only this page; may be given several times")
    parser.add_argument("--docs", action="store_true", help="put those of the documentation into docs/screens")
    given = parser.parse_args(arguments)
    if given.docs and (given.full or given.page):
        parser.error("--docs takes every page, as high as a window: leave out --full and --page")
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        print("screenshots: no Chromium here (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    given.folder.mkdir(parents=True, exist_ok=True)
    try:
        count = _take_all(executable, given.folder, full=given.full, only=given.page)
    except Missing as fault:
        print(f"screenshots: {fault}", file=sys.stderr)
        return 1
    print(f"{count} pictures in {given.folder}")
    if given.docs:
        print(f"{len(IN_THE_DOCS)} of them in {DOCS}, {put_into_docs(given.folder):,} bytes")
    return 0


def _take_all(executable: str, folder: Path, *, full: bool, only: list[str] | None) -> int:
    def wanted(shown: Sequence[Shown]) -> list[Shown]:
        return [one for one in shown if only is None or one.name in only]

    quiet = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else list(QUIET)
    with ExitStack() as stack:
        made = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=executable, args=quiet)
        stack.callback(browser.close)
        prepare(made / "filled")
        with server(made / "filled", STARTED) as there:
            enliven(there)
            camera = Camera(browser, there, folder, full=full, token=there.token)
            count = camera.take(wanted(pages(there.get)))
            count += Camera(browser, there, folder, full=full, token=None).take(wanted(STRANGER))
        with server(made / "blank", NOW) as there:
            log = (there.folder / "server.log").read_text(encoding="utf-8")
            found = re.search(r"/setup\?token=\S+", log)
            if found is None:
                raise Missing("the link that makes the first account was not printed")
            count += Camera(browser, there, folder, full=full, token=None).take(wanted(blank_pages(found[0])))
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
