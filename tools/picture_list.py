"""Which pages the pictures show, in which state, and which pictures the documentation has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

PASSWORD = "several words are good"  # noqa: S105 - of the people in the pictures


def _nothing(_page: Page) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: what its picture is called, where it is, and what is done there first; ``wide`` is without a phone."""

    name: str
    path: str
    act: Callable[[Page], None] = _nothing
    only_wide: bool = False


def _press(key: str, *, until: str, typed: str = "") -> Callable[[Page], None]:
    """Press a key, type something, and wait for what the server answers: what the selector ``until`` finds."""

    def act(page: Page) -> None:
        page.keyboard.press(key)
        page.locator("dialog[open]").wait_for()
        page.keyboard.type(typed)
        page.locator(until).first.wait_for()

    return act


def _hover(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).first.hover()


def pages(ask: Callable[[str], Any]) -> list[Shown]:
    """Return what is shown of the filled server; ``ask`` gets an answer of its API."""

    def run_of(schedule: str, status: str) -> str:
        items = ask(f"runs?schedule={schedule}&status={status}&limit=1")["items"]
        return f"/runs/{items[0]['id']}" if items else "/runs"

    return [
        # What goes on comes first, while it goes on.
        Shown("run-running", run_of("nightly-backup", "running")),
        Shown("home", "/"),
        Shown("schedules", "/schedules"),
        Shown("schedules-hover", "/schedules", _hover("main tbody tr"), only_wide=True),
        Shown("schedules-failing", "/schedules?status=failing"),
        Shown("schedules-none", "/schedules?q=nothing-has-this-name"),
        Shown("schedule", "/schedules/check-web-shop"),
        Shown("schedule-failing", "/schedules/invoice-export"),
        Shown("schedule-waiting", "/schedules/resize-uploads"),
        Shown("schedule-paused", "/schedules/vacuum-db"),
        Shown("schedule-broken", "/schedules/us-prices"),
        Shown("schedule-file", "/schedules/exchange-rates"),
        Shown("choose-handler", "/schedules/new"),
        Shown("new", "/schedules/new?handler=backup-database&schedule=every+day+at+02:30"),
        Shown("new-wrong", "/schedules/new?handler=log-job&schedule=every+blue+moon"),
        Shown("edit", "/schedules/invoice-export/edit"),
        Shown("clone", "/schedules/nightly-backup/clone"),
        Shown("run-with-data", "/schedules/invoice-export/run"),
        Shown("delete", "/schedules/deploy/delete"),
        Shown("runs", "/runs"),
        Shown("runs-failed", "/runs?status=failed,timed_out,lost"),
        Shown("run", run_of("nightly-backup", "succeeded")),
        Shown("run-failed", run_of("invoice-export", "failed")),
        Shown("run-timed-out", run_of("rebuild-search", "timed_out")),
        Shown("run-lost", run_of("import-orders", "lost")),
        Shown("run-cancelled", run_of("import-orders", "cancelled")),
        Shown("calendar", "/calendar"),
        Shown("handlers", "/handlers"),
        Shown("handler", "/handlers/backup-database"),
        Shown("workers", "/workers"),
        Shown("more", "/more"),
        Shown(
            "palette", "/schedules", _press("Control+k", typed="pause check", until=".palette .hit:has-text('Pause')")
        ),
        Shown("keys", "/schedules", _press("?", until="#keys kbd"), only_wide=True),
        Shown("go", "/go?q=check"),
        Shown("not-found", "/runs/99999999"),
        Shown("admin-users", "/admin/users"),
        Shown("admin-user", "/admin/users/vera"),
        Shown("admin-groups", "/admin/groups"),
        Shown("admin-group", "/admin/groups/finance"),
        Shown("admin-keys", "/admin/keys"),
        Shown("admin-secrets", "/admin/secrets"),
        Shown("admin-secret", "/admin/secrets/CRM_TOKEN"),
        Shown("admin-audit", "/admin/audit"),
        Shown("admin-settings", "/admin/settings"),
        Shown("profile", "/profile"),
    ]


STRANGER = [Shown("login", "/login")]
"""What somebody sees who has not logged in."""


def blank_pages(set_up: str) -> list[Shown]:
    """Return what a server shows that has just been started for the first time."""
    return [Shown("first-home", "/"), Shown("first-schedules", "/schedules"), Shown("setup", set_up)]


IN_THE_DOCS = (
    *("home-light-1440", "home-dark-1440", "home-light-390", "schedules-light-1440", "schedules-dark-390"),
    *("schedule-failing-light-1440", "schedule-dark-1440", "schedule-waiting-light-1024", "edit-light-1440"),
    *("new-wrong-light-1024", "runs-light-1440", "run-failed-light-1440", "run-dark-1440", "run-failed-dark-390"),
    *("calendar-light-1440", "handler-light-1440", "workers-dark-1024", "palette-light-1024", "keys-dark-1024"),
    *("admin-users-light-1024", "admin-audit-light-1440", "profile-dark-1024", "login-light-1024", "setup-dark-390"),
)
"""Pictures by name, theme and width: tests hold that the documentation shows each of them."""
