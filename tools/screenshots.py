"""Pictures of every page, in both themes and three widths, of a server filled with believable data over its REST API.

    python tools/screenshots.py FOLDER [--full] [--page NAME]

Starts `enschedule up` beside this Python, makes the schedules of an imaginary shop, lets them run for about a minute,
and writes FOLDER/NAME-THEME-WIDTH.png. With --full a picture is as long as its page. Needs Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from main_job import START_SECONDS, Missing, answers, call, wait_for

WIDTHS = {1440: 1000, 1024: 768, 390: 844}  # width: height
THEMES = ("light", "dark")
ZONE = "Europe/Stockholm"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
HISTORY_SECONDS = 34  # a run a second fills the 30 places of a rail
FAILING_SECONDS = 6
HANDLERS = Path(__file__).parent / "demo_handlers.py"

SECOND = "every 1 second"
SHOP = ["shop"]


def schedules(base: str) -> list[dict[str, Any]]:
    """Return the schedules of the shop.

    Once they have a history they are changed to what stands under `later`, `retry`, and `break`, which makes them fail.
    """
    refused = {"url": "https://erp.internal/export", "reachable": False}
    return [
        _made("invoice-export", "Invoice export", "export", "every 15 minutes", {"url": refused["url"]}, ["finance"])
        | {"retry": {"max_attempts": 4, "delay_seconds": 240}, "description": "New invoices go to the ERP system."}
        | {"break": refused},
        _made("check-web-shop", "Check web shop", "fetch", "every 5 minutes", {"url": f"{base}/api/v1/healthz"}, SHOP),
        _made("check-login", "Check login page", "fetch", "every 5 minutes", {"url": f"{base}/login"}, SHOP),
        _made("hourly-report", "Hourly report", "report", "every hour", {"seconds": 0.3}, ["reports"]),
        _made("sync-crm", "Sync CRM contacts", "report", "every 20 minutes", {"seconds": 0.6}, ["crm", "sales"]),
        _made("nightly-backup", "Nightly backup", "backup", "every day at 02:00", {"database": "shop"}, ["ops"]),
        _made("vacuum-db", "Vacuum database", "backup", "sundays at 04:30", {"database": "vacuum"}, ["ops"]),
        _made("newsletter", "Send newsletter", "log-job", "mondays at 09:30", {"message": "sent to 1,204"}, ["sales"]),
    ]


def _made(id: str, title: str, handler: str, later: str, data: dict[str, Any], tags: list[str]) -> dict[str, Any]:
    return {"id": id, "title": title, "handler": handler, "data": data, "tags": tags, "timezone": ZONE, "later": later}


def fill(base: str) -> dict[str, str]:
    """Give the server a past and a present; returns the pages to take, name: path."""
    api = f"{base}/api/v1"
    shop = schedules(base)
    for schedule in shop:
        call("POST", f"{api}/schedules", {**_without(schedule, "later", "retry", "break"), "schedule": SECOND})
    call("POST", f"{api}/schedules", {"id": "deploy", "title": "Deploy", "handler": "log-job", "tags": ["ops"],
                                      "data": {"message": "deployed"}, "trigger": {"kind": "manual"}})  # fmt: skip
    time.sleep(HISTORY_SECONDS - FAILING_SECONDS)
    for schedule in shop:
        if "break" in schedule:
            call("PATCH", f"{api}/schedules/{schedule['id']}", {"data": schedule["break"]})
    time.sleep(FAILING_SECONDS)
    for schedule in shop:
        call("PATCH", f"{api}/schedules/{schedule['id']}", _settled(schedule))
    call("POST", f"{api}/schedules/vacuum-db/pause", {"reason": "vendor maintenance"})
    failed = call("POST", f"{api}/schedules/invoice-export/runs", {})["id"]
    call("PATCH", f"{api}/schedules/nightly-backup", {"data": {"database": "shop", "seconds": 600}})
    running = call("POST", f"{api}/schedules/nightly-backup/runs", {})["id"]
    fetched = call("POST", f"{api}/schedules/check-web-shop/runs", {})["id"]
    wait_for("the failed run", 20, lambda: call("GET", f"{api}/runs/{failed}")["status"] == "failed")
    wait_for("the fetched run", 20, lambda: call("GET", f"{api}/runs/{fetched}")["status"] == "succeeded")
    return _pages(failed, running, fetched)


def _without(schedule: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in schedule.items() if name not in names}


def _settled(schedule: dict[str, Any]) -> dict[str, Any]:
    """Return the change that makes a schedule what it would be in a shop."""
    settled = {"schedule": schedule["later"], "timezone": ZONE}
    return {**settled, "retry": schedule["retry"]} if "retry" in schedule else settled


def _pages(failed: int, running: int, fetched: int) -> dict[str, str]:
    return {
        "home": "/",
        "schedules": "/schedules",
        "schedule": "/schedules/check-web-shop",
        "schedule-failing": "/schedules/invoice-export",
        "schedule-paused": "/schedules/vacuum-db",
        "choose-handler": "/schedules/new",
        "new": "/schedules/new?handler=export&schedule=every+day+at+02:30",
        "edit": "/schedules/check-web-shop/edit",
        "run-with-data": "/schedules/invoice-export/run",
        "delete": "/schedules/deploy/delete",
        "runs": "/runs",
        "run": f"/runs/{fetched}",
        "run-failed": f"/runs/{failed}",
        "run-running": f"/runs/{running}",
        "calendar": "/calendar",
        "handlers": "/handlers",
        "handler": "/handlers/backup",
        "workers": "/workers",
        "more": "/more",
        "not-found": "/runs/99999",
    }


PEOPLE_PAGES = {
    "admin-users": "/admin/users",
    "admin-user": "/admin/users/vera",
    "admin-groups": "/admin/groups",
    "admin-group": "/admin/groups/finance",
    "admin-keys": "/admin/keys",
    "admin-audit": "/admin/audit",
    "admin-settings": "/admin/settings",
    "profile": "/profile",
}
DOOR_PAGES = {"login": "/login", "setup": "/setup?token=x"}
PASSWORD = "several words are good"  # noqa: S105 - of the people in the pictures


def people(base: str) -> str:
    """Make accounts, groups and keys, and return the token of an admin's session; nobody else is let in any more."""
    _post(base, "users", {"name": "ada", "password": PASSWORD, "role": "admin"})
    token = str(_post(base, "sessions", {"name": "ada", "password": PASSWORD})["token"])
    for name, role in (("vera", "viewer"), ("olaf", "operator"), ("edith", "editor")):
        _post(base, "users", {"name": name, "password": PASSWORD, "role": role}, token)
    for group, title in (("finance", "Finance"), ("shop", "Web shop")):
        _post(base, "groups", {"id": group, "title": title}, token)
    for path, role in (
        ("finance/members/vera", "editor"),
        ("finance/members/olaf", "viewer"),
        ("shop/members/edith", "admin"),
    ):
        _send("PUT", base, f"groups/{path}", {"role": role}, token)
    _send("PATCH", base, "schedules/invoice-export", {"group": "finance", "priority": 5}, token)
    keys: list[tuple[str, str, str | None]] = [("deploys", "operator", "shop"), ("monitoring", "viewer", None)]
    for name, role, limit in keys:
        _post(base, "api-keys", {"name": name, "role": role, "group": limit}, token)
    _post(base, "api-keys", {"name": "my laptop", "role": "admin", "own": True}, token)
    with suppress(urllib.error.HTTPError):
        _post(base, "sessions", {"name": "vera", "password": "wrong"})
    return token


def _post(base: str, path: str, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    return _send("POST", base, path, body, token)


def _send(method: str, base: str, path: str, body: dict[str, Any], token: str | None) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    asked = urllib.request.Request(f"{base}/api/v1/{path}", json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run `enschedule up` in `folder` on a free port; yields its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    plugins = f"enschedule-fetch-handler,enschedule-log-handler,{HANDLERS}"
    own = {"PORT": str(port), "IMPORT_HANDLERS": plugins, "ENSCHEDULE_WORKER_ID": "web-1"}
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "enschedule_cli.main", "up"]
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
        yield base
    except Missing:
        print((folder / "server.log").read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
        raise
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # nothing of it is kept
        process.wait()


def take(
    browser: Browser, base: str, pages: dict[str, str], folder: Path, *, full: bool, token: str | None = None
) -> int:
    """Write a picture of each page, as who has the session ``token``; returns how many."""
    count = 0
    for theme in THEMES:
        for width, height in WIDTHS.items():
            context = browser.new_context(
                base_url=base,
                viewport={"width": width, "height": height},
                color_scheme="dark" if theme == "dark" else "light",
                timezone_id=ZONE,
                locale="en-GB",
                has_touch=width < 720,
            )
            if token is not None:
                context.add_cookies([{"name": "enschedule", "value": token, "url": base}])
            page = context.new_page()
            page.goto("/more")  # tells the server the zone
            for name, path in pages.items():
                page.goto(path, wait_until="load")
                page.screenshot(path=folder / f"{name}-{theme}-{width}.png", full_page=full)
                count += 1
            context.close()
    return count


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="screenshots.py", description="Pictures of every page of the dashboard.")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--full", action="store_true", help="as long as the page, not as high as a window")
    parser.add_argument("--page", action="append", help="only this page; may be given several times")
    given = parser.parse_args(arguments)
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        print("screenshots: no Chromium here (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    given.folder.mkdir(parents=True, exist_ok=True)
    quiet = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else list(QUIET)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        try:
            with server(Path(folder)) as base:
                pages = fill(base)
                wanted = {name: path for name, path in pages.items() if not given.page or name in given.page}
                browser = playwright.chromium.launch(executable_path=executable, args=quiet)
                count = take(browser, base, wanted, given.folder, full=given.full)
                for pages, token in ((PEOPLE_PAGES, people(base)), (DOOR_PAGES, None)):
                    wanted = {name: path for name, path in pages.items() if not given.page or name in given.page}
                    count += take(browser, base, wanted, given.folder, full=given.full, token=token)
                browser.close()
        except Missing as fault:
            print(f"screenshots: {fault}", file=sys.stderr)
            return 1
    print(f"{count} pictures in {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
